"""The index beside one that is made anew: it is a cache, and what differs in it is thrown away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from memorylab import index, recall
from memorylab.commands.doctor.findings import Examination, Finding, Patient, warning


def _index(patient: Patient) -> Iterator[Finding]:
    path = patient.place.state / index.FILE
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
    index.remove(patient.place.state)
    _ = patient.session.recall
    return []


EXAMINATIONS = (Examination("the index", _index, {"index-damaged": _renew, "index-disagrees": _renew}),)
