"""What waits for a decision, on what is known now."""

from collections.abc import Callable
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from memorylab.core.record import NextAction, Packet, Run
from memorylab.core.waiting import QUEUE, Decision, most_urgent

from .test_decision import decide

Make = Callable[..., Run]


@pytest.fixture
def waits(make_run: Make) -> Callable[..., Decision]:
    """A decision of an action and a priority, with how it stands now."""
    packet: Packet = decide(make_run, "keep", 0.9, "novel", None)

    def make(name: str, action: str, priority: str = "medium", **now: Any) -> Decision:
        return Decision(
            run=make_run(name, 0.9), packet=replace(packet, next_action=action, priority=priority), **now
        )  # fmt: skip

    return make


def names(found: list[Decision]) -> list[str]:
    return [one.run.run_id for one in found]


def test_the_urgent_first_then_what_may_change_the_champion_then_the_likely(waits: Callable[..., Decision]) -> None:
    given = [
        waits("branch", "branch_followup", probability=0.9),
        waits("unlikely", "retry", probability=0.3),
        waits("likely", "retry", probability=0.5),
        waits("replicate", "replicate", probability=0.3, advantage=0.1),
        waits("crash", "investigate_crash", "high"),
        waits("memory", "fix_and_retry", "high"),
        waits("back", "abandon"),
    ]
    assert names(most_urgent(given)) == ["memory", "crash", "replicate", "likely", "unlikely", "branch", "back"]


def test_among_equals_the_order_stays(waits: Callable[..., Decision]) -> None:
    assert names(most_urgent([waits("b", "retry"), waits("a", "retry"), waits("c", "retry")])) == ["b", "a", "c"]


def test_what_was_decided_since_is_left_out(waits: Callable[..., Decision]) -> None:
    decided = [
        waits("low", "abandon", "low"),
        waits("was promoted once", "promote", "high"),
        waits("proven", "replicate", is_champion=True),
        waits("behind now", "replicate", advantage=-0.01, probability=0.4),
        waits("hopeless now", "replicate", advantage=0.01, probability=0.19),
        waits("hopeless, too", "retry", probability=0.19),
    ]
    assert most_urgent(decided) == []


def test_what_is_open_stays(waits: Callable[..., Decision]) -> None:
    still = [
        waits("a", "promote", "high", is_champion=True),
        waits("b", "branch_followup", "high", is_champion=True),
        waits("c", "replicate", advantage=0.0, probability=0.2),
        waits("d", "retry", advantage=-1.0, probability=0.2),
        waits("of another group", "replicate"),
        waits("failed", "branch_followup", advantage=-1.0, probability=0.01),
    ]
    assert set(names(most_urgent(still))) == set(names(still))


def test_a_queue_is_short(waits: Callable[..., Decision]) -> None:
    many = [waits(str(number), "retry") for number in range(QUEUE + 5)]
    assert names(most_urgent(many)) == [str(number) for number in range(QUEUE)]
    assert len(most_urgent(many, 3)) == 3


@pytest.mark.parametrize("action", get_args(NextAction))
def test_every_action_has_its_place(waits: Callable[..., Decision], action: str) -> None:
    assert len(most_urgent([waits("a", action, "high", is_champion=action == "promote")])) == 1
