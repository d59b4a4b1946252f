"""status, show: looking at what is remembered."""

import os
import subprocess
import sys

from memorylab.commands import check, code
from memorylab.commands.session import Session
from memorylab.core import ranking
from memorylab.core.change import describe
from memorylab.core.claims import holder
from memorylab.core.decision import chance, markdown
from memorylab.core.noise import basis
from memorylab.core.record import Run
from memorylab.core.text import count, inline, number, shorten
from memorylab.errors import NotFound

_LATEST = 5


def find(session: Session, name: str) -> Run:
    """The run that a name stands for: as in `Recall.find`, else the latest run on the commit that git knows by it."""
    try:
        return session.recall.find(name)
    except NotFound:
        try:
            oid = session.reader.resolve(name).oid
        except NotFound:
            oid = ""
        if not session.recall.on_commit(oid):
            raise
        return session.recall.find(oid)


def status(session: Session, registry: ranking.Registry, waiting: dict[str, int]) -> str:
    """Where the lab stands, and what to type next."""
    recall = session.recall
    kept, discarded, crashed = (registry.status_counts[status] for status in ("keep", "discard", "crash"))
    runs, writers = count(recall.size, "run"), count(recall.writers(), "writer")
    lines = [
        f"writer {session.writer or '(none yet: run `git memorylab init`)'}",
        f"{runs}: {kept} kept, {discarded} discarded, {crashed} crashed; {writers}",
    ]
    lines += [f"{count(n, 'record')} of ours not on {name} yet" for name, n in waiting.items() if n]
    if recall.unreadable:
        lines.append(f"{recall.unreadable} records could not be read and were left alone")
    lines += _leaders(registry)
    for plan in recall.pending(_LATEST):
        lines.append(f"planned {plan.commit[:7]} {inline(plan.description)} ({plan.novelty_guard.classification})")
    for one in check.open_claims(session)[-_LATEST:]:
        lines.append(f"{check.who(holder(one))}: {shorten(inline(one.description), 80)}")
    for _, run, _ in reversed(list(recall.runs(max(0, recall.size - _LATEST)))):
        action = run.decision_packet.next_action if run.decision_packet else "imported"
        value, said = number(run.value(session.settings.metric)), shorten(inline(run.description), 60)
        lines.append(f"  {run.status:<7} {value:>9} {run.commit[:7]} {said} -> {action}")
    return "\n".join(lines)


def _leaders(registry: ranking.Registry) -> list[str]:
    """The champion of the current group and how sure it is, what is likely ahead of it, and the other groups'."""
    best, leader, noise = registry.champion, registry.leader, registry.noise
    if best is None or noise is None:
        return []
    sure = (
        "" if best.probability is None else f", better than the one before with probability {chance(best.probability)}"
    )
    lines = [f"champion {_standing(best)}{sure}"]
    if leader is not None and leader.run_id != best.run_id and leader.probability is not None:
        lines.append(f"leader {_standing(leader)}, ahead with probability {chance(leader.probability)}: build on it")
    lines.append(f"group {inline(registry.label)}: noise of one run {noise.sd:.2g} ({basis(noise.replicates)})")
    lines += [
        f"another group, {inline(board.label)}: champion {_standing(board.champion)}"
        for board in registry.other_groups[:_LATEST]
        if board.champion is not None
    ]
    return lines


def _standing(found: ranking.Standing) -> str:
    said = f"{number(found.value)} {found.commit[:7]} {inline(found.description)} ({found.run_id})"
    return said + (f", mean of {found.runs} runs" if found.runs > 1 else "")


def show(session: Session, run: Run, diff_too: bool) -> str:
    """One run whole."""
    metric = session.settings.metric
    head = [
        f"run {run.run_id}",
        f"Commit:  {run.commit}" + (f" (on {run.branch})" if run.branch else ""),
        f"Date:    {run.timestamp_utc or 'not known'}",
        f"Writer:  {run.writer}",
        f"Status:  {run.status}, {metric} {number(run.value(metric))}",
        "",
        f"    {inline(run.description)}",
        "",
    ]
    for name, said in (("Family", run.family), ("Hypothesis", run.hypothesis), ("Tags", ", ".join(run.tags))):
        if said:
            head.append(f"{name}: {inline(said)}")
    if run.change is not None:
        head.append(f"Change: {describe(run.change)}" + (" (uncommitted part included)" if run.change.dirty else ""))
    metrics = ", ".join(f"{inline(key)} {_plain(value)}" for key, value in run.metrics.items() if value is not None)
    head.append(f"Metrics: {metrics or 'none'}")
    if run.notes:
        head += ["Notes:", *(f"    {inline(line)}" for line in run.notes.splitlines())]
    if run.error is not None:
        head += [f"Error: {inline(run.error.summary)}", *(f"    {inline(line)}" for line in run.error.tail[-8:])]
    if run.artifacts:
        files = (f"{inline(name)} ({artifact.size:,} bytes)" for name, artifact in run.artifacts.items())
        head.append("Artifacts: " + ", ".join(files))
    if run.decision_packet is not None:
        head += ["", markdown(run.decision_packet).rstrip()]
    if diff_too:
        head += ["", code.patch(session, run).decode("utf-8", "replace").rstrip()]
    return "\n".join(head)


def _plain(value: int | float | None) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def page(text: str) -> None:
    """Print on a terminal through git's pager, elsewhere as it is."""
    if not sys.stdout.isatty():
        print(text, flush=True)
        return
    pager = subprocess.run(["git", "var", "GIT_PAGER"], capture_output=True, text=True, check=False).stdout.strip()
    if pager in ("", "cat"):
        print(text, flush=True)
        return
    environment = {"LESS": "FRX", "LV": "-c"} | os.environ
    subprocess.run(["sh", "-c", pager], input=text.encode() + b"\n", env=environment, check=False)
