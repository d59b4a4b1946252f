import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memorylab.core.record import Error
from memorylab.core.tabular import import_key, keyed, partition_tsv, read_jsonl, read_tsv

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"


def tsv(*lines, header=HEADER):
    return read_tsv((header + "\n".join(lines)).encode())


def only(*lines, header=HEADER):
    rows, rejected = tsv(*lines, header=header)
    assert rejected == []
    assert len(rows) == 1
    return rows[0]


def refusal(*lines, header=HEADER):
    rows, rejected = tsv(*lines, header=header)
    assert rows == []
    return rejected[0].reason


def test_upstreams_table():
    row = only("a1b2c3d\t1.250000\t44.0\tkeep\tbaseline")
    assert (row.line, row.commit, row.status, row.description) == (2, "a1b2c3d", "keep", "baseline")
    assert row.metrics == {"val_bpb": 1.25, "peak_vram_mb": 45056.0}
    assert (row.notes, row.timestamp_utc, row.tags) == ("", None, ())


def test_columns_are_found_by_name():
    row = only(
        "x1\thalve the batch\tKEEP\t1,234.5\t2.5\tosaka\t10\tworse, much\t61.5%\tfalse",
        header=" Agent\tDescription\tSTATUS\tvram_mb\tval_loss\tcommit\tnum_steps\treject_reason\tmfu\tcrashed\n",
    )
    assert (row.commit, row.status, row.description) == ("osaka", "keep", "halve the batch")
    assert row.metrics == {"peak_vram_mb": 1234.5, "val_loss": 2.5, "num_steps": 10, "mfu": 61.5}
    assert row.notes == "Agent: x1; reject_reason: worse, much"


def test_further_columns_become_fields_and_labels_are_no_metrics():
    row = only(
        "7\tabc\tdef\tkeep\td\tlr\tlower is better\tLR, Warm Up\tmain\tsee log\t42",
        header="experiment\tcommit\tparent_commit\tstatus\tdescription\tfamily\thypothesis\ttags\tbranch\tnotes\tseed\n",
    )
    assert (row.parent_commit, row.family, row.hypothesis, row.branch) == ("def", "lr", "lower is better", "main")
    assert row.tags == ("lr", "warm-up")
    assert row.notes == "see log; experiment: 7; seed: 42"
    assert row.metrics == {}


@pytest.mark.parametrize(
    ("word", "status", "notes"),
    [
        ("keep", "keep", ""),
        ("KEEP", "keep", ""),
        ("kept", "keep", "status: kept"),
        ("keep*", "keep", "status: keep*"),
        ("baseline", "keep", "status: baseline"),
        ("Discarded", "discard", "status: Discarded"),
        ("reverted", "discard", "status: reverted"),
        ("size violation", "discard", "status: size violation"),
        ("parked", "discard", "status: parked"),
        ("OOM", "crash", "status: OOM"),
        ("timeout", "crash", "status: timeout"),
    ],
)
def test_words_for_a_status(word, status, notes):
    row = only(f"a\t0.0\t2.0\t{word}\td")
    assert (row.status, row.notes) == (status, notes)


@pytest.mark.parametrize("word", ["sentinel", "TODO", "maybe", "keep?"])
def test_an_unknown_status_is_refused_by_name(word):
    assert refusal(f"a\t1.5\t2.0\t{word}\td") == f'its status "{word}" is not known'
    assert refusal("a\t1.5\t2.0\t\td") == "it has no status"


@pytest.mark.parametrize("value", ["0.000000", "0", "nan", "N/A", "-", "", "inf", "null"])
def test_what_was_not_measured_is_null(value):
    assert only(f"a\t{value}\t{value}\tcrash\td").metrics == {"val_bpb": None, "peak_vram_mb": None}
    row = only(f"a\t{value}\t{value}\tdiscard\td")
    assert row.metrics == {"val_bpb": None, "peak_vram_mb": None}
    assert row.notes == ""


def test_zero_counts_where_it_can_be_true():
    header = "commit\tval_loss\tdiff_lines\tstatus\tdescription\n"
    assert only("a\t0.0\t0\tkeep\td", header=header).metrics == {"val_loss": None, "diff_lines": 0}
    assert only("a\t0.0\t0\tcrash\td", header=header).metrics == {"val_loss": None, "diff_lines": None}


def test_a_very_bad_value_for_a_crash_is_no_measurement():
    row = only("a\t99.0\t10.0\tcrash\td")
    assert row.metrics == {"val_bpb": None, "peak_vram_mb": 10240.0}
    assert row.notes == "val_bpb: 99.0"


def test_megabytes_in_a_column_of_gigabytes_are_not_believed():
    row = only("a\t1.5\t9876.5\tkeep\td")
    assert row.metrics == {"val_bpb": 1.5, "peak_vram_mb": None}
    assert row.notes == "memory_gb: 9876.5"


@pytest.mark.parametrize(
    ("written", "stored"),
    [("44.0 GB", 45056.0), ("512 MiB", 512.0), ("12,345,678.5", None), ("1,234", None), ("~20", None), ("-3", None)],
)
def test_numbers_are_read_only_where_they_are_unambiguous(written, stored):
    row = only(f"a\t1.5\t{written}\tkeep\td")
    assert row.metrics["peak_vram_mb"] == stored
    assert row.notes == ("" if stored else f"memory_gb: {written}")


def test_separators_and_units_of_other_columns():
    header = "commit\tartifact_bytes\ttotal_seconds\tane_pct\tsize\tstatus\tdescription\n"
    row = only("a\t12,345,678\t300 s\t3.5%\t5 s\tkeep\td", header=header)
    assert row.metrics == {"artifact_bytes": 12345678, "total_seconds": 300, "ane_pct": 3.5}
    assert row.notes == "size: 5 s"


def test_the_exact_memory_column_wins():
    header = "memory_gb\tpeak_vram_mb\tmem_gb\tstatus\tdescription\n"
    assert only("44.0\t45060.2\t44.1\tkeep\td", header=header).metrics == {"peak_vram_mb": 45060.2}


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("2026-04-03T16:50:11+09:00", "2026-04-03T07:50:11Z"),
        ("2026-04-03T16:50:11.9Z", "2026-04-03T16:50:11Z"),
        ("2026-04-03 16:50:11", None),
        ("2026-04-03", None),
        ("0001-01-01T00:00:00+09:00", None),
        ("yesterday", None),
    ],
)
def test_times_need_a_zone(written, stored):
    row = only(f"a\tkeep\td\t{written}", header="commit\tstatus\tdescription\ttimestamp\n")
    assert row.timestamp_utc == stored
    assert row.notes == ("" if stored else f"timestamp: {written}")


def test_a_column_may_name_the_zone():
    header = "commit\tstatus\tdescription\ttimestamp_utc\n"
    assert only("a\tkeep\td\t2026-04-03 16:50:11", header=header).timestamp_utc == "2026-04-03T16:50:11Z"


def test_quotes_are_characters():
    rows, _ = tsv('a\t1.5\t2.0\tkeep\t"open quote', 'b\t1.5\t2.0\tkeep\tsay "x"')
    assert [row.description for row in rows] == ['"open quote', 'say "x"']


def test_byte_order_mark_crlf_blank_lines_and_bad_bytes():
    data = (
        b"\xef\xbb\xbf" + HEADER.replace("\n", "\r\n").encode() + b"\r\n\t\t\na\t1.5\t2.0\tkeep\tcaf\xe9\x1b[0m\r\n\n"
    )
    rows, rejected = read_tsv(data)
    assert rejected == []
    assert [(row.line, row.description) for row in rows] == [(4, "caf\ufffd\ufffd[0m")]


def test_an_empty_commit_is_kept_empty():
    assert only("\t1.5\t2.0\tkeep\td").commit == ""


def test_a_repeated_header_is_no_row_and_another_header_starts_another_table():
    data = HEADER + "a\t1.5\t2.0\tkeep\tone\n" + HEADER + "b\t1.4\t2.0\tkeep\ttwo\n"
    data += "status\tdescription\tval_loss\nkeep\tthree\t2.5\n"
    rows, rejected, headers = partition_tsv(data.encode())
    assert [row.description for row in rows] == ["one", "two", "three"]
    assert rows[2].metrics == {"val_loss": 2.5}
    assert (rejected, headers) == ([], [1, 3, 5])


def test_a_column_may_be_called_like_a_status():
    assert only("a\tkeep\td\tNone", header="commit\tstatus\tdescription\terror\n").status == "keep"


def test_a_foreign_table_is_not_guessed_at():
    rows, rejected, headers = partition_tsv(b"name\tvalue\nx\t1\ny\t2\n" + HEADER.encode() + b"a\t1\t2\tkeep\td\n")
    assert headers == [1, 4]
    assert [(one.line, one.reason) for one in rejected] == [
        (2, "its table has no status and no description column"),
        (3, "its table has no status and no description column"),
    ]
    assert len(rows) == 1
    assert refusal("a\t1.5", header="commit\tval_bpb\n") == "its table has no status and no description column"


def test_upstreams_columns_without_a_header():
    rows, rejected = read_tsv(b"a\t1.5\t2.0\tkeep\tone\nb\t0.0\t0.0\tcrash\ttwo\n")
    assert [row.description for row in rows] == ["one", "two"]
    assert rejected == []


def test_prose_is_rejected():
    rows, rejected = read_tsv(b"what we did\n1\t2\n")
    assert rows == []
    assert {one.reason for one in rejected} == {"no header has named its columns"}
    assert rejected[0].text == "what we did"


def test_a_missing_memory_field_is_noticed_by_the_status():
    row = only("a\t1.5\tkeep\tbaseline")
    assert (row.status, row.description, row.metrics) == ("keep", "baseline", {"val_bpb": 1.5})


def test_missing_fields_at_the_end_are_empty():
    assert only("a\t1.5\t2.0\tdiscard").description == ""
    header = HEADER.rstrip("\n") + "\treject_reason\n"
    assert only("a\t1.5\t2.0\tdiscard\td", header=header).metrics == {"val_bpb": 1.5, "peak_vram_mb": 2048.0}


@pytest.mark.parametrize("line", ["a\t1.5", "a\tkeep\td", "1.5\t2.0\tkeep\td", "a\tx\tkeep\td", "a\t1.5\td\tkeep", "a"])
def test_other_short_rows_would_take_a_guess(line):
    assert "without guessing" in refusal(line)


def test_tabs_in_the_description_are_joined_where_it_is_the_last_column():
    assert only("a\t1.5\t2.0\tkeep\tone\ttwo\tthree").description == "one two three"
    assert only("a\t1.5\t2.0\tkeep\tone\t\t").description == "one"
    header = HEADER.rstrip("\n") + "\tnotes\n"
    assert only("a\t1.5\t2.0\tkeep\td\tn\t", header=header).notes == "n"
    assert "without guessing" in refusal("a\t1.5\t2.0\tkeep\tone\ttwo\tn", header=header)


def test_bounds():
    rows, rejected = tsv(
        "a\t1.5\t2.0\tkeep\t" + "x" * 30_000, "b\t1.5\t2.0\tkeep\t" + "x" * (1 << 20), "\t" * 900_000 + "x"
    )
    assert len(rows[0].description) == 20_000
    assert [one.line for one in rejected] == [3, 4]
    assert rejected[0].reason == "it is longer than 1,048,576 bytes"
    assert max(len(one.text) for one in rejected) <= 300


# -- experiments.jsonl

RECORD = {
    "run_id": "20260401T010203Z-a1b2c3d",
    "timestamp_utc": "2026-04-01T01:02:03Z",
    "branch": "lab",
    "commit": "a1b2c3d",
    "parent_commit": "0a0b0c0",
    "family": "lr",
    "status": "crash",
    "description": "double the learning rate",
    "hypothesis": "faster",
    "tags": ["lr", "muon"],
    "notes": "second try",
    "metrics": {"val_bpb": None, "peak_vram_mb": 0.0, "num_steps": 12, "mode": "fast"},
    "error": {"summary": "ValueError: x\n", "tail": ["a", "b"], "source": "run.log"},
    "artifacts": {"run_dir": "x"},
    "novelty_guard": {"classification": "novel"},
}


def jsonl(*found):
    return read_jsonl("\n".join(one if isinstance(one, str) else json.dumps(one) for one in found).encode())


def test_a_record_of_the_predecessor():
    (row,), rejected = jsonl(RECORD)
    assert rejected == []
    assert (row.run_id, row.timestamp_utc, row.branch) == (RECORD["run_id"], RECORD["timestamp_utc"], "lab")
    assert (row.commit, row.parent_commit, row.status) == ("a1b2c3d", "0a0b0c0", "crash")
    assert (row.family, row.hypothesis, row.tags) == ("lr", "faster", ("lr", "muon"))
    assert row.metrics == {"val_bpb": None, "peak_vram_mb": None, "num_steps": 12}
    assert row.notes == "second try; mode: fast"
    assert row.error == Error(summary="ValueError: x", tail=["a", "b"], source="run.log")


def test_what_a_record_lacks_is_empty():
    (row,), _ = jsonl(
        {"commit": "a", "status": "keep", "description": "d", "metrics": None, "tags": 3, "run_id": "../x"}
    )
    assert (row.metrics, row.tags, row.error, row.branch, row.timestamp_utc) == ({}, (), None, None, None)
    assert (row.run_id, row.notes) == (None, "run_id: ../x")


def test_broken_lines_are_rejected_and_the_rest_is_read():
    text = json.dumps(RECORD)
    rows, rejected = jsonl(
        text[:40], text, "", "[1]", {"commit": "a"}, {**RECORD, "status": "odd"}, {"kind": "plan"}, "[" * 9999
    )
    assert [row.line for row in rows] == [2]
    assert [one.line for one in rejected] == [1, 4, 5, 6, 7, 8]
    assert rejected[0].reason.startswith("it is not JSON: ")
    assert [one.reason for one in rejected[1:5]] == [
        "it is JSON, but no object",
        "it has no status",
        'its status "odd" is not known',
        "it is not the record of a run",
    ]


def test_odd_numbers_in_a_record():
    line = '{"commit":"a","status":"keep","description":"d","metrics":{"val_bpb":NaN,"a":1e999,"b":true,"c":{},"d":%s}}'
    (row,), _ = jsonl(line % ("9" * 400))
    assert row.metrics == {"val_bpb": None}
    assert "b: true" in row.notes
    assert "c: a nested value" in row.notes


# -- import keys


def test_an_import_can_be_repeated_after_rows_were_appended():
    lines = ["a\t1.5\t2.0\tkeep\tsame", "a\t1.5\t2.0\tkeep\tsame", "b\t1.5\t2.0\tkeep\tother"]
    first = [key for key, _ in keyed(tsv(*lines)[0])]
    again = [key for key, _ in keyed(tsv(*lines, lines[0], lines[2])[0])]
    assert again[:3] == first
    assert len(set(again)) == 5
    assert all(re.fullmatch("[0-9a-f]{16}", key) for key in again)


def test_the_key_does_not_depend_on_place_or_notes():
    (one,), (two,) = tsv("a\t1.5\t2.0\tkeep\td")[0], tsv("", "", "a\t1.5\t2.0\tkeep\td\t")[0]
    assert one.line != two.line
    assert import_key(one, 1) == import_key(two, 1) != import_key(one, 2)


def test_the_key_is_pinned():
    """Changing it makes every repeated import a second copy."""
    assert import_key(tsv("a\t1.5\t2.0\tkeep\td")[0][0], 1) == "d374bf6edc0b8be3"


# -- properties

CELLS = st.text(max_size=6) | st.sampled_from(
    [
        "commit",
        "status",
        "description",
        "val_bpb",
        "memory_gb",
        "keep",
        "crash",
        "1.5",
        "0.0",
        "nan",
        "-",
        "x",
        "",
        "44 GB",
    ]
)
TABLES = (
    st.lists(st.lists(CELLS, max_size=7).map("\t".join) | st.just(HEADER.strip()))
    .map("\n".join)
    .map(lambda text: text.encode("utf-8", "surrogatepass"))
)


@given(st.binary() | TABLES)
def test_every_line_is_a_row_or_rejected_or_a_header(data):
    rows, rejected, headers = partition_tsv(data)
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    filled = [number for number, line in enumerate(lines, 1) if line.decode("utf-8", "replace").strip()]
    assert sorted([row.line for row in rows] + [one.line for one in rejected] + headers) == filled
    assert all(one.reason for one in rejected)
    assert len({key for key, _ in keyed(rows)}) == len(rows)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(st.sampled_from(sorted(RECORD)), JSON).map(lambda found: json.dumps(RECORD | found))))
@settings(max_examples=40)
def test_every_json_line_is_a_row_or_rejected(lines):
    assert_rows_or_rejected(lines)


@pytest.mark.long
@given(st.lists(st.dictionaries(st.sampled_from(sorted(RECORD)), JSON).map(lambda found: json.dumps(RECORD | found))))
@settings(max_examples=100)
def test_many_json_lines_are_rows_or_rejected(lines):
    assert_rows_or_rejected(lines)


def assert_rows_or_rejected(lines):
    rows, rejected = read_jsonl("\n".join(lines).encode())
    assert sorted([row.line for row in rows] + [one.line for one in rejected]) == list(range(1, len(lines) + 1))
    assert len({key for key, _ in keyed(rows)}) == len(rows)


@given(st.binary())
def test_any_bytes_are_read_as_json_lines(data):
    rows, _ = read_jsonl(data)
    assert rows == []


@pytest.mark.skipif("MEMORYLAB_LEDGERS" not in os.environ, reason="MEMORYLAB_LEDGERS names no directory of ledgers")
def test_real_ledgers():
    paths = sorted(Path(os.environ["MEMORYLAB_LEDGERS"]).glob("*.tsv"))
    assert paths
    for path in paths:
        rows, rejected = read_tsv(path.read_bytes())
        assert len(rows) > 10 * len(rejected), path.name
        assert all(0.1 < row.metrics["val_bpb"] < 20 for row in rows if row.metrics.get("val_bpb") is not None), (
            path.name
        )
        assert all(50 < row.metrics["peak_vram_mb"] < 200_000 for row in rows if row.metrics.get("peak_vram_mb")), (
            path.name
        )
        assert all(row.metrics.get("val_bpb") is None for row in rows if row.status == "crash"), path.name
        assert len({key for key, _ in keyed(rows)}) == len(rows), path.name
