"""What to type next follows from the state, and from nothing else."""

from shlex import split
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorylab.core.nextsteps import Head, LabState, Subject, Urgent, decide, next_steps, verb
from memorylab.core.record import NextAction

READY = LabState(is_set_up=True, runs=5)
BASELINE = "git memorylab run --description baseline"
BACK = "git reset --keep HEAD~1"
LOOK = ["git memorylab knobs", "git memorylab report"]


def _commands(state: LabState, **facts: object) -> list[str]:
    return [step.command for step in next_steps(msgspec.structs.replace(state, **facts))]


def _urgent(action: NextAction, **facts: object) -> Urgent:
    return msgspec.structs.replace(Urgent(run="85aa968-4cbb", commit="85aa968" + "0" * 33, action=action), **facts)


@pytest.mark.parametrize(
    ("facts", "commands"),
    [
        ({"is_set_up": False, "runs": 0}, ["git memorylab init", "git memorylab demo"]),
        ({"is_set_up": False}, ["git memorylab init", "git memorylab report"]),
        ({"is_set_up": False, "is_bare": True}, ["git memorylab init"]),
        ({"is_bare": True}, ["git memorylab report"]),
        ({}, LOOK),
        ({"runs": 0}, [BASELINE, "git memorylab knobs"]),
        ({"runs": 0, "head": "untried"}, [BASELINE, "git memorylab knobs"]),
        ({"runs": 0, "head": "none", "at": "new"}, ["git add train.py", "git commit train.py", "git memorylab knobs"]),
        ({"at": "absent"}, ["git config memorylab.subject FILE", *LOOK]),
        ({"at": "deleted", "subject": "../my train.py"}, ["git restore '../my train.py'", *LOOK]),
        (
            {"at": "changed", "change": "DEPTH 8 → 9", "head": "discard"},
            ["git memorylab check", "git commit -m 'DEPTH 8 → 9' train.py", *LOOK],
        ),
        ({"head": "untried"}, ["git memorylab run", *LOOK]),
        ({"head": "keep"}, LOOK),
        ({"head": "discard"}, [BACK, *LOOK]),
        ({"head": "discard", "has_parent": False}, LOOK),
        ({"head": "crash", "head_run": "abc-1"}, ["git memorylab show abc-1", BACK, *LOOK]),
        ({"to_share": {"origin": 0}}, LOOK),
        ({"to_share": {"origin": 3}}, ["git memorylab sync", *LOOK]),
        ({"to_share": {"origin": 0, "hub": 1}}, ["git memorylab sync hub", *LOOK]),
    ],
)  # fmt: skip
def test_each_state_has_its_commands(facts: dict[str, object], commands: list[str]) -> None:
    assert _commands(READY, **facts) == commands


@pytest.mark.parametrize(
    ("action", "command"),
    [
        ("replicate", "git memorylab replicate 85aa968-4cbb"),
        ("retry", "git memorylab restore 85aa968-4cbb"),
        ("fix_and_retry", "git memorylab show 85aa968-4cbb"),
        ("investigate_crash", "git memorylab show 85aa968-4cbb"),
        ("promote", "git memorylab restore 85aa968-4cbb --branch on-85aa968"),
        ("branch_followup", "git memorylab restore 85aa968-4cbb --branch on-85aa968"),
        ("abandon", None),
    ],
)
def test_each_decision_has_its_command(action: NextAction, command: str | None) -> None:
    assert _commands(READY, urgent=(_urgent(action),)) == [*([command] if command else []), *LOOK]


def test_what_ended_within_the_noise_is_run_again() -> None:
    step = decide(_urgent("retry", priority="medium"))
    assert step is not None and step.command == "git memorylab replicate 85aa968-4cbb"
    assert [verb("retry", priority) for priority in ("high", "medium")] == ["restore", "replicate"]


def test_what_head_goes_on_from_needs_no_branch() -> None:
    here = _urgent("promote", is_here=True)
    assert _commands(READY, urgent=(here,), build_on=here) == LOOK
    assert _commands(READY, build_on=_urgent("promote")) == [
        "git memorylab restore 85aa968-4cbb --branch on-85aa968", *LOOK,
    ]  # fmt: skip


def test_what_is_at_hand_comes_first() -> None:
    """An edit before the run of HEAD, that before sharing, that before what others' runs ask for."""
    urgent = (_urgent("replicate"), _urgent("fix_and_retry", run="bbb-2"))
    facts = {"to_share": {"origin": 1}, "urgent": urgent, "build_on": _urgent("promote")}
    asked = ["git memorylab sync", "git memorylab replicate 85aa968-4cbb", "git memorylab show bbb-2", *LOOK]
    assert _commands(READY, head="untried", **facts) == ["git memorylab run", *asked]
    assert _commands(READY, head="untried", at="new", **facts) == ["git add train.py", "git commit train.py", *asked]


def test_a_command_is_given_once() -> None:
    crashed = _urgent("investigate_crash")
    assert _commands(READY, head="crash", head_run=crashed.run, urgent=(crashed,)) == [
        "git memorylab show 85aa968-4cbb", BACK, *LOOK,
    ]  # fmt: skip


TEXT = st.text(max_size=8)
URGENT = st.builds(Urgent, run=TEXT, commit=TEXT, action=st.sampled_from(get_args(NextAction)), is_here=st.booleans())
STATES = st.builds(
    LabState, is_set_up=st.booleans(), is_bare=st.booleans(), runs=st.integers(0, 2), subject=TEXT,
    at=st.sampled_from(get_args(Subject)), change=TEXT, head=st.sampled_from(get_args(Head)), head_run=TEXT,
    has_parent=st.booleans(), to_share=st.dictionaries(TEXT, st.integers(0, 2), max_size=2),
    urgent=st.lists(URGENT, max_size=3).map(tuple), build_on=st.none() | URGENT,
)  # fmt: skip


@given(STATES)
def test_there_is_always_something_to_type(state: LabState) -> None:
    steps = next_steps(state)
    assert steps
    assert len({step.command for step in steps}) == len(steps)
    for step in steps:
        assert step.why
        assert split(step.command)[0] == "git"  # whatever a name holds, a shell reads one command
        assert not state.is_bare or step.command in ("git memorylab init", "git memorylab report")
