"""The kept runs as a tree: what each was built on, and what was tried from there without being kept."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from memorylab.core.decision import signed
from memorylab.core.text import number
from memorylab.views.page.runs import Row, Runs

MOST = 60  # nodes
DEEPEST = 6  # branches beside each other; what branches off further in stays in the last lane
_KEPT, _CRASHED = 0, 2  # places in `Runs.statuses`


class Node(Struct, frozen=True, kw_only=True):
    """A commit on a line of its own, the newest at the top. `lane` is how far it stands to the right, `lines` are the
    lanes whose lines pass by; `grows` says that its own goes on upwards, `joins` that it ends here, in the one to the
    left."""

    at: int
    run_id: str
    value: str
    delta: str
    tone: str
    idea: str
    role: str
    runs: int
    tried: int
    crashed: int
    skipped: int
    lane: int
    lines: tuple[int, ...]
    joins: bool
    grows: bool
    is_root: bool


class Tree(Struct, frozen=True, kw_only=True):
    """What is shown of it; `left_out` kept commits are not, nor imported runs, whose code was never here."""

    nodes: list[Node]
    lanes: int
    left_out: int
    imported: int


class _Family:
    """Who grew from whom, among the commits that are shown."""

    def __init__(self, runs: Runs, group: int, imported: frozenset[int], leads: Sequence[int]) -> None:
        self.rows, self.leads = runs.rows, [runs.firsts[lead] for lead in leads]
        self.members: dict[int, list[Row]] = defaultdict(list)  # by the first run on the same commit
        for first, row in zip(runs.firsts, runs.rows, strict=True):
            self.members[first].append(row)
        kept = {
            first
            for first, those in self.members.items()
            if first not in imported and any(row.status == _KEPT and row.group == group for row in those)
        }
        self.kept = kept | {lead for lead in self.leads if lead not in imported}
        self.shown = self._choose()
        self.skipped: dict[int, int] = defaultdict(int)
        self.children: dict[int, list[int]] = defaultdict(list)
        self.tried: dict[int, list[Row]] = defaultdict(list)
        self._grow(imported)

    def ancestors(self, at: int) -> Iterable[int]:
        while (at := self.rows[at].parent) >= 0:
            yield at

    def _choose(self) -> set[int]:
        """The leaders, what they grew from, and the newest others."""
        order = list(self.leads)
        for lead in self.leads:
            order += [at for at in self.ancestors(lead) if at in self.kept]
        order = [*order[: MOST * 2 // 3], *sorted(self.kept, reverse=True)]
        return set([at for at in dict.fromkeys(order) if at in self.kept][:MOST])

    def _grow(self, imported: frozenset[int]) -> None:
        for first, those in self.members.items():
            if first in imported:
                continue
            skipped, parent = 0, -1
            for at in self.ancestors(first):
                if at in self.shown:
                    parent = at
                    break
                skipped += at in self.kept
            if first in self.shown:
                self.children[parent].append(first)
                self.skipped[first] = skipped
            elif first not in self.kept:
                self.tried[parent] += those


def tree(
    runs: Runs, group: int, tone: Callable[[float | None], str], imported: Iterable[int], leads: dict[int, str]
) -> Tree:
    """The tree of the runs of one comparison group. `leads` are the places of those that have a role on the board,
    `tone` says what a difference looks like."""
    away = frozenset(imported)
    family = _Family(runs, group, away, list(leads))
    roles = {runs.firsts[at]: role for at, role in reversed(leads.items())}
    path = {one for lead in family.leads[:1] for one in (lead, *family.ancestors(lead))}
    mean = {
        first: sum(found) / len(found)
        for first in family.shown
        if (found := [row.value for row in family.members[first] if row.value is not None and row.group == group])
    }
    nodes: list[Node] = []

    def place(first: int, parent: int, lane: int, joins: bool, lines: tuple[int, ...]) -> None:
        value, before = mean.get(first), mean.get(parent)
        delta = None if value is None or before is None else value - before
        tried = family.tried[first]
        nodes.append(Node(
            at=first, run_id=runs.rows[first].id, value=number(value),
            delta="" if delta is None else signed(delta, value), tone=tone(delta), idea=runs.rows[first].idea,
            role=roles.get(first, ""), runs=len(family.members[first]), tried=len(tried),
            crashed=sum(row.status == _CRASHED for row in tried), skipped=family.skipped[first], lane=lane,
            lines=lines, joins=joins, grows=bool(family.children[first]), is_root=parent < 0,
        ))  # fmt: skip

    # Roots are placed first, that of the champion last, and all is turned round; a stack, for a lineage may be long.
    roots = sorted(family.children[-1], key=lambda root: (root not in path, -root))
    todo: list[tuple[int, int, int, bool, tuple[int, ...]]] = [(root, -1, 0, False, ()) for root in roots]
    while todo:
        first, parent, lane, joins, lines = todo.pop()
        place(first, parent, lane, joins, lines)
        own = family.children[first]
        main = next((child for child in own if child in path), max(own, default=-1))
        if main >= 0:
            todo.append((main, first, lane, False, lines))
        aside = min(lane + 1, DEEPEST)
        beside = tuple(sorted({*lines, lane}))
        todo += [(child, first, aside, True, beside) for child in sorted(own, reverse=True) if child != main]
    nodes.reverse()
    return Tree(
        nodes=nodes, lanes=max((node.lane for node in nodes), default=0) + 1,
        left_out=len(family.kept) - len(family.shown), imported=len(away),
    )  # fmt: skip
