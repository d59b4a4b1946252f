"""Bring the views of one working tree up to date with the ledger."""

import hashlib
import os
import re
import shutil
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from memorylab import readings
from memorylab.core import kinds, ranking
from memorylab.core.record import Run, decode, to_json
from memorylab.core.text import count, inline
from memorylab.errors import BadInput, StoreBusy
from memorylab.ledger import Ledger, Memory
from memorylab.settings import Settings
from memorylab.store import display
from memorylab.store.files import locked, replace
from memorylab.store.repo import Store
from memorylab.views import report, table

FOLDER = Path("results") / "memorylab"
TABLE = Path("results.tsv")
BEFORE = ".before-memorylab"  # what stood where a view belongs is kept under this ending
_REPORT = re.compile(r"\d{8}T\d{6}Z\.md")
_LATEST = FOLDER / "reports" / "latest.md"
_RUNS = FOLDER / "runs"
_LINES = FOLDER / "experiments.jsonl"
_WATCHED = (TABLE, _LINES, FOLDER / "champion_challenger.json", _RUNS, _LATEST)


class _State(msgspec.Struct, frozen=True):
    """What the views of this working tree were made from. Local and disposable: without it they are made anew.
    `incomplete` are the runs whose folder lacks an artifact that is not here (None: not known)."""

    made_from: str = ""
    table_digest: str = ""
    stamps: dict[str, tuple[int, int]] = {}
    as_of: str | None = None
    since_hours: float | None = None
    incomplete: list[str] | None = None


class Views:
    """The files of one working tree; a bare repository has none, and every method does nothing there."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.top = store.place.top
        self._state_file = store.place.git_dir / "memorylab-views.json"
        self._lock_file = store.place.git_dir / "memorylab-views.lock"

    def registry(self, memory: Memory, writer: str | None = None) -> ranking.Registry:
        """The board of all runs, as `writer` sees it; the file's is everybody's."""
        nearest = self.store.nearest_logged_ancestors({run.commit for run in memory.runs})
        words = self.settings.vocabulary
        with readings.remembered(self.store.state, words):
            return ranking.registry(
                memory.runs, nearest, partial(kinds.group, vocabulary=words), self.settings.rules, writer
            )

    def report(
        self, memory: Memory, as_of: datetime | None, since_hours: float, board: ranking.Registry | None = None
    ) -> str:
        """The morning report as it reads at a moment, or at that of the latest run if it is later or there is none;
        `board` is the registry, if it is there already."""
        times = [report.moment(run.timestamp_utc) for run in memory.runs if run.timestamp_utc]
        return report.render(
            memory.runs,
            board or self.registry(memory),
            self.settings.rules,
            as_of=max([*times, as_of] if as_of else times, default=None),
            since_hours=since_hours,
            unreadable=len(memory.unreadable),
        )

    def write_report(self, memory: Memory, now: datetime, since_hours: float, output: Path | None = None) -> list[Path]:
        """Write reports/latest.md and reports/<time>.md, and remember the moment, so that latest.md can come back; or
        write `output` alone. The files written; none in a bare repository."""
        text = self.report(memory, now, since_hours).encode()
        if output is not None:
            replace(output.resolve(), text)
            return [output]
        if self.top is None:
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
            state = self._load()
            stamps = state.stamps | {str(_LATEST): self._stamps()[str(_LATEST)]}
            self._save(msgspec.structs.replace(state, as_of=now.isoformat(), since_hours=since_hours, stamps=stamps))
        return written

    def refresh(self) -> list[str]:
        """Make every view that is missing or older than the ledger; what the user should know of it, a line each.

        Nothing is written where nobody has asked for a memory: in a bare repository, or before the first write here.
        """
        if self.top is None or self.store.writer() is None:
            return []
        self.store.protect()
        return self.restored() + self._refresh()

    def restored(self) -> list[str]:
        """What there is to say of refs that were put back since this was last asked."""
        names, self.store.restored = self.store.restored, []
        said = f"{count(len(names), 'ref')} had lost what was remembered, and was put back: "
        return [said + inline(", ".join(names[:3]))] if names else []

    def _refresh(self) -> list[str]:
        display.refresh(self.store)
        state = self._load()
        made_from = self._fingerprint()
        if state.made_from == made_from and self._stamps() == state.stamps:
            return []
        try:
            with suppress(StoreBusy):
                self.store.complete()
            with locked(self._lock_file):
                # The ledger is read under the lock: of two refreshes at once, the later one writes what is newer.
                made_from = self._fingerprint()
                return self._write(Ledger(self.store).read(), self._load(), made_from)
        except OSError as problem:
            # What was to be remembered is in the ledger; a full disk or a file in the way does not undo that.
            return [f"The views could not be written: {problem}. The next command tries again."]

    def foreign_table(self) -> Path | None:
        """results.tsv, if it is there and not as we last wrote it."""
        assert self.top is not None
        path = self.top / TABLE
        try:
            found = path.read_bytes()
        except OSError:
            return None
        is_ours = hashlib.sha256(found).hexdigest() == self._load().table_digest
        return path if found.strip() and not is_ours else None

    def foreign_ledger(self, memory: Memory) -> Path | None:
        """experiments.jsonl, if it is there and somebody else's: the predecessor kept its runs under this name.

        A view of ours that is not remembered as one, because the local state was deleted, holds known runs only.
        """
        assert self.top is not None
        path = self.top / _LINES
        if self._load().made_from or not path.exists():
            return None
        records = [decode(line) for line in path.read_bytes().split(b"\n") if line.strip()]
        is_ours = all(isinstance(record, Run) and record.run_id in memory.lines for record in records)
        return None if is_ours else path

    def remove(self) -> None:
        """Delete the views and what is remembered of them; a results.tsv that somebody edited stays."""
        if self.top is None:
            return
        folder = self.top / FOLDER
        memory = Ledger(self.store).read()
        for run in memory.runs:
            shutil.rmtree(folder / "runs" / run.run_id, ignore_errors=True)
        reports = [path for path in folder.glob("reports/*.md") if _REPORT.fullmatch(path.name)]
        for path in (*reports, *(self.top / view for view in _WATCHED if view.suffix != "" and view != TABLE)):
            path.unlink(missing_ok=True)
        # What else is in there is the user's, and keeps its folder.
        for path in (folder / "runs", folder / "reports", folder, folder.parent):
            with suppress(OSError):
                path.rmdir()
        if self.foreign_table() is None:
            (self.top / TABLE).unlink(missing_ok=True)
        self._state_file.unlink(missing_ok=True)
        self._lock_file.unlink(missing_ok=True)

    def _write(self, memory: Memory, state: _State, made_from: str) -> list[str]:
        assert self.top is not None
        folder = self.top / FOLDER
        rendered = table.render(memory.runs, self.settings.metric).encode()
        whole = self._whole(memory, state)
        self._sweep()
        kept = self.set_aside(memory)
        said = (
            [f"{FOLDER} was another's and is {kept} now; `git memorylab import` takes in its ledger."] if kept else []
        )
        said += self._rescue_table(memory, state)
        replace(self.top / _LINES, b"".join(memory.lines[run.run_id] + b"\n" for run in memory.runs))
        board = self.registry(memory)
        replace(folder / "champion_challenger.json", msgspec.json.format(to_json(board), indent=2) + b"\n")
        as_of = datetime.fromisoformat(state.as_of) if state.as_of else None
        text = self.report(memory, as_of, state.since_hours or self.settings.since_hours, board)
        replace(folder / "reports" / "latest.md", text.encode())
        (folder / "runs").mkdir(exist_ok=True)
        todo = [run for run in memory.runs if run.run_id not in whole]
        lacking = [one.run_id for one in todo if not self._write_run(folder / "runs", one, memory.lines[one.run_id])]
        replace(self.top / TABLE, rendered)
        digest = hashlib.sha256(rendered).hexdigest()
        self._save(msgspec.structs.replace(
            state, made_from=made_from, table_digest=digest, stamps=self._stamps(), incomplete=lacking
        ))  # fmt: skip
        return said

    def _whole(self, memory: Memory, state: _State) -> set[str]:
        """The runs whose folders need not be looked at: whole, of the same line, and as they were last written.

        With thousands of runs that takes longer than all else here.
        """
        assert self.top is not None
        stamps = self._stamps()
        if state.incomplete is None or any(
            state.stamps.get(str(view)) != stamps[str(view)] for view in (_LINES, _RUNS)
        ):
            return set()
        written = set((self.top / _LINES).read_bytes().split(b"\n")) if stamps[str(_LINES)][0] else set()
        return {name for name, line in memory.lines.items() if line in written} - set(state.incomplete)

    def _sweep(self) -> None:
        """Clear away what a killed process was writing. Nobody else writes views here while we hold their lock."""
        assert self.top is not None
        folder = self.top / FOLDER
        for left in (folder / "runs").glob(".*"):
            shutil.rmtree(left, ignore_errors=True)
        # `replace` ends a temporary name in eight characters; an editor's swap file is not of that kind.
        for path, name in ((self.top, f".{TABLE}"), (folder, ".*"), (folder / "reports", ".*")):
            for left in path.glob(f"{name}.????????"):
                left.unlink(missing_ok=True)

    def _write_run(self, folder: Path, run: Run, line: bytes) -> bool:
        """Write runs/<run_id>/, there whole or not at all; whether all its artifacts are here."""
        blobs = {
            name: artifact.blob
            for name, artifact in run.artifacts.items()
            if name == Path(name).name and not name.startswith(".")
        }
        found = {name: self.store.blob(blob) for name, blob in blobs.items()}
        here = {name: content for name, content in found.items() if content is not None}
        contents = here | {"record.json": line + b"\n"}
        final = folder / run.run_id
        try:
            there = {entry.name for entry in os.scandir(final)}
            if there == set(contents) and (final / "record.json").read_bytes() == contents["record.json"]:
                return len(here) == len(blobs)
        except OSError:
            pass
        building = folder / f".{run.run_id}.{os.getpid()}"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        for name, content in contents.items():
            (building / name).write_bytes(content)
        shutil.rmtree(final, ignore_errors=True)
        building.rename(final)
        return len(here) == len(blobs)

    def set_aside(self, memory: Memory) -> Path | None:
        """Move a folder of somebody else's out of our views' way: its registry and reports have their names. Where it
        is then, in the working tree; None if there was none."""
        assert self.top is not None
        ledger = self.foreign_ledger(memory)
        if ledger is None:
            return None
        kept, number = FOLDER.with_name(FOLDER.name + BEFORE), 1
        while (self.top / kept).exists():
            number += 1
            kept = FOLDER.with_name(f"{FOLDER.name}{BEFORE}-{number}")
        ledger.parent.rename(self.top / kept)
        return kept

    def _rescue_table(self, memory: Memory, state: _State) -> list[str]:
        """Keep a copy of results.tsv if somebody wrote rows into it that the ledger does not have."""
        assert self.top is not None
        path = self.top / TABLE
        try:
            found = path.read_bytes()
        except OSError:
            return []
        if hashlib.sha256(found).hexdigest() == state.table_digest:
            return []
        known = set(table.render(memory.runs, self.settings.metric).splitlines())
        foreign = [line for line in found.decode("utf-8", "replace").splitlines() if line.strip() and line not in known]
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

    def _fingerprint(self) -> str:
        """Of everything the views depend on."""
        return hashlib.sha256(repr((sorted(self.store.tips().items()), self.settings)).encode()).hexdigest()

    def _stamps(self) -> dict[str, tuple[int, int]]:
        """(size, time) of every view that the user may have deleted or changed; of the run folders their number, and
        the latest time that a file came into one or went."""
        assert self.top is not None
        stamps = {}
        for path in _WATCHED:
            try:
                status = (self.top / path).stat()
                stamps[str(path)] = status.st_size, status.st_mtime_ns
                if path == _RUNS:
                    folders = [entry.stat().st_mtime_ns for entry in os.scandir(self.top / path)]
                    stamps[str(path)] = len(folders), max(folders, default=0)
            except OSError:
                stamps[str(path)] = 0, 0
        return stamps

    def _load(self) -> _State:
        try:
            return msgspec.json.decode(self._state_file.read_bytes(), type=_State)
        except (OSError, msgspec.DecodeError):
            return _State()

    def _save(self, state: _State) -> None:
        replace(self._state_file, msgspec.json.encode(state))
