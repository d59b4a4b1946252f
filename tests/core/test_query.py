"""The grammar of search: what is rendered is parsed again, what is no query says so in a sentence."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from memorylab.core import query
from memorylab.core.query import CHOICES, DATES, FIELDS, NAMES, Compare, Field, NotAQuery, Word, matcher, parse, render
from memorylab.core.record import Change, Error, Knob, Run
from memorylab.core.text import inline
from tests.core.conftest import build
from tests.core.test_decision import decide, judged

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10)
TRICKY = st.sampled_from(
    [
        "-",
        "->",
        "--",
        '"',
        "\\",
        '\\"',
        "a b",
        "status:keep",
        "x<2",
        "lr=",
        "-word",
        ":",
        "a:",
        "*",
        " a",
        "b\n",
        "a-<2",
    ]
)
SAID = (TEXT | TRICKY).filter(str.strip)
METRICS = st.from_regex(r"[A-Za-z_][\w./]{0,5}", fullmatch=True)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PARTS = st.one_of(
    st.builds(Word, SAID, st.booleans()),
    st.builds(Compare, METRICS, st.sampled_from(["<", "<=", ">", ">=", "="]), NUMBERS, st.booleans()),
    st.builds(Field, st.sampled_from([*DATES, "commit"]), SAID, st.booleans()),
    st.builds(Field, st.sampled_from(NAMES), SAID | st.just(""), st.booleans()),
    st.sampled_from([*CHOICES]).flatmap(
        lambda key: st.builds(Field, st.just(key), st.sampled_from(CHOICES[key]), st.booleans())
    ),
)
QUERIES = st.lists(PARTS, max_size=5).map(tuple)


@given(QUERIES)
def test_what_is_rendered_is_parsed_again(asked: query.Query) -> None:
    assert parse(render(asked)) == asked


@given(st.text(max_size=30) | st.lists(TRICKY | st.sampled_from(FIELDS), max_size=6).map("".join))
def test_whatever_is_typed_is_a_query_or_says_why_not(typed: str) -> None:
    try:
        asked = parse(typed)
    except NotAQuery as problem:
        assert problem.message.endswith(".") and problem.hint
        said = f"{problem.message} {problem.hint}"
        assert said == inline(said), "nothing that a terminal would obey"
    else:
        assert parse(render(asked)) == asked


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("", ()),
        ("  raise\tlr ", (Word("raise"), Word("lr"))),
        ('"weight decay" x', (Word("weight decay"), Word("x"))),
        (r'"say \"so\" \\"', (Word('say "so" \\'),)),
        ("status:crash -status:Keep", (Field("status", "crash"), Field("status", "keep", True))),
        ('family:"learning rate"', (Field("family", "learning rate"),)),
        ('-family:""', (Field("family", "", True),)),
        ("KNOB:*_LR", (Field("knob", "*_LR"),)),
        ("metric<2.5 -val_bpb>=1e-3", (Compare("metric", "<", 2.5), Compare("val_bpb", ">=", 0.001, True))),
        ("eval/loss=-.5", (Compare("eval/loss", "=", -0.5),)),
        ("since:2026-11-01T10:00", (Field("since", "2026-11-01T10:00"),)),
        ("0.04 -> 0.06", (Word("0.04"), Word("->"), Word("0.06"))),
        ("0.04->0.06 cosine->linear 10:30", (Word("0.04->0.06"), Word("cosine->linear"), Word("10:30"))),
        ("-word - -", (Word("word", True), Word("-"), Word("-"))),
        ('a"b c"', (Word("a"), Word("b c"))),
    ],
)
def test_what_is_typed_is_meant(typed: str, asked: query.Query) -> None:
    assert parse(typed) == asked


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        (
            "x colour:red y",
            "colour:red asks for colour, which is no field.",
            f"There are {', '.join(FIELDS)}; quote the",
        ),
        ("status:good", "status:good names no status that there is.", "It is one of keep, discard, crash."),
        ("action:", "action: does not say which action.", "It is one of promote, "),
        ("family:", "family: does not say which family.", "Say it as in family:NAME."),
        ('commit:""', 'commit:"" does not say which commit.', "Say it as in commit:1a2b3c4."),
        ('since:" "', 'since:" " does not say which since.', "Give a date as git takes it: since:2026-11-01, "),
        ("metric<low", "metric<low compares metric with low, which is no number.", "Say it as in metric<2.5, or quote"),
        ("val_bpb>=", "val_bpb>= compares val_bpb with nothing, which is no number.", "Say it as in val_bpb>=2.5"),
        ("a<nan", "a<nan compares a with nan, which is no number.", ""),
        ("a<1_0", "a<1_0 compares a with 1_0, which is no number.", ""),
        ('deep "never closed', 'The quote in "never closed is not closed.', 'Close it with another ".'),
        ('tag:"x', 'The quote in tag:"x is not closed.', ""),
        ('""', '"" has nothing between its quotes.', "Put words there"),
        (
            "a\x1b[2J<",
            "a\ufffd[2J< compares a\ufffd[2J with nothing, which is no number.",
            "Say it as in a\ufffd[2J<2.5",
        ),
        ("colour:\x1b[31m", "colour:\ufffd[31m asks for colour, which is no field.", ""),
    ],
)
def test_what_is_no_query_is_named(typed: str, message: str, hint: str) -> None:
    with pytest.raises(NotAQuery) as problem:
        parse(typed)
    assert problem.value.message == message
    assert problem.value.hint.startswith(hint)


RUN = build(
    "a-b", 1.25, writer="anna-1", family="Learning Rate", description="raise MATRIX_LR  0.04 -> 0.06",
    hypothesis="the Straße is long", tags=["optimizer", "lr"], notes="seen\ttwice\nand again", commit="1a2b3c4d",
    metrics={"val_bpb": 1.25, "eval/loss": 3, "nothing": None},
    change=Change(subject="train.py", knobs={"MATRIX_LR": Knob(old="0.04", new="0.06")}),
)  # fmt: skip
CRASH = build("c-d", 1.25, status="crash", error=Error(summary="out of memory", tail=["at step 9"], source="run.log"))


def _moment(said: str) -> str:
    return {"before": "2025-12-31T23:59:59Z", "then": "2026-01-01T00:00:00Z", "after": "2026-01-01T00:00:01Z"}[said]


def _finds(typed: str, run: Run = RUN) -> bool:
    return matcher(parse(typed), "val_bpb", _moment)(run)


@pytest.mark.parametrize(
    "typed",
    [
        "", "matrix_lr", "RAISE lr", '"matrix_lr 0.04 -> 0.06"', "strasse", "twice again", '"seen twice and"', "optim",
        "learning", "status:keep", "-status:crash", 'family:"learning rate"', "family:learn*", "knob:matrix_lr",
        "knob:*_lr", "writer:anna-1", "writer:ANNA*", "tag:LR", "commit:1a2b", "metric<1.26", "metric<=1.25",
        "metric=1.25", "val_bpb>=1.25", "eval/loss>2", "-eval/loss>3", "-other<1", "since:then", "until:then",
        "since:before until:after", "-zebra", "-action:promote", "-class:novel",
    ],
)  # fmt: skip
def test_a_run_that_is_asked_for(typed: str) -> None:
    assert _finds(typed)
    for part in parse(typed):
        assert not _finds(render([msgspec.structs.replace(part, no=not part.no)]))


@pytest.mark.parametrize(
    "typed",
    [
        "zebra", "matrix zebra", "-matrix", '"raise lr"', "status:discard", "family:learn", "knob:LR", "knob:MATRIX",
        "writer:anna", "tag:opt", "commit:a2b", "metric<1.25", "metric>1.25", "other<1", "nothing<1", "nothing>=0",
        "since:after", "until:before", "action:promote", "class:novel", 'knob:""', 'family:""', "a.b-1",
    ],
)  # fmt: skip
def test_a_run_that_is_not(typed: str) -> None:
    assert not _finds(typed)


def test_a_crash_has_an_error_and_no_result() -> None:
    assert _finds('"out of memory" step status:crash', CRASH)
    assert not _finds("metric<9", CRASH) and not _finds("val_bpb<9", CRASH)
    assert _finds("-metric<9", CRASH)


def test_what_has_no_time_is_of_no_time() -> None:
    undated = build("e-f", timestamp_utc=None)
    assert not _finds("since:before", undated) and not _finds("until:after", undated)
    assert _finds("-since:before", undated)


def test_parts_of_a_second_belong_to_it() -> None:
    early = build("g-h", timestamp_utc="2026-01-01T00:00:00.5Z")
    assert _finds("since:then until:then", early)


def test_a_classification_is_found_with_or_without_the_guard(make_run: Callable[..., Run]) -> None:
    packet = decide(make_run, "discard", 1.5, "repeat_failure", None)
    assert _finds("class:repeat_failure action:abandon", make_run("p", decision_packet=packet))
    guard = make_run("p", novelty_guard=judged("repeat_failure"))
    assert _finds("class:repeat_failure -class:novel -action:abandon", guard)


@given(TEXT)
def test_any_name_is_found_by_itself(name: str) -> None:
    assume("*" not in name)
    assert query.pattern(name)(name)
    assert query.pattern("*")(name)
