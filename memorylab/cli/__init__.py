"""The command line: options, echo, exit codes. What a command does is in memorylab.commands."""

import gc
import sys

from memorylab.cli import brief, code, keep, look, loop, manners, share
from memorylab.cli.base import cli
from memorylab.terminal import EXIT_PIPE_CLOSED, forget_stdout

__all__ = ["brief", "cli", "code", "keep", "look", "loop", "main", "manners", "share"]


def main() -> None:
    """The console script. stdout may be closed early (`| head`): that ends the program quietly, as it does git."""
    # What a command imports stays: to look through it for garbage again and again is a twentieth of a check.
    gc.set_threshold(100_000, 50, 50)
    try:
        try:
            cli(prog_name="git memorylab", complete_var="_GIT_MEMORYLAB_COMPLETE")
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        forget_stdout()
        sys.exit(EXIT_PIPE_CLOSED)
