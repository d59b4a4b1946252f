"""The terminal's side of every command: errors and exit codes, output for people and for machines."""

import errno
import math
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from memorylab.errors import MemoryLabError

EXIT_BUG = 70
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141


class Range(click.FloatRange):
    """Numbers in a range, of which "nan" is none, though it compares as if it were."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value} is not a number.", param, ctx)
        return found


class Safe(click.Group):
    """One boundary for errors: what the user can act on is one sentence, the rest is a bug, kept in a file."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MemoryLabError as problem:
            click.echo(f"error: {problem.message} {problem.hint}".rstrip(), err=True)
            ctx.exit(problem.exit_code)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(EXIT_INTERRUPTED)
        except BrokenPipeError:
            # click would make it 1, which means blocked.
            forget_stdout()
            ctx.exit(EXIT_PIPE_CLOSED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as bug:
            if isinstance(bug, OSError) and bug.errno == errno.ENOSPC:
                click.echo("error: There is no space left on the device. What was recorded stays recorded.", err=True)
                forget_stdout()
                ctx.exit(MemoryLabError.exit_code)
            import tempfile
            import traceback

            handle, path = tempfile.mkstemp(prefix="git-memorylab-", suffix=".traceback")
            with os.fdopen(handle, "w", errors="replace") as file:
                traceback.print_exc(file=file)
            click.echo(f"bug: {type(bug).__name__}: {bug}. Please report it with {path}.", err=True)
            ctx.exit(EXIT_BUG)


def forget_stdout() -> None:
    """What is still unwritten goes nowhere, instead of failing once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def emit(value: Any, text: Callable[[], str], json: bool) -> None:
    """Print a value for a machine, or a text for a person."""
    if json:
        from memorylab.core.record import to_json

        click.echo(to_json(value).decode())
    else:
        click.echo(text())


def remark(lines: list[str]) -> None:
    """What the user should know besides, on stderr."""
    for line in lines:
        click.echo(f"note: {line}", err=True)
