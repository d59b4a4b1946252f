"""What all commands share: the group, options, the session they work in."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memorylab import __version__
from memorylab.terminal import Safe

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

EXIT_BLOCKED = 1
EXIT_REFUSED = 3
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


def suggest(kind: str) -> "Callable[[click.Context, click.Parameter, str], list[CompletionItem]]":
    """What a shell completes an argument of a kind with: run, knob, claim, remote, revision."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        # Imported here: a check completes nothing.
        from click.shell_completion import CompletionItem

        from memorylab.commands.suggest import suggestions

        return [CompletionItem(word, help=said or None) for word, said in suggestions(kind, incomplete)]

    return complete


def open_session() -> Any:
    from memorylab.commands.session import Session

    session = Session()
    session.progress = reading_progress()
    if (session.place.state / "spool").exists():
        from memorylab.commands import hook

        hook.drain(session)
    return session


def as_tags(value: str | None) -> list[str] | None:
    from memorylab.core import text

    return None if value is None else text.tags(value)


def reading_progress() -> Callable[[int, int], None] | None:
    """How far the index has come, to the terminal, if that is one, and not before a second has passed."""
    show = git_progress()
    if show is None:
        return None

    def tell(done: int, total: int) -> None:
        end = "\n" if done == total else "\r"
        show(f"Reading the memory: {100 * done // total} % ({done:,}/{total:,}){end}".encode())

    return tell


def git_progress() -> Callable[[bytes], None] | None:
    """Where git's progress goes: to the terminal, if that is one, and not before a second has passed."""
    if not sys.stderr.isatty():
        return None
    began = time.monotonic()

    def show(chunk: bytes) -> None:
        if time.monotonic() - began > 1:
            click.echo(chunk, nl=False, err=True)

    return show
