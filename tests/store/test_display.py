"""What `git log` shows of all writers grows with what has come, and is what all of them together hold."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from memorylab.store import display, refs
from memorylab.store.notestree import NotesTree
from memorylab.store.pack import NOBODY, Pack
from tests.conftest import FORM, Lab

_CHANCE = random.Random(0)
COMMITS = [f"{_CHANCE.getrandbits(256):064x}"[: FORM.digits] for _ in range(60)]


class Swarm:
    """Decisions of several writers in one clone, ours and fetched ones, and the union of them that is shown."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.store = lab, lab.store
        self.merged = 0
        me = str(self.store.writer())
        self.refs = {me: refs.DECISIONS + me}
        self.refs |= {name: refs.fetched_as("origin", refs.DECISIONS + name) for name in ("a", "b", "c")}

    def note(self, writer: str, **changes: str) -> None:
        """Append a line to a writer's notes on some commits (c0, c1, ...)."""
        pack, ref = Pack(self.store.place), self.refs[writer]
        before = refs.at(self.store.place, [ref]).get(ref)
        tree = NotesTree(self.store.reader, pack, before)
        for commit, line in changes.items():
            tree.append(COMMITS[int(commit[1:])], line.encode())
        made = pack.commit(tree.write(), [before] if before else [], NOBODY, "x")
        pack.write()
        self.lab.git("update-ref", ref, made)

    def shown(self) -> dict[str, bytes | None]:
        """commit -> what `git log` shows below it."""
        at = display.refresh(self.store, *refs.listed(self.store.place), lambda packet: packet)
        return dict(self.store.notes(at) or ())

    def held(self) -> dict[str, bytes | None]:
        """The same, from all that the writers hold."""
        return dict(self.store.notes(display._merge(self.store, self.sources(), lambda packet: packet)) or ())

    def sources(self) -> display.Sources:
        return display._sources(self.store, refs.tips(self.store.place))


@pytest.fixture
def swarm(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Swarm:
    made = Swarm(lab)
    merge = display._merge

    def counted(*arguments: object) -> str:
        made.merged += 1
        return merge(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(display, "_merge", counted)
    return made


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 4))])
def test_the_union_that_grows_is_the_union_of_all(swarm: Swarm, seed: int) -> None:
    chance = random.Random(seed)
    state: Path = swarm.store.state / "display.json"
    for step in range(12):
        for writer in chance.sample(list(swarm.refs), chance.randrange(1, 3)):
            number = chance.randrange(1, 8)
            swarm.note(writer, **{f"c{chance.randrange(60)}": f"{writer} {step} {n}" for n in range(number)})
        shown, kept = swarm.shown(), state.read_bytes() if state.exists() else None
        assert shown == swarm.held()
        if kept is not None:
            state.write_bytes(kept)  # `held` has made another one


def test_what_has_come_is_all_that_is_read(swarm: Swarm) -> None:
    me, *_ = swarm.refs
    swarm.note(me, c0="ours")
    swarm.note("a", c0="theirs", c1="theirs")
    assert len(swarm.shown()) == 2 and swarm.merged == 1
    swarm.note("a", c1="more", c2="more")
    swarm.note("b", c0="as well")
    swarm.note(me, c0="again")
    shown = swarm.shown()
    assert swarm.merged == 1
    assert shown[COMMITS[0]] == b"ours\nagain\n\ntheirs\n\nas well\n"
    assert shown[COMMITS[1]] == b"theirs\nmore\n" and shown[COMMITS[2]] == b"more\n"


@pytest.mark.parametrize("how", ["gone", "cut", "forged", "forgotten"])
def test_where_anything_was_lost_all_is_read(swarm: Swarm, how: str, make_lab: Callable[..., Lab]) -> None:
    me, *_ = swarm.refs
    swarm.note(me, c0="ours")
    first = refs.at(swarm.store.place, [swarm.refs[me]])[swarm.refs[me]]
    swarm.note(me, c3="ours")
    swarm.note("a", c0="theirs", c1="theirs")
    swarm.note("b", c2="theirs")
    assert len(swarm.shown()) == 4 and swarm.merged == 1
    if how == "gone":
        swarm.lab.git("update-ref", "-d", swarm.refs["b"])
    elif how == "cut":
        swarm.lab.git("update-ref", swarm.refs[me], first)
    elif how == "forged":
        # Somebody else's commit stands where the union was: what it says of itself is not believed.
        swarm.lab.git("update-ref", refs.DISPLAY, first)
        swarm.note("b", c4="theirs")
    else:
        (swarm.store.state / "display.json").write_text("{")
        swarm.note("b", c4="theirs")
    shown = swarm.shown()
    assert swarm.merged == 2 and shown == swarm.held()
