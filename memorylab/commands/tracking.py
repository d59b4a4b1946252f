"""export --format mlflow: the ledger as an MLflow experiment, one MLflow run for each run of ours.

It can be done again: a run that is there is left alone, or told what was amended since; one that a kill cut short is
completed.
"""

import hashlib
import logging
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from memorylab.commands.extras import library
from memorylab.core.record import Run
from memorylab.core.text import shorten
from memorylab.errors import BadInput

EXPERIMENT = "memorylab"
RUN_ID = "memorylab.run_id"
DIGEST = "memorylab.digest"  # of our line; written last, so a run without it is not whole
_BATCH = 100  # params that MLflow takes at once
_PAGE = 1_000
_KEY = 200  # characters of a name; MLflow takes 250
_VALUE = 5_000  # characters of a param or a tag; MLflow takes 6,000
_DELETED = "deleted"  # stands for the digest of a run that somebody deleted there
_SQLITE = b"SQLite format 3\0"


def export(runs: Iterable[tuple[Run, bytes]], target: str) -> str:
    """Bring an experiment in an MLflow store up to runs and their lines. What was done, in one line.

    `target` is the path of an SQLite store, made if it is not there, or of a folder that is a store of files, or any
    tracking URI. Raises MemoryLabError where MLflow is missing, BadInput with its words where it refuses.
    """
    # Nobody who exports a ledger has asked for that to be told; stores of files are refused of late without the other.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    names = ("mlflow", "mlflow.entities", "mlflow.exceptions")
    mlflow, entities, exceptions = (library(name, "mlflow") for name in names)
    refusals = [exceptions.MlflowException, ImportError]  # it imports more when it knows the kind of store
    uri = _uri(target)
    if uri.startswith("sqlite:"):
        library("alembic", "mlflow")
        refusals.append(library("sqlalchemy.exc", "mlflow").SQLAlchemyError)
        if uri != target:
            _open(target)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        return f"{target}: {_bring(mlflow.MlflowClient(tracking_uri=uri), entities, runs)}"
    except tuple(refusals) as problem:
        said = shorten(" ".join(str(problem).split()), 300)
        raise BadInput(f"MLflow refuses {target}: {said}", "Give another --output.") from None


def _uri(target: str) -> str:
    if re.match(r"[a-z][a-z0-9+.-]+:", target):
        return target
    path = Path(os.path.realpath(target))
    return path.as_uri() if path.is_dir() else f"sqlite:///{path}"


def _open(target: str) -> None:
    """Refuse a path that can be no SQLite store: MLflow tries for minutes, and would do as it likes with the file."""
    try:
        with open(target, "a+b") as file:
            file.seek(0)
            is_store = "?" not in target and file.read(len(_SQLITE)) in (b"", _SQLITE)
    except OSError as problem:
        message = f"{target} cannot be written: {problem.strerror}."
        raise BadInput(message, "Give another --output PATH.") from None
    if not is_store:
        raise BadInput(f"{target} is no SQLite store.", "Give another --output PATH.")


def _bring(client: Any, entities: Any, runs: Iterable[tuple[Run, bytes]]) -> str:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    at = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
    there = dict(_there(client, at, entities.ViewType.ALL))
    added = amended = known = 0
    for run, line in runs:
        digest = hashlib.blake2b(line, digest_size=16).hexdigest()
        theirs, before = there.get(run.run_id, ("", ""))
        if before in (digest, _DELETED):
            known += 1
            continue
        amended += bool(before)
        added += not before
        _log(client, entities, at, theirs, run, {} if before else run.metrics, digest)
    return f"{added} added, {amended} amended, {known} already there"


def _there(client: Any, experiment: str, view: int) -> Iterator[tuple[str, tuple[str, str]]]:
    """Run ids of ours that the experiment has, each with MLflow's and the digest of the line that it was made from.
    What was deleted there is not brought back."""
    token = None
    while True:
        page = client.search_runs([experiment], run_view_type=view, max_results=_PAGE, page_token=token)
        for found in page:
            digest = _DELETED if found.info.lifecycle_stage == "deleted" else found.data.tags.get(DIGEST, "")
            yield found.data.tags.get(RUN_ID, ""), (found.info.run_id, digest)
        token = page.token
        if not token:
            return


def _log(
    client: Any, entities: Any, experiment: str, theirs: str, run: Run, measured: dict[str, Any], digest: str
) -> None:  # fmt: skip
    """Write one run, or again what can be amended of it."""
    start, end = _span(run)
    title = shorten(run.description, _KEY) or run.run_id
    if not theirs:
        made = client.create_run(experiment, start_time=start, tags={RUN_ID: run.run_id}, run_name=title)
        theirs = made.info.run_id
    client.set_terminated(theirs, "FAILED" if run.status == "crash" else "FINISHED", end)
    numbers = {name: value for name, value in measured.items() if value is not None}
    metrics = [entities.Metric(key, float(value), end, 0) for key, value in _keyed(numbers)]
    knobs = {name: knob.new or "" for name, knob in run.change.knobs.items()} if run.change else {}
    params = [entities.Param(key, value[:_VALUE]) for key, value in _keyed(knobs)]
    told = _told(run) | {"mlflow.runName": title, DIGEST: digest}
    tags = [entities.RunTag(key, value[:_VALUE]) for key, value in told.items()]
    starts = range(0, max(len(metrics), len(params), 1), _BATCH)
    for first in starts:
        last = first + _BATCH
        said = tags if first == starts[-1] else []
        client.log_batch(theirs, metrics[first:last], params[first:last], said, synchronous=True)


def _told(run: Run) -> dict[str, str]:
    """What was said of a run, and what makes it comparable."""
    told: dict[str, Any] = {
        "mlflow.user": run.writer, "mlflow.source.git.commit": run.commit, "mlflow.source.git.branch": run.branch,
        "mlflow.note.content": run.notes, "memorylab.writer": run.writer, "memorylab.status": run.status,
        "memorylab.parent_commit": run.parent_commit, "memorylab.family": run.family,
        "memorylab.description": run.description, "memorylab.hypothesis": run.hypothesis,
        "memorylab.tags": ",".join(run.tags),
    }  # fmt: skip
    where = run.environment
    for name in ("device", "seed", "evaluator", "budget_kind", "budget") if where else ():
        told[f"memorylab.{name}"] = getattr(where, name)
    return {name: "" if value is None else str(value) for name, value in told.items()}


def _span(run: Run) -> tuple[int, int]:
    """When it began and ended, in milliseconds since 1970; 1 is not known, since MLflow takes 0 for now."""
    if run.timestamp_utc is None:
        return 1, 1
    end = max(1, int(datetime.fromisoformat(run.timestamp_utc).timestamp() * 1000))
    seconds = run.metrics.get("total_seconds") or 0
    return max(1, end - int(min(max(seconds, 0), end) * 1000)), end


def _keyed(named: dict[str, Any]) -> list[tuple[str, Any]]:
    """Values under names that MLflow takes, each another one: what it does not take in a name becomes an underscore."""
    found: dict[str, Any] = {}
    for name, value in named.items():
        key = re.sub(r"[^\w.\-/ ]", "_", name)[:_KEY]
        if key != posixpath.normpath(key) or key.startswith(("/", "..")) or key == ".":
            key = re.sub(r"[/.]", "_", key) or "_"
        while key in found:
            key += "_"
        found[key] = value
    return list(found.items())
