"""diff, restore: the code of any experiment, after any gc."""

import subprocess
import sys

from memorylab.commands import experiment, sync
from memorylab.commands.session import Session
from memorylab.core.record import Run
from memorylab.core.text import inline
from memorylab.errors import BadInput, DirtySubject, NotFound
from memorylab.store import git
from memorylab.store.files import replace
from memorylab.store.pack import EMPTY_TREE


def bring(session: Session, *runs: Run | None) -> None:
    """Have the code and the patch of runs here, where only their notes are (a sync without artifacts)."""
    for run in runs:
        if run is not None and session.recall.anchor(run.run_id) == run.commit:
            patches = [one.blob for name, one in run.artifacts.items() if name.endswith(".patch")]
            is_here = session.store.has(run.commit)
            if not is_here or any(session.store.blob(oid, fetch=True) is None for oid in patches):
                sync.bring(session, run.writer)


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
