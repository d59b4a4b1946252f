"""An experiment as the repository tells it: what a commit or the working tree does to the subject, and says of it."""

from typing import cast, get_args

import msgspec

from memorylab.commands.session import Session
from memorylab.core import message, text
from memorylab.core.change import constants, describe, read_change
from memorylab.core.record import Change, Mode
from memorylab.errors import BadInput, DirtySubject, NotFound
from memorylab.store import git
from memorylab.store.files import read
from memorylab.store.objects import Commit
from memorylab.store.reader import LONGEST


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """What is tried. `mode` is None where the commit does not say."""

    commit: Commit
    description: str
    family: str = ""
    hypothesis: str = ""
    tags: list[str] = []
    mode: Mode | None = None
    change: Change | None = None
    patch: bytes = b""


def of_commit(session: Session, revision: str = "HEAD") -> Experiment:
    """The experiment that a commit holds: subject line, trailers Family, Hypothesis, Tags, Mode, and its change."""
    commit = session.reader.resolve(revision)
    subject, trailers = message.read(commit.message)
    mode = trailers.get("mode", "").lower()
    parent = commit.parents[0] if commit.parents else None
    new = session.reader.file_at(commit.oid, session.settings.subject)
    old = session.reader.file_at(parent, session.settings.subject) if parent else None
    change = None
    if new is not None and new != old:
        change = read_change(_text(old), _text(new), session.settings.subject, blob=new[0])
    return Experiment(
        commit=commit,
        description=subject,
        family=trailers.get("family", ""),
        hypothesis=trailers.get("hypothesis", ""),
        tags=text.tags(trailers.get("tags", "")),
        mode=cast(Mode, mode) if mode in get_args(Mode) else None,
        change=change,
        patch=diff(session, parent, commit.oid) if change else b"",
    )


def of_working_tree(session: Session) -> Experiment | None:
    """What the working tree does to the subject against HEAD, None if nothing."""
    content = _working(session)
    commit = session.reader.resolve("HEAD")
    committed = session.reader.file_at(commit.oid, session.settings.subject)
    if content is None or (committed is not None and content == committed[1]):
        return None
    # git may store other bytes than the working tree has (line ends, filters): let it decide what differs.
    patch = diff(session, "HEAD", None)
    if committed is not None and not patch:
        return None
    change = read_change(
        _text(committed), content.decode("utf-8", "replace"), session.settings.subject,
        blob=session.place.form.object_id("blob", content), dirty=True,
    )  # fmt: skip
    return Experiment(commit=commit, description=describe(change), change=change, patch=patch)


def refuse_dirty(session: Session, experiment: Experiment, allow: bool) -> Experiment:
    """The experiment, with the working tree's change to the subject in it if it has one and that is allowed.

    Raises DirtySubject if it is not: what was run was not the commit.
    """
    if session.place.top is None or experiment.commit.oid != session.reader.resolve("HEAD").oid:
        return experiment
    dirty = of_working_tree(session)
    if dirty is None:
        return experiment
    if not allow:
        raise DirtySubject(
            f"{session.settings.subject} differs from the commit.",
            "Commit it first, or give --allow-dirty to record the run with its diff.",
        )
    commit = experiment.commit
    old = session.reader.file_at(commit.parents[0], session.settings.subject) if commit.parents else None
    content = (_working(session) or b"").decode("utf-8", "replace")
    change = read_change(
        _text(old), content, session.settings.subject, blob=dirty.change.blob if dirty.change else None, dirty=True
    )
    return msgspec.structs.replace(experiment, change=change, patch=experiment.patch + dirty.patch)


def constants_at(session: Session, commit: str) -> dict[str, str] | None:
    """The subject's constants in a commit, None if it has no subject."""
    found = session.reader.file_at(commit, session.settings.subject)
    return constants(_text(found) or "", session.settings.subject) if found is not None else None


def constants_now(session: Session) -> dict[str, str] | None:
    """Those of HEAD, None also where nothing is committed yet."""
    try:
        return constants_at(session, session.reader.resolve("HEAD").oid)
    except NotFound:
        return None


def diff(session: Session, old: str | None, new: str | None) -> bytes:
    """The subject's diff between two commits (no old one: the empty tree; no new one: the working tree)."""
    fixed = ("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/")
    revisions = [old or session.place.form.empty_tree] + ([new] if new else [])
    subject = f":(top,literal){session.settings.subject}"
    return git.run(session.place, *fixed, "--end-of-options", *revisions, "--", subject)


def _working(session: Session) -> bytes | None:
    if session.place.top is None:
        raise BadInput("A bare repository has no working tree to judge.", "Give --description.")
    if git.is_beyond_link(session.place, session.settings.subject):
        return None
    try:
        return read(session.place.top / session.settings.subject, LONGEST)
    except OSError:
        return None


def _text(found: tuple[str, bytes] | None) -> str | None:
    return found[1].decode("utf-8", "replace") if found else None
