"""The terminal's side of every command: errors and exit codes, output for people and for machines."""

import errno
import math
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from memorylab.errors import MemoryLabError, UsageError

if TYPE_CHECKING:
    from memorylab.core.failure import Kind

EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141
_OF_THE_MACHINE = {  # errors that are nobody's bug
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE,
    errno.ENFILE, errno.ENOMEM, errno.EISDIR,
}  # fmt: skip
_JSON = "memorylab.json"  # in a context's meta: whether the call asks for JSON


class Range(click.FloatRange):
    """Numbers in a range, of which "nan" is none, though it compares as if it were."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value} is not a number.", param, ctx)
        return found


class Safe(click.Group):
    """One boundary for errors: what the user can act on is one sentence, the rest is a bug, kept in a file."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context, which knows whether the call asks for JSON; so does the error if there is none to be had."""
        if not args:  # click prints the help then
            return super().make_context(info_name, args, parent, **extra)
        json = _asks_for_json(args)
        try:
            context = super().make_context(info_name, args, parent, **extra)
        except click.UsageError as problem:
            _refuse(problem, json)
        context.meta[_JSON] = json
        return context

    def invoke(self, ctx: click.Context) -> Any:
        json = bool(ctx.meta.get(_JSON))
        try:
            return super().invoke(ctx)
        except MemoryLabError as problem:
            kind: Kind = "usage" if isinstance(problem, UsageError) else "expected"
            _fail(problem.message, problem.hint, problem.exit_code, kind, json)
        except KeyboardInterrupt:
            if json:
                _fail("interrupted", "", EXIT_INTERRUPTED, "interrupted", json)
            click.echo("interrupted", err=True)
            ctx.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:
            # click would make it 1, which means blocked.
            forget_stdout()
            ctx.exit(EXIT_PIPE_CLOSED)
        except click.ClickException as problem:
            _refuse(problem, json)
        except (click.exceptions.Exit, click.Abort):
            raise
        except Exception as bug:
            if isinstance(bug, OSError) and bug.errno in _OF_THE_MACHINE:
                forget_stdout()
                path = bug.filename2 or bug.filename  # of a file that was to take the place of another, that one
                what = f"{os.fsdecode(path)}: {bug.strerror}." if path else f"{bug.strerror}."
                if bug.errno == errno.ENOSPC:
                    what = "There is no space left on the device."
                hint = _of_local_state(bug.errno, os.fsdecode(path or ""))
                _fail(f"{what} What was recorded stays recorded.", hint, MemoryLabError.exit_code, "expected", json)
            import tempfile
            import traceback

            handle, path = tempfile.mkstemp(prefix="git-memorylab-", suffix=".traceback")
            with os.fdopen(handle, "w", errors="replace") as file:
                traceback.print_exc(file=file)
            said, hint = f"{type(bug).__name__}: {bug}.", f"Please report it with {path}."
            if json:
                _fail(said, hint, EXIT_BUG, "bug", json)
            from memorylab.core.text import inline

            click.echo(f"bug: {inline(said)} {hint}", err=True)
            ctx.exit(EXIT_BUG)


def _of_local_state(what: int, path: str) -> str:
    """What helps where a folder is in the place of a file that only this program has."""
    from memorylab.store.git import MEND

    return MEND if what == errno.EISDIR and os.path.basename(os.path.dirname(path)) == "memorylab" else ""


def _asks_for_json(args: Sequence[str]) -> bool:
    """Whether a call asks for JSON, told before it is parsed, for that may fail."""
    options = args[: args.index("--")] if "--" in args else args
    return "--json" in options


def _refuse(problem: click.ClickException, json: bool) -> NoReturn:
    """Say how the command is called, in git's order: the error, then the usage."""
    context = getattr(problem, "ctx", None)
    hint = f"`{context.command_path} -h` explains it." if context is not None else ""
    usage = context.get_usage().replace("Usage: ", "usage: ", 1) if context is not None else ""
    # click has 1 for what is no wrong usage, and that means blocked.
    code = problem.exit_code if isinstance(problem, click.UsageError) else MemoryLabError.exit_code
    _fail(problem.format_message(), hint, code, "usage", json, usage)


def _fail(message: str, hint: str, exit_code: int, kind: "Kind", json: bool, usage: str = "") -> NoReturn:
    """Say on stderr what is wrong, and what to do about it unless git's advice is turned off, and end with the code."""
    if "://" in message + hint:
        from memorylab.store.urls import without_passwords

        message, hint = without_passwords(message), without_passwords(hint)
    # What is wrong may be in what others wrote, and names it.
    from memorylab.core.text import inline, utf8

    if json:
        from memorylab.core.failure import Failed, Failure

        _tell(Failed(error=Failure(message=utf8(message), hint=utf8(hint), exit_code=exit_code, kind=kind)))
    else:
        click.echo(f"error: {inline(message)}", err=True)
        if usage:
            click.echo(usage, err=True)
        if hint:
            # Imported here: an answer needs no advice.
            from memorylab.store.git import advises

            if advises():
                click.echo(f"hint: {inline(hint)}", err=True)
    raise click.exceptions.Exit(exit_code)


def _tell(value: Any) -> None:
    answer(value, err=True)


def forget_stdout() -> None:
    """What is still unwritten goes nowhere, instead of failing once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def answer(value: Any, err: bool = False) -> None:
    """Print a value for a machine, in characters that do nothing to a terminal."""
    from memorylab.core.record import to_json
    from memorylab.core.text import escaped

    click.echo(escaped(to_json(value).decode()), err=err)


def emit(value: Any, text: Callable[[], str], json: bool) -> None:
    """Print a value for a machine, or a text for a person."""
    if json:
        answer(value)
    else:
        from memorylab.core.text import verbatim

        click.echo(verbatim(text()))


def remark(lines: list[str]) -> None:
    """What the user should know besides, on stderr; with --json a line of JSON each."""
    context = click.get_current_context(silent=True)
    json = context is not None and context.meta.get(_JSON)
    for line in lines:
        from memorylab.core.text import inline, utf8

        if json:
            from memorylab.core.failure import Note

            _tell(Note(note=utf8(line)))
        else:
            click.echo(f"note: {inline(line)}", err=True)
