"""The loop: check an idea, record what came of it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memorylab.cli.base import (
    EXIT_BLOCKED,
    FILE,
    MODES,
    STATUSES,
    as_json,
    as_tags,
    cli,
    git_progress,
    open_session,
    suggest,
)
from memorylab.terminal import Range, answer, emit, remark

if TYPE_CHECKING:
    from memorylab.commands.log import Logged
    from memorylab.commands.session import Session


@cli.command()
@click.option("--description", metavar="TEXT", help="The idea in one line. Without it: the working tree's or HEAD's.")
@click.option("--tags", metavar="A,B", help="Comma-separated tags.")
@click.option("--family", metavar="NAME", help="The line of work it belongs to.")
@click.option("--hypothesis", metavar="TEXT", help="Why it should help.")
@click.option("--mode", type=MODES, help="What is wanted now; explore asks for new, exploit for what works.")
@click.option("--threshold", type=Range(0, 1), help="How alike counts as a match, before the mode's share.")
@click.option("--limit", type=click.IntRange(0, 1000), help="Matches to show; default 3, with --stdin 1.")
@click.option("--fail-on-similar", is_flag=True, help=f"Exit with {EXIT_BLOCKED} if the mode blocks it.")
@click.option("--record", is_flag=True, help="Store the verdict on HEAD, as the post-commit hook does.")
@click.option("--claim", "claim_too", is_flag=True, help=f"Claim it, or exit with {EXIT_BLOCKED} if it is blocked.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Judge many ideas, one JSON object a line.")
@as_json
def check(
    description: str | None, tags: str | None, family: str | None, hypothesis: str | None, mode: Any,
    threshold: float | None, limit: int | None, fail_on_similar: bool, record: bool, claim_too: bool,
    from_stdin: bool, as_json: bool,
) -> None:  # fmt: skip
    """Has this been tried? Prints classification, policy decision, the closest earlier runs, what its knobs gave.

    With --stdin each line is an object with description and, if wanted, hypothesis, family, tags and id. The ideas
    come back ranked by novelty; --fail-on-similar then fails if every one of them is blocked.
    """
    from memorylab.commands import check as command
    from memorylab.core.text import inline

    given = {"description": description, "tags": tags, "family": family, "hypothesis": hypothesis}
    if from_stdin:
        if record or claim_too or any(value is not None for value in given.values()):
            raise click.UsageError("--stdin takes the ideas from the input: leave --description and the like out.")
        _candidates(mode, threshold, limit, fail_on_similar, as_json)
        return
    session = open_session()
    if description is not None and not inline(description):
        raise click.UsageError("--description is empty. Say in one line what is to be tried, or leave it out.")
    limit = 3 if limit is None else limit
    said = given | {"tags": as_tags(tags)}
    if claim_too:
        _check_and_claim(session, said, mode, threshold, limit, as_json)
        return
    _freshen(session)
    judged = command.check(session, said, mode, threshold, limit, record)
    # A verdict changes no view, and need not wait until what has come is in them; where they are gone they come back.
    remark(session.refresh() if record or not session.has_views() else session.restored())
    emit(judged, lambda: command.render(judged), as_json)
    if fail_on_similar and judged.policy.decision == "block":
        sys.exit(EXIT_BLOCKED)


def _freshen(session: "Session") -> None:
    # What talks to remotes is imported where it is wanted alone.
    if session.settings.autosync:
        from memorylab.commands import sync

        remark(sync.freshen(session))


def _check_and_claim(
    session: "Session", said: dict[str, Any], mode: Any, threshold: float | None, limit: int, as_json: bool
) -> None:
    from memorylab.commands import check as command
    from memorylab.commands import claim as claiming

    taken = claiming.catch_up(session)
    session = session.again()
    judged = command.check(session, said, mode, threshold, limit, False)
    done = None
    if judged.policy.decision != "block":
        if said["description"] is None:
            found = command.from_repository(session)
            said = {name: getattr(found, name) if value is None else value for name, value in said.items()}
        done = claiming.claim(session, said, None, taken)
    remark([*(done.remarks if done else taken.remarks if taken else []), *session.again().refresh()])
    text = command.render(judged) + ("\n" + claiming.render(done) if done else "\nnot claimed")
    emit(claiming.CheckedAndClaimed(verdict=judged, claim=done), lambda: text, as_json)
    if done is None or not done.ours:
        sys.exit(EXIT_BLOCKED)


def _candidates(mode: Any, threshold: float | None, limit: int | None, fail_on_similar: bool, as_json: bool) -> None:
    from memorylab.commands import candidates

    session = open_session()
    _freshen(session)
    judged = candidates.judge(session, sys.stdin.buffer, mode, threshold, 1 if limit is None else limit)
    remark(session.refresh())
    emit(candidates.Judged(candidates=judged), lambda: candidates.render(judged), as_json)
    if fail_on_similar and all(candidate.decision == "block" for candidate in judged):
        sys.exit(EXIT_BLOCKED)


def _about_the_run(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed((
        click.option("--description", metavar="TEXT", help="What was tried; otherwise the commit's subject line."),
        click.option("--tags", metavar="A,B", help="Comma-separated tags; otherwise the trailer Tags."),
        click.option("--family", metavar="NAME", help="The line of work; otherwise the trailer Family."),
        click.option("--hypothesis", metavar="TEXT", help="Why it should help; otherwise the trailer Hypothesis."),
        click.option("--notes", default="", metavar="TEXT", help="Anything else worth keeping."),
        click.option("--mode", type=MODES, help="Novelty mode; otherwise the plan's, or the trailer Mode."),
        click.option("--allow-dirty", is_flag=True, help="Record a subject that is not as committed, with its diff."),
        click.option("--report", is_flag=True, help="Refresh the morning report too."),
        click.option("--sync", is_flag=True, help="Share it at once; memorylab.autosync does so always."),
        as_json,
    )):  # fmt: skip
        command = option(command)
    return command


def _finish(session: "Session", logged: "Logged", report: bool, sync: bool, json: bool) -> None:
    from memorylab.commands import log as command

    _share(session, logged.remarks, report, sync)
    emit(logged.run, lambda: command.render(session, logged), json)


def _share(session: "Session", remarks: list[str], report: bool, sync: bool) -> None:
    """What follows what was recorded: views, sync, report, and what to say of all that."""
    fresh = session.again()
    remarks = remarks + session.views.restored() + fresh.refresh()
    if sync or session.settings.autosync:
        from memorylab.commands import sync as sharing

        remarks += sharing.after(session, git_progress())
        fresh = session.again()
    if report:
        fresh.views.write_report(fresh.recall, fresh.now, fresh.settings.since_hours)
    remark(remarks)


@cli.command()
@_about_the_run
@click.option("--status", type=STATUSES, help="Otherwise keep if it beats the champion, discard if not.")
@click.option("--error", default="", metavar="TEXT", help="Why it crashed, if no log says so.")
@click.option("--summary", type=FILE, help="The JSON that the run wrote to AUTORESEARCH_SUMMARY_PATH.")
@click.option("--log", "log_file", type=FILE, help="The run's output; otherwise run.log, if newer than the commit.")
@click.option(
    "--commit",
    default="HEAD",
    show_default=True,
    metavar="REV",
    shell_complete=suggest("revision"),
    help="The commit that was run.",
)
@click.option("--threshold", type=Range(0, 1), help="Judge it again with this threshold.")
def log(
    description: str | None, tags: str | None, family: str | None, hypothesis: str | None, notes: str, mode: Any,
    allow_dirty: bool, report: bool, sync: bool, as_json: bool, status: Any, error: str, summary: Path | None,
    log_file: Path | None, commit: str, threshold: float | None,
) -> None:  # fmt: skip
    """Record a finished run: ledger, packet, artifacts, views."""
    from memorylab.commands import log as command

    session = open_session()
    request = command.Request(
        description=description, tags=as_tags(tags), status=status, family=family, hypothesis=hypothesis, notes=notes,
        error=error, mode=mode, threshold=threshold, commit=commit, summary=summary, log=log_file,
        allow_dirty=allow_dirty,
    )  # fmt: skip
    _finish(session, command.log(session, request), report, sync, as_json)


@cli.command()
@_about_the_run
@click.option("--time-limit", type=Range(min=0, min_open=True), help="Seconds of wall time; default 600.")
@click.argument("command", nargs=-1)
def run(
    description: str | None, tags: str | None, family: str | None, hypothesis: str | None, notes: str, mode: Any,
    allow_dirty: bool, report: bool, sync: bool, as_json: bool, time_limit: float | None, command: tuple[str, ...],
) -> None:  # fmt: skip
    """Run the subject, output to run.log, and log what came of it.

    COMMAND (after `--`) replaces the default. Exit codes: 0 kept, 10 discarded, 11 crashed.
    """
    from memorylab.commands import log as logging
    from memorylab.commands import run as running

    session = open_session()
    request = logging.Request(
        description=description, tags=as_tags(tags), family=family, hypothesis=hypothesis, notes=notes, mode=mode,
        allow_dirty=allow_dirty,
    )  # fmt: skip
    quiet = not sys.stderr.isatty()
    with click.progressbar(length=1000, label="running", file=sys.stderr, show_eta=False, hidden=quiet) as bar:
        logged = running.run(
            session, request, command, time_limit, lambda percent: bar.update(max(0, int(10 * percent) - bar.pos))
        )
    _finish(session, logged, report, sync, as_json)
    sys.exit(running.EXIT[logged.run.status])


@cli.command()
@click.argument("run", shell_complete=suggest("run"))
@click.option("--seeds", type=click.IntRange(1, 1000), default=5, show_default=True, help="Further runs, at most.")
@click.option(
    "--against",
    metavar="RUN",
    shell_complete=suggest("run"),
    help="Rerun this one too, in turn; otherwise the champion stands as it is.",
)
@click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Runs at a time.")
@click.option("--time-limit", type=Range(min=0, min_open=True), help="Seconds of wall time for each; default 600.")
@as_json
def replicate(
    run: str, seeds: int, against: str | None, jobs: int, time_limit: float | None, as_json: bool
) -> None:  # fmt: skip
    """Run a remembered experiment again with new seeds, until it is better or worse than another.

    Its commit is executed in a temporary worktree, which has only what git tracks, with AUTORESEARCH_SEED set; each run
    is logged. Interrupted, the same command continues. Exit codes: 0 kept, 10 discarded, 11 crashed.
    """
    from memorylab.commands import log as logging
    from memorylab.commands import replicate as command

    session = open_session()
    done = command.replicate(
        session, run, command.Options(seeds, against, jobs, time_limit),
        (lambda line: None) if as_json else (lambda line: click.echo(line, err=True)), lambda line: remark([line]),
    )  # fmt: skip
    _share(session, [], False, False)
    emit(done.answer, lambda: f"{logging.render(session, done.logged)}\nreplicate: {done.said}", as_json)
    sys.exit(done.exit_code)


@cli.command()
@click.option("--budget", type=Range(1), default=15.0, show_default=True, help="CPU seconds per run.")
@click.option("--tokens", type=click.IntRange(1), help="Train on this many bytes instead: the same result every time.")
@click.option("--dir", "folder", type=FILE, help="Where; otherwise a new temporary folder.")
@click.option("--luck", is_flag=True, help="Instead: a lucky seed that is found out, and a real gain.")
@as_json
def demo(budget: float, tokens: int | None, folder: Path | None, luck: bool, as_json: bool) -> None:
    """The whole loop in a scratch repository: real training, real commits, packets, a report."""
    from memorylab.commands import demo as night
    from memorylab.commands import luck as evidence

    tell = evidence.luck if luck else night.demo
    where = tell(budget, tokens, folder, sys.stderr if as_json else sys.stdout)
    if as_json:
        from memorylab.commands.answers import DemoDone
        from memorylab.commands.session import Session
        from memorylab.core.text import utf8

        answer(DemoDone(folder=utf8(str(where)), registry=Session(where).recall.registry()))


@cli.command(hidden=True)
@click.argument("name", type=click.Choice(["post-commit", "post-rewrite"]))
@click.argument("arguments", nargs=-1)
def hook(name: str, arguments: tuple[str, ...]) -> None:
    """What the git hooks call."""
    from memorylab.commands import hook as command
    from memorylab.commands.session import Session

    try:
        if command.answers_canary(name):
            return
        session = Session()
        if name == "post-commit":
            line = command.post_commit(session)
            if line:
                click.echo(line)
        else:
            command.post_rewrite(session, arguments[0] if arguments else "", sys.stdin.read().splitlines())
    except Exception as problem:
        # A commit has been made; whatever is wrong with the memory is said when the memory is asked.
        said = str(problem).splitlines() or [repr(problem)]
        click.echo(f"memorylab: the hook did nothing: {said[0]}")
