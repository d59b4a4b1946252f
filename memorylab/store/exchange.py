"""Taking others' memory from a remote and giving it our own: refs and objects, whatever is in them.

Nothing here follows a remote blindly. A ledger only grows, so a ref that does not fast-forward what is here was
rewritten or cut short there; it is left as it is here, and named.
"""

import os
from collections.abc import Iterable
from typing import Literal, NamedTuple

from memorylab.errors import NotFound
from memorylab.store import git, refs, shallow, transport
from memorylab.store.files import locked
from memorylab.store.git import Place
from memorylab.store.growth import in_archive, is_cut, placed
from memorylab.store.reader import Reader
from memorylab.store.swap import unlock
from memorylab.store.transaction import RECORD_FILE, sequence
from memorylab.store.transport import Answer, Progress, Update

_BY_NAME = 100  # refs named one by one; beyond that a pattern is cheaper, as git compares each name with each ref
_LONGEST_RECORD = 2 << 20  # bytes; a record has half as many
_LOOSE = 200  # loose refs; reading 3,000 of them takes git ten times as long as reading them packed


class Moved(NamedTuple):
    """A ref that was at `old` (None: not there) and is at `new` now, by the name that its owner has for it."""

    ref: str
    old: str | None
    new: str


class Damage(NamedTuple):
    """A ref that a remote no longer has as it was: `deleted`, `truncated`, `rewritten`, or `not a ledger`; or one that
    is sound there and was `not stored` here."""

    ref: str
    what: Literal["deleted", "truncated", "rewritten", "not a ledger", "not stored"]


class Taken(NamedTuple):
    """What a remote has, what of it is new here, and what was refused. `before` is every ref as it was here,
    `known` where our own refs were last seen there."""

    before: dict[str, str]
    there: dict[str, str]
    came: list[Moved]
    refused: list[Damage]
    known: dict[str, str]


class Given(NamedTuple):
    """What went to a remote; `restored` were there before and had vanished. `stance` is not empty where our own refs
    there are not what we left: `ahead` of ours, `forked` from them, or `spoilt`: ahead, but by what is no growth."""

    went: list[Moved]
    restored: list[Damage]
    stance: Literal["", "ahead", "forked", "spoilt", "moved"]
    answers: list[Answer]


def fetched(remote: str, found: Iterable[str]) -> list[str]:
    """Those of these refs that were fetched from a remote."""
    return [name for name in found if _is_copy(remote, name, refs.local_name(name))]


def _is_copy(remote: str, name: str, ref: str) -> bool:
    """Whether a name here is that of a remote's ref. The name of one remote may begin as that of another."""
    return refs.kind_of(ref) is not None and refs.fetched_as(remote, ref) == name


def take(
    place: Place, remote: str, me: str | None, before: dict[str, str], notes_only: bool, progress: Progress | None,
    is_muted: refs.Who = refs.nobody,
) -> Taken:  # fmt: skip
    """Fetch what a remote has and we have not; `before` is every ref as it is here. Refs of the muted stay as they are,
    here and there. Raises Unreachable, or Denied."""
    shallow.mend(place)
    listed = transport.listing(place, remote, refs.SHARED)
    there = {ref: oid for ref, oid in listed.items() if not _is_of(is_muted, ref)}
    before = {name: oid for name, oid in before.items() if not _is_of(is_muted, refs.local_name(name))}
    own = refs.owned(me) if me else []
    known = {ref: before[name] for ref in own if (name := refs.fetched_as(remote, ref)) in before}
    # Thousands of refs are as they were, so the cheap question comes first. Our own are needed whole: whether they go
    # on from what is here is to be seen in them.
    wanted = {
        ref: name
        for ref, oid in there.items()
        if ref.startswith((refs.NOTES, refs.JOURNAL))
        and before.get(name := refs.fetched_as(remote, ref)) != oid
        and refs.kind_of(ref)
        and not (notes_only and ref.startswith(refs.JOURNAL) and ref not in own)
    }
    after = before
    unlock(place, wanted.values(), alone=False)
    if wanted:
        specs = [f"{ref}:{name}" for ref, name in wanted.items()]
        if len(specs) > _BY_NAME:
            journals = [spec for spec in specs if spec.startswith(refs.JOURNAL)] if notes_only else []
            shared = refs.fetch_refspecs(remote)
            specs = [spec for spec in shared if not (notes_only and spec.startswith(refs.JOURNAL))] + journals
            specs += [f"^{ref}" for ref in listed if ref not in there]
        transport.fetch(place, remote, specs, progress)
        after = _without_foreign(place, before, refs.tips(place))
    came = [
        Moved(ref, before.get(name), after[name])
        for ref, name in wanted.items()
        if name in after and before.get(name) != after[name]
    ]
    # What became of our own refs there is for `give` to see.
    refused = [
        Damage(ref, _what(place, ref, before.get(name), there[ref]))
        for ref, name in wanted.items()
        if ref not in own and before.get(name) == after.get(name)
    ]
    prefix = refs.tracking(remote)
    gone = {
        name: ref for name in before
        if name.startswith(prefix) and (ref := refs.local_name(name)) not in there and _is_copy(remote, name, ref)
    }  # fmt: skip
    archived = _archived(place, after, gone)
    git.update_refs(place, [f"delete {name} {before[name]}" for name in archived])
    refused += [Damage(ref, "deleted") for name, ref in sorted(gone.items()) if name not in archived and ref not in own]
    if came:
        _pack(place)
    return Taken(before, there, came, refused, known)


def _is_of(is_muted: refs.Who, ref: str) -> bool:
    kind, writer = refs.kind_of(ref) or ("", "")
    return kind in refs.OWN and is_muted(writer)


def give(place: Place, remote: str, me: str, taken: Taken, progress: Progress | None) -> Given:
    """Bring our own refs to a remote, all or none. Raises Unreachable, or Denied."""
    # As they were when we took: what has been logged since goes with the next sync.
    if all(taken.there.get(ref) == taken.before.get(ref) for ref in refs.owned(me)):
        return Given([], [], "", [])
    with locked(place.state / "lock"):
        ours = {ref: oid for ref, oid in refs.tips(place).items() if ref in refs.owned(me)}
    todo = {ref: oid for ref, oid in ours.items() if taken.there.get(ref) != oid}
    archived = _held(place, taken.there.items()) if todo else {}
    todo = {ref: oid for ref, oid in todo.items() if archived.get(ref) != oid}
    if not todo:
        return Given([], [], "", [])
    surprising = {ref: oid for ref in todo if (oid := taken.there.get(ref)) not in (None, taken.known.get(ref))}
    stance = _stance(place, ours, surprising)
    if stance:
        return Given([], [], stance, [])
    answers = transport.push(place, remote, [Update(ref, oid) for ref, oid in todo.items()], progress, atomic=True)
    if any(answer.outcome == "moved" for answer in answers):
        return Given([], [], _stance(place, ours, taken.there) or "moved", answers)
    if any(answer.outcome != "done" for answer in answers):
        if any("unpack" in answer.reason for answer in answers):
            _prove_whole(place, todo, taken.known.values())
        return Given([], [], "", answers)
    # git moves what it believes to be the copy here, which a refspec of the user's may make another ref.
    copies = {refs.fetched_as(remote, ref): oid for ref, oid in todo.items()}
    git.update_refs(place, [f"update {name} {oid}" for name, oid in copies.items() if not _is_at(place, name, oid)])
    there = {**archived, **taken.there}
    went = [Moved(ref, there.get(ref), oid) for ref, oid in todo.items()]
    restored = [damage for ref in todo if (damage := _lost(place, ref, taken.known.get(ref), there.get(ref)))]
    return Given(went, restored, "", answers)


def _prove_whole(place: Place, tips: dict[str, str], there: Iterable[str]) -> None:
    """Raises NotFound where not all is here that these refs lead to, but for what is there: git packs up to where it
    finds that out, and then the remote is the one that complains."""
    asked = ("rev-list", "--objects", "--quiet", *(["--exclude-promisor-objects"] if git.is_partial(place) else []))
    for ref, tip in tips.items():
        if not git.succeeds(place, *asked, "--end-of-options", tip, *(f"^{oid}" for oid in there)):
            raise NotFound(f"Not all is here that {ref} leads to.", git.MEND)


def _is_at(place: Place, name: str, oid: str) -> bool:
    """Whether a ref was just moved to an object: it is in a file of its own then, and no git is needed to know."""
    try:
        return (place.common_dir / name).read_text().strip() == oid
    except OSError:
        return False


def _lost(place: Place, ref: str, known: str | None, there: str | None) -> Damage | None:
    """What a remote has lost of a ref of ours. It may also be ahead of what is known: the push before this one was
    killed before it noted where the ref was."""
    if known is None or known == there or (there is not None and _is_ancestor(place, known, there)):
        return None
    return Damage(ref, "deleted" if there is None else "truncated")


def pass_on(
    place: Place, remote: str, progress: Progress | None, is_muted: refs.Who = refs.nobody
) -> tuple[list[Moved], list[Answer]]:
    """Bring a remote what is here of every writer but the muted, wherever it is from, as far as it goes on from what
    the remote has.

    Raises Unreachable, or Denied.
    """
    found = refs.tips(place)
    there = transport.listing(place, remote, refs.SHARED)
    known: dict[str, set[str]] = {}
    for name, oid in found.items():
        ref = refs.local_name(name)
        if refs.kind_of(ref) and not _is_of(is_muted, ref):
            known.setdefault(ref, set()).add(oid)
    archived = _held(place, there.items())
    updates = []
    for ref, oids in known.items():
        best = _furthest(place, [*oids, *([archived[ref]] if ref in archived else [])])
        if best not in (None, there.get(ref), archived.get(ref)):
            updates.append(Update(ref, best))
    # A plain `git fetch` takes whatever is there for a ledger.
    foreign = _foreign(place, [update.target or "" for update in updates])
    updates = [update for update in updates if update.target not in foreign]
    answers = []
    for start in range(0, len(updates), _BY_NAME):
        answers += transport.push(place, remote, updates[start : start + _BY_NAME], progress, atomic=False)
    went = {answer.ref for answer in answers if answer.outcome == "done"}
    return [Moved(u.ref, there.get(u.ref), u.target or "") for u in updates if u.ref in went], answers


def _furthest(place: Place, oids: list[str]) -> str | None:
    """The commit that all the others lead to, None if there is none such."""
    best = oids[0]
    for oid in oids[1:]:
        if oid == best or _is_ancestor(place, oid, best):
            continue
        if not _is_ancestor(place, best, oid):
            return None
        best = oid
    return best


def growth(place: Place, before: dict[str, str], moved: list[Moved]) -> dict[str, int]:
    """writer -> how many records more its moved refs hold: by its journal, else, where that was left out, by the
    additions to its ledger."""
    spans: dict[str, tuple[str | None, str]] = {}
    held = set(before.values())
    # A writer who comes back after being folded goes on from what the archive holds.
    archived = _held(place, before.items()) if any(old is None for _, old, _ in moved) else {}
    moved = [Moved(ref, old or archived.get(ref), new) for ref, old, new in moved]
    for ref, old, new in moved:
        kind, name = refs.kind_of(ref) or ("", "")
        if kind == "journal":
            spans[name] = old, new
        elif kind == "archived journals":
            known = in_archive(place, old) if old else {}
            for folded, tip in in_archive(place, new).items():
                if known.get(folded) != tip and tip not in held:
                    spans.setdefault(folded.removeprefix(refs.JOURNAL), (known.get(folded), tip))
    found = _numbers(place, [oid for span in spans.values() for oid in span if oid])
    grown = {name: found.get(new, 0) - found.get(old or "", 0) for name, (old, new) in spans.items()}
    for ref, old, new in moved:
        kind, name = refs.kind_of(ref) or ("", "")
        if kind == "ledger" and name not in grown:
            span = [new, *([f"^{old}"] if old else [])]
            listed = git.run(place, "rev-list", "--count", "--end-of-options", *span, check=False)
            grown[name] = int(listed or 0)
    # The numbers are what anybody has said.
    return {name: max(0, number) for name, number in grown.items()}


def _numbers(place: Place, oids: list[str]) -> dict[str, int]:
    """The sequence numbers of journal entries."""
    if not oids:
        return {}
    form = ("--no-show-signature", "--format=%H %(trailers:key=Seq,valueonly,separator=)")
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    listed = git.run(place, "log", "--no-walk=unsorted", "--stdin", *form, input=asked, check=False).decode()
    pairs = (line.partition(" ") for line in listed.splitlines())
    return {oid: sequence(f"Seq: {number}") for oid, _, number in pairs}


def number(place: Place, tip: str) -> int:
    """How many records a journal says that it has."""
    return _numbers(place, [tip]).get(tip, 0)


def notes(place: Place, tip: str) -> int:
    """How many notes a ledger has."""
    return len(placed(place, tip) or ())


def waiting(place: Place, remote: str, me: str, found: dict[str, str]) -> int:
    """How many records of ours a remote is not known to have."""
    ours = found.get(refs.JOURNAL + me)
    theirs = found.get(refs.fetched_as(remote, refs.JOURNAL + me))
    if theirs is None:
        theirs = _held(place, ((name, found[name]) for name in fetched(remote, found))).get(refs.JOURNAL + me)
    if ours is None or ours == theirs:
        return 0
    counted = _numbers(place, [oid for oid in (ours, theirs) if oid])
    return max(0, counted.get(ours, 0) - counted.get(theirs or "", 0))


def _stance(place: Place, ours: dict[str, str], theirs: dict[str, str]) -> Literal["", "ahead", "forked", "spoilt"]:
    """How our own refs on a remote stand to ours, where they are none of ours. Raises NotFound where that cannot be
    told, as one of ours is damaged."""
    found: Literal["", "ahead", "forked", "spoilt"] = ""
    for ref, oid in theirs.items():
        if ref not in ours or _is_ancestor(place, oid, ours[ref]):
            continue
        if not _is_ancestor(place, ours[ref], oid):
            # git has the same answer for what it cannot follow.
            if not git.succeeds(place, "rev-list", "--quiet", "--end-of-options", ours[ref]):
                raise NotFound(f"Not all is here that {ref} leads to.", git.MEND)
            return "forked"
        found = "ahead" if found != "spoilt" and is_growth(place, ref, ours[ref], oid) else "spoilt"
    return found


def is_growth(place: Place, ref: str, old: str, new: str) -> bool:
    """Whether a writer may go on from where a remote has its ref, which leads on from `old`: anyone may have pushed
    that. Of a journal each entry has to be one, with the next number; a ledger has to have lost nothing."""
    if (refs.kind_of(ref) or ("",))[0] != "journal":
        return not is_cut(Reader(place), ref, old, new)
    listed = git.run(place, "rev-list", "--first-parent", "--parents", "--end-of-options", new, f"^{old}").decode()
    entries = [line.split() for line in listed.splitlines()]
    names = [oid for oid, *_ in entries]
    numbers = _numbers(place, [*names, old])
    asked = "".join(f"{oid}:{RECORD_FILE}\n" for oid in names).encode()
    form = "--batch-check=%(objecttype) %(objectsize)"
    records = [line.split() for line in git.run(place, "cat-file", form, input=asked).decode().splitlines()]
    return (
        all(len(parents) == 3 for parents in entries)
        and [parents[1] for parents in entries] == [*names[1:], old]
        and [numbers.get(oid) for oid in names] == [numbers.get(old, 0) + at for at in range(len(names), 0, -1)]
        and all(kind == "blob" and size.isdecimal() and int(size) <= _LONGEST_RECORD for kind, size, *_ in records)
    )


def _without_foreign(place: Place, before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    """Undo what git lets pass though it is no growth: a commit replaced by something that is none, or by one whose
    notes lack what was noted."""
    moved = {name: oid for name, oid in after.items() if before.get(name) != oid and name.startswith(refs.REMOTES)}
    others = _foreign(place, moved.values())
    reader = Reader(place)
    foreign = [name for name, oid in moved.items() if oid in others or is_cut(reader, name, before.get(name), oid)]
    undo = [
        f"update {name} {before[name]} {moved[name]}" if name in before else f"delete {name} {moved[name]}"
        for name in foreign
    ]
    git.update_refs(place, undo)
    return {name: oid for name, oid in after.items() if name not in foreign} | {
        name: before[name] for name in foreign if name in before
    }


def _foreign(place: Place, oids: Iterable[str]) -> set[str]:
    """Those of some objects that are no commits."""
    oids = list(oids)
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    kinds = git.run(place, "cat-file", "--batch-check=%(objecttype)", input=asked).decode().splitlines() if oids else []
    return {oid for oid, kind in zip(oids, kinds, strict=True) if kind != "commit"}


def _what(
    place: Place, ref: str, ours: str | None, theirs: str
) -> Literal["truncated", "rewritten", "not a ledger", "not stored"]:
    kind = git.run(place, "cat-file", "-t", "--", theirs, check=False).decode().strip()
    if kind not in ("commit", ""):
        return "not a ledger"
    # git could not move the ref, mostly because of a lock that was left behind.
    if not kind or ours is None:
        return "not stored"
    if _is_ancestor(place, ours, theirs):
        return "truncated" if is_cut(Reader(place), ref, ours, theirs) else "not stored"
    return "truncated" if _is_ancestor(place, theirs, ours) else "rewritten"


def _is_ancestor(place: Place, one: str, other: str) -> bool:
    return git.succeeds(place, "merge-base", "--is-ancestor", "--", one, other)


def _archived(place: Place, found: dict[str, str], gone: dict[str, str]) -> list[str]:
    """Of fetched refs that the remote no longer has: those that an archive holds whole."""
    if not gone:
        return []
    held = _held(place, found.items())
    return [
        name
        for name, ref in gone.items()
        if ref in held and (held[ref] == found[name] or _is_ancestor(place, found[name], held[ref]))
    ]


def _held(place: Place, found: Iterable[tuple[str, str]]) -> dict[str, str]:
    """ref -> tip of the refs that archives among these hold; of a writer who came back and is in two, the later one."""
    held: dict[str, str] = {}
    for name, tip in found:
        if (refs.kind_of(refs.local_name(name)) or ("",))[0].startswith("archived"):
            for ref, oid in in_archive(place, tip).items():
                if ref not in held or (held[ref] != oid and _is_ancestor(place, held[ref], oid)):
                    held[ref] = oid
    return held


def _pack(place: Place) -> None:
    # In a reftable git does it by itself, and there are no files.
    folders = (place.common_dir / refs.NOTES, place.common_dir / refs.REMOTES)
    if sum(len(files) for folder in folders for _, _, files in os.walk(folder)) > _LOOSE:
        git.run(place, "pack-refs", "--all", check=False)
