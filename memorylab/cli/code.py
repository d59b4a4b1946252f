"""The code of experiments: what they changed, who introduced what, how to have it back, and together."""

import sys

import click

from memorylab.cli.base import EXIT_BLOCKED, as_json, cli, open_session, suggest
from memorylab.terminal import answer, emit, remark


@cli.command()
@click.argument("run", shell_complete=suggest("run"))
@click.argument("other", required=False, shell_complete=suggest("run"))
@click.option("--code-only", is_flag=True, help="The code alone, as git shows it.")
@click.option("-s", "--no-patch", is_flag=True, help="Without the code.")
@as_json
def diff(run: str, other: str | None, code_only: bool, no_patch: bool, as_json: bool) -> None:
    """What a run did to what it was built on, or how OTHER differs from RUN: knobs, outcome, code.

    The outcome is the difference of the programs' means over all their runs, with the probability that the second is
    truly better.
    """
    from memorylab.commands import code, inspect

    if code_only and no_patch:
        raise click.UsageError("--code-only and --no-patch leave nothing to show.")
    session = open_session()
    remark(session.refresh())
    one, two = inspect.find(session, run), inspect.find(session, other) if other else None
    code.bring(session, one, two)
    if code_only and not as_json:
        sys.stdout.flush()
        sys.exit(code.diff(session, one, two))
    from memorylab import console
    from memorylab.commands import diff as command

    found = command.compare(session, one, two)
    if as_json:
        answer(found)
        return
    patch = "" if no_patch else code.as_git_shows(session, one, two).decode("utf-8", "replace")
    with console.opened(session.place) as out:
        command.show(found, patch, out)


@cli.command()
@click.argument("run", shell_complete=suggest("run"))
@click.option("--branch", default="", metavar="NAME", help="Make a branch at the run's commit instead.")
@click.option("--force", is_flag=True, help="Overwrite uncommitted changes to the subject.")
@as_json
def restore(run: str, branch: str, force: bool, as_json: bool) -> None:
    """Get a run's code back, on any clone, after any gc."""
    from memorylab.commands import code, inspect
    from memorylab.commands.answers import Restored

    session = open_session()
    found = inspect.find(session, run)
    code.bring(session, found)
    said = code.restore(session, found, branch, force)
    remark(session.refresh())
    emit(Restored(run_id=found.run_id, commit=found.commit, done=said), lambda: said, as_json)


@cli.command()
@click.argument("run", required=False, shell_complete=suggest("run"))
@click.option("--leader", is_flag=True, help="The leader's subject instead of the champion's.")
@as_json
def blame(run: str | None, leader: bool, as_json: bool) -> None:
    """Each line of the champion's subject, or of RUN's, with the run that introduced it and what that gained.

    A line reads: commit, gain of the run's program on what it was built on with its standard deviation, probability
    that this is truly one, number of runs, idea, line number, line. ^ marks lines from before the first run.
    """
    from memorylab.commands import blame as command
    from memorylab.commands import code, inspect

    if run is not None and leader:
        raise click.UsageError("Give RUN or --leader.")
    session = open_session()
    remark(session.refresh())
    found = inspect.find(session, run) if run is not None else command.subject_of(session, leader)
    code.bring(session, found)
    blamed = command.blame(session, found)
    if as_json:
        answer(blamed)
    else:
        inspect.page(command.render(blamed))


@cli.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=suggest("run"))
@click.option("--branch", default="", metavar="NAME", help="Of the new branch; otherwise made of the runs' commits.")
@click.option(
    "--onto",
    default="",
    metavar="COMMIT",
    shell_complete=suggest("revision"),
    help="Build on this instead of what the board says.",
)
@as_json
def stack(runs: tuple[str, ...], branch: str, onto: str, as_json: bool) -> None:
    """The changes of several runs together, on a new branch, as one experiment to run next.

    Each is merged three-way, as `git cherry-pick -n` does, into the subject of the leader; changes to neighbouring
    lines are no conflict here. What is one is left to be resolved, as git does; the exit code is 1 then. Nothing is
    touched where that cannot be, and no branch but the new one ever.
    """
    from memorylab.commands import code, inspect
    from memorylab.commands import stack as command

    session = open_session()
    found = [inspect.find(session, run) for run in runs]
    code.bring(session, *found)
    done = command.stack(session, found, branch, onto)
    remark(session.again().refresh())
    emit(done, lambda: command.render(session, done), as_json)
    if done.conflict is not None:
        sys.exit(EXIT_BLOCKED)
