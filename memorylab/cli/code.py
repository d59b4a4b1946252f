"""The code of experiments: what they changed, and how to have it back."""

import sys

import click

from memorylab.cli.base import as_json, cli, open_session, suggest
from memorylab.terminal import emit, remark


@cli.command()
@click.argument("run", shell_complete=suggest("run"))
@click.argument("other", required=False, shell_complete=suggest("run"))
@as_json
def diff(run: str, other: str | None, as_json: bool) -> None:
    """What a run's experiment did to the subject, or how the subjects of two runs differ."""
    from memorylab.commands import code, inspect
    from memorylab.commands.answers import Patch

    session = open_session()
    remark(session.refresh())
    one, two = inspect.find(session, run), inspect.find(session, other) if other else None
    code.bring(session, one, two)
    if as_json:
        patch = code.between(session, one, two) if two else code.patch(session, one)
        emit(Patch(run_id=one.run_id, patch=patch.decode("utf-8", "replace")), lambda: "", True)
    else:
        sys.stdout.flush()
        sys.exit(code.diff(session, one, two))


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
