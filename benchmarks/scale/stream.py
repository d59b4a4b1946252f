"""A generated history as one stream for `git fast-import`, in the layout that the program writes (docs/refs.md).

A part of the stream begins with all contents of its runs, kind by kind, because git finds what a content shares with
the one right before it; commits and trees follow. What stays in memory are the folders of the notes trees.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

from benchmarks.scale.history import AUTHOR, Commit, Step, hash_of
from benchmarks.scale.subject import NAME
from memorylab.core.record import Plan, Run
from memorylab.store import refs

TIP = "refs/heads/main"
_PART = 256  # runs
_FULL, _DEEPEST = 40, 2  # as in memorylab/store/notes.py
_REMEMBERED = 512  # notes that may still grow: those of the commits that are run again


class _Notes:
    """One notes ref: where each note stands, and the content of the latest ones."""

    def __init__(self, ref: str) -> None:
        self.ref = ref
        self._entries: Counter[str] = Counter()
        self._latest: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    def append(self, anchor: str, line: bytes) -> tuple[str, bytes]:
        """Add a line to the note on a commit: its path, and all of its content."""
        path, before = self._latest.pop(anchor, ("", b""))
        content = before + line.rstrip(b"\n") + b"\n"
        self._latest[anchor] = path or self._place(anchor), content
        if len(self._latest) > _REMEMBERED:
            self._latest.popitem(last=False)
        return self._latest[anchor]

    def _place(self, anchor: str) -> str:
        depth = 0
        while depth < _DEEPEST and self._entries[anchor[: 2 * depth]] >= _FULL:
            depth += 1
        self._entries[anchor[: 2 * depth]] += 1
        return "/".join([*(anchor[2 * n : 2 * n + 2] for n in range(depth)), anchor[2 * depth :]])


class _Own:
    """The refs of one writer. Those of the first are this clone's own, the others' as they are when fetched."""

    def __init__(self, name: str, is_fetched: bool) -> None:
        names = {kind: refs.fetched_as("origin", ref) if is_fetched else ref for kind, ref in refs.of(name)}
        self.journal = names["journal"]
        self.ledger, self.decisions = _Notes(names["ledger"]), _Notes(names["decisions"])
        self.begun = False


class Stream:
    """Turns steps into the input of `git fast-import`. `tip` is the commit that the first writer goes on from."""

    def __init__(self) -> None:
        self._writers: dict[str, _Own] = {}
        self._marks: OrderedDict[str, int] = OrderedDict()
        self._count = 0
        self.tip = ""

    def parts(self, steps: Iterable[Step]) -> Iterator[bytes]:
        """The stream, some hundred runs at a time."""
        rest = iter(steps)
        while part := list(islice(rest, _PART)):
            contents: dict[str, list[bytes]] = {}
            told = [piece for step in part for piece in self._step(step, contents)]
            yield b"".join([*(_blob(one) for kind in sorted(contents) for one in contents[kind]), *told])
        yield f"reset {TIP}\nfrom {self.tip}\n\n".encode()

    def _step(self, step: Step, contents: dict[str, list[bytes]]) -> Iterator[bytes]:
        own = self._writers.setdefault(step.writer, _Own(step.writer, bool(self._writers)))
        anchor = step.run.commit
        if step.commit is not None:
            contents.setdefault(NAME, []).append(step.commit.text)
            yield self._experiment(step.commit)
        if step.run.status == "keep" and own is next(iter(self._writers.values())):
            self.tip = f":{self._marks[anchor]}"
        if not own.begun:
            yield _commit(own.journal, _time(step.run), f"Journal of {step.writer}\n")
            own.begun = True
        for record, line in zip([one for one in (step.plan, step.run) if one], step.lines, strict=True):
            is_run = isinstance(record, Run)
            files = {"record.json": line + b"\n", **(step.files if is_run else {})}
            for name, content in files.items():
                contents.setdefault(name, []).append(content)
            title = f"{step.run.status if is_run else 'plan'}: {record.description}"[:200]
            message, time = f"{title}\n\nSeq: {record.seq}\n", _time(record)
            listed = "".join(f"M 100644 {hash_of('blob', files[name])} {name}\n" for name in sorted(files))
            yield _commit(own.journal, time, message, f"merge :{self._marks[anchor]}\ndeleteall\n{listed}")
            yield _note(own.ledger, anchor, line, time, contents)
            if is_run:
                yield _note(own.decisions, anchor, step.packet, time, contents)

    def _experiment(self, commit: Commit) -> bytes:
        self._count += 1
        self._marks[commit.oid] = self._count
        if len(self._marks) > _REMEMBERED:
            self._marks.popitem(last=False)
        above = f"from :{self._marks[commit.parent]}\n" if commit.parent else ""
        if commit.parent:
            self._marks.move_to_end(commit.parent)
        reset = "" if commit.parent else f"reset {TIP}\n\n"
        changed = f"{above}M 100644 {commit.blob} {NAME}\n"
        return reset.encode() + _commit(TIP, commit.time, commit.message, changed, f"mark :{self._count}\n")


def _note(notes: _Notes, anchor: str, line: bytes, time: int, contents: dict[str, list[bytes]]) -> bytes:
    path, content = notes.append(anchor, line)
    contents.setdefault(f"{notes.ref}/note", []).append(content)
    changed = f"M 100644 {hash_of('blob', content)} {path}\n"
    return _commit(notes.ref, time, "Notes added by 'git memorylab'\n", changed)


def _commit(ref: str, time: int, message: str, changed: str = "", mark: str = "") -> bytes:
    said = message.encode()
    who = f"author {AUTHOR} {time} +0000\ncommitter {AUTHOR} {time} +0000\n"
    return f"commit {ref}\n{mark}{who}data {len(said)}\n".encode() + said + f"\n{changed}\n".encode()


def _blob(content: bytes) -> bytes:
    return b"blob\ndata %d\n" % len(content) + content + b"\n"


def _time(record: Run | Plan) -> int:
    return int(datetime.fromisoformat(record.timestamp_utc or "").timestamp())
