"""The index beside one that is made anew: it is a cache, and what differs in it is thrown away."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from memorylab import index, recall
from memorylab.commands.doctor.findings import ASIDE, Examination, Finding, Patient, warning
from memorylab.core.text import count, inline
from memorylab.store.files import keep

RECORDS = "records.jsonl"  # beside the objects that were set aside


def _index(patient: Patient) -> Iterator[Finding]:
    path = patient.place.state / index.FILE
    if os.path.lexists(path) and not path.is_file():
        yield warning("index-damaged", f"{inline(str(path))} is no file", "sets it aside, and makes it anew.", True)
        return
    if not path.exists():
        return
    if (problem := index.is_unusable(path)) is not None:
        yield warning("index-damaged", f"The index cannot be read: {problem}", "makes it anew.", True)
        return
    chains = patient.session.store.chains("ledger")
    if not index.is_of(path, chains):
        return  # something has come since: the next command takes it in
    with tempfile.TemporaryDirectory(prefix="memorylab-doctor-") as folder:
        # Closed before its folder goes.
        made = recall.of(Path(folder), lambda: chains, patient.session.way, lambda: patient.session.store)
        del made
        differing = index.differing(path, Path(folder) / index.FILE)
    if differing:
        yield warning(
            "index-disagrees", f"The index says of {differing} something else than the ledgers do",
            "makes it anew.", True,
        )  # fmt: skip


def _renew(patient: Patient) -> list[str]:
    state = patient.place.state
    if os.path.lexists(state / index.FILE) and not (state / index.FILE).is_file():
        (state / ASIDE).mkdir(parents=True, exist_ok=True)
        (state / index.FILE).rename(state / ASIDE / f"{index.FILE}-{time.time_ns()}")
    here = {entry.line for entry in patient.session.store.entries()}
    last = [line for line in index.lines(state / index.FILE) if line not in here]
    path = state / ASIDE / RECORDS
    if last:
        path.parent.mkdir(parents=True, exist_ok=True)
        keep(path, b"".join(b"%s\n" % line for line in {**dict.fromkeys(_lines_of(path)), **dict.fromkeys(last)}))
    index.remove(state)
    _ = patient.session.recall
    return [f"{count(len(last), 'record')} that only the index had {'is' if len(last) == 1 else 'are'} in "
            f"{inline(str(path))} now"] if last else []  # fmt: skip


def _lines_of(path: Path) -> list[bytes]:
    """The lines of a file, none if it is not there."""
    return path.read_bytes().splitlines() if path.exists() else []


EXAMINATIONS = (Examination("the index", _index, {"index-damaged": _renew, "index-disagrees": _renew}),)
