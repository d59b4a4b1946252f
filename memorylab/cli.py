"""The command line: options, echo, exit codes. What a command does is in memorylab.commands."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from memorylab import __version__
from memorylab.terminal import EXIT_PIPE_CLOSED, Range, Safe, emit, forget_stdout, remark

EXIT_BLOCKED = 1
MODES = click.Choice(["explore", "exploit", "replicate"])
STATUSES = click.Choice(["keep", "discard", "crash"])
FILE = click.Path(path_type=Path)


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


@click.group(cls=Safe, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="git-memorylab")
def cli() -> None:
    """A memory for autoresearch loops, kept in git.

    \b
    Start with:  git memorylab demo   the whole loop in a scratch repository
                 git memorylab init   make this repository remember
    """


def main() -> None:
    """The console script. stdout may be closed early (`| head`): that ends the program quietly, as it does git."""
    try:
        try:
            cli(prog_name="git memorylab")
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        forget_stdout()
        sys.exit(EXIT_PIPE_CLOSED)


def _session() -> Any:
    from memorylab.commands.session import Session

    session = Session()
    if (session.place.state / "spool").exists():
        from memorylab.commands import hook

        hook.drain(session)
    return session


def _tags(value: str | None) -> list[str] | None:
    from memorylab.core import text

    return None if value is None else text.tags(value)


@cli.command()
@click.option(
    "--writer",
    default="",
    metavar="NAME",
    help="A readable name for this clone. One that a remote knows is taken over; else random bits are added.",
)
@click.option("--uninstall", is_flag=True, help="Leave no trace but the refs.")
@as_json
def init(writer: str, uninstall: bool, as_json: bool) -> None:
    """Make this repository remember: refs, hooks, excludes, views; import the ledger that is there. Idempotent."""
    from memorylab.commands import init as command

    session = _session()
    said = command.uninstall(session) if uninstall else command.init(session, writer, _progress())
    emit({"done": said}, lambda: "\n".join(said), as_json)


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
    session = _session()
    if description is not None and not inline(description):
        raise click.UsageError("--description is empty. Say in one line what is to be tried, or leave it out.")
    limit = 3 if limit is None else limit
    said = given | {"tags": _tags(tags)}
    if claim_too:
        _check_and_claim(session, said, mode, threshold, limit, as_json)
        return
    judged = command.check(session, said, mode, threshold, limit, record)
    remark(session.views.refresh())
    emit(judged, lambda: command.render(judged), as_json)
    if fail_on_similar and judged.policy.decision == "block":
        sys.exit(EXIT_BLOCKED)


def _check_and_claim(
    session: Any, said: dict[str, Any], mode: Any, threshold: float | None, limit: int, as_json: bool
) -> None:
    from memorylab.commands import check as command
    from memorylab.commands import claim as claiming

    said["description"] = said["description"] or command.from_repository(session).description
    claiming.catch_up(session)
    session = session.again()
    judged = command.check(session, said, mode, threshold, limit, False)
    done = claiming.claim(session, said, None) if judged.policy.decision != "block" else None
    remark([*(done.remarks if done else []), *session.again().views.refresh()])
    text = command.render(judged) + ("\n" + claiming.render(done) if done else "\nnot claimed")
    emit({"verdict": judged, "claim": done}, lambda: text, as_json)
    if done is None or not done.ours:
        sys.exit(EXIT_BLOCKED)


def _candidates(mode: Any, threshold: float | None, limit: int | None, fail_on_similar: bool, as_json: bool) -> None:
    from memorylab.commands import candidates

    session = _session()
    judged = candidates.judge(session, sys.stdin.buffer, mode, threshold, 1 if limit is None else limit)
    remark(session.views.refresh())
    emit({"candidates": judged}, lambda: candidates.render(judged), as_json)
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


def _finish(session: Any, logged: Any, report: bool, sync: bool, json: bool) -> None:
    from memorylab.commands import log as command

    fresh = session.again()
    remarks = logged.remarks + fresh.views.refresh()
    if sync or session.settings.autosync:
        remarks += _share(session)
        fresh = session.again()
    if report:
        fresh.views.write_report(fresh.memory, fresh.now, fresh.settings.since_hours)
    remark(remarks)
    emit(logged.run, lambda: command.render(session, logged), json)


@cli.command()
@_about_the_run
@click.option("--status", type=STATUSES, help="Otherwise keep if it beats the champion, discard if not.")
@click.option("--error", default="", metavar="TEXT", help="Why it crashed, if no log says so.")
@click.option("--summary", type=FILE, help="The JSON that the run wrote to AUTORESEARCH_SUMMARY_PATH.")
@click.option("--log", "log_file", type=FILE, help="The run's output; otherwise run.log, if newer than the commit.")
@click.option("--commit", default="HEAD", show_default=True, metavar="REV", help="The commit that was run.")
@click.option("--threshold", type=Range(0, 1), help="Judge it again with this threshold.")
def log(
    description: str | None, tags: str | None, family: str | None, hypothesis: str | None, notes: str, mode: Any,
    allow_dirty: bool, report: bool, sync: bool, as_json: bool, status: Any, error: str, summary: Path | None,
    log_file: Path | None, commit: str, threshold: float | None,
) -> None:  # fmt: skip
    """Record a finished run: ledger, packet, artifacts, views."""
    from memorylab.commands import log as command

    session = _session()
    request = command.Request(
        description=description, tags=_tags(tags), status=status, family=family, hypothesis=hypothesis, notes=notes,
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

    session = _session()
    request = logging.Request(
        description=description, tags=_tags(tags), family=family, hypothesis=hypothesis, notes=notes, mode=mode,
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
@click.option("--since-hours", type=Range(min=0, min_open=True), help="Length of the night; default 16.")
@click.option("--output", type=FILE, help="Write to this file alone.")
@as_json
def report(since_hours: float | None, output: Path | None, as_json: bool) -> None:
    """Render the morning report: what needs a decision, who leads, what failed."""
    session = _session()
    hours = since_hours or session.settings.since_hours
    remark(session.views.refresh())
    written = session.views.write_report(session.memory, session.now, hours, output)
    if as_json:
        registry = session.views.registry(session.memory)
        emit({"written": [str(path) for path in written], "registry": registry}, lambda: "", True)
    elif written:
        click.echo("\n".join(f"wrote {os.path.relpath(path)}" for path in written))
    else:
        click.echo(session.views.report(session.memory, session.now, hours), nl=False)


@cli.command()
@as_json
def status(as_json: bool) -> None:
    """Where the lab stands: writer, counts, champion, plans, the latest runs."""
    from memorylab.commands import inspect

    session = _session()
    remark(session.views.refresh())
    registry = session.views.registry(session.memory)
    value = {
        "writer": session.store.writer(), "registry": registry, "unreadable": len(session.memory.unreadable),
        "latest": [run.run_id for run in session.memory.runs[:-6:-1]],
    }  # fmt: skip
    emit(value, lambda: inspect.status(session, registry), as_json)


@cli.command()
@click.argument("run")
@click.option("--diff", "diff_too", is_flag=True, help="With the change to the subject.")
@as_json
def show(run: str, diff_too: bool, as_json: bool) -> None:
    """One run whole. RUN is a run id, a part of one, or a commit by any name that git knows."""
    from memorylab.commands import inspect

    session = _session()
    remark(session.views.refresh())
    found = inspect.find(session, run)
    if as_json:
        emit(found, lambda: "", True)
    else:
        inspect.page(inspect.show(session, found, diff_too))


@cli.command()
@click.argument("run")
@click.argument("other", required=False)
@as_json
def diff(run: str, other: str | None, as_json: bool) -> None:
    """What a run's experiment did to the subject, or how the subjects of two runs differ."""
    from memorylab.commands import inspect

    session = _session()
    remark(session.views.refresh())
    one, two = inspect.find(session, run), inspect.find(session, other) if other else None
    if as_json:
        patch = inspect.between(session, one, two) if two else inspect.patch(session, one)
        emit({"run_id": one.run_id, "patch": patch.decode("utf-8", "replace")}, lambda: "", True)
    else:
        sys.stdout.flush()
        sys.exit(inspect.diff(session, one, two))


@cli.command()
@click.argument("run")
@click.option("--branch", default="", metavar="NAME", help="Make a branch at the run's commit instead.")
@click.option("--force", is_flag=True, help="Overwrite uncommitted changes to the subject.")
@as_json
def restore(run: str, branch: str, force: bool, as_json: bool) -> None:
    """Get a run's code back, on any clone, after any gc."""
    from memorylab.commands import inspect

    session = _session()
    found = inspect.find(session, run)
    said = inspect.restore(session, found, branch, force)
    remark(session.views.refresh())
    emit({"run_id": found.run_id, "commit": found.commit, "done": said}, lambda: said, as_json)


@cli.command()
@click.argument("run")
@click.option("--status", type=STATUSES, help="What it should have been.")
@click.option("--description", metavar="TEXT", help="What was really tried.")
@click.option("--family", metavar="NAME", help="The line of work it belongs to.")
@click.option("--hypothesis", metavar="TEXT", help="Why it should have helped.")
@click.option("--tags", metavar="A,B", help="Instead of the tags it has.")
@click.option("--notes", metavar="TEXT", help="Instead of the notes it has.")
@as_json
def amend(run: str, as_json: bool, tags: str | None, **said: Any) -> None:
    """Correct what was said of a run, by a further record. Measurements cannot be amended."""
    from memorylab.commands import amend as command
    from memorylab.commands import inspect

    session = _session()
    amended = command.amend(session, inspect.find(session, run), said | {"tags": _tags(tags)})
    fresh = _session()
    remark(fresh.views.refresh())
    emit(amended, lambda: f"amended {amended.run_id}", as_json)


@cli.command("import")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--family", default="", metavar="NAME", help="The line of work of rows that name none.")
@as_json
def import_(files: tuple[Path, ...], family: str, as_json: bool) -> None:
    """Add the rows of results.tsv or experiments.jsonl FILES. Doing it twice adds nothing."""
    from memorylab.commands import imports as command

    results = []
    for path in files:
        results.append((path, command.import_file(_session(), path, family)))
    remark(_session().views.refresh())
    value = [{"file": str(path), "added": r.added, "known": r.known, "rejected": r.rejected} for path, r in results]
    emit(value, lambda: "\n".join(command.summary(r, path) for path, r in results), as_json)


@cli.command()
@click.argument("remote", required=False)
@click.option("--notes-only", is_flag=True, help="Leave out the artifacts and the code; they come when asked for.")
@click.option("--no-push", is_flag=True, help="Take what others have, give nothing.")
@as_json
def sync(remote: str | None, notes_only: bool, no_push: bool, as_json: bool) -> None:
    """Share memory with REMOTE: push what is ours, fetch what others have. One that is not reached is no error."""
    from memorylab.commands import sync as command

    session = _session()
    options = command.Options(notes_only or session.settings.notes_only, not no_push, _progress())
    _synced(session, command.sync(session, remote, options), as_json)


def _share(session: Any) -> list[str]:
    """Sync after something was recorded, which stays recorded whatever becomes of it; what to say of it."""
    from memorylab.commands import sync as command
    from memorylab.errors import MemoryLabError

    try:
        done = command.sync(session, None, command.Options(session.settings.notes_only, progress=_progress()))
    except MemoryLabError as problem:
        return [f"not shared: {problem.message} {problem.hint}".rstrip()]
    return [command.render(done), *done.remarks]


def _progress() -> Callable[[bytes], None] | None:
    """Where git's progress goes: to the terminal, if that is one."""
    return (lambda chunk: click.echo(chunk, nl=False, err=True)) if sys.stderr.isatty() else None


def _synced(session: Any, done: Any, as_json: bool) -> None:
    from memorylab.commands import sync as command

    remark(list(done.remarks))
    if as_json:
        emit(done._asdict(), lambda: "", True)
    else:
        click.echo(command.render(done))


@cli.command()
@click.argument("idea", required=False)
@click.option("--tags", metavar="A,B", help="Comma-separated tags.")
@click.option("--family", metavar="NAME", help="The line of work it belongs to.")
@click.option("--hypothesis", metavar="TEXT", help="Why it should help.")
@click.option("--minutes", type=Range(1, 7 * 24 * 60), help="How long it stands; default 60.")
@click.option("--withdraw", metavar="CLAIM", help="End a claim of this working tree's: its id, or a part of it.")
@as_json
def claim(
    idea: str | None, tags: str | None, family: str | None, hypothesis: str | None, minutes: float | None,
    withdraw: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Say that IDEA is about to be tried here, so that nobody else does. Without it: the claims that are open.

    Where two claim the same at once the remote decides who was first. Exit code 1: somebody else has it.
    """
    from memorylab.commands import check
    from memorylab.commands import claim as command
    from memorylab.core.text import inline

    session = _session()
    if idea is not None and withdraw is not None:
        raise click.UsageError("Either claim an idea or withdraw a claim.")
    if idea is not None and not inline(idea):
        raise click.UsageError("The idea is empty. Say in one line what is to be tried.")
    if idea is None and withdraw is None:
        remark(session.views.refresh())
        found = check.open_claims(session)
        emit(found, lambda: command.listed(found), as_json)
        return
    if withdraw is not None:
        done = command.withdraw(session, withdraw)
        text = f"withdrawn: {inline(done.claim.description)}"
    else:
        said = {"description": idea, "tags": _tags(tags), "family": family, "hypothesis": hypothesis}
        done = command.claim(session, said, minutes)
        text = command.render(done)
    remark([*done.remarks, *session.again().views.refresh()])
    emit(done, lambda: text, as_json)
    if withdraw is None and not done.ours:
        sys.exit(EXIT_BLOCKED)


@cli.command()
@click.option("--budget", type=Range(1), default=15.0, show_default=True, help="CPU seconds per run.")
@click.option("--tokens", type=click.IntRange(1), help="Train on this many bytes instead: the same result every time.")
@click.option("--dir", "folder", type=FILE, help="Where; otherwise a new temporary folder.")
@as_json
def demo(budget: float, tokens: int | None, folder: Path | None, as_json: bool) -> None:
    """The whole loop in a scratch repository: real training, real commits, packets, a report."""
    from memorylab.commands import demo as command

    where = command.demo(budget, tokens, folder, sys.stderr if as_json else sys.stdout)
    if as_json:
        from memorylab.commands.session import Session

        session = Session(where)
        emit({"folder": str(where), "registry": session.views.registry(session.memory)}, lambda: "", True)


@cli.command(hidden=True)
@click.argument("name", type=click.Choice(["post-commit", "post-rewrite"]))
@click.argument("arguments", nargs=-1)
def hook(name: str, arguments: tuple[str, ...]) -> None:
    """What the git hooks call."""
    from memorylab.commands import hook as command
    from memorylab.commands.session import Session

    try:
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
