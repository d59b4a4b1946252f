"""Runs, changes and verdicts for the tests of the guard."""

from memorylab.core import evidence
from memorylab.core.change import read_change
from memorylab.core.history import Idea
from memorylab.core.record import DEFAULT_THRESHOLD, Run
from memorylab.core.verdict import judge


def run(number, description, status="discard", family="", value=1.0, change=None):
    return Run(
        writer="w", seq=number, run_id=f"run-{number}", timestamp_utc=None, branch=None, commit=f"c{number}",
        parent_commit=None, family=family, status=status, description=description, hypothesis="", tags=[], notes="",
        metrics={"val_bpb": None if status == "crash" else value}, error=None, artifacts={}, novelty_guard=None,
        decision_packet=None, change=change, environment=None,
    )  # fmt: skip


def verdict(planned, *past, mode="exploit", threshold=DEFAULT_THRESHOLD, limit=3):
    planned = planned if isinstance(planned, Idea) else Idea(planned)
    return judge(planned, evidence.past(past, "val_bpb"), mode, threshold, limit)


def code(**constants):
    base = {"DEPTH": 8, "MATRIX_LR": 0.04, "EMBEDDING_LR": 0.6, "WEIGHT_DECAY": 0.2}
    old, new = ("".join(f"{k} = {v!r}\n" for k, v in values.items()) for values in (base, base | constants))
    return read_change(old, new, "train.py", blob=str(sorted(constants.items())))
