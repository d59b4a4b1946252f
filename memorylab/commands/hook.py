"""What the git hooks call. Whatever happens here, the commit that called it stands, and no traceback is shown."""

import os
from collections.abc import Sequence
from contextlib import suppress

from memorylab.commands import check, experiment
from memorylab.commands.session import Session
from memorylab.core.change import describe
from memorylab.core.record import Record, Rewrite
from memorylab.core.text import inline, shorten
from memorylab.errors import MemoryLabError, NotFound, StoreBusy
from memorylab.ledger import new_id, timestamp
from memorylab.store.files import keep, locked, sync_folders

SPOOL = "spool"
CANARY = "MEMORYLAB_CANARY"  # a file, of the doctor, which asks whether a hook comes through to here


def answers_canary(name: str) -> bool:
    """Whether a hook was only run to see that it comes through, which it has then been said to."""
    path = os.environ.get(CANARY)
    if path is None:
        return False
    with open(path, "r+") as file:  # one that is there; nothing is made here
        file.seek(0, os.SEEK_END)
        file.write(f"{name}\n")
    return True


def post_commit(session: Session, patience: float = check.PATIENCE) -> str | None:
    """Pin and judge HEAD if it changes the subject; the line to show, None for any other commit.

    If another process writes for longer than `patience` seconds, the next command remembers the commit.
    """
    if _is_rebasing(session):
        return None
    found = experiment.of_commit(session)
    if found.change is None or len(found.commit.parents) > 1 or session.recall.is_planned(found.commit.oid):
        return None
    judged = check.verdict(session, check.idea_of(found), found.mode, None, limit=3)
    try:
        check.record_plan(session, found, judged, patience)
    except StoreBusy:
        _spool(session, [found.commit.oid])
        return f"memorylab: busy; {found.commit.oid[:7]} will be remembered by the next command"
    closest = f": {shorten(inline(judged.top_matches[0].description), 60)}" if judged.top_matches else ""
    closest = f": {check.who(judged.claimed[0])}" if judged.claimed else closest
    done = describe(found.change)
    answer = f"{judged.classification} -> {judged.policy.decision} ({judged.mode})"
    return shorten(f"memorylab: {answer}{closest} [{done}]", 200)


def post_rewrite(session: Session, command: str, lines: Sequence[str], patience: float = check.PATIENCE) -> None:
    """Note that remembered commits have become others (git's lines `old new [extra]`, or the commit map of git
    filter-repo). Metrics do not travel: the new commit was never measured. Waits as `post_commit` does.

    What is amended on the way of a rebase, as by a squash, is none of the commits that git tells of at its end.
    """
    if command == "amend" and _is_rebasing(session):
        return
    try:
        _rewrite(session, command, lines, patience)
    except StoreBusy:
        _spool(session, [" ".join([*line.split()[:2], command]) for line in lines if line.strip()])


def _is_rebasing(session: Session) -> bool:
    return any((session.place.git_dir / name).exists() for name in ("rebase-merge", "rebase-apply"))


def _rewrite(session: Session, command: str, lines: Sequence[str], patience: float) -> None:
    recall, is_id = session.recall, session.place.form.is_id
    records: list[tuple[str, Record]] = []
    for line in lines:
        old, new = [*line.split(), "", ""][:2]
        if not (is_id(old) and is_id(new)) or old == new:
            continue
        # What was rewritten before is remembered by that: a commit may be rebased many times until it is run.
        if not (recall.on_commit(old) or recall.is_planned(old) or recall.rewritten(old)):
            continue
        if old in recall.rewritten(new) or session.reader.kind(new) != "commit":
            continue
        held = None
        with suppress(NotFound):  # in a partial clone, without a remote
            held = session.reader.file_at(new, session.settings.subject)
        rewrite = Rewrite(
            writer="_", seq=1, id=new_id(session.now, new), timestamp_utc=timestamp(session.now), commit=new,
            old_commit=old, command=command, blob=held[0] if held else None,
        )  # fmt: skip
        records.append((new, rewrite))
    if records:
        session.ledger.append(session.now, records, patience)


def drain(session: Session, patience: float = check.PATIENCE) -> None:
    """Remember what a hook could not when it happened. What cannot be remembered now either stays listed."""
    spool = session.place.state / SPOOL
    if not spool.is_file():
        return
    with suppress(StoreBusy, FileNotFoundError), locked(spool.with_suffix(".lock"), patience):
        left: list[str] = []
        for line in dict.fromkeys(spool.read_text("utf-8", "replace").splitlines()):
            # A session of its own for each: it reads what the one before wrote, and the caller what all wrote.
            fresh = Session(session.place.top or session.place.git_dir, session.now)
            try:
                _remember(fresh, line, 0.0 if left else patience)
            except StoreBusy:
                left.append(line)
            except MemoryLabError:
                continue  # The commit is gone.
        if left:
            keep(spool, "".join(f"{line}\n" for line in left).encode())
        else:
            spool.unlink()


def _remember(session: Session, line: str, patience: float) -> None:
    """Do what one line of the spool says: a commit to judge, or `old new command` of a rewrite."""
    commit, *rewritten = line.split(" ", 2)
    if rewritten:
        _rewrite(session, rewritten[-1], [line], patience)
        return
    if not session.place.form.is_id(commit) or session.recall.is_planned(commit):
        return
    found = experiment.of_commit(session, commit)
    judged = check.verdict(session, check.idea_of(found), found.mode, None, limit=3)
    check.record_plan(session, found, judged, patience)


def _spool(session: Session, lines: list[str]) -> None:
    """Leave work for the next command."""
    spool = session.place.state / SPOOL
    with locked(spool.with_suffix(".lock")), spool.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())
        sync_folders([spool.parent])
