"""log: a finished run becomes a record, a packet, archived artifacts and fresh views."""

from collections import Counter
from pathlib import Path

import msgspec

from memorylab.commands import check, claim, experiment
from memorylab.commands.session import Session
from memorylab.core import decision, summary
from memorylab.core.history import Idea
from memorylab.core.masking.redact import redact as redact_text
from memorylab.core.masking.redact import redact_bytes, summed
from memorylab.core.record import Error, Mode, Run, Status, Verdict
from memorylab.core.text import block, inline, number
from memorylab.core.verdict import in_mode
from memorylab.errors import BadInput, UsageError
from memorylab.ledger import check_line, new_id, timestamp
from memorylab.store import git
from memorylab.views.fresh import FOLDER

EVIDENCE = 5
LOG_FILE = "run.log"
LONGEST_SIDECAR = 1 << 20
_LONGEST_LOG = 1 << 28
_WHOLE_LOG, _HEAD, _TAIL = 1 << 26, 1 << 20, 1 << 24  # bytes; of a longer file these are read, as results come last
_LATEST = 100  # runs whose logs a run.log may still be


class Request(msgspec.Struct, kw_only=True):
    """What the user said of a run; None is not said. With `keep_claims` it fulfils no claim."""

    description: str | None = None
    tags: list[str] | None = None
    status: Status | None = None
    family: str | None = None
    hypothesis: str | None = None
    notes: str = ""
    error: str = ""
    mode: Mode | None = None
    threshold: float | None = None
    commit: str = "HEAD"
    summary: Path | None = None
    log: Path | None = None
    allow_dirty: bool = False
    crash: Error | None = None
    keep_claims: bool = False


class Logged(msgspec.Struct, frozen=True):
    """A run that is in the ledger, and what the user should know besides."""

    run: Run
    remarks: list[str]


def log(session: Session, request: Request, found: experiment.Experiment | None = None) -> Logged:
    """Record a run. What the request leaves out comes from the commit and its plan.

    Raises BadInput if there is no result and the run is not said to have crashed, DirtySubject if the subject is not
    what the commit holds. Nothing is written then.
    """
    if found is None:
        found = experiment.refuse_dirty(session, experiment.of_commit(session, request.commit), request.allow_dirty)
    run = draft(session, request, found)
    remarks = _default_log(session, request, found)
    log_data = read_log(request.log, "--log") if request.log is not None else None
    sidecar_data = _read(request.summary, "--summary", LONGEST_SIDECAR)
    read = _results(sidecar_data, log_data, request, session.settings.gauge, remarks)
    run = msgspec.structs.replace(run, metrics=read.metrics, environment=read.environment)
    run = _outcome(session, run, request, log_data, remarks)
    status = "crash" if run.status == "crash" else request.status
    run, _ = decision.settle(run, session.races, status)
    files = _artifacts(session, sidecar_data, log_data, found.patch)
    ended = [] if request.keep_claims else claim.fulfilled(session, check.idea_of(_said(found, request)), run.run_id)
    run = session.ledger.append_run(session.now, found.commit.oid, run, files, _markdown, ended)
    remarks = [masked(remark, session.settings.redact) for remark in remarks]
    return Logged(run, [*remarks, *session.news(), *_in_the_commit(session, found)])


def draft(session: Session, request: Request, found: experiment.Experiment) -> Run:
    """The record of a run as far as it is known before its result. Raises BadInput if it could not be recorded."""
    if request.description is not None and not inline(request.description):
        raise UsageError("--description is empty.", "Say in one line what was tried, or leave it out.")
    found = _said(found, request)
    if not inline(found.description):
        raise BadInput("The run has no description.", "Give --description, or commit with a message.")
    run = Run(
        writer="_", seq=1, run_id=new_id(session.now, found.commit.oid), timestamp_utc=timestamp(session.now),
        branch=git.branch(session.place), commit=found.commit.oid,
        parent_commit=found.commit.parents[0] if found.commit.parents else None, family=inline(found.family),
        status=request.status or "keep", description=inline(found.description), hypothesis=inline(found.hypothesis),
        tags=found.tags, notes=block(request.notes), metrics={}, error=None, artifacts={},
        novelty_guard=_verdict(session, found, request), decision_packet=None, change=found.change, environment=None,
    )  # fmt: skip
    check_line(run)
    return run


def render(session: Session, logged: Logged) -> str:
    """What the terminal shows: the result, what the guard had said, what to do next, where the rest is."""
    run = logged.run
    packet, guard = run.decision_packet, run.novelty_guard
    assert packet is not None
    value = run.value(session.settings.metric)
    result = f"{session.settings.metric} {number(value)}" if value is not None else "no result"
    lines = [f"{run.status}: {result}, {run.commit[:7]} {run.description}"]
    if guard is not None and guard.classification != "novel":
        lines.append(f"guard: {check.headline(guard)}")
    lines.append(f"next: {packet.next_action} ({packet.priority}). {packet.summary}")
    lines.append(f"why: {packet.rationale}")
    if run.error is not None:
        lines.append(f"error: {run.error.summary}")
    if not packet.comparison.is_new_champion and packet.comparison.current_champion_run_id:
        best = number(packet.comparison.current_champion_value)
        lines.append(f"champion: {best}, {packet.comparison.current_champion_run_id}")
    where = f"run: {run.run_id}"
    if session.place.top is not None:
        where += f", packet in {FOLDER / 'runs' / run.run_id}"
    return "\n".join([*lines, where])


def masked(text: str, redact: bool) -> str:
    """The text of a log without credentials: what is quoted of it may be cut where they could not be told any more."""
    return redact_text(text).text if redact else text


def _in_the_commit(session: Session, found: experiment.Experiment) -> list[str]:
    """What there is to say of an experiment's commit, which is the user's own, is shared, and is never rewritten."""
    if not session.settings.redact:
        return []
    added = (line[1:] for line in found.patch.split(b"\n") if line.startswith(b"+") and not line.startswith(b"+++"))
    counts = Counter(redact_text(found.commit.message).counts) + Counter(redact_bytes(b"\n".join(added))[1])
    if not counts:
        return []
    return [
        f"commit {found.commit.oid[:7]} itself has {summed(dict(sorted(counts.items())))}, and a sync shares it as it "
        "is: revoke them, and see `Secrets` in docs/sharing.md"
    ]


def _said(found: experiment.Experiment, request: Request) -> experiment.Experiment:
    names = ("description", "family", "hypothesis", "tags")
    said = {name: value for name in names if (value := getattr(request, name)) is not None}
    return msgspec.structs.replace(found, **said)


def _read(path: Path | None, option: str, longest: int) -> bytes | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            data = file.read(longest + 1)
    except OSError as problem:
        raise BadInput(f"{option} {path}: {problem.strerror}.", "Give the path of the file, or leave it out.") from None
    if len(data) > longest:
        raise BadInput(f"{option} {path} is longer than {longest:,} bytes.", "Cut it down first.")
    return data


def read_log(path: Path, option: str = LOG_FILE) -> bytes:
    """A log; of one that is too long to be read whole, as of a run that said too much all night, its ends."""
    size = path.stat().st_size if path.is_file() else 0
    if size <= _WHOLE_LOG:
        return _read(path, option, _LONGEST_LOG) or b""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            file.seek(size - _TAIL)
            return head + b"\n[... %d bytes left out here ...]\n" % (size - _HEAD - _TAIL) + file.read(_TAIL)
    except OSError as problem:
        raise BadInput(f"{option} {path}: {problem.strerror}.", "Give the path of the file, or leave it out.") from None


def _default_log(session: Session, request: Request, found: experiment.Experiment) -> list[str]:
    """Take run.log where nothing is named and it can be this commit's: HEAD's, and not older than it."""
    if request.log is not None or request.summary is not None or session.place.top is None:
        return []
    if found.commit.oid != session.reader.resolve("HEAD").oid:
        return []
    path = session.place.top / LOG_FILE
    if git.is_lure(session.place, path):
        return [f"{LOG_FILE} is a link that came with a commit, and was left alone"]
    try:
        fresh = path.stat().st_mtime >= found.commit.time
    except OSError:
        return []
    if not fresh:
        return [f"{LOG_FILE} is older than the commit and was left alone"]
    content = summary.collapse_progress(read_log(path), session.settings.artifact_limit)
    blob = session.place.form.object_id("blob", session.ledger.masked_file(content))
    recall = session.recall
    for _, run, _ in recall.runs(max(0, recall.size - _LATEST)):
        if LOG_FILE in run.artifacts and run.artifacts[LOG_FILE].blob == blob:
            return [f"{LOG_FILE} is that of {run.run_id} and was left alone"]
    request.log = path
    return [f"the result was read from {LOG_FILE}"]


def _results(
    sidecar_data: bytes | None, log_data: bytes | None, request: Request, gauge: summary.Gauge, remarks: list[str]
) -> summary.Summary:
    """Metrics and environment from sidecar and log; a broken sidecar is remarked on and the log read instead."""
    sidecar = None
    if sidecar_data is not None:
        try:
            sidecar = summary.parse_sidecar(sidecar_data, gauge)
        except ValueError as problem:
            instead = "; the log was read instead" if log_data is not None else ""
            remarks.append(f"{request.summary} cannot be read: {str(problem).rstrip('.')}{instead}")
    text = log_data.decode("utf-8", "replace") if log_data is not None else None
    read = summary.metrics_of(sidecar, summary.parse_log(text, gauge) if text is not None else None)
    remarks.extend(read.problems)
    return read


def _verdict(session: Session, found: experiment.Experiment, request: Request) -> Verdict:
    """The plan's, so that what the guard said before the run is what is kept; else what it says now.

    A plan speaks of the first run of its commit: a further one is a replicate.
    """
    recall = session.recall
    plan = None if recall.on_commit(found.commit.oid) else recall.plan(found.commit.oid)
    mode = request.mode or found.mode
    if plan is None or request.threshold is not None:
        idea: Idea = check.idea_of(found)
        return check.verdict(session, idea, mode, request.threshold, EVIDENCE)
    judged = plan.novelty_guard
    if mode is None or mode == judged.mode:
        return judged
    return in_mode(judged, mode)


def _outcome(session: Session, run: Run, request: Request, log_data: bytes | None, remarks: list[str]) -> Run:
    """The run as a result, or as a crash with its error and its nulls. Raises BadInput if it is neither."""
    metric = session.settings.metric
    failed = request.crash is not None or bool(request.error)
    if request.status == "crash" or request.status is None and failed:
        text = masked(log_data.decode("utf-8", "replace"), session.settings.redact) if log_data is not None else None
        error = request.crash or summary.crash_error(text, given=request.error)
        metrics = summary.crash_metrics(run.metrics, metric)
        return msgspec.structs.replace(run, status="crash", metrics=metrics, error=error)
    if run.metrics.get(metric) is None:
        raise _no_result(session.settings.gauge, remarks)
    return run


def _no_result(gauge: summary.Gauge, remarks: list[str]) -> BadInput:
    found = "".join(f" ({remark})" for remark in remarks)
    return BadInput(
        f"There is no {summary.sought(gauge)} to log{found}.",
        "Give --summary or --log of the run, or --status crash if it crashed.",
    )


def _artifacts(session: Session, sidecar: bytes | None, log_data: bytes | None, patch: bytes) -> dict[str, bytes]:
    limit = session.settings.artifact_limit
    files = {}
    if log_data is not None:
        files[LOG_FILE] = summary.collapse_progress(log_data, limit)
    if sidecar is not None:
        files["summary.json"] = sidecar[:limit]
    if patch:
        files[f"{Path(session.settings.subject).stem}.patch"] = patch[:limit]
    return files


def _markdown(run: Run) -> str:
    assert run.decision_packet is not None
    return decision.markdown(run.decision_packet)
