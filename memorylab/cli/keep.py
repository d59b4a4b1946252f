"""Setting a memory up, correcting it, taking others' files in, giving them its own."""

from pathlib import Path
from typing import Any

import click

from memorylab.cli.base import FILE, STATUSES, as_json, as_tags, cli, git_progress, open_session, suggest
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
    from memorylab.commands.answers import SetUp

    session = open_session()
    said = command.uninstall(session) if uninstall else command.init(session, writer, git_progress())
    emit(SetUp(done=said), lambda: "\n".join(said), as_json)


@cli.command()
@click.argument("run", shell_complete=suggest("run"))
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
    remark([*session.news(), *fresh.refresh()])
    emit(amended, lambda: f"amended {amended.run_id}", as_json)


@cli.command("import")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--family", default="", metavar="NAME", help="The line of work of rows that name none.")
@as_json
def import_(files: tuple[Path, ...], family: str, as_json: bool) -> None:
    """Add the rows of results.tsv or experiments.jsonl FILES. Doing it twice adds nothing."""
    from memorylab.commands import imports as command
    from memorylab.commands.answers import ImportedFile
    from memorylab.core.text import utf8

    results = []
    for path in files:
        session = open_session()
        results.append((path, command.import_file(session, path, family)))
        remark(session.news())
    remark(open_session().refresh())
    value = [
        ImportedFile(file=utf8(str(path)), added=r.added, known=r.known, rejected=r.rejected) for path, r in results
    ]
    emit(value, lambda: "\n".join(command.summary(r, path) for path, r in results), as_json)


@cli.command()
@click.option(
    "--format", "form", type=click.Choice(["jsonl", "tsv", "csv", "parquet", "mlflow"]),
    help="Default: what PATH ends in, else jsonl.",
)  # fmt: skip
@click.option(
    "--output",
    metavar="PATH",
    help="Write this file instead of stdout (-); for mlflow an SQLite store, a folder, a URI.",
)
def export(form: str | None, output: str | None) -> None:
    """Give out every run, amendments applied, in the order of the views.

    jsonl is experiments.jsonl, tsv is results.tsv. csv has a column for each metric and its cells as they were said: in
    a spreadsheet read them as text, where one that begins with = would be a formula. parquet has the same columns,
    typed. mlflow brings the experiment "memorylab" of an MLflow store up to the ledger, as often as it is called.
    """
    from memorylab.commands import export as command

    session = open_session()
    written = command.export(session, form, output)
    remark(session.views.restored())
    if written is not None:
        click.echo(f"wrote {written}")
