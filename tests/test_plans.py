"""SQLite's plans for what commands ask of the index: nothing goes through all runs of a ledger for a few of them."""

import re
import sqlite3
from contextlib import closing

import pytest

from memorylab import index
from tests.conftest import Lab

# What each of these asks is of all runs, or is answered from the last few on: SQLite calls both a search or scan.
ALL_RUNS = (
    "ORDER BY stamp DESC, records.writer DESC, seq DESC, id DESC LIMIT",  # the latest plans
    "SELECT MAX(stamp) FROM records",  # from the end of an index
    "SELECT COUNT(DISTINCT writer)",
    "ORDER BY at DESC LIMIT 1",
    "kind = 'Amend' AND wins LIMIT 1",
    "kind = 'Rewrite' AND wins LIMIT 1",
    "kind = 'Rewrite' AND wins AND instr(",  # all rewrites, which are few beside the runs
)


@pytest.fixture
def asked(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that were given to SQLite."""
    found: list[str] = []
    connect = index._connect

    def watched(path: object) -> sqlite3.Connection:
        database = connect(path)  # type: ignore[arg-type]
        database.set_trace_callback(found.append)
        return database

    monkeypatch.setattr(index, "_connect", watched)
    return found


def test_no_command_goes_through_all_runs(lab: Lab, asked: list[str]) -> None:
    lab.experiment("raise matrix lr", 1.0, knob="MATRIX_LR", to=0.05)
    lab.experiment("raise depth", 0.9, knob="DEPTH", to=9)
    lab.run("amend", lab.memory.runs[0].run_id, "--notes", "seen")
    table = lab.path / "more.tsv"
    table.write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabcdef0\t1.0\t1.0\tkeep\tmore\n")
    asked.clear()
    lab.run("check", "--description", "raise matrix lr")
    lab.experiment("raise depth more", 0.8, knob="DEPTH", to=10)
    lab.run("status")
    lab.run("report")
    lab.run("show")
    lab.run("history", "-n", "1", "--graph", "--status", "keep", "--since", "yesterday", "--until", "now")
    lab.run("search", "knob:*_LR", "commit:0", "writer:x*")
    lab.run("import", str(table))
    wanted = [one for one in dict.fromkeys(asked) if one.startswith(("SELECT", "UPDATE"))]
    assert len(wanted) > 40
    with closing(index.open_at(lab.store.place.state)) as database:
        for statement in wanted:
            plain = " ".join(statement.split())
            if any(known in plain for known in ALL_RUNS) or " WHERE " not in plain:
                continue
            for *_, step in database.execute(f"EXPLAIN QUERY PLAN {statement}"):
                assert not re.search(r"SCAN (records|entries|places|state)\b(?! USING INDEX rec)", step), statement
                # By its kind alone a record is one of as many as there are runs or plans.
                assert not re.search(r"INDEX records_order \(kind=\?\)", step), statement
