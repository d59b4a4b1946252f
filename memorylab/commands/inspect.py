"""status, show, diff, restore: looking at what is remembered, and getting it back."""

import os
import subprocess
import sys

from memorylab.commands import check, experiment, sync
from memorylab.commands.session import Session
from memorylab.core import ranking
from memorylab.core.change import describe
from memorylab.core.claims import holder
from memorylab.core.decision import chance, markdown
from memorylab.core.noise import basis
from memorylab.core.record import Run
from memorylab.core.text import count, inline, number, shorten
from memorylab.errors import BadInput, DirtySubject, NotFound
from memorylab.store import git
from memorylab.store.files import replace
from memorylab.store.pack import EMPTY_TREE

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


def bring(session: Session, *runs: Run | None) -> None:
    """Have the code and the patch of runs here, where only their notes are (a sync without artifacts)."""
    for run in runs:
        if run is not None and session.recall.anchor(run.run_id) == run.commit:
            patches = [one.blob for name, one in run.artifacts.items() if name.endswith(".patch")]
            is_here = session.store.has(run.commit)
            if not is_here or any(session.store.blob(oid, fetch=True) is None for oid in patches):
                sync.bring(session, run.writer)


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
        head += ["", patch(session, run).decode("utf-8", "replace").rstrip()]
    return "\n".join(head)


def _plain(value: int | float | None) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def patch(session: Session, run: Run) -> bytes:
    """What the run's experiment did to the subject: the archived patch, else the commit's own diff. Raises NotFound."""
    for name, artifact in run.artifacts.items():
        if name.endswith(".patch"):
            archived = session.store.blob(artifact.blob, fetch=True)
            if archived is not None:
                return archived
    return experiment.diff(session, *_base(session, run))


def _base(session: Session, run: Run) -> tuple[str | None, str]:
    """What a run's commit goes on from, None for nothing, and the commit. Raises NotFound where a shallow clone ends
    between the two, for all of the subject would then look new."""
    commit = session.reader.resolve(own_commit(session, run))
    if not commit.parents and run.parent_commit:
        message = f"What {commit.oid[:7]} goes on from is not in this shallow clone."
        raise NotFound(message, "`git fetch --unshallow` brings it.")
    return (commit.parents[0] if commit.parents else None), commit.oid


def diff(session: Session, run: Run, other: Run | None) -> int:
    """Show a run's diff, or the subject's between two runs, through git with its colours and pager."""
    where = ["git", f"--git-dir={session.place.git_dir}"]
    paths = ["--", f":(top,literal){session.settings.subject}"]
    if other is not None:
        revisions = _revisions(session, run, other)
        return subprocess.run([*where, "diff", *revisions, *paths], check=False).returncode
    dirty = run.change is not None and run.change.dirty
    if not dirty:
        try:
            base, oid = _base(session, run)
        except NotFound:
            pass
        else:
            return subprocess.run([*where, "diff", base or EMPTY_TREE, oid, *paths], check=False).returncode
    sys.stdout.buffer.write(patch(session, run))
    sys.stdout.flush()
    return 0


def between(session: Session, run: Run, other: Run) -> bytes:
    """How the subjects of two runs differ, as a patch."""
    return experiment.diff(session, *_revisions(session, run, other))


def _revisions(session: Session, run: Run, other: Run) -> list[str]:
    return [own_commit(session, run), own_commit(session, other)]


def restore(session: Session, run: Run, branch: str, force: bool) -> str:
    """Put a run's subject back into the working tree, or its commit on a new branch."""
    oid = own_commit(session, run)
    if branch:
        git.run(session.place, "branch", "--end-of-options", branch, oid)
        return f"branch {branch} is at {oid[:7]}; `git switch {branch}` goes there"
    if session.place.top is None:
        raise BadInput("A bare repository has no working tree.", "Give --branch NAME.")
    if not force and experiment.of_working_tree(session) is not None:
        raise DirtySubject(
            f"{session.settings.subject} has changes that would be lost.", "Commit them, or give --force."
        )
    found = session.reader.file_at(oid, session.settings.subject)
    if found is None:
        raise NotFound(f"{oid[:7]} has no {session.settings.subject}.", "Restore it with --branch NAME.")
    path = session.place.top / session.settings.subject
    mode = path.stat().st_mode & 0o7777 if path.exists() else None
    replace(path, found[1])
    if mode is not None:
        path.chmod(mode)
    remark = ""
    if run.change is not None and run.change.dirty:
        remark = "; the run had uncommitted changes, which `git memorylab diff` shows"
    return f"{session.settings.subject} is as it was in {oid[:7]}, {inline(run.description)}{remark}"


def own_commit(session: Session, run: Run) -> str:
    """The run's commit, if it is here. Raises NotFound for imported runs whose code was never here."""
    anchor = session.recall.anchor(run.run_id)
    if run.commit != anchor:
        raise NotFound(
            f"The code of {run.run_id} was never in this repository.",
            "It was imported from a table; only its description and result are known.",
        )
    return session.reader.resolve(run.commit).oid


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
