"""Output as git does it: on a terminal a pager, colours, lines that fit its width; elsewhere plain text for programs.

A command says what there is, in pieces of text with the style of what they mean; what they look like is decided here.
Only a terminal needs rich, which takes longer to be imported than most commands take, so it is imported for one alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from itertools import chain, islice
from typing import IO, TYPE_CHECKING, Literal, NamedTuple

import click

from memorylab.core.text import inline, verbatim
from memorylab.store import git
from memorylab.store.git import Place

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Style = Literal[
    "", "keep", "discard", "crash", "better", "commit", "title", "quiet", "command", "added", "removed", "hunk"
]
Piece = str | tuple[str, Style]

# The colours of git where it has such: commits yellow, additions green, removals red.
_STYLES: dict[Style, str] = {
    "": "", "keep": "green", "discard": "", "crash": "red", "better": "green", "commit": "yellow", "title": "bold",
    "quiet": "dim", "command": "bold", "added": "green", "removed": "red", "hunk": "cyan",
}  # fmt: skip
_PATCH: dict[str, Style] = {"+": "added", "-": "removed", "@": "hunk"}
_ROWS = 200  # that the widths of a table are taken from
_LEAST = 28  # characters of the column that yields, before others are left out


class Line(NamedTuple):
    """A line of text. What does not fit on a terminal goes on in the next one, `hang` characters in; with None it is
    left to the terminal, as code is."""

    pieces: tuple[Piece, ...]
    hang: int | None = 0


class Column(NamedTuple):
    """A column of a table. Where it is too narrow for all, those are left out first whose `spare` is the highest, none
    with 0; the one that `yields` takes what is left, and is shortened."""

    title: str
    spare: int = 0
    is_right: bool = False
    yields: bool = False


def line(*pieces: Piece, hang: int | None = 0) -> Line:
    """A line of these pieces."""
    return Line(pieces, hang)


def told(text: str, indent: int = 0) -> Iterator[Line]:
    """The lines of a text, each going on a little further in than it begins."""
    for said in text.split("\n"):
        yield line(" " * indent + said, hang=indent + len(said) - len(said.lstrip(" ")) + 4)


def patch(text: str) -> Iterator[Line]:
    """The lines of a patch, in the colours of git."""
    for said in text.rstrip("\n").split("\n"):
        is_name = said.startswith(("+++", "---", "diff ", "index "))
        style: Style = "title" if is_name else _PATCH.get(said[:1], "")
        yield line((said.rstrip("\r"), style), hang=None)


def plain(lines: Iterable[Line]) -> str:
    """Lines as text without any style."""
    return "\n".join("".join(map(_in_line, found.pieces)) for found in lines)


class Output:
    """Where a command prints. Elsewhere than on a terminal: lines as they are; a table as tab-separated values without
    a title, uncut, "-" for what is empty, or in columns of spaces if it is a small one `to_read`."""

    width: int | None = None

    def lines(self, lines: Iterable[Line]) -> None:
        """Print lines."""
        for found in lines:
            click.echo(plain([found]))

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Piece]], to_read: bool = False) -> None:
        """Print a table. A row may end early."""
        if not to_read:
            for row in rows:
                click.echo("\t".join(_text(cell) or "-" for cell in row))
            return
        cells = [[column.title for column in columns], *([_text(cell) for cell in row] for row in rows)]
        widths = [max(len(row[at]) for row in cells if at < len(row)) for at in range(len(columns))]
        for texts in cells:
            padded = (
                text.rjust(width) if column.is_right else text.ljust(width)
                for text, width, column in zip(texts, widths, columns, strict=False)
            )  # fmt: skip
            click.echo(" ".join(padded).rstrip())


class _Terminal(Output):
    def __init__(self, file: IO[str], is_coloured: bool) -> None:
        from rich.console import Console

        self._file, self._is_coloured = file, is_coloured
        # COLUMNS, else what the terminal says.
        self.width: int = max(20, shutil.get_terminal_size().columns)
        self._console: Console = Console(
            width=self.width, color_system="standard" if is_coloured else None, no_color=not is_coloured,
            force_terminal=is_coloured, markup=False, emoji=False, highlight=False, legacy_windows=False,
        )  # fmt: skip

    def lines(self, lines: Iterable[Line]) -> None:
        for found in lines:
            text = _styled(found.pieces)
            parts = [text]
            if found.hang is not None and text.cell_len > self.width:
                parts = list(text.wrap(self._console, max(8, self.width - found.hang)))
            for number, part in enumerate(parts):
                part.rstrip()
                self._file.write(" " * (found.hang or 0 if number else 0) + self._drawn(part) + "\n")
        self._file.flush()

    def _drawn(self, text: Text) -> str:
        # Not printed by rich, which ends the program where a pager has ended.
        with self._console.capture() as drawn:
            self._console.print(text, soft_wrap=True, end="")
        return drawn.get()

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Piece]], to_read: bool = False) -> None:
        rest = iter(rows)
        first = list(islice(rest, _ROWS))
        shown, widths = self._fitted(columns, first)
        titles: list[Piece] = [(column.title, "title") for column in columns]
        for row in chain([titles], first, rest):
            self._file.write(self._row(columns, shown, widths, row) + "\n")
        self._file.flush()

    def _fitted(self, columns: Sequence[Column], rows: Sequence[Sequence[Piece]]) -> tuple[list[int], list[int]]:
        """Which columns are shown, and how wide."""
        from rich.cells import cell_len

        def widest(at: int) -> int:
            return max((cell_len(_text(row[at])) for row in rows if at < len(row)), default=0)

        needed = [widest(at) for at in range(len(columns))]
        wide = [max(width, cell_len(column.title)) for width, column in zip(needed, columns, strict=True)]
        shown = [at for at, width in enumerate(needed) if width]
        while True:
            fixed = sum(wide[at] for at in shown if not columns[at].yields) + len(shown) - 1
            least = sum(min(_LEAST, wide[at]) for at in shown if columns[at].yields)
            spare = max(shown, key=lambda at: columns[at].spare, default=None)
            if spare is None or fixed + least <= self.width or not columns[spare].spare:
                break
            shown.remove(spare)
        left = max(1, self.width - fixed)
        return shown, [min(wide[at], left) if columns[at].yields else wide[at] for at in shown]

    def _row(self, columns: Sequence[Column], shown: Sequence[int], widths: Sequence[int], row: Sequence[Piece]) -> str:
        """A row of a table. One of rich's own takes a millisecond for each, and is whole before it is shown."""
        from rich.cells import cell_len, set_cell_size

        cells = []
        for at, width in zip(shown, widths, strict=True):
            piece = row[at] if at < len(row) else ""
            text, style = _text(piece), "" if isinstance(piece, str) else piece[1]
            length = cell_len(text)
            if length > width:
                text, length = f"{set_cell_size(text, width - 1).rstrip()}…", width
            space = " " * (width - length)
            told = self._coloured(text, style)
            cells.append(space + told if columns[at].is_right else told + space)
        return " ".join(cells).rstrip()

    def _coloured(self, text: str, style: Style) -> str:
        from rich.color import ColorSystem
        from rich.style import Style as Look

        if not self._is_coloured or not _STYLES[style]:
            return text
        return Look.parse(_STYLES[style]).render(text, color_system=ColorSystem.STANDARD)


def _text(piece: Piece) -> str:
    """What a piece says. Whatever it comes from, no more than text on one line reaches a terminal, or a program."""
    said = piece if isinstance(piece, str) else piece[0]
    return said if said.isprintable() else inline(said)


def _in_line(piece: Piece) -> str:
    """The same in a line, which may be of code: its white space is its own."""
    said = piece if isinstance(piece, str) else piece[0]
    return said if said.isprintable() else verbatim(said).replace("\n", " ")


def _styled(pieces: Iterable[Piece]) -> Text:
    from rich.text import Text

    styles = ("" if isinstance(piece, str) else _STYLES[piece[1]] for piece in pieces)
    return Text.assemble(*((_in_line(piece), style) for piece, style in zip(pieces, styles, strict=True)), end="")


@contextmanager
def opened(place: Place | None = None, pages: bool = True) -> Iterator[Output]:
    """Where to print: on a terminal through git's pager, if what is printed `pages`."""
    if not _is_terminal():
        yield Output()
        return
    is_coloured = _is_coloured(place)
    command = _pager() if pages and sys.stdout.isatty() else ""
    sys.stdout.flush()
    encoding = sys.stdout.encoding or "utf-8"
    if not command:
        # A copy, so that a character which the terminal lacks is replaced, whatever the program's own stdout does.
        with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding=encoding, errors="replace") as file:
            yield _Terminal(file, is_coloured)
        return
    environment = {"LESS": "FRX", "LV": "-c"} | os.environ
    process = subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE, env=environment)
    assert process.stdin is not None
    try:
        file = TextIOWrapper(process.stdin, encoding=encoding, errors="replace", write_through=True)
        with suppress(BrokenPipeError):  # the user has seen enough
            yield _Terminal(file, is_coloured)
    finally:
        with suppress(BrokenPipeError):
            file.close()
        _wait(process)


def _wait(process: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            process.wait()
            return
        except KeyboardInterrupt:
            continue  # which is the pager's to understand


def _is_terminal() -> bool:
    """Whether somebody reads this on a terminal; git may have started its pager already, as pager.memorylab says."""
    return sys.stdout.isatty() or os.environ.get("GIT_PAGER_IN_USE", "").lower() in ("1", "true", "yes", "on")


def _pager() -> str:
    """git's pager, empty where it is to be none."""
    said = subprocess.run(["git", "var", "GIT_PAGER"], capture_output=True, text=True, check=False).stdout.strip()
    program = said.split()[0] if said.split() else "cat"
    is_there = any(mark in said for mark in "|&;<>()$`\\\"'~=") or shutil.which(program) is not None
    return said if said != "cat" and is_there else ""


def _is_coloured(place: Place | None) -> bool:
    """What color.memorylab, color.ui and the terminal come to, as git itself says. NO_COLOR counts but against
    "always", as any setting is stronger than it."""
    where = [f"--git-dir={place.git_dir}"] if place is not None else []
    stdout_is_tty = "false" if os.environ.get("NO_COLOR") else "true"
    command = ["git", *where, "config", "--get-colorbool", "color.memorylab", stdout_is_tty]
    done = subprocess.run(command, env=git.environment(), capture_output=True, text=True, check=False)
    return done.stdout.strip() == "true"
