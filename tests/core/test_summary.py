import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorylab.core.record import Environment
from memorylab.core.summary import (
    MAX_LINE,
    PUBLISHED,
    Gauge,
    Summary,
    collapse_progress,
    crash_error,
    crash_metrics,
    is_memory_error,
    metrics_of,
    parse_log,
    parse_sidecar,
    sought,
)

BLOCK = """\
---
val_bpb:          1.234567
training_seconds: 300.1
total_seconds:    325.9
peak_vram_mb:     45060.2
mfu_percent:      39.80
total_tokens_M:   499.6
num_steps:        953
num_params_M:     50.3
depth:            8
"""


def sidecar(**values):
    return parse_sidecar(json.dumps(values).encode())


# -- the sidecar


def test_the_sidecar_gives_metrics_and_environment():
    found = sidecar(
        val_bpb=1.25, num_steps=953.0, depth="8", peak_rss_mb=512, my_metric=3,
        seed=1337, device="cpu", threads=2, torch_version="2.4.0", budget_kind="steps", budget=60, evaluator="abc",
    )  # fmt: skip
    assert found.metrics == {"val_bpb": 1.25, "num_steps": 953, "depth": 8, "peak_rss_mb": 512, "my_metric": 3}
    assert isinstance(found.metrics["num_steps"], int)
    assert found.environment == Environment(
        device="cpu",
        seed=1337,
        threads=2,
        evaluator="abc",
        budget_kind="steps",
        budget=60,
        libraries={"torch": "2.4.0"},
    )
    assert found.problems == ()


def test_what_is_no_finite_number_is_dropped_and_named():
    found = parse_sidecar(
        b'{"val_bpb": NaN, "a": Infinity, "b": true, "c": "fast", "d": {"e": 1}, "f": [1], "g": "-inf", "h": "1_0",'
        b' "ok": "3e-4", "unknown": null, "huge": ' + b"9" * 400 + b', "seed": 1.5, "device": 3}'
    )
    assert found.metrics == {"ok": 3e-4, "unknown": None, "val_bpb": None, "a": None}
    assert found.environment is None
    assert [problem.split(":")[0] for problem in found.problems] == [
        "val_bpb", "a", "b", "c", "d", "f", "g", "h", "huge", "seed", "device",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "data", [b"", b"[1]", b"3", b"{", b"\xff\xfe{}", b'{"a": 1} x', b"[" * 100_000, b" " * (1 << 21)]
)
def test_what_is_no_object_is_refused_in_one_sentence(data):
    with pytest.raises(ValueError, match=r"^the summary [^\n]*$"):
        parse_sidecar(data)


def test_the_sidecar_is_bounded():
    found = sidecar(**{f"m{n}": n for n in range(300)}, **{"x" * 101: 1})
    assert len(found.metrics) == 200
    assert len(found.problems) == 21
    assert found.problems[-1] == "81 more values were dropped"
    assert sidecar(**{"a\x1b[31m\u202eb": 1}).metrics == {"a\ufffd[31m\ufffdb": 1}


def test_no_name_text_or_file_is_longer_than_it_may_be():
    assert sidecar(**{"x" * 100: 1, "x" * 101: 1}).metrics == {"x" * 100: 1}
    assert sidecar(a="1" * 100, b="1" * 101).metrics == {"a": float("1" * 100)}
    assert parse_sidecar(b'{"a": 1}'.ljust(1 << 20)).metrics == {"a": 1}
    with pytest.raises(ValueError, match="more than 1,048,576"):
        parse_sidecar(b'{"a": 1}'.ljust((1 << 20) + 1))


def test_a_pattern_is_tried_on_short_lines_and_so_often():
    gauge = Gauge("m", "", "([0-9]+)")
    assert parse_log("7".rjust(1_000), gauge).metrics == {"m": 7} and not parse_log("7".rjust(1_001), gauge).metrics
    assert parse_log(" ".join(map(str, range(1, 150))), gauge).metrics == {"m": 100}


def test_a_byte_order_mark_is_no_problem():
    assert parse_sidecar(b'\xef\xbb\xbf{"val_bpb": 1}').metrics == {"val_bpb": 1}


# -- the log


def test_the_block_of_upstream_is_read():
    found = parse_log("loading\nstep 1 | loss: 3.2\n" + BLOCK)
    assert list(found.metrics) == list(PUBLISHED)
    assert found.metrics["val_bpb"] == 1.234567
    assert found.metrics["num_steps"] == 953
    assert found.problems == ()


def test_the_last_block_wins_and_unknown_numbers_in_it_count():
    found = parse_log("---\nval_bpb: 9.9\n" + BLOCK + "tokens_per_second: 12\nsee: the log\ndevice: NVIDIA H100 80GB\n")
    assert found.metrics["val_bpb"] == 1.234567
    assert found.metrics["tokens_per_second"] == 12
    assert "see" not in found.metrics
    assert found.environment == Environment(device="NVIDIA H100 80GB")


def test_without_a_block_the_last_known_metric_wins():
    assert parse_log("val_bpb: 2.0\nlr: 3\n val_bpb: 5\nval_bpb: 1.5\n").metrics == {"val_bpb": 1.5}
    assert parse_log("val_bpb: 1.5\n---\nnothing here\n").metrics == {"val_bpb": 1.5}
    assert parse_log("").metrics == {}


def test_progress_and_windows_line_ends_do_not_confuse():
    text = "step 1\rstep 2\rval_bpb: 9\r\n" + BLOCK.replace("\n", "\r\n")
    assert parse_log(text).metrics["val_bpb"] == 1.234567
    assert parse_log("step 1\r---\nval_bpb: 2\n").metrics == {"val_bpb": 2}


def test_a_diverged_run_has_no_value():
    found = parse_log("val_bpb: 2.0\n---\nval_bpb:          nan\npeak_vram_mb:     inf\ndepth: 8\n")
    assert found.metrics == {"val_bpb": None, "peak_vram_mb": None, "depth": 8}
    assert found.problems == ("val_bpb: nan is not a finite number", "peak_vram_mb: inf is not a finite number")
    assert parse_log("val_bpb: 2.0\nval_bpb: nan\n").metrics == {"val_bpb": None}


def test_the_sidecar_wins_and_the_log_fills():
    first = Summary({"val_bpb": 1.0, "mfu_percent": None}, Environment(seed=1), ("a",))
    second = Summary(
        {"val_bpb": 2.0, "mfu_percent": 8.0, "num_steps": 5}, Environment(seed=2, device="cpu"), ("a", "b")
    )
    assert metrics_of(first, second) == Summary(
        {"val_bpb": 1.0, "mfu_percent": None, "num_steps": 5}, Environment(seed=1, device="cpu"), ("a", "b")
    )

    assert metrics_of(None, second) == second
    assert metrics_of(None, None) == Summary()


# -- other metrics


def test_the_metric_is_where_the_key_says():
    data = json.dumps(
        {"stats": {"seconds": 1.5, "runs": [{"mean": 2}, {"mean": "3"}]}, "seconds": 9, "a.b": 4, "a": {"b": 5}, "n": 7}
    ).encode()
    assert parse_sidecar(data, Gauge("seconds", "stats.seconds")) == Summary(
        {"seconds": 1.5, "a.b": 4, "n": 7}, None, ("a: a nested value is not a finite number",)
    )
    assert parse_sidecar(data, Gauge("mean", "stats.runs.1.mean")).metrics["mean"] == 3
    assert parse_sidecar(data, Gauge("b", "a.b")).metrics["b"] == 4, "a key that is there as it stands"
    assert parse_sidecar(data, Gauge("seconds")).metrics["seconds"] == 9, "by its name without a key"


@pytest.mark.parametrize(
    "key", ["stats.minutes", "none.such", "list.2", "list.x", "list.\u0661", "n.m", ".", "list.-1"]
)
def test_where_the_key_leads_nowhere_nothing_else_is_the_metric(key):
    data = json.dumps({"stats": {"seconds": 1.5}, "seconds": 9, "list": [1, 2], "n": 7}).encode()
    assert "seconds" not in parse_sidecar(data, Gauge("seconds", key)).metrics


def test_what_the_key_leads_to_has_to_be_a_number():
    found = parse_sidecar(b'{"stats": {"seconds": "fast"}}', Gauge("seconds", "stats.seconds"))
    assert found == Summary({"seconds": None}, None, ("seconds: fast is not a finite number",))


TOOK = Gauge("seconds", pattern=r"took ([0-9.]+) s")


def test_the_last_match_of_the_pattern_is_the_metric():
    assert parse_log("took 3 s\nthen took 2.5 s, took 2.25 s\nbye\n", TOOK).metrics == {"seconds": 2.25}
    assert parse_log("took 3 s\n" + BLOCK, TOOK).metrics["seconds"] == 3, "before a block"
    assert parse_log("took 3 s\n" + BLOCK, TOOK).metrics["depth"] == 8, "with the block's other metrics"
    assert "seconds" not in parse_log("---\nseconds: 7\n", TOOK).metrics, "nothing but the pattern tells"
    assert parse_log("took 1 s\rtook 2 s\n", TOOK).metrics == {"seconds": 2}
    assert parse_log("a 5\nb\n", Gauge("n", pattern=r"a ([0-9]+)|b")).metrics == {"n": 5}, "a group that took no part"


def test_a_match_that_is_no_number_is_no_result():
    found = parse_log("took 3 s\ntook ... s\n", TOOK)
    assert found == Summary({"seconds": None}, None, ("seconds: ... is not a finite number",))


def test_a_pattern_is_not_tried_on_lines_of_any_length():
    line = "took 3 s" + " " * (MAX_LINE - 8)
    assert len(line) == MAX_LINE
    assert parse_log(f"took 4 s\n{line}.", TOOK).metrics == {"seconds": 4}
    assert parse_log(f"took 4 s\n{line[:-1]}.", TOOK).metrics == {"seconds": 3}


def test_a_quadratic_pattern_on_a_hostile_log_ends():
    hostile = "\n".join(["a" * 1_000_000] * 3 + ["a" * MAX_LINE] * 3)
    assert parse_log(hostile, Gauge("n", pattern=r"a*([0-9])")).metrics == {}


def test_a_metric_of_another_name_is_read_without_a_block():
    assert parse_log("accuracy: 0.5\naccuracy: 0.75\nother: 3\n", Gauge("accuracy")).metrics == {"accuracy": 0.75}
    assert parse_log("budget: 12\n", Gauge("budget")).metrics == {"budget": 12}, (
        "what else is a fact of the environment"
    )


def test_where_a_metric_was_looked_for():
    assert sought(Gauge("seconds")) == "seconds"
    assert sought(Gauge("s", "a.b", "took (.)")) == "s (a.b of the summary, took (.) in the log)"


def test_a_crash_has_no_value_of_its_own_metric():
    assert crash_metrics({"ops": 5, "depth": 3, "x": 0}, "ops") == {"ops": None, "depth": 3, "x": None}
    assert crash_metrics({"num_steps": 5}, "num_steps") == dict.fromkeys(PUBLISHED)


# -- crashes


def test_memory_that_could_not_be_measured_is_not_zero():
    log = Summary({"val_bpb": 1.0, "peak_vram_mb": 0.0, "mfu_percent": 0.0}, None, ())
    assert metrics_of(None, log).metrics == {"val_bpb": 1.0, "peak_vram_mb": None, "mfu_percent": None}


def test_a_crash_has_nulls_never_zeros():
    found = crash_metrics({"val_bpb": 1.3, "peak_vram_mb": 0.0, "num_steps": 12, "other": 0, "mfu": 4.0})
    assert found == dict.fromkeys(PUBLISHED) | {"num_steps": 12, "other": None, "mfu": 4.0}


TRACEBACK = """\
Traceback (most recent call last):
  File "train.py", line 10, in <module>
    main()
    ~~~~^^
ValueError: first
"""


GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "a.py", line 1
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "a.py", line 2
    | KeyError: 'x'
    +------------------------------------
"""


@pytest.mark.parametrize(
    ("log", "summary"),
    [
        (TRACEBACK, "ValueError: first"),
        (TRACEBACK + "cleaning up\ndone\n", "ValueError: first"),
        (TRACEBACK + "a note of the exception\n", "ValueError: first"),
        (
            TRACEBACK + "\nDuring handling of the above exception, another exception occurred:\n\n"
            + TRACEBACK.replace("ValueError: first", "torch.OutOfMemoryError: CUDA out of memory. Tried 2 GiB"),
            "torch.OutOfMemoryError: CUDA out of memory. Tried 2 GiB",
        ),
        ('  File "train.py", line 3\n    foo(\n       ^\nSyntaxError: invalid syntax\n', "SyntaxError: invalid syntax"),
        (TRACEBACK.replace(": first", ":\n\tsize mismatch for w"), "ValueError: size mismatch for w"),
        (TRACEBACK.replace(": first", ""), "ValueError"),
        ("".join(f"[rank0]: {line}\n" for line in TRACEBACK.splitlines()), "ValueError: first"),
        (
            GROUP,
            "KeyError: 'x'",
        ),
        ("step 1\rstep 2\r" + TRACEBACK.replace("\n", "\r\n"), "ValueError: first"),
        (
            TRACEBACK + "Exception ignored in: <function F at 0x1>\n" + TRACEBACK.replace("first", "at exit"),
            "ValueError: first",
        ),
        (TRACEBACK + "Traceback (most recent call last):\n  File cut", "ValueError: first"),
    ],
)  # fmt: skip
def test_the_summary_is_the_last_exception(log, summary):
    error = crash_error(log, returncode=1)
    assert (error.summary, error.source) == (summary, "run.log")


@pytest.mark.parametrize(
    ("arguments", "summary", "source"),
    [
        ({"returncode": -9}, "killed by signal SIGKILL (9), perhaps out of memory", "exit status"),
        ({"returncode": 137}, "killed by signal SIGKILL (9), perhaps out of memory", "exit status"),
        ({"returncode": -11}, "killed by signal SIGSEGV (11)", "exit status"),
        ({"timeout": 600.0, "returncode": -9}, "timed out after 600 s", "exit status"),
        ({"returncode": 3}, "exit code 3: last words", "exit status"),
        ({}, "last words", "run.log"),
        ({"given": "bad\nidea"}, "bad idea", "given"),
    ],
)
def test_without_a_traceback_the_exit_status_speaks(arguments, summary, source):
    error = crash_error("one\nlast words\n\n", **arguments)
    assert (error.summary, error.source) == (summary, source)
    assert error.tail == ["one", "last words"]


def test_what_ended_the_process_from_outside_beats_a_traceback_that_it_survived():
    assert crash_error(TRACEBACK + "step 2\n", returncode=-9).source == "exit status"
    assert crash_error(TRACEBACK, timeout=5).summary == "timed out after 5 s"
    assert crash_error(TRACEBACK, returncode=-6).summary == "ValueError: first"


def test_no_log_at_all():
    error = crash_error(None)
    assert (error.summary, error.tail, error.source) == ("the run left no output", [], "no log")
    assert crash_error(None, returncode=3).summary == "exit code 3"


def test_the_tail_is_short_and_safe_to_print():
    error = crash_error("\n".join(["\x1b[31mred", "", *["x" * 900] * 30]), returncode=1)
    assert len(error.tail) == 20
    assert max(map(len, error.tail)) == 500
    assert crash_error("\x1b[31mred\u202e").tail == ["\ufffd[31mred\ufffd"]


@pytest.mark.parametrize(
    "summary",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "RuntimeError: MPS backend out of memory (MPS allocated: 9 GB)",
        "MemoryError",
        "numpy.core._exceptions._ArrayMemoryError: Unable to allocate 8.00 GiB for an array",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried",
        "OSError: [Errno 12] Cannot allocate memory",
        "RuntimeError: [METAL] Command buffer execution failed: Insufficient Memory",
        "killed by signal SIGKILL (9), perhaps out of memory",
        "exit code 137: step 10",
        "Killed",
        "depth 24 OOM",
    ],
)
def test_memory_errors(summary):
    assert is_memory_error(summary)


@pytest.mark.parametrize(
    "summary",
    [
        "RuntimeError: memory layout mismatch",
        "CUDA error: an illegal memory access was encountered",
        "ValueError: memory format option is only supported by strided tensors",
        "IndexError: index out of memory bounds",
        "killed by signal SIGTERM (15)",
        "exit code 1: room for more",
        "timed out after 137 s",
        "",
    ],
)
def test_other_errors_that_speak_of_memory(summary):
    assert not is_memory_error(summary)


# -- the archived log


def test_progress_is_collapsed_to_the_last_state_of_each_line():
    assert collapse_progress(b"a\r\nstep 1\rstep 2\nstep 3\rstep 4\r\n\r\n\nend", 1000) == b"a\nstep 2\nstep 4\n\n\nend"
    assert collapse_progress(b"caf\xe9 \xff\r\xfe", 1000) == b"\xfe"


def test_a_long_log_keeps_head_and_tail_at_line_ends():
    data = b"".join(b"line %04d\n" % n for n in range(1000))
    found = collapse_progress(data, 105)
    lines = found.decode().splitlines()
    assert lines[0] == "line 0000"
    assert lines[-1] == "line 0999"
    assert lines[5] == "[... 9900 bytes left out here ...]"
    assert len(lines) == 11


def test_one_giant_line_is_cut_anyway():
    found = collapse_progress(b"x" * 5000 + b"\n", 100)
    assert found == b"x" * 50 + b"\n[... 4901 bytes left out here ...]\n" + b"x" * 49 + b"\n"


@given(st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n", b"\xff", b" "])).map(b"".join), st.integers(0, 60))
def test_a_collapsed_log_is_bounded_and_complete_or_marked(data, limit):
    found = collapse_progress(data, limit)
    whole = collapse_progress(data, len(data))
    assert b"\r" not in whole
    assert whole.count(b"\n") == data.count(b"\n")
    assert len(found) <= limit + 200
    if len(whole) <= limit:
        assert found == whole
    else:
        marker = re.search(rb"\[\.\.\. (\d+) bytes left out here \.\.\.\]\n", found)
        head, tail = found[: marker.start()], found[marker.end() :]
        assert whole.startswith((head, head.removesuffix(b"\n")))
        assert whole.endswith(tail)
        # The line end before the marker is the marker's own where the head was cut within a line.
        assert len(whole) - len(head) - len(tail) in (int(marker[1]), int(marker[1]) - 1)


# -- properties

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
NAMES = st.text() | st.sampled_from([*PUBLISHED, "seed", "device", "torch_version", "budget"])


@given(st.binary() | st.dictionaries(NAMES, VALUES).map(lambda found: json.dumps(found).encode()))
def test_the_sidecar_is_read_or_refused(data):
    try:
        found = parse_sidecar(data)
    except ValueError:
        return
    assert all(value is None or value - value == 0 for value in found.metrics.values())
    assert not any(isinstance(value, bool) for value in found.metrics.values())
    assert all("\n" not in problem for problem in found.problems)


@given(
    st.text(alphabet=st.characters() | st.sampled_from("\r\n:-")) | st.just(BLOCK), st.none() | st.integers(-70, 300)
)
def test_any_log_is_read(text, returncode):
    parse_log(text)
    error = crash_error(text, returncode=returncode)
    assert error.summary
    assert "\n" not in error.summary
