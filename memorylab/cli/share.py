"""Sharing a memory: with a remote, among its writers, and whether it is whole."""

import sys
from pathlib import Path

import click

from memorylab.cli.base import (
    EXIT_BLOCKED,
    EXIT_REFUSED,
    FILE,
    as_json,
    as_tags,
    cli,
    counting,
    git_progress,
    open_session,
    suggest,
)
from memorylab.terminal import Range, answer, emit, remark


@cli.command()
@click.argument("remote", required=False, shell_complete=suggest("remote"))
@click.option("--notes-only", is_flag=True, help="Leave out the artifacts and the code; they come when asked for.")
@click.option("--no-push", is_flag=True, help="Take what others have, give nothing.")
@click.option("--relay", is_flag=True, help="With all remotes, passing on between them what each has of all writers.")
@as_json
def sync(remote: str | None, notes_only: bool, no_push: bool, relay: bool, as_json: bool) -> None:
    """Share memory with REMOTE: push what is ours, fetch what others have. One that is not reached is no error.

    Without REMOTE: memorylab.remote, else where git pushes to, else the only one, else origin.
    """
    from memorylab.commands import sync as command

    if relay and (remote is not None or no_push or notes_only):
        raise click.UsageError("--relay is with all remotes, both ways, and whole: leave the rest out.")
    session = open_session()
    options = command.Options(notes_only, not no_push, git_progress())
    done = command.relay(session, options) if relay else [command.sync(session, remote, options)]
    remark([line for one in done for line in one.remarks])
    if as_json:
        # Imported here: where nothing is new, a sync needs git alone.
        from memorylab.commands.answers import Shared

        value = [Shared(**one._asdict()) for one in done]
        answer(value if relay else value[0])
    else:
        click.echo("\n".join(map(command.render, done)))
    if any(one.refused for one in done):
        sys.exit(EXIT_REFUSED)


@cli.command()
@click.argument("idea", required=False)
@click.option("--tags", metavar="A,B", help="Comma-separated tags.")
@click.option("--family", metavar="NAME", help="The line of work it belongs to.")
@click.option("--hypothesis", metavar="TEXT", help="Why it should help.")
@click.option("--minutes", type=Range(1, 7 * 24 * 60), help="How long it stands; default 60.")
@click.option(
    "--withdraw",
    metavar="CLAIM",
    shell_complete=suggest("claim"),
    help="End a claim of this working tree's: its id, or a part of it.",
)
@as_json
def claim(
    idea: str | None, tags: str | None, family: str | None, hypothesis: str | None, minutes: float | None,
    withdraw: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Say that IDEA is about to be tried here, so that nobody else does. Without it: the claims that are open.

    Where two claim the same at once the remote decides who was first. Exit code 1: somebody else has it.
    """
    from memorylab import console
    from memorylab.commands import check
    from memorylab.commands import claim as command
    from memorylab.core.text import inline

    session = open_session()
    if idea is not None and withdraw is not None:
        raise click.UsageError("Either claim an idea or withdraw a claim.")
    if idea is not None and not inline(idea):
        raise click.UsageError("The idea is empty. Say in one line what is to be tried.")
    if idea is None and withdraw is None:
        remark(session.refresh())
        found = check.open_claims(session)
        if as_json:
            answer(found)
            return
        with console.opened(session.place, pages=False) as out:
            out.lines(console.told(command.listed(found)))
        return
    if withdraw is not None:
        done = command.withdraw(session, withdraw)
        text = f"withdrawn: {inline(done.claim.description)}"
    else:
        said = {"description": idea, "tags": as_tags(tags), "family": family, "hypothesis": hypothesis}
        done = command.claim(session, said, minutes)
        text = command.render(done)
    remark([*done.remarks, *session.again().refresh()])
    emit(done, lambda: text, as_json)
    if withdraw is None and not done.ours:
        sys.exit(EXIT_BLOCKED)


@cli.command()
@click.argument("writers", nargs=-1, metavar="[WRITER]...", shell_complete=suggest("writer"))
@click.option("--undo", is_flag=True, help="Take them in again.")
@click.option("--forget", is_flag=True, help="Delete what was fetched of all who are muted, for git gc to clear away.")
@as_json
def mute(writers: tuple[str, ...], undo: bool, forget: bool, as_json: bool) -> None:
    """Leave out everything that WRITER has recorded, and fetch no more of it, in this clone. Without one: who is muted.

    A name may have one * in it, as bot-*. Nothing is lost: --undo brings all back, after --forget with the next sync.
    """
    from memorylab.commands import mute as command

    if undo and (forget or not writers):
        raise click.UsageError("Say who is to be taken in again.")
    session = open_session()
    if writers:
        (command.undo if undo else command.mute)(session, writers)
        session = session.again(reload=True)
    forgotten = command.forget(session) if forget else 0
    if writers or forget:
        remark(session.again().refresh())
    found = command.listed(session, forgotten)
    emit(found, lambda: command.render(found), as_json)


@cli.command()
@click.argument("remote", required=False, shell_complete=suggest("remote"))
@click.option("--days", type=Range(0), default=30.0, show_default=True, help="How long a writer must be silent.")
@click.option(
    "--writer", "writers", multiple=True, metavar="WRITER", help="This one, whenever it wrote last; repeatable."
)
@click.option("--dry-run", is_flag=True, help="Say who would be folded.")
@as_json
def compact(remote: str | None, days: float, writers: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Fold the refs of silent writers on REMOTE into one archive. Nothing is lost, and a writer may come back."""
    from memorylab.commands import compact as command

    session = open_session()
    done = command.compact(session, remote, days, list(writers), dry_run, git_progress())
    remark(session.again().refresh())
    emit(done, lambda: command.render(done), as_json)


@cli.command()
@click.option("--allowed-signers", type=FILE, help="Every entry must be signed by one of them; as ssh-keygen has it.")
@as_json
def verify(allowed_signers: Path | None, as_json: bool) -> None:
    """Prove that every ledger here is whole: no gaps, journal and notes agree, chains and signatures hold.

    Exit code 3 if one is not.
    """
    from memorylab.commands import verify as command

    session = open_session()
    remark(session.refresh())
    checked = command.verify(session, allowed_signers)
    emit(checked, lambda: command.render(checked), as_json)
    if any(one.problems for one in checked):
        sys.exit(EXIT_REFUSED)


@cli.command()
@click.option("--repair", is_flag=True, help="Mend what can be mended, then look again.")
@as_json
def doctor(repair: bool, as_json: bool) -> None:
    """What is wrong with the memory of this clone, why, and what helps; and how much room it takes in git.

    Nothing is written without --repair, and nothing is ever deleted that cannot be made again. Exit code 1: something
    is wrong, or still is.
    """
    from memorylab.commands import doctor as command
    from memorylab.commands.session import Session
    from memorylab.errors import NotARepository

    try:
        # Not what other commands open: that does what was left to be done, which is to be found here.
        session = Session()
    except NotARepository as problem:
        found = command.unopened(problem)
    else:
        session.progress = counting
        found = command.examine(session, repair)
        remark([*found.remarks, *session.again().refresh()] if repair and found.is_well else found.remarks)
    emit(found, lambda: command.render(found), as_json)
    if not found.is_well:
        sys.exit(EXIT_BLOCKED)
