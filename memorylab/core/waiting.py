"""Which runs wait for somebody to decide, on what is known now: a packet compares with the champion of its time."""

from collections.abc import Iterable

from msgspec import Struct

from memorylab.core.decision import CLOSE
from memorylab.core.record import NextAction, Packet, Priority, Run

QUEUE = 10
_PRIORITY: dict[Priority, int] = {"high": 0, "medium": 1, "low": 2}
# Within a priority, what may change the champion comes before what mends, and that before what goes on from there.
_ORDER: tuple[NextAction, ...] = (
    "promote", "replicate", "fix_and_retry", "investigate_crash", "retry", "branch_followup", "abandon",
)  # fmt: skip


class Decision(Struct, frozen=True, kw_only=True):
    """A run that waits for somebody to decide, and how its program stands now, which its packet may not know yet: mean
    of its `runs` runs, that minus the champion's, by how much that is better (`advantage`), the probability of being
    truly better. They are None where it was not measured, or is of another comparison group."""

    run: Run
    packet: Packet
    runs: int = 0
    value: float | None = None
    delta: float | None = None
    advantage: float | None = None
    probability: float | None = None
    is_champion: bool = False


def most_urgent(found: Iterable[Decision], most: int = QUEUE) -> list[Decision]:
    """The decisions that are open, the most urgent first, among equals in the order that they come in."""
    return sorted(filter(_is_open, found), key=_urgency)[:most]


def _is_open(found: Decision) -> bool:
    """What has been decided since is not: a promotion once another leads, a replication of what is behind now, or of
    what is proven."""
    action = found.packet.next_action
    if found.packet.priority == "low":
        return False
    if found.is_champion or action == "promote":
        return found.is_champion and action in ("promote", "branch_followup")
    if action == "replicate" and found.advantage is not None and found.advantage < 0:
        return False
    return action not in ("replicate", "retry") or found.probability is None or found.probability >= CLOSE


def _urgency(found: Decision) -> tuple[int, int, float]:
    packet = found.packet
    return _PRIORITY[packet.priority], _ORDER.index(packet.next_action), -(found.probability or 0.0)
