"""import: the tables and ledgers that other loops kept, once, on the right commits."""

import json
import os
import time
from pathlib import Path

import pytest

from tests.conftest import FORM, Lab

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"


def _import(lab: Lab, content: str | bytes, *options: str, name: str = "theirs.tsv") -> dict:
    path = lab.path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    result = lab.run("import", "--json", name, *options)
    assert result.stdout.count("\n") == 1
    (found,) = json.loads(result.stdout)
    assert set(found) == {"file", "added", "known", "rejected"}
    return dict(found)


def _anchor_of(lab: Lab, description: str) -> str:
    memory = lab.memory
    (run,) = [run for run in memory.runs if run.description == description]
    return memory.anchors[run.run_id]


def _is_placeholder(lab: Lab, oid: str) -> bool:
    return lab.git("log", "-1", "--format=%s", oid).startswith("Placeholder for")


def test_rows_of_upstream(lab: Lab) -> None:
    rows = (
        "abc1234\t1.820000\t11.2\tkeep\tbaseline\n"
        'bcd2345\t1.790000\t11.2\tdiscard\tincrease "matrix" LR\r\n'
        "cde3456\t0.000000\t0.0\tcrash\tdepth 24 (OOM)\n"
        "\n"
        "def4567\t1.7\tmany\tkeep\tno such memory\n"
        "efg5678\tN/A\t\tkeep\tnot measured\n"
    )
    done = _import(lab, b"\xef\xbb\xbf" + (HEADER + rows).encode(), "--family", "imported")
    assert (done["added"], done["known"], done["rejected"]) == (5, 0, [])
    runs = {run.description: run for run in lab.memory.runs}
    assert runs["baseline"].metrics == {"val_bpb": 1.82, "peak_vram_mb": 11468.8}
    assert runs["depth 24 (OOM)"].metrics == {"val_bpb": None, "peak_vram_mb": None}
    assert runs["depth 24 (OOM)"].status == "crash"
    assert runs["no such memory"].metrics["peak_vram_mb"] is None
    assert "many" in runs["no such memory"].notes
    assert runs["not measured"].value("val_bpb") is None
    assert {run.family for run in runs.values()} == {"imported"}
    assert 'increase "matrix" LR' in runs
    for run in runs.values():
        assert (run.timestamp_utc, run.change, run.environment, run.novelty_guard) == (None, None, None, None)
        assert run.run_id.startswith(f"imported-{run.commit}-")


def test_columns_of_other_dialects(lab: Lab) -> None:
    content = (
        "sha\toutcome\tvram_mb\tidea\ttimestamp\tseed\n"
        "abc1234\tkept\t2048\tdeeper\t2026-05-20T08:15:30+02:00\t7\n"
        "bcd2345\treverted\t2048\twider\t2026-05-20T08:15:30\t8\n"
        "cde3456\tsentinel\t2048\tcontrol\t\t9\n"
    )
    done = _import(lab, content)
    assert done["added"] == 2
    assert [line for line, _ in done["rejected"]] == [4]
    one, two = sorted(lab.memory.runs, key=lambda run: run.description)
    assert (one.status, one.timestamp_utc) == ("keep", "2026-05-20T06:15:30Z")
    assert (two.status, two.timestamp_utc) == ("discard", None)
    assert "seed: 7" in one.notes


def test_rows_of_the_predecessor(lab: Lab) -> None:
    known = {
        "run_id": "20260311T120000Z-deadbee", "timestamp_utc": "2026-03-11T12:00:00Z", "commit": "deadbee",
        "status": "keep", "description": "raise depth to 10", "family": "depth", "hypothesis": "more helps",
        "tags": ["depth", "size"], "notes": "good", "metrics": {"val_bpb": 1.7, "odd": {"x": 1}},
    }  # fmt: skip
    crash = known | {
        "run_id": "../../etc", "status": "crash", "description": "depth 100", "metrics": {"val_bpb": 0.0},
        "error": {"summary": "CUDA out of memory", "tail": ["one", 2], "source": "run.log"}, "commit": "facade0",
    }  # fmt: skip
    lines = [json.dumps(known), json.dumps(crash), "{not json", '{"status": "keep"}', "[1]", '{"kind": "plan"}']
    done = _import(lab, "\n".join(lines) + "\n", name="experiments.jsonl")
    assert (done["added"], [line for line, _ in done["rejected"]]) == (2, [3, 4, 5, 6])
    assert all(reason for _, reason in done["rejected"])
    runs = {run.description: run for run in lab.memory.runs}
    kept, crashed = runs["raise depth to 10"], runs["depth 100"]
    assert (kept.run_id, kept.family, kept.tags) == ("20260311T120000Z-deadbee", "depth", ["depth", "size"])
    assert crashed.run_id.startswith("imported-facade0-")
    assert crashed.error is not None
    assert (crashed.error.summary, crashed.error.tail) == ("CUDA out of memory", ["one"])
    assert crashed.metrics["val_bpb"] is None
    assert _import(lab, "\n".join(lines) + "\n", name="experiments.jsonl")["added"] == 0


def test_rejected_rows_are_named_on_the_terminal(lab: Lab) -> None:
    (lab.path / "bad.tsv").write_text(HEADER + "".join(f"abc\t1\t1\tTODO{n}\tx\n" for n in range(30)) + "no\ttabs\n")
    said = lab.run("import", "bad.tsv").stdout
    assert said.startswith("bad.tsv: 0 runs imported, 0 already known, 31 rejected\n")
    assert '  line 2: its status "TODO0" is not known\n' in said
    assert "  and 11 more, of 31 kinds; --json lists all.\n" in said


def test_twice_adds_nothing_and_later_rows_add_themselves(lab: Lab) -> None:
    rows = "abc1234\t1.82\t11.2\tkeep\tbaseline\nabc1234\t1.82\t11.2\tkeep\tbaseline\n"
    assert _import(lab, HEADER + rows)["added"] == 2
    tips = lab.git("for-each-ref", "refs/notes", "refs/memorylab/journal")
    again = _import(lab, HEADER + rows)
    assert (again["added"], again["known"]) == (0, 2)
    assert lab.git("for-each-ref", "refs/notes", "refs/memorylab/journal") == tips
    rows += "bcd2345\t1.79\t11.2\tkeep\tdeeper\nabc1234\t1.82\t11.2\tkeep\tbaseline\n"
    later = _import(lab, HEADER + rows)
    assert (later["added"], later["known"]) == (2, 2)
    assert len(lab.memory.runs) == 4


def test_our_own_rows_are_runs_already(lab: Lab) -> None:
    lab.experiment("deeper", 1.5, knob="DEPTH", to=9)
    ours = (lab.path / "results.tsv").read_text()
    done = _import(lab, ours + "abc1234\t1.9\t11.2\tdiscard\tby hand\n")
    assert (done["added"], done["known"]) == (1, 1)
    done = _import(lab, (lab.path / "results" / "memorylab" / "experiments.jsonl").read_bytes(), name="ours.jsonl")
    assert (done["added"], done["known"]) == (0, 2)


@pytest.mark.long
def test_only_a_hash_that_is_certain_is_a_commit_of_ours(lab: Lab) -> None:
    lab.git("config", "core.hooksPath", "/dev/null")
    lab.edit("DEPTH", 9)
    own = lab.commit("deeper")
    lab.edit("DEPTH", 10)
    shared = lab.commit("base of two")
    tree = lab.git("rev-parse", "HEAD^{tree}")
    lab.git("branch", "facade0")
    lab.git("tag", "-m", "annotated", "deadbeef")
    names = {
        "own": own[:7], "two ideas, one": shared[:7], "two ideas, two": shared[:7], "unknown": "1234567", "tree": tree,
        "empty": "", "invented": "exp-12", "branch": "facade0", "tag": "deadbeef", "head": "HEAD", "short": own[:5],
        "upper": own[:8].upper(), "placeholder": "pending", "hostile": "../x;$(y)`z`\x1b[31m", "zero": FORM.null,
    }  # fmt: skip
    rows = "".join(f"{commit}\t1.5\t1\tkeep\t{description}\n" for description, commit in names.items())
    assert _import(lab, HEADER + rows)["added"] == len(names)
    memory = lab.memory
    for run in memory.runs:
        anchor = memory.anchors[run.run_id]
        if run.description in ("own", "upper"):
            assert run.commit == anchor == own
            assert run.change is not None
            assert run.change.knobs["DEPTH"].new == "9"
        else:
            assert _is_placeholder(lab, anchor), run.description
            assert run.change is None
    assert _anchor_of(lab, "two ideas, one") == _anchor_of(lab, "two ideas, two") != _anchor_of(lab, "unknown")
    assert lab.git("log", "-1", "--format=%T", _anchor_of(lab, "unknown")) == FORM.empty_tree

    lab.git("reflog", "expire", "--expire=now", "--all")
    lab.git("gc", "-q", "--prune=now")
    assert lab.git("fsck", "--strict", "--unreachable") == ""
    assert len(lab.memory.runs) == len(names)

    for name in ("unknown", "empty", "hostile"):
        (run,) = [run for run in memory.runs if run.description == name]
        for command in (["diff", run.run_id], ["restore", run.run_id], ["restore", run.run_id, "--branch", "x"]):
            assert f"The code of {run.run_id} was never in this repository." in lab.run(*command, rc=3).stderr
        assert name in lab.run("show", run.run_id).stdout
        lab.run("amend", run.run_id, "--notes", "seen")
        assert lab.memory.find(run.run_id).notes == "seen"
    (run,) = [run for run in memory.runs if run.description == "own"]
    assert "+DEPTH = 9" in lab.run("diff", run.run_id, "--json").stdout
    other = next(run for run in memory.runs if run.description == "unknown")
    assert "was never in this repository" in lab.run("diff", run.run_id, other.run_id, rc=3).stderr


def test_imported_runs_take_part(lab: Lab) -> None:
    rows = (
        "abc1234\t1.820000\t11.2\tkeep\tbaseline\n"
        "bcd2345\t1.650000\t11.2\tkeep\traise matrix LR to 0.05\n"
        "cde3456\t1.990000\t11.2\tdiscard\tset warmdown ratio to 0.2\n"
    )
    _import(lab, HEADER + rows)
    judged = json.loads(lab.run("check", "--json", "--description", "raise matrix LR to 0.05").stdout)
    assert judged["classification"] == "duplicate_run"
    board = json.loads(lab.run("status", "--json").stdout)["registry"]
    assert board["status_counts"] == {"keep": 2, "discard": 1, "crash": 0}
    assert board["champion"]["commit"] == "bcd2345"
    assert "champion 1.650000 bcd2345" in lab.run("status").stdout
    lab.experiment("deeper", 1.4, knob="DEPTH", to=9)
    assert json.loads(lab.run("status", "--json").stdout)["registry"]["champion"]["description"] == "deeper"
    assert lab.memory.runs[-1].decision_packet.comparison.prior_champion_value == 1.65  # type: ignore[union-attr]


def test_nothing_is_built_on_code_that_was_never_here(lab: Lab) -> None:
    """What an imported row calls its commit may also be the name of a branch."""
    lab.git("config", "core.hooksPath", "/dev/null")
    lab.commit("baseline")
    head = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
    _import(lab, head + "abc1234\t1.2\t1.0\tkeep\tfirst\nmain\t1.0\t1.0\tkeep\tbest\n")
    steps = json.loads(lab.run("status", "--json").stdout)["next"]
    assert [step["command"] for step in steps] == ["git memorylab knobs", "git memorylab report"]
    facts = json.loads(lab.run("brief", "--json").stdout)["facts"]
    assert [step["command"] for step in facts["steps"]] == [step["command"] for step in steps]
    assert (facts["champion"]["commit"], facts["champion"]["knobs"]) == ("main", {})
    lab.experiment("deeper", 1.5, "--status", "keep", knob="DEPTH", to=9)
    failed = lab.run("stack", "HEAD", rc=3).stderr
    assert failed.startswith("error: The board says to build on imported-") and "Give --onto COMMIT." in failed


def test_several_files_and_errors(lab: Lab, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (lab.path / f"{name}.tsv").write_text(HEADER + f"abc1234\t1.5\t1\tkeep\t{name}\n")
    value = json.loads(lab.run("import", "--json", "one.tsv", "two.tsv", "one.tsv").stdout)
    assert [(one["added"], one["known"]) for one in value] == [(1, 0), (1, 0), (0, 1)]
    assert "No such file or directory" in lab.run("import", "none.tsv", rc=3).stderr
    assert "Is a directory" in lab.run("import", ".", rc=3).stderr
    lab.run("import", rc=2)
    (lab.path / "empty").write_bytes(b"")
    assert "0 runs imported, 0 already known, 0 rejected" in lab.run("import", "empty").stdout


def test_bytes_that_are_no_text(lab: Lab) -> None:
    done = _import(lab, HEADER.encode() + b"abc1234\t1.5\t1\tkeep\tcaf\xe9 \x1b[31m\xff\n\x00\x01\n" + b"x" * 2_000_000)
    assert done["added"] == 1
    assert [line for line, _ in done["rejected"]] == [3, 4]
    assert lab.memory.runs[0].description == "caf\ufffd \ufffd[31m\ufffd"


def test_real_ledgers(lab: Lab) -> None:
    """Those of other people are not in this repository: MEMORYLAB_LEDGERS names a folder that has some."""
    folder = os.environ.get("MEMORYLAB_LEDGERS")
    if not folder:
        pytest.skip("MEMORYLAB_LEDGERS names no folder with ledgers of other loops")
    paths = sorted(path for path in Path(folder).iterdir() if path.suffix in (".tsv", ".jsonl"))
    began = time.monotonic()
    value = json.loads(lab.run("import", "--json", *(str(path) for path in paths)).stdout)
    assert sum(one["added"] for one in value) == len(lab.memory.runs) > 0
    for one in value:
        print(Path(one["file"]).name, one["added"], one["known"], len(one["rejected"]))
    print(f"{len(lab.memory.runs)} runs in {time.monotonic() - began:.1f} s")
    again = json.loads(lab.run("import", "--json", *(str(path) for path in paths)).stdout)
    assert sum(one["added"] for one in again) == 0
    assert lab.git("fsck", "--strict") == ""


def test_a_table_from_before_an_amendment_adds_nothing(lab: Lab) -> None:
    """The row as it was before the amendment was taken for another run."""
    lab.experiment("raise MATRIX_LR to 0.06", 1.0, knob="MATRIX_LR", to=0.06)
    kept = lab.path / "kept.tsv"
    kept.write_bytes((lab.path / "results.tsv").read_bytes())
    lab.run("amend", lab.memory.runs[0].run_id, "--description", "raise the matrix learning rate")
    lab.run("import", "kept.tsv")
    assert len(lab.memory.runs) == 1


def test_runs_of_one_second_have_one_id_in_the_predecessors_ledger(lab: Lab) -> None:
    """The second and later ones were taken for known."""
    rows = [
        {"run_id": "20260101T000000Z-abc1", "commit": "abc1", "status": status, "description": said, "metrics": {}}
        for status, said in (("keep", "one"), ("discard", "two"), ("crash", "three"))
    ]
    (lab.path / "old.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert json.loads(lab.run("import", "--json", "old.jsonl").stdout)[0]["added"] == 3
    assert json.loads(lab.run("import", "--json", "old.jsonl").stdout)[0]["added"] == 0
    assert {run.description for run in lab.memory.runs} == {"one", "two", "three"}


def test_the_same_row_appended_later_is_another_run(lab: Lab) -> None:
    """In upstream's exact format it was taken for a row of our own view."""
    path = lab.path / "theirs.tsv"
    row = "d4e5f6a\t0.000000\t0.0\tcrash\tdouble width (OOM)\n"
    path.write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\n" + row)
    for expected in (1, 0):
        assert json.loads(lab.run("import", "--json", "theirs.tsv").stdout)[0]["added"] == expected
    path.write_text(path.read_text() + row)
    for expected in (1, 0):
        assert json.loads(lab.run("import", "--json", "theirs.tsv").stdout)[0]["added"] == expected


@pytest.mark.parametrize("encoding, end", [("utf-16", "\n"), ("utf-8", "\r"), ("utf-8-sig", "\r\n")])
def test_tables_as_spreadsheets_save_them(lab: Lab, encoding: str, end: str) -> None:
    text = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabc1234\t1.0\t1.0\tkeep\tnaïve\n".replace("\n", end)
    (lab.path / "theirs.tsv").write_bytes(text.encode(encoding))
    lab.run("import", "theirs.tsv")
    assert [run.description for run in lab.memory.runs] == ["naïve"]


@pytest.mark.long
def test_two_imports_of_one_file_at_once_add_its_rows_once(lab: Lab) -> None:
    rows = "".join(f"{n:07x}\t{0.9 + n / 1000}\t1.0\tdiscard\tidea {n}\n" for n in range(1, 200))
    (lab.path / "old.tsv").write_text(f"commit\tval_bpb\tmemory_gb\tstatus\tdescription\n{rows}")
    both = [lab.spawn("import", "old.tsv", "--json") for _ in range(2)]
    said = [json.loads(one.communicate()[0]) for one in both]
    assert sorted((one["added"], one["known"]) for (one,) in said) == [(0, 199), (199, 0)]
    assert "199 records, whole" in lab.run("verify").stdout
