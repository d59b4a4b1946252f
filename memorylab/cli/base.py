"""What all commands share: the group, options, the session they work in."""

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from memorylab import __version__
from memorylab.terminal import Safe

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from memorylab.commands.session import Session

EXIT_BLOCKED = 1
EXIT_REFUSED = 3
MODES = click.Choice(["explore", "exploit", "replicate"])
STATUSES = click.Choice(["keep", "discard", "crash"])
FILE = click.Path(path_type=Path)
_ROOMS = ("loop", "look", "brief", "code", "share", "keep")  # in the order of the help

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


class Commands(Safe):
    """The commands, in the help by what they are for, as git lists its own."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rooms: dict[str, list[tuple[str, click.Command]]] = {}
        for name, command in self.commands.items():
            if not command.hidden:
                rooms.setdefault(command.callback.__module__, []).append((name, command))
        width = max(len(name) for name in self.commands)
        order = [f"{__package__}.{name}" for name in _ROOMS]
        for room, found in sorted(
            rooms.items(), key=lambda one: order.index(one[0]) if one[0] in order else len(order)
        ):
            title = re.split("[:,.]", sys.modules[room].__doc__ or room)[0]
            with formatter.section(title):
                limit = formatter.width - 6 - width
                rows = [(name.ljust(width), command.get_short_help_str(limit)) for name, command in found]
                formatter.write_dl(rows)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="git-memorylab")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """A memory for autoresearch loops, kept in git. Without a command: where the lab stands, and what to type next.

    \b
    Start with:  git memorylab demo   the whole loop in a scratch repository
                 git memorylab init   make this repository remember
    """
    if ctx.invoked_subcommand is None:
        _stand(ctx)


def _stand(ctx: click.Context) -> None:
    """What `status` says, where there is anything to stand in; else how all this is called."""
    from memorylab.errors import NotARepository

    try:
        ctx.invoke(cli.commands["status"], as_json=False)
    except NotARepository as problem:
        if not problem.is_elsewhere:
            raise
        click.echo(ctx.get_help(), err=True)
        ctx.exit(click.UsageError.exit_code)


def suggest(kind: str) -> "Callable[[click.Context, click.Parameter, str], list[CompletionItem]]":
    """What a shell completes an argument of a kind with: run, knob, claim, remote, revision."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        # Imported here: a check completes nothing.
        from click.shell_completion import CompletionItem

        from memorylab.commands.suggest import suggestions

        return [CompletionItem(word, help=said or None) for word, said in suggestions(kind, incomplete)]

    return complete


def open_session() -> "Session":
    from memorylab.commands.session import Session

    session = Session()
    session.progress = counting
    if (session.place.state / "spool").is_file():
        from memorylab.commands import hook

        hook.drain(session)
    return session


def as_tags(value: str | None) -> list[str] | None:
    from memorylab.core import text

    return None if value is None else text.tags(value)


def counting(title: str) -> Callable[[int, int], None] | None:
    """How much of something is done, in git's words, where git's progress goes. Told of (done, total)."""
    show = git_progress()
    if show is None:
        return None

    def tell(done: int, total: int) -> None:
        end = ", done.\n" if done == total else "\r"
        show(f"{title}: {100 * done // max(1, total):3} % ({done:,}/{total:,}){end}".encode())

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
