"""What reaches a terminal is text that fits it, whatever it is made of."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from memorylab import console, terminal
from memorylab.console import Column, Line, line, plain, told

COLUMNS = (Column("A"), Column("SPARE", spare=1), Column("N", is_right=True), Column("IDEA", yields=True))
ROWS = [
    ["keep", "left out first", "1.5", "深い層を増やす、そして学習率を下げる、そして待つ、それから"],
    ["x", "", "22.75", "short"],
    ["y"],
]


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "44")


def _lines(*lines: Line, is_coloured: bool = False) -> list[str]:
    file = io.StringIO()
    console._Terminal(file, is_coloured).lines(lines)
    return file.getvalue().splitlines()


def _table(rows: list[list[console.Piece]], is_coloured: bool = False) -> list[str]:
    file = io.StringIO()
    console._Terminal(file, is_coloured).table(COLUMNS, rows)
    return file.getvalue().splitlines()


def test_a_table_is_cut_by_what_is_seen() -> None:
    title, first, second, third = _table(ROWS)
    assert title.split() == ["A", "N", "IDEA"]
    assert first.startswith("keep   1.5 深い層") and first.endswith("…") and cell_len(first) <= 44
    assert (second, third) == ("x    22.75 short", "y")


def test_a_table_has_what_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    title, first, *_ = _table(ROWS)
    assert title.split() == ["A", "SPARE", "N", "IDEA"] and "left out first" in first
    assert _table([["a", "", "1", "b"]])[0].split() == ["A", "N", "IDEA"]  # without a column that says nothing


def test_a_style_is_what_a_piece_means() -> None:
    assert _table([[("keep", "keep"), "", "", ""]], is_coloured=True)[1] == "\x1b[32mkeep\x1b[0m"
    assert _lines(line("a ", ("b", "crash")), is_coloured=True) == ["a \x1b[31mb\x1b[0m"]
    assert _lines(line("a ", ("b", "crash"))) == ["a b"] == [plain([line("a ", ("b", "crash"))])]


def test_a_line_goes_on_further_in() -> None:
    said = _lines(line("Hypothesis: ", "a word " * 12, hang=12))
    assert len(said) > 2 and all(len(one) <= 44 for one in said)
    assert all(one.startswith((" " * 12 + "a", " " * 12 + "word")) for one in said[1:])
    assert _lines(line("x" * 60, hang=None)) == ["x" * 60]
    first, second = _lines(*told("  " + "word " * 9))
    assert first.startswith("  word") and second.startswith("      word")


@pytest.mark.parametrize("text", ["a\x1b[31mb", "a\nb", "a\rb\x07", "a\u202eb", "a\u200bb", "[red]a[/red]:smile:"])
def test_whatever_comes_is_text(text: str) -> None:
    for shown in (_lines(line(text, hang=4)), _table([[text, text, text, text]])[1:], [plain([line(text)])]):
        assert len(shown) == 1 and shown[0].isprintable()
        assert "[red]" not in text or "[red]a[/red]:smile:" in shown[0]


@pytest.mark.parametrize("text", ["a\x1b[31mb", "a\rb\x07", "a\u202eb", "a\u200bb"])
def test_what_no_command_has_cleaned_is_cleaned_where_it_is_printed(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    terminal.emit(text, lambda: text, json=False)
    terminal.emit(text, lambda: text, json=True)
    terminal.remark([text])
    said = capsys.readouterr()
    assert [line for line in (said.out + said.err).split("\n") if not line.isprintable()] == []


def test_no_value_becomes_two(capsys: pytest.CaptureFixture[str]) -> None:
    console.Output().table(COLUMNS, [["a\tb", "", "1\n", "x"], ["c"]])
    assert capsys.readouterr().out == "a b\t-\t1\tx\nc\n"
    assert plain([line("+\tcode")]) == "+\tcode"


@given(st.lists(st.text(max_size=30), max_size=5))
def test_no_row_is_wider_than_the_terminal(cells: list[str]) -> None:
    shown = _table([["keep", "", "1", cell] for cell in cells])
    assert len(shown) == len(cells) + 1
    assert all(cell_len(row) <= 44 for row in shown)
