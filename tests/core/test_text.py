"""Text that is safe to store on one line and to show anywhere."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorylab.core import text

ANY = st.text(st.characters() | st.sampled_from("\t\r\n\x1b\x00\u202e\u200b\u2028\x85\udcff|`*_<>&~\\"))


@given(ANY)
def test_inline_is_one_printable_line_and_is_stable(raw: str) -> None:
    clean = text.inline(raw)
    assert len(clean.splitlines()) <= 1
    assert not {unicodedata.category(c) for c in clean} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert clean == clean.strip() and "  " not in clean
    assert text.inline(clean) == clean
    clean.encode("utf-8")


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("raise\tLR\n to 0.06 ", "raise LR to 0.06"),
        ("\x1b[31mred\x1b[0m", "\ufffd[31mred\ufffd[0m"),
        ("abc\u202edef", "abc\ufffddef"),
        ("caf\udce9", "caf\ufffd"),
        ("größer 改善 🙂", "größer 改善 🙂"),
        ("\n\t ", ""),
    ],
)
def test_inline(raw: str, clean: str) -> None:
    assert text.inline(raw) == clean


@given(ANY)
def test_block_keeps_lines_and_their_indentation(raw: str) -> None:
    clean = text.block(raw)
    assert text.block(clean) == clean
    assert not {unicodedata.category(c) for c in clean.replace("\n", "").replace("\t", "")} & {"Cc", "Cf", "Cs"}


def test_block() -> None:
    assert text.block("one\r\n    two  \x07\n\tthree") == "one\n    two \ufffd\n\tthree"


@given(ANY)
def test_a_cell_cannot_leave_its_table_or_become_html(raw: str) -> None:
    shown = text.cell(raw)
    assert "\n" not in shown
    plain = shown.replace("\\\\", "")
    for mark in "|<`*[]":
        assert plain.count(mark) == plain.count(f"\\{mark}")


def test_a_cell_stays_legible() -> None:
    assert text.cell("MATRIX_LR 0.04 -> 0.06") == "MATRIX_LR 0.04 -> 0.06"
    assert text.cell("a|b <script> [x](y) &amp;") == r"a\|b \<script> \[x\](y) &amp;amp;"


@given(ANY, st.integers(0, 20))
def test_shorten_keeps_to_the_width(raw: str, width: int) -> None:
    assert len(text.shorten(raw, width)) <= max(1, width)
    if len(raw) <= width:
        assert text.shorten(raw, width) == raw


@given(ANY)
def test_tags_are_words_each_once(raw: str) -> None:
    found = text.tags(raw)
    assert len(found) == len(set(found))
    assert all(tag and tag == text.tags(tag)[0] for tag in found)
    assert text.tags(",".join(found)) == found


def test_tags() -> None:
    assert text.tags("LR, Warm Down,,lr , x/y") == ["lr", "warm-down", "x-y"]
    assert text.tags(" , ") == []


@given(ANY)
def test_verbatim_keeps_white_space_and_nothing_unseen(raw: str) -> None:
    clean = text.verbatim(raw)
    assert not {unicodedata.category(c) for c in clean if c not in "\n\t"} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert text.verbatim(clean) == clean
    clean.encode("utf-8")


def test_verbatim_leaves_code_as_it_is() -> None:
    assert text.verbatim("+\tif  x:\r\n-    y\x1b[0m = 1\u202e") == "+\tif  x:\n-    y\ufffd[0m = 1\ufffd"


def test_a_metric_has_the_decimals_that_its_size_wants() -> None:
    shown = [text.number(value) for value in (0.99, 0.01, 99.9, -1.5, 0, 1)]
    assert shown == ["0.990000", "0.010000", "99.900000", "-1.500000", "0.000000", "1.000000"]
    shown = [text.number(value) for value in (812, 812.5, -12345678, 1234.56789, 3.2e-6, 1e300, 2e-300)]
    assert shown == ["812", "812.5", "-12345678", "1234.568", "0.0000032", "1e+300", "2e-300"]
    assert (text.number(0.0003, 0.99), text.number(0.0003)) == ("0.000300", "0.0003")
    assert (text.number(-4, 812, "+"), text.number(0, 812, "+"), text.number(1.25, 1e4, "+")) == ("-4", "+0", "+1.25")


def test_what_is_known_to_a_few_digits_has_no_exponent_where_it_is_large() -> None:
    assert [text.rough(value) for value in (0.00073, 0.03, 1.5, 99, 1234.5, 3.2e-6)] == [
        "0.00073", "0.03", "1.5", "99", "1200", "3.2e-06",
    ]  # fmt: skip
    assert (text.rough(1444.4, 3, "+"), text.rough(-6100.2, sign="+"), text.rough(1e16)) == ("+1440", "-6100", "1e+16")
    assert [text.figure(value) for value in (None, 953, 39.8, 499600000.0)] == ["-", "953", "39.8", "499600000"]
    assert (text.effect(-0.00281, 0.00104), text.effect(1444, 1697, 3)) == ("-0.0028±0.001", "+1440±1700")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_metric_that_is_shown_is_read_as_it_was(value: float) -> None:
    assert float(text.number(value)) == pytest.approx(value, rel=1e-4, abs=1e-9)
