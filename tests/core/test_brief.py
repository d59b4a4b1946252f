"""A brief never has more words than it may, loses nothing when it may have more, and is safe to print."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memorylab.core.brief import (
    LEAST,
    Effect,
    Facts,
    Head,
    Open,
    Program,
    Theirs,
    Untried,
    brief,
)
from memorylab.core.nextsteps import Step
from memorylab.core.record import Knob

HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["", " ", "a\nb\n# c", "x" * 3000, "word " * 500, "\x1b[31m\u202e", "`|<b>*_", "…", "\u2028 \u3000"]
    ),
)
NUMBERS = st.floats(-1e9, 1e9)
MAYBE = st.none() | NUMBERS
CHANCE = st.none() | st.floats(0, 1)


def _struct(kind: type, **fields: Any) -> Any:
    return st.builds(lambda **values: kind(**values), **fields)


def _some(one: Any, most: int = 6) -> Any:
    return st.lists(one, max_size=most).map(tuple)


PROGRAM = _struct(
    Program, run_id=HOSTILE, commit=HOSTILE, description=HOSTILE, value=NUMBERS, runs=st.integers(1, 99),
    probability=CHANCE,
    knobs=st.dictionaries(HOSTILE, _struct(Knob, old=st.none() | HOSTILE, new=st.none() | HOSTILE), max_size=5),
)  # fmt: skip
EFFECT = _struct(
    Effect, knob=HOSTILE, value=st.none() | HOSTILE, description=HOSTILE, run_id=HOSTILE,
    outcome=st.sampled_from(["hurt", "crashed", "helped"]), effect=MAYBE, error=MAYBE, others=st.integers(0, 9),
    stands=st.booleans(), strength=CHANCE,
)  # fmt: skip
FACTS = _struct(
    Facts, subject=HOSTILE, metric=HOSTILE, direction=st.sampled_from(["minimize", "maximize"]), budget=HOSTILE,
    group=HOSTILE, statuses=st.dictionaries(st.sampled_from(["keep", "discard", "crash"]), st.integers(0, 9999)),
    champion=st.none() | PROGRAM, leader=st.none() | PROGRAM,
    head=st.none()
    | _struct(Head, commit=st.just("d" * 40), branch=st.none() | HOSTILE, role=HOSTILE, change=HOSTILE),
    decisions=_some(
        _struct(Open, run_id=HOSTILE, action=st.just("retry"), priority=st.just("high"), description=HOSTILE,
                command=HOSTILE, delta=MAYBE, probability=CHANCE)
    ),
    steps=_some(st.builds(Step, HOSTILE, HOSTILE)), dead_ends=_some(EFFECT), works=_some(EFFECT),
    claims=_some(_struct(Theirs, who=HOSTILE, until=HOSTILE, description=HOSTILE)),
    untried=_some(_struct(Untried, knob=HOSTILE, now=st.none() | HOSTILE, left=_some(HOSTILE, 4))),
    noise=MAYBE, noise_replicates=st.integers(0, 9),
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(FACTS, st.integers(LEAST, 900))
def test_never_more_words_than_allowed(facts: Facts, limit: int) -> None:
    found = brief(facts, limit)
    assert found.words == len(found.text.split()) <= limit
    assert found.text.startswith("Goal: ")
    assert brief(facts, limit) == found
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e]", found.text)
    assert bool(found.left_out) == (found.whole > limit)


@settings(deadline=None, max_examples=60)
@given(FACTS, st.integers(LEAST, 300), st.integers(1, 300))
def test_more_words_never_lose_what_fewer_had(facts: Facts, fewer: int, more: int) -> None:
    """Every line that is told is told with more words, too, at the same place in its section or with more after it."""
    short, long = brief(facts, fewer), brief(facts, fewer + more)
    assert sum(long.left_out.values()) <= sum(short.left_out.values())
    rest = iter(_lines(long.text))
    for line in _lines(short.text):
        assert any(other.startswith(line) for other in rest), line


@settings(deadline=None, max_examples=60)
@given(FACTS)
def test_what_it_asks_for_to_tell_all_is_enough_and_not_too_much(facts: Facts) -> None:
    whole = max(LEAST, brief(facts, LEAST).whole)
    assert not brief(facts, whole).left_out
    assert brief(facts, whole).words <= whole
    if whole > LEAST:
        assert brief(facts, whole - 1).left_out


def _lines(text: str) -> list[str]:
    """The lines without what was left out, and without the full stop of a paragraph."""
    lines = [line.removesuffix(".") for line in text.splitlines()]
    return [line for line in lines if line and "--words" not in line]


def _facts(**more: Any) -> Facts:
    champion = Program(run_id="r1", commit="a" * 40, description="deeper", value=1.25, runs=2, probability=0.97,
                       knobs={"DEPTH": Knob(old="8", new="9")})  # fmt: skip
    known: dict[str, Any] = {
        "subject": "train.py", "metric": "val_bpb", "direction": "minimize", "budget": "a run has 15 cpu_seconds",
        "statuses": {"keep": 3, "discard": 2, "crash": 1}, "champion": champion,
        "steps": (Step("git memorylab run", "HEAD was not run yet"), Step("git memorylab knobs", "think")),
    }  # fmt: skip
    return Facts(**(known | more))


def test_a_brief_of_few_words_has_goal_champion_and_command() -> None:
    found = brief(_facts(budget="a run is killed after 600 s"), LEAST)
    assert found.text == (
        "Goal: minimize val_bpb by editing train.py.\n\nChampion: 1.250000 at aaaaaaa.\n\n"
        f"Next:\n\n    git memorylab run\n\nMore: `--words {found.whole}`\n"
    )


def test_a_brief_reads_in_the_order_of_what_decides() -> None:
    effects = [
        Effect(knob="LR", value="0.1", description="", run_id="r2", outcome="hurt", effect=0.02, error=0.004,
               strength=0.9),
        Effect(knob="LR", value="0.2", description="", run_id="r3", outcome="crashed", others=1),
        Effect(knob="", value=None, description="gelu", run_id="r4", outcome="hurt", effect=0.5, error=0.1),
        Effect(knob="WD", value="0", description="", run_id="r5", outcome="hurt", effect=0.5, error=0.1, stands=True),
    ]  # fmt: skip
    found = brief(_facts(
        leader=Program(run_id="r9", commit="b" * 40, description="wider", value=1.24, runs=1, probability=0.7),
        head=Head(commit="b" * 40, branch="main", role="this is what to build on", change="LR 1 → 2"),
        decisions=(Open(run_id="r9", action="replicate", priority="medium", description="wider",
                        command="git memorylab replicate r9", delta=-0.01, probability=0.7),),
        dead_ends=tuple(effects), works=(effects[0],), noise=0.004, noise_replicates=3,
        claims=(Theirs(who="bob", until="2026-11-28 10:00 UTC", description="halve the batch"),),
        untried=(Untried(knob="BATCH", now="8"), Untried(knob="LR", now="0.05", left=("above 0.2", "below 0.05"))),
    ), 900)  # fmt: skip
    assert found.left_out == {}
    assert (
        found.text
        == """\
Goal: minimize val_bpb by editing train.py; a run has 15 cpu_seconds; 6 runs so far: 3 kept, 2 discarded, 1 crashed.

Champion: 1.250000 at aaaaaaa; deeper; 2 runs, better with probability 0.97; turned since the start: DEPTH 8→9.

Build on: 1.240000 at bbbbbbb; wider; 1 run, better with probability 0.70.

You: at bbbbbbb on main, this is what to build on, uncommitted: LR 1 → 2.

Open decisions:

    git memorylab replicate r9  # replicate, -0.010000 to the champion, better with probability 0.70, wider

Next:

    git memorylab run  # HEAD was not run yet
    git memorylab knobs  # think

Dead ends (effect±sd, strength 0-1):

    LR: 0.1 +0.02±0.004 (0.90), 0.2 crashed with 1 other
    r4 gelu +0.5±0.1

Kept, though it seems to hurt:

    WD: 0 +0.5±0.1

Helped (effect±sd):

    LR: 0.1 +0.02±0.004 (0.90)

Claimed by others:

    halve the batch, bob until 2026-11-28 10:00 UTC

Untried:

    never turned: BATCH 8
    LR (now 0.05): above 0.2, below 0.05

Noise: 0.004 is one run's standard deviation, from 3 replicates.
"""
    )


def test_what_was_left_out_is_said_as_well_as_it_fits() -> None:
    untried = tuple(Untried(knob=f"K{at}", now="1", left=("above 2", "below 1")) for at in range(40))
    facts = _facts(untried=untried)
    found = brief(facts, 200)
    note = found.text.splitlines()[-1]
    assert note.startswith("Shortened or left out: ")
    assert note.endswith(f"untried knobs; `git memorylab brief --words {found.whole}` has all.")
    assert f"{found.left_out['untried knob']} untried knobs" in note
    assert "More: `--words" in brief(facts, 40).text


def test_a_command_is_whole_or_not_there() -> None:
    long = "git commit -m '" + "x " * 30 + "' train.py"
    facts = _facts(steps=(Step(long, "why"),))
    for limit in range(LEAST, 140):
        assert "git commit" not in (text := brief(facts, limit).text) or long in text
    assert long in text
    assert "git memorylab status" in brief(_facts(steps=(Step(long * 2, "why"),)), 300).text


def test_a_command_of_a_decision_is_not_said_twice() -> None:
    decision = Open(run_id="r9", action="retry", priority="high", description="d", command="git memorylab restore r9")
    steps = (Step("git memorylab run", "w"), Step("git memorylab restore r9", "w"), Step("git x", "w"))
    assert brief(_facts(decisions=(decision,), steps=steps), 300).text.count("git memorylab restore r9") == 1


def test_markdown_of_others_is_text() -> None:
    champion = Program(run_id="r", commit="a" * 40, description="*x* <b>", value=1.0, runs=1)
    text = brief(_facts(champion=champion), 300).text
    assert r"\*x\* \<b>" in text


@pytest.mark.parametrize("limit", [20, 300])
def test_an_empty_lab(limit: int) -> None:
    facts = Facts(subject="train.py", metric="val_bpb", direction="minimize", budget="a run is killed after 600 s",
                  steps=(Step("git memorylab init", "make this repository remember"),))  # fmt: skip
    text = brief(facts, limit).text
    assert "nothing was run yet" in text
    assert "    git memorylab init" in text
