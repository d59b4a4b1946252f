"""The code of any experiment, after any gc: where it is, what it changed, how to have it back."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from memorylab.commands import experiment, sync
from memorylab.commands.session import Session
from memorylab.core.ranking import Standing
from memorylab.core.record import Run
from memorylab.core.text import inline, verbatim
from memorylab.errors import BadInput, DirtySubject, NotFound
from memorylab.store import git
from memorylab.store.files import read, replace
from memorylab.store.reader import LONGEST


def bring(session: Session, *runs: Run | None) -> None:
    """Have the code and the patch of runs here, where only their notes are (a sync without artifacts)."""
    for run in runs:
        if run is not None and has_code(session, run):
            patches = [one.blob for name, one in run.artifacts.items() if name.endswith(".patch")]
            is_here = session.store.has(run.commit)
            if not is_here or any(session.store.blob(oid, fetch=True) is None for oid in patches):
                sync.bring(session, run.writer)


def patch(session: Session, run: Run) -> bytes:
    """What the run's experiment did to the subject: the archived patch, else the commit's own diff. Raises NotFound."""
    for name, artifact in run.artifacts.items():
        if name.endswith(".patch"):
            archived = session.store.blob(artifact.blob, fetch=True, longest=LONGEST)
            if archived is not None:
                return archived
    return experiment.diff(session, *base(session, run))


def base(session: Session, run: Run) -> tuple[str | None, str]:
    """What a run's commit goes on from, None for nothing, and the commit. Raises NotFound where a shallow clone ends
    between the two, for all of the subject would then look new."""
    commit = session.reader.resolve(own_commit(session, run))
    if not commit.parents and run.parent_commit:
        message = f"What {commit.oid[:7]} goes on from is not in this shallow clone."
        raise NotFound(message, "`git fetch --unshallow` brings it.")
    return (commit.parents[0] if commit.parents else None), commit.oid


def has_code(session: Session, run: Run | Standing) -> bool:
    """Whether a run's commit is one of this repository, here or where it was synced from. What an imported run calls
    its commit may be anything, also the name of a branch."""
    return session.recall.anchor(run.run_id) == run.commit


def is_dirty(run: Run) -> bool:
    """Whether what was run is not what was committed."""
    return run.change is not None and run.change.dirty


def as_git_shows(session: Session, run: Run, other: Run | None) -> bytes:
    """A run's diff, or the subject's between two runs, as the user has git show it, without its colours."""
    revisions = _revisions(session, run, other)
    if revisions is None:
        return patch(session, run)
    return git.run(session.place, "diff", "--no-color", "--end-of-options", *revisions, *_paths(session))


def diff(session: Session, run: Run, other: Run | None) -> int:
    """Show a run's diff, or the subject's between two runs, by git itself, with its colours and pager."""
    revisions = _revisions(session, run, other)
    if revisions is None:
        found = patch(session, run)
        # What applies it needs each byte; a terminal must not be moved by any.
        is_read = sys.stdout.isatty()
        sys.stdout.buffer.write(verbatim(found.decode("utf-8", "replace")).encode() if is_read else found)
        sys.stdout.flush()
        return 0
    command = ["git", f"--git-dir={session.place.git_dir}", "diff", "--end-of-options", *revisions, *_paths(session)]
    return subprocess.run(command, env=git.environment(), check=False).returncode


def between(session: Session, run: Run, other: Run) -> bytes:
    """How the subjects of two runs differ, as a patch."""
    return experiment.diff(session, own_commit(session, run), own_commit(session, other))


def _revisions(session: Session, run: Run, other: Run | None) -> list[str] | None:
    """The two commits whose diff it is; None where it is the archived patch that tells what was run."""
    if other is not None:
        return [own_commit(session, run), own_commit(session, other)]
    if is_dirty(run):
        return None
    try:
        before, oid = base(session, run)
    except NotFound:
        return None
    return [before or session.place.form.empty_tree, oid]


def _paths(session: Session) -> list[str]:
    return ["--", f":(top,literal){session.settings.subject}"]


def restore(session: Session, run: Run, branch: str, force: bool) -> str:
    """Put a run's subject back into the working tree, or its commit on a new branch."""
    oid, subject = own_commit(session, run), session.settings.subject
    if branch:
        git.run(session.place, "branch", "--end-of-options", branch, oid)
        return f"branch {branch} is at {oid[:7]}; `git switch {branch}` goes there"
    if session.place.top is None:
        raise BadInput("A bare repository has no working tree.", "Give --branch NAME.")
    if session.reader.file_at(oid, subject) is None:
        raise NotFound(f"{oid[:7]} has no {subject}.", "Restore it with --branch NAME.")
    # As git would check it out: with the line ends and filters of this working tree.
    content = git.run(session.place, "cat-file", "--filters", "--", f"{oid}:{subject}")
    path = session.place.top / subject
    if git.is_beyond_link(session.place, subject):
        raise BadInput(f"{subject} is beyond a symbolic link here.", "Remove that, or give --branch NAME.")
    if path.is_dir() and not path.is_symlink():
        raise BadInput(f"{subject} is a folder here.", "Move it away, or give --branch NAME.")
    if not force and _holds(path) != content and experiment.of_working_tree(session) is not None:
        raise DirtySubject(f"{subject} has changes that would be lost.", "Commit them, or give --force.")
    mode = path.stat().st_mode & 0o777 if path.is_file() and not path.is_symlink() else None
    replace(path, content)
    if mode is not None:
        path.chmod(mode)
    remark = "; the run had uncommitted changes, which `git memorylab diff` shows" if is_dirty(run) else ""
    return f"{subject} is as it was in {oid[:7]}, {inline(run.description)}{remark}"


def _holds(path: Path) -> bytes | None:
    try:
        return read(path, LONGEST)
    except OSError:
        return None


def own_commit(session: Session, run: Run) -> str:
    """The run's commit, if it is here; where it is gone since all history was rewritten, what it became with the same
    subject. Raises NotFound for imported runs, whose code was never here, and for those that came without it."""
    if not has_code(session, run):
        raise NotFound(
            f"The code of {run.run_id} was never in this repository.",
            "It was imported from a table; only its description and result are known.",
        )
    try:
        return session.reader.resolve(run.commit).oid
    except NotFound:
        for now in session.recall.later(run.commit):
            with suppress(NotFound):
                return session.reader.resolve(now).oid
        raise NotFound(
            f"The code of {run.run_id}, commit {run.commit[:7]}, is not here.",
            "It was synced without code, and no remote has given it: `git memorylab sync` where it was run shares it.",
        ) from None
