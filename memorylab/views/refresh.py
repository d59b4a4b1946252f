"""Bring the views of one working tree up to date with the ledger."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from memorylab.core.ranking import Registry
from memorylab.core.record import Run, decode, to_json
from memorylab.core.text import count, escaped, file_names, inline, verbatim
from memorylab.errors import BadInput, StoreBusy
from memorylab.recall import Recall
from memorylab.settings import Settings
from memorylab.store import display, files, git, refs
from memorylab.store.files import locked, read, replace
from memorylab.store.repo import Store
from memorylab.views import fresh, growing, morning, report
from memorylab.views.fresh import BOARD, FOLDER, LATEST, LINES, PAGE, RUNS, TABLE, WATCHED_RUNS, State

if TYPE_CHECKING:  # only the page knows of knobs
    from memorylab.core.knobs import Study

_BEGINNING = b'{"artifacts":'  # of each line of ours, whose fields are sorted
BEFORE = ".before-memorylab"  # what stood where a view belongs is kept under this ending
_LONGEST = 16 << 20  # bytes
_LONGEST_TABLE = 1 << 28
_WAY = (FOLDER.parent, FOLDER, RUNS, LATEST.parent)  # the folders that views are in
_STEP = 50  # runs between two words on how far it has come
T = TypeVar("T")
_UNFINISHED = re.compile(r"\.[\w.-]+\.(\d+|gone)")
_REPORT = re.compile(r"\d{8}T\d{6}Z\.md")


def _clear(path: Path) -> None:
    """Delete whatever is there: a commit may bring a file or a link where a folder belongs."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _clean(packet: bytes) -> bytes:
    """A packet, as it may be shown in a terminal."""
    return verbatim(packet.decode("utf-8", "replace")).encode()


class Views:
    """The files of one working tree; a bare repository has none, and every method does nothing there. `read` gives the
    memory as it is when it is called, and where the refs are that it was read from; `progress` is asked, by a title,
    for what to tell how many of how many are done."""

    def __init__(
        self, store: Store, settings: Settings, read: Callable[[], tuple[Recall, dict[str, str]]],
        progress: Callable[[str], Callable[[int, int], None] | None] = lambda title: None,
    ) -> None:  # fmt: skip
        self.store = store
        self.settings = settings
        self.top = store.place.top
        self._read, self._progress = read, progress
        self._lock_file = store.place.git_dir / "memorylab-views.lock"
        self._longest = max(_LONGEST, settings.artifact_limit)  # of an artifact; its writer may have another limit

    def report(
        self, recall: Recall, as_of: datetime | None, since_hours: float,
        board: Registry | None = None, near: Path | None = None,
    ) -> str:  # fmt: skip
        """The morning report as it reads at a moment, or at that of the latest run if it is later or there is none;
        `board` is the registry, if it is there already. `near` is the folder that it is to stand in."""
        found = morning.morning(recall, board or recall.registry(), as_of, since_hours)
        runs = None if self.top is None else os.path.relpath(self.top / RUNS, near or self.top / LATEST.parent)
        return report.render(recall, found, runs)

    def write_report(self, recall: Recall, now: datetime, since_hours: float, output: Path | None = None) -> list[Path]:
        """Write reports/latest.md and reports/<time>.md, and remember the moment, so that latest.md can come back; or
        write `output` alone. The files written; none in a bare repository, or where `refresh` tells why not."""
        near = output.resolve().parent if output is not None else None
        text = self.report(recall, now, since_hours, near=near).encode()
        if output is not None:
            try:
                with files.output(output) as file:
                    file.write(text)
            except OSError as problem:
                message = f"{output} cannot be written: {problem.strerror or problem}."
                raise BadInput(message, "Give another --output FILE.") from None
            return [output]
        if self.top is None:
            return []
        if self._lure():
            return []
        folder = self.top / FOLDER / "reports"
        written = [folder / "latest.md", folder / f"{now:%Y%m%dT%H%M%SZ}.md"]
        with locked(self._lock_file):
            try:
                for path in written:
                    replace(path, text)
            except OSError as problem:
                message = f"The report cannot be written: {problem}."
                raise BadInput(message, "Clear its way, or give --output FILE.") from None
            state = fresh.load(self.store.place)
            stamps = state.stamps | fresh.stamps(self.top, [str(LATEST)])
            state = msgspec.structs.replace(state, as_of=now.isoformat(), since_hours=since_hours, stamps=stamps)
            fresh.save(self.store.place, state)
        return written

    def write_page(
        self, recall: Recall, now: datetime, since_hours: float, knobs: "Study", output: Path | None = None
    ) -> Path:
        """Write reports/latest.html, or `output` instead: the file that was written. `knobs` is what was tried of
        them. Raises BadInput where it cannot be written, as in a bare repository without `output`."""
        from memorylab.views.page import data, render

        if output is not None:
            path = output.resolve()
        elif lure := self._lure():
            raise BadInput(lure, "Remove it, or give --output FILE.")
        elif self.top is not None:
            path = self.top / PAGE
        else:
            raise BadInput("A bare repository has no place for the page.", "Give --output FILE.")
        found = morning.morning(recall, recall.registry(), now, since_hours)
        everything = (run for _, run, _ in self._counted(recall.runs(), recall.size, "Writing the page"))
        values = data.page(everything, found, knobs, self.settings.rules, self._blob)
        try:
            with files.replacing(path) if output is None else files.output(path) as file:
                file.write(render.render(values))
        except OSError as problem:
            message = f"The page cannot be written: {problem}."
            raise BadInput(message, "Clear its way, or give --output FILE.") from None
        return path

    def _counted(self, items: Iterable[T], size: int, title: str) -> Iterator[T]:
        """The items, telling how many of them are done with."""
        tell = self._progress(title)
        for done, item in enumerate(items, start=1):
            yield item
            if tell is not None and (done % _STEP == 0 or done == size):
                tell(done, size)

    def _blob(self, oid: str, longest: int) -> bytes | None:
        return self.store.blob(oid, longest=longest)

    def refresh(self, listed: tuple[dict[str, str], str] | None = None) -> list[str]:
        """Make every view that is missing or older than the ledger; what the user should know of it, a line each.
        `listed` is where the refs are (`refs.listed`), if that was just asked.

        Nothing is written where nobody has asked for a memory: in a bare repository, or before the first write here.
        """
        if self.top is None or self.store.writer() is None:
            return []
        if lure := self._lure():
            return [lure]
        tips, shown = listed or refs.listed(self.store.place)
        kept = self.store.protect(tips)
        return self.restored() + self._refresh(kept, shown)

    def _lure(self) -> str:
        """What there is to say of a link in the way of the views that came with a commit; empty if there is none."""
        ways = () if self.top is None else (path for path in _WAY if git.is_lure(self.store.place, self.top / path))
        return next((f"{path} is a link that came with a commit: no views are written there." for path in ways), "")

    def restored(self) -> list[str]:
        """What there is to say of refs that were put back since this was last asked."""
        names, self.store.restored = self.store.restored, []
        said = f"{count(len(names), 'ref')} had lost what was remembered, and was put back: "
        return [said + inline(", ".join(names[:3]))] if names else []

    def _refresh(self, tips: Mapping[str, str], shown: str) -> list[str]:
        assert self.top is not None
        shown = display.refresh(self.store, tips, shown, _clean)
        state = fresh.load(self.store.place)
        made_from = fresh.fingerprint(self.settings, tips)
        if state.made_from == made_from and fresh.stamps(self.top, state.stamps) == state.stamps:
            if state.shown != shown:
                with locked(self._lock_file):
                    state = fresh.load(self.store.place)
                    fresh.save(self.store.place, msgspec.structs.replace(state, shown=shown))
            return []
        try:
            with suppress(StoreBusy):
                self.store.complete()
            with locked(self._lock_file):
                # The ledger is read under the lock: of two refreshes at once, the later one writes what is newer.
                recall, tips = self._read()
                made_from = fresh.fingerprint(self.settings, tips)
                state = msgspec.structs.replace(fresh.load(self.store.place), made_from=made_from, shown=shown)
                return self._write(recall, state)
        except OSError as problem:
            # What was to be remembered is in the ledger; a full disk or a file in the way does not undo that.
            return [f"The views could not be written: {problem}. The next command tries again."]

    def foreign_table(self, recall: Recall) -> Path | None:
        """results.tsv, if it is there and holds rows that the ledger does not have."""
        assert self.top is not None
        path = self.top / TABLE
        found = self._table(fresh.load(self.store.place))
        if found is None:
            return None
        return path if growing.foreign_rows(found, recall, self.settings.metric) else None

    def _table(self, state: State) -> bytes | None:
        """What is in results.tsv; None if that is as it was left, is no file, or a link that came with a commit: what
        somebody else has chosen of the user's files is not his to be shared."""
        assert self.top is not None
        path = self.top / TABLE
        if fresh.is_intact(self.top, state, TABLE) or git.is_lure(self.store.place, path):
            return None
        try:
            return read(path, _LONGEST_TABLE)
        except OSError:
            return None

    def foreign_ledger(self, recall: Recall) -> Path | None:
        """experiments.jsonl, if it is there and somebody else's: the predecessor kept its runs under this name.

        A view of ours that is not remembered as one, because the local state was deleted, holds known runs only.
        """
        assert self.top is not None
        path = self.top / LINES
        if fresh.load(self.store.place).made_from or not path.exists() or self._lure():
            return None
        if git.is_lure(self.store.place, path):
            return None
        *lines, last = read(path, _LONGEST_TABLE).split(b"\n")
        # Of a line of ours a power cut may have left a part: views are not synced.
        if not _BEGINNING.startswith(last[: len(_BEGINNING)]):
            lines.append(last)
        records = (decode(line) for line in lines if line.strip())
        is_ours = all(isinstance(record, Run) and recall.has(record.run_id) for record in records)
        return None if is_ours else path

    def remove(self) -> None:
        """Delete the views and what is remembered of them; a results.tsv that somebody edited stays."""
        if self.top is None:
            return
        if self._lure():
            fresh.forget(self.store.place)
            return
        folder, (recall, _) = self.top / FOLDER, self._read()
        for _, run, _ in recall.runs():
            shutil.rmtree(folder / "runs" / run.run_id, ignore_errors=True)
        reports = [path for path in folder.glob("reports/*.md") if _REPORT.fullmatch(path.name)]
        if self.foreign_table(recall) is None:
            (self.top / TABLE).unlink(missing_ok=True)
        for path in (*reports, *(self.top / view for view in (LINES, BOARD, LATEST, PAGE))):
            path.unlink(missing_ok=True)
        # What else is in there is the user's, and keeps its folder.
        for path in (folder / "runs", folder / "reports", folder, folder.parent):
            with suppress(OSError):
                path.rmdir()
        fresh.forget(self.store.place)
        self._lock_file.unlink(missing_ok=True)

    def _write(self, recall: Recall, state: State) -> list[str]:
        assert self.top is not None
        folder, place = self.top / FOLDER, self.store.place
        is_whole = state.incomplete is not None and fresh.is_intact(self.top, state, RUNS)
        self._sweep(is_whole)
        kept = self.set_aside(recall)
        said = (
            [f"{FOLDER} was another's and is {kept} now; `git memorylab import` takes in its ledger."] if kept else []
        )
        said += self._rescue_table(recall, state)
        grown = growing.write(self.top, recall, state, self.settings.metric)
        board = recall.registry()
        shown = escaped(to_json(board).decode()).encode()
        replace(self.top / BOARD, msgspec.json.format(shown, indent=2) + b"\n")
        as_of = datetime.fromisoformat(state.as_of) if state.as_of else None
        text = self.report(recall, as_of, state.since_hours or self.settings.since_hours, board)
        replace(self.top / LATEST, text.encode())
        (folder / "runs").mkdir(exist_ok=True)
        todo = self._todo(recall, state, grown.first) if is_whole else ((run, line) for _, run, line in recall.runs())
        # Only where all are written it takes a while.
        counted = todo if is_whole else self._counted(todo, recall.size, "Writing the views")
        lacking = [run.run_id for run, line in counted if not self._write_run(folder / "runs", run, line)]
        if not grown.first:
            self._drop(folder / "runs", recall)
        latest = (run.run_id for _, run, _ in recall.runs(max(0, recall.size - WATCHED_RUNS)))
        fresh.save(place, msgspec.structs.replace(
            state, version=recall.version, lengths=grown.lengths, incomplete=lacking,
            stamps=fresh.stamps(self.top, fresh.watched(latest)),
        ))  # fmt: skip
        return said

    def _todo(self, recall: Recall, state: State, first: int) -> Iterator[tuple[Run, bytes]]:
        """The runs whose folders are to be looked at: the new ones, from a place on, and of the others those that lack
        an artifact or have changed."""
        assert self.top is not None
        watched = [name for name in state.stamps if Path(name).parent == RUNS]
        now = fresh.stamps(self.top, watched)
        changed = [Path(name).name for name in watched if now[name] != state.stamps[name]]
        yield from recall.named(dict.fromkeys([*(state.incomplete or ()), *changed]))
        yield from ((run, line) for _, run, line in recall.runs(first))

    def _sweep(self, is_whole: bool) -> None:
        """Clear away what a killed process was writing. Nobody else writes views here while we hold their lock."""
        assert self.top is not None
        folder = self.top / FOLDER
        for left in () if is_whole else (folder / "runs").glob(".*"):
            if _UNFINISHED.fullmatch(left.name):
                _clear(left)
        # `replace` ends a temporary name in eight characters; an editor's swap file is not of that kind.
        for path, name in ((self.top, f".{TABLE}"), (folder, ".*"), (folder / "reports", ".*")):
            for left in path.glob(f"{name}.????????"):
                if left.is_file():
                    left.unlink(missing_ok=True)

    def _drop(self, folder: Path, recall: Recall) -> None:
        """Clear away the folders of runs that are not remembered any more, because their writers are muted."""
        for path in list(folder.iterdir()):
            if path.is_symlink() or not path.name.isascii() or recall.has(path.name):
                continue
            with suppress(OSError):
                record = decode(read(path / "record.json", _LONGEST).rstrip(b"\n"))
                if isinstance(record, Run) and record.run_id == path.name:
                    gone = path.rename(folder / f".{path.name}.gone")  # as a whole, for who is killed meanwhile
                    shutil.rmtree(gone)

    def _write_run(self, folder: Path, run: Run, line: bytes) -> bool:
        """Write runs/<run_id>/, there whole or not at all; whether all its artifacts are here."""
        sizes = {name: one.size for name, one in run.artifacts.items() if name != "record.json"}
        names = [name for name, size in sizes.items() if size <= self._longest]
        blobs = {name: run.artifacts[name].blob for name in file_names(["record.json", *names])[1:]}
        final, record = folder / run.run_id, line + b"\n"
        there: dict[str, int] = {}
        with suppress(OSError):
            found_there = read(final / "record.json", _LONGEST)
            if found_there == record:
                there = {entry.name: entry.stat().st_size for entry in os.scandir(final)}
            elif isinstance(other := decode(found_there.rstrip(b"\n")), Run) and other.run_id != run.run_id:
                return True  # of a run whose id differs in case alone, where that makes no difference
        # By size, too: views are not synced, and a power cut takes what is in a file and leaves its name.
        whole = {name: sizes[name] for name in blobs} | {"record.json": len(record)}
        if there == whole:
            return True  # and nothing of it was read from git
        found = {name: self.store.blob(blob, longest=self._longest) for name, blob in blobs.items()}
        here = {name: content for name, content in found.items() if content is not None}
        contents = here | {"record.json": record}
        if there == {name: len(content) for name, content in contents.items()}:
            return len(here) == len(blobs)
        building = folder / f".{run.run_id}.{os.getpid()}"
        _clear(building)
        building.mkdir()
        for name, content in contents.items():
            (building / name).write_bytes(content)
        gone = folder / f".{run.run_id}.gone"
        if os.path.lexists(final):
            # It goes as a whole: who is killed while deleting leaves half of it, under a name that nobody reads.
            _clear(gone)
            final.rename(gone)
        building.rename(final)
        _clear(gone)  # an error is told, and the next command sweeps; silence would be taken for whole
        return len(here) == len(blobs)

    def set_aside(self, recall: Recall) -> Path | None:
        """Move a folder of somebody else's out of our views' way: its registry and reports have their names. Where it
        is then, in the working tree; None if there was none."""
        assert self.top is not None
        ledger = self.foreign_ledger(recall)
        if ledger is None:
            return None
        kept, number = FOLDER.with_name(FOLDER.name + BEFORE), 1
        while (self.top / kept).exists():
            number += 1
            kept = FOLDER.with_name(f"{FOLDER.name}{BEFORE}-{number}")
        ledger.parent.rename(self.top / kept)
        return kept

    def _rescue_table(self, recall: Recall, state: State) -> list[str]:
        """Keep a copy of results.tsv if somebody wrote rows into it that the ledger does not have."""
        assert self.top is not None
        path = self.top / TABLE
        found = self._table(state)
        if found is None:
            return []
        foreign = growing.foreign_rows(found, recall, self.settings.metric)
        if not foreign:
            return []
        digest = hashlib.sha256(found).hexdigest()[:8]
        kept = path.with_name(f"results.tsv.edited-{digest}")
        replace(kept, found)
        rows = f"{len(foreign)} row{'s' if len(foreign) > 1 else ''}"
        return [
            f"results.tsv had {rows} that the ledger does not have; it is kept as {kept.name}. "
            f"`git memorylab import {kept.name}` adds them."
        ]
