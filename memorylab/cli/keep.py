"""Setting a memory up, correcting it, taking others' files in."""

from pathlib import Path
from typing import Any

import click

from memorylab.cli.base import FILE, STATUSES, as_json, as_tags, cli, git_progress, open_session
from memorylab.terminal import emit, remark


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

    session = open_session()
    said = command.uninstall(session) if uninstall else command.init(session, writer, git_progress())
    emit({"done": said}, lambda: "\n".join(said), as_json)


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

    session = open_session()
    amended = command.amend(session, inspect.find(session, run), said | {"tags": as_tags(tags)})
    fresh = open_session()
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
        results.append((path, command.import_file(open_session(), path, family)))
    remark(open_session().views.refresh())
    value = [{"file": str(path), "added": r.added, "known": r.known, "rejected": r.rejected} for path, r in results]
    emit(value, lambda: "\n".join(command.summary(r, path) for path, r in results), as_json)
