"""What a training run leaves behind: the JSON sidecar, the printed summary, the log of a crash.

The sidecar is what the subject writes to AUTORESEARCH_SUMMARY_PATH; the log is its output, which may end in upstream's
block of `key:   value` lines after a line `---`. Both are written by code under experiment: nothing here trusts them.
"""

import json
import math
import re
import signal
from collections.abc import Iterable
from itertools import count, islice, takewhile
from typing import Any, AnyStr

import msgspec

from memorylab.core.record import Environment, Error, Number
from memorylab.core.text import inline, shorten

# The metrics of the published schema, as train.py of karpathy/autoresearch prints them.
PUBLISHED = (
    "val_bpb",
    "training_seconds",
    "total_seconds",
    "peak_vram_mb",
    "mfu_percent",
    "total_tokens_M",
    "num_steps",
    "num_params_M",
    "depth",
)
MAX_BYTES = 1 << 20
MAX_METRICS = 200
MAX_NAME = 100
MAX_LINE = 1_000  # characters of a log's line that a pattern is tried on: a result is printed on a short one
MAX_MATCHES = 100  # of a pattern in one line: each may look at the rest of it
MAX_LOOKED = 100_000  # lines below the headers of tracebacks, in all: else many headers make it quadratic
TAIL_LINES = 20
TAIL_WIDTH = 500

_KNOWN = frozenset((*PUBLISHED, "peak_rss_mb"))
_COUNTS = frozenset(("num_steps", "depth"))
_ENVIRONMENT = frozenset(("seed", "device", "threads", "torch_version", "budget_kind", "budget", "evaluator"))
_MAX_PROBLEMS = 20
# Beyond 2**53 JSON readers disagree on integers (RFC 8259, section 6).
_EXACT = 1 << 53
# Spelled out because the `signal` module of Windows has no such name.
_SIGKILL = 9

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_PAIR = re.compile(r"([A-Za-z_][A-Za-z0-9_./-]*):[ \t]+(\S.*)")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)


# Without CUDA, upstream's forks print 0.0 for what they cannot measure.
_NEVER_ZERO = ("peak_vram_mb", "mfu_percent")


class Summary(msgspec.Struct):
    """What could be read of a run. `problems` says in one line each what was dropped and why."""

    metrics: dict[str, Number] = {}
    environment: Environment | None = None
    problems: tuple[str, ...] = ()


class Gauge(msgspec.Struct, frozen=True):
    """How the metric of a run is read: `key` is where the sidecar has it, with dots into what is nested (empty: by its
    name), `pattern` a regular expression whose first group is the number in the log, where it matches last."""

    metric: str = "val_bpb"
    key: str = ""
    pattern: str = ""


UPSTREAM = Gauge()


def sought(gauge: Gauge) -> str:
    """The metric, and where it was looked for if that is set: `seconds (stats.seconds of the summary)`."""
    ways = ([f"{gauge.key} of the summary"] if gauge.key else []) + (
        [f"{gauge.pattern} in the log"] * bool(gauge.pattern)
    )
    return inline(f"{gauge.metric} ({', '.join(ways)})" if ways else gauge.metric)


def number(value: object) -> int | float | None:
    """A finite number, also where it is written as text ("1.5", "3e-4"); None for anything else, bools included."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) > MAX_NAME or not _NUMBER.fullmatch(text):
            return None
        value = int(text) if text.lstrip("+-").isdigit() else float(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and abs(value) <= _EXACT:
        return value
    try:
        real = float(value)
    except OverflowError:
        return None
    return real if math.isfinite(real) else None


def parse_sidecar(data: bytes, gauge: Gauge = UPSTREAM) -> Summary:
    """The summary that a run wrote as JSON. Raises ValueError, one sentence, if it is no JSON object or too long."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"the summary is {len(data):,} bytes, more than {MAX_BYTES:,}")
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except json.JSONDecodeError as problem:
        raise ValueError(f"the summary is not JSON: {problem.msg} in line {problem.lineno}") from None
    except UnicodeDecodeError:
        raise ValueError("the summary is not UTF-8 text") from None
    except (RecursionError, ValueError):
        raise ValueError("the summary is not JSON that can be read: nested too deeply, or a number too long") from None
    if not isinstance(found, dict):
        raise ValueError("the summary is JSON, but no object")
    if not gauge.key:
        return _assemble(found.items(), gauge)
    # Only what the key says is the metric, whatever else is called like it; and what it leads through is no metric.
    first, *_ = _steps(found, gauge.key)
    others = {name: value for name, value in found.items() if name not in (gauge.metric, first)}
    return _assemble([*_at(found, gauge.key, gauge.metric), *others.items()], gauge)


def _steps(found: dict[str, Any], key: str) -> list[str]:
    """A dotted key as the keys on the way; one that is there as it stands is one step."""
    return [key] if key in found else key.split(".")


def _at(found: dict[str, Any], key: str, metric: str) -> list[tuple[str, Any]]:
    """The metric with what is at a key, nothing if there is no such key. A number leads into a list."""
    value: Any = found
    for step in _steps(found, key):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(value):
            value = value[int(step[:9])]
        else:
            return []
    return [(metric, value)]


def parse_log(text: str, gauge: Gauge = UPSTREAM) -> Summary:
    """The summary that a run printed: the lines after the last `---`, else the last value of each known metric. With a
    pattern the metric is what that finds, and nothing else."""
    lines = [_last_state(line).rstrip() for line in text.split("\n")]
    if not gauge.pattern:
        return _printed(lines, gauge)
    rest = _printed(lines, UPSTREAM)
    rest.metrics.pop(gauge.metric, None)
    found = _assemble(_matched(lines, gauge), gauge)
    return msgspec.structs.replace(
        rest, metrics=rest.metrics | found.metrics, problems=(*found.problems, *rest.problems)
    )


def _printed(lines: list[str], gauge: Gauge) -> Summary:
    if "---" in lines:
        start = len(lines) - lines[::-1].index("---")
        block = _assemble(_pairs(lines[start:]), gauge)
        # A `---` without metrics behind it belongs to something else, such as a front matter echoed into the log.
        if block.metrics or block.problems:
            return block
    known = _KNOWN | {gauge.metric}
    return _assemble((pair for pair in _pairs(lines) if pair[0] in known), gauge)


def _matched(lines: list[str], gauge: Gauge) -> list[tuple[str, str]]:
    """The metric with what its pattern matches last. From the end: a long log costs no more than a short one."""
    pattern = compiled(gauge.pattern)
    for line in reversed(lines):
        matches = islice(pattern.finditer(line), MAX_MATCHES) if len(line) <= MAX_LINE else ()
        found = [match[1] for match in matches if match[1] is not None]
        if found:
            return [(gauge.metric, found[-1])]
    return []


def compiled(pattern: str) -> Any:
    """A pattern, made ready by RE2: a repository that was fetched may have any in its settings, and what Python's own
    `re` takes for one may be a power of the length. Raises ValueError, what is wrong with it."""
    import re2  # 3 ms that only labs with a pattern need to pay

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as problem:
        said = problem.args[0]
        raise ValueError(inline(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said))) from None


def metrics_of(sidecar: Summary | None, log: Summary | None) -> Summary:
    """Both sources as one: the sidecar wins, also where it says null; the log fills what the sidecar lacks."""
    first, second = sidecar or Summary(), log or Summary()
    metrics = second.metrics | first.metrics
    for name in _NEVER_ZERO:
        if metrics.get(name) == 0:
            metrics[name] = None
    environment = first.environment or second.environment
    if first.environment and second.environment:
        theirs = msgspec.structs.asdict(second.environment)
        lacking = {
            key: theirs[key] for key, ours in msgspec.structs.asdict(first.environment).items() if ours in (None, {})
        }
        environment = msgspec.structs.replace(first.environment, **lacking)
    return Summary(metrics, environment, tuple(dict.fromkeys((*first.problems, *second.problems))))


def crash_metrics(metrics: dict[str, Number], metric: str = "val_bpb") -> dict[str, Number]:
    """The metrics of a crash: null where nothing was measured, never 0, and none that is judged whatever was printed.
    Those of the published schema are all there where the metric is of it."""
    found = dict.fromkeys(PUBLISHED if metric in PUBLISHED else (metric,))
    return found | {name: value or None for name, value in metrics.items()} | {metric: None}


def collapse_progress(data: bytes, limit: int) -> bytes:
    """A log for the archive: of carriage-return progress the last state of each line; over `limit` bytes head and tail.

    The result is at most `limit` bytes and a marker line of under 100, which says how many bytes are missing. Cuts are
    made at line ends where there are any.
    """
    whole = b"\n".join(_last_state(line) for line in data.split(b"\n"))
    if len(whole) <= limit:
        return whole
    half = max(0, limit) // 2
    head, tail = whole[:half], whole[len(whole) - half :]
    head = head[: head.rfind(b"\n") + 1] or head
    # The last byte is usually the log's own final line end: cutting there would leave no tail at all.
    tail = tail[tail.find(b"\n", 0, -1) + 1 :]
    missing = len(whole) - len(head) - len(tail)
    line_end = b"\n" if head and not head.endswith(b"\n") else b""
    return head + line_end + b"[... %d bytes left out here ...]\n" % missing + tail


def crash_error(
    log_text: str | None, *, returncode: int | None = None, timeout: float | None = None, given: str = ""
) -> Error:
    """Why a run crashed.

    `timeout` is the limit in seconds that the run exceeded, None if it did not; `returncode` is as of `subprocess`
    (negative for a signal) or of a shell (128 and more). What ended the process from outside beats a traceback in the
    log, which the process must have survived. `source` is `given`, `run.log`, `exit status` or `no log`.
    """
    lines = [_last_state(line).rstrip() for line in (log_text or "").split("\n")]
    tail = tail_of(lines)
    signum = _signal(returncode)
    if inline(given):
        summary, source = given, "given"
    elif timeout is not None:
        summary, source = f"timed out after {timeout:g} s", "exit status"
    elif signum == _SIGKILL:
        summary, source = f"killed by signal SIGKILL ({signum}), perhaps out of memory", "exit status"
    elif raised := _raised(lines):
        summary, source = raised, "run.log"
    elif signum is not None:
        summary, source = f"killed by signal {signal.Signals(signum).name} ({signum})", "exit status"
    elif returncode is not None:
        summary, source = f"exit code {returncode}" + (f": {tail[-1]}" if tail else ""), "exit status"
    elif tail:
        summary, source = tail[-1], "run.log"
    else:
        summary, source = "the run left no output", "no log"
    return Error(summary=shorten(inline(summary), 2_000), tail=tail, source=source)


def tail_of(lines: Iterable[str]) -> list[str]:
    """The last 20 lines that are not empty, safe to print, each at most 500 characters."""
    # Cut before they are made safe: a log without line ends may be one line of many megabytes.
    safe = [inline(line[: 4 * TAIL_WIDTH]) for line in lines if line.strip()]
    return [shorten(line, TAIL_WIDTH) for line in safe if line][-TAIL_LINES:]


_MEMORY = re.compile(
    r"out[ -]of[ -]memory(?!-| bounds| range)|insufficient memory|not enough memory"
    r"|can(?:'|no)t allocate memory|(?:unable|failed) to allocate [0-9]"
    r"|DefaultCPUAllocator: can't allocate|CUBLAS_STATUS_ALLOC_FAILED|RESOURCE_EXHAUSTED"
    r"|\bSIGKILL\b|\bexit(?:ed)?(?: with)?(?: code| status)? 137\b|^killed$",
    re.IGNORECASE,
)
_MEMORY_NAMES = re.compile(r"(?:\b|_Array|OutOf)MemoryError\b|\bOOM\b")


def is_memory_error(summary: str) -> bool:
    """Whether a crash was for want of memory (CUDA, HIP, MPS, host), which a smaller configuration cures."""
    return bool(_MEMORY.search(summary) or _MEMORY_NAMES.search(summary))


def _assemble(pairs: Iterable[tuple[str, Any]], gauge: Gauge) -> Summary:
    metrics: dict[str, Number] = {}
    environment: dict[str, Any] = {}
    problems: list[str] = []
    for key, value in pairs:
        name = inline(key)
        if not name or len(name) > MAX_NAME:
            problems.append(f"{shorten(name, 40) or 'a metric'}: the name is empty or over {MAX_NAME} characters")
        elif name in _ENVIRONMENT and name != gauge.metric:
            if not _environment(environment, name, value):
                problems.append(f"{name}: {_shown(value)} cannot be read")
        elif name not in metrics and len(metrics) >= MAX_METRICS:
            problems.append(f"{name}: more than {MAX_METRICS} metrics")
        elif value is None:
            metrics[name] = None
        elif (measured := number(value)) is None:
            # The last word counts: what was printed under this name before is not the result, nor is what the log says
            # of a value that the sidecar gives as NaN.
            metrics.pop(name, None)
            if name in PUBLISHED or name == gauge.metric or isinstance(value, float):
                metrics[name] = None
            problems.append(f"{name}: {_shown(value)} is not a finite number")
        else:
            whole = name in _COUNTS and float(measured).is_integer()
            metrics[name] = int(measured) if whole else measured
    problems = list(dict.fromkeys(problems))
    if len(problems) > _MAX_PROBLEMS:
        rest = len(problems) - _MAX_PROBLEMS
        problems = [*problems[:_MAX_PROBLEMS], f"{rest} more values were dropped"]
    return Summary(metrics, Environment(**environment) if environment else None, tuple(problems))


def _environment(found: dict[str, Any], name: str, value: Any) -> bool:
    """Put one fact of the environment into `found`; False if it is of the wrong kind."""
    if value is None:
        return True
    if name in ("seed", "threads"):
        count = number(value)
        if count is None or not float(count).is_integer() or abs(count) > _EXACT:
            return False
        found[name] = int(count)
    elif name == "budget":
        found[name] = number(value)
        return found[name] is not None
    elif not isinstance(value, str) or not inline(value):
        return False
    elif name == "torch_version":
        found["libraries"] = {"torch": shorten(inline(value), 1_000)}
    else:
        found[name] = shorten(inline(value), 1_000)
    return True


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a nested value"
    return shorten(inline(value if isinstance(value, str) else json.dumps(value)), 60) or "an empty text"


def _pairs(lines: list[str]) -> Iterable[tuple[str, str]]:
    """The lines that state a number or a fact of the environment; other `word: word` lines are talk."""
    for line in lines:
        match = _PAIR.fullmatch(line)
        if match and (match[1] in _ENVIRONMENT or _NUMBER.fullmatch(match[2]) or _NOT_FINITE.fullmatch(match[2])):
            yield match[1], match[2]


def _last_state(line: AnyStr) -> AnyStr:
    """What a terminal shows last of a line that was redrawn by carriage returns (CRLF line ends fall under it)."""
    if isinstance(line, bytes):
        return line.rstrip(b"\r").rpartition(b"\r")[2]
    return line.rstrip("\r").rpartition("\r")[2]


def _signal(returncode: int | None) -> int | None:
    if returncode is None or 0 <= returncode <= 128:
        return None
    signum = -returncode if returncode < 0 else returncode - 128
    return signum if signum == _SIGKILL or signum in list(signal.Signals) else None


# The header may carry a prefix, repeated on each of its lines: "[rank0]: " of torchrun, "  | " of an exception group.
_TRACEBACK = re.compile(r"(.*?)(\+ Exception Group )?Traceback \(most recent call last\):")
_EXCEPTION = re.compile(r"[A-Za-z_][\w.<>]*(?::(?: .*)?)?")
# A script that does not compile ends without the header.
_SYNTAX = re.compile(r"(?:SyntaxError|IndentationError|TabError): .+")


def _raised(lines: list[str]) -> str:
    """The exception line of the last traceback, empty if there is none."""
    ignored, looked = "", count()
    for index in range(len(lines) - 1, -1, -1):
        if _SYNTAX.fullmatch(lines[index]) and index and lines[index - 1].startswith(" "):
            return lines[index]
        header = _TRACEBACK.fullmatch(lines[index])
        below = takewhile(lambda _: next(looked) < MAX_LOOKED, (lines[i] for i in range(index + 1, len(lines))))
        found = header and _exception(below, header[1] + ("| " if header[2] else ""))
        if found:
            # A finaliser's exception is printed at exit and ends nothing: it counts only if there is no other.
            if not (index and lines[index - 1].lstrip().startswith("Exception ignored in")):
                return found
            ignored = ignored or found
    return ignored


def _exception(lines: Iterable[str], prefix: str) -> str:
    """The first line that is not indented, below a traceback's header; with the next line where it ends in a colon."""
    body = (line.removeprefix(prefix) for line in lines)
    for line in body:
        if line.startswith("Traceback (most recent call last):"):
            return ""
        if _EXCEPTION.fullmatch(line):
            message = next(body, "").strip() if line.endswith(":") else ""
            return f"{line} {message}".rstrip()
    return ""
