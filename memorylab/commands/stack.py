"""stack: the changes of several runs on a new branch, as one experiment.

All is merged, and whatever speaks against it found, before anything of the repository is touched. Then git makes the
branch, and git commits, so that hooks run as for any commit.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import msgspec

from memorylab.commands import code, experiment, inspect, nextsteps
from memorylab.commands.gains import Gained
from memorylab.commands.session import Session
from memorylab.core import merge
from memorylab.core.change import describe
from memorylab.core.gains import Total
from memorylab.core.record import Run
from memorylab.core.text import count, effect, inline, rough, short_id, shorten
from memorylab.errors import BadInput, DirtySubject, NotFound, UsageError
from memorylab.store import git
from memorylab.store.files import replace

_SUBJECT = 90  # characters of the commit's subject line
_PART = 60  # characters of an idea in the list below it
_MARKER = 64  # characters, which no subject has
_NAMES = 3  # parts that name a branch
_UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "sequencer")


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was left out, and why."""

    run_id: str
    why: str


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A run whose change is in the stack, or is to be."""

    run_id: str
    description: str


class Stacked(msgspec.Struct, frozen=True, kw_only=True):
    """What was made: the branch, the commit that it starts from, the commit with the `applied` runs, null where a merge
    conflict has to be resolved first. `conflict` is the run that conflicts, null if none does; `rest` are those that
    conflict besides and were not applied. `total` is of the applied runs and the one that conflicts, null where a gain
    is not known or they were measured in several comparison groups."""

    branch: str
    onto: str
    commit: str | None
    applied: list[Piece]
    skipped: list[Skipped]
    conflict: Piece | None = None
    rest: list[Piece] = []
    total: Total | None = None


class _Part(msgspec.Struct, frozen=True):
    """A run's change: the blobs of the subject before and with it."""

    run: Run
    before: str
    after: str


class _Merged(msgspec.Struct):
    """What merging came to: the subject's content, the parts in it, in conflict, and those left out."""

    content: bytes
    parts: list[_Part]
    skipped: list[Skipped]
    conflict: _Part | None = None
    stages: tuple[str, str, str] | None = None
    rest: list[_Part] = []


def stack(session: Session, runs: Sequence[Run], branch: str, onto: str) -> Stacked:
    """Put the changes of runs together on a new branch, and commit. Raises what says why that cannot be, with nothing
    touched."""
    _refuse_state(session)
    base = _onto(session, onto)
    unique = list({run.run_id: run for run in runs}.values())
    _refuse_opposed(unique)
    merged = _merge(session, base, unique)
    used = [*merged.parts, *([merged.conflict] if merged.conflict else [])]
    if not used:
        why = "; ".join(f"{short_id(one.run_id)} {one.why}" for one in merged.skipped)
        raise UsageError(f"There is nothing to stack: {why}.", "Name other runs, or another --onto.")
    name = branch or _name([part.run for part in used])
    total = Gained(session).total([part.run for part in used])
    text = _message([part.run for part in used])
    _switch(session, name, base)
    commit = None
    replace(session.place.git_dir / "MERGE_MSG", text.encode())  # git commits with it, and forgets it when it leaves
    if merged.conflict is None:
        commit = _commit(session, merged.content, name)
    else:
        _leave_conflict(session, merged)
    return Stacked(
        branch=name, onto=base, commit=commit, applied=_pieces(merged.parts), skipped=merged.skipped,
        conflict=_pieces([merged.conflict])[0] if merged.conflict else None, rest=_pieces(merged.rest),
        total=total,
    )  # fmt: skip


def _refuse_state(session: Session) -> None:
    """Raises what a stack may not touch: there must be a working tree, whole and with nothing staged."""
    place = session.place
    if place.top is None:
        raise BadInput("A bare repository has no working tree.", "Stack in a clone of it.")
    if any((place.git_dir / name).exists() for name in _UNDER_WAY):
        raise DirtySubject("A merge, rebase, cherry-pick or revert is under way.", "Finish it, or give it up.")
    if experiment.of_working_tree(session) is not None or not (place.top / session.settings.subject).exists():
        raise DirtySubject(f"{session.settings.subject} has changes that are not committed.", "Commit or restore them.")
    if not git.succeeds(place, "diff-index", "--cached", "--quiet", "HEAD", "--"):
        raise DirtySubject("There are staged changes, which would be committed too.", "Commit or unstage them.")


def _onto(session: Session, onto: str) -> str:
    """The commit to build on: as given, a run's, or what the board says."""
    if onto:
        try:
            return session.reader.resolve(onto).oid
        except NotFound:
            return code.own_commit(session, inspect.find(session, onto))
    registry = session.recall.registry(session.writer)
    best = registry.leader or registry.champion
    if best is None:
        raise NotFound("There is no champion to build on yet.", "Give --onto COMMIT.")
    run = session.recall.find(best.run_id)
    code.bring(session, run)
    try:
        return code.own_commit(session, run)
    except NotFound as problem:
        said = f"The board says to build on {short_id(run.run_id)}. {problem.message}"
        raise NotFound(said, "Give --onto COMMIT.") from None


def _refuse_opposed(runs: Sequence[Run]) -> None:
    """Raises BadInput if two runs turn the same knob to different values."""
    turned: dict[str, tuple[Run, str | None]] = {}
    for run in runs:
        for name, knob in (run.change.knobs if run.change else {}).items():
            other, value = turned.setdefault(name, (run, knob.new))
            if value != knob.new:
                said = f"{short_id(other.run_id)} to {_value(value)}, {short_id(run.run_id)} to {_value(knob.new)}"
                raise BadInput(f"Two runs turn {inline(name)} to different values: {said}.", "Leave one of them out.")


def _value(value: str | None) -> str:
    return "nothing" if value is None else shorten(inline(value), 40)


def _merge(session: Session, base: str, runs: Sequence[Run]) -> _Merged:
    """Merge the changes into the subject of `base`, one after another. One that conflicts is put aside until the others
    are in; only the first of those is then left to be resolved."""
    subject = session.settings.subject
    found = session.reader.file_at(base, subject)
    if found is None:
        raise NotFound(f"{base[:7]} has no {subject}.", "Give another --onto.")
    merged = _Merged(found[1], [], [])
    aside = []
    for run in runs:
        part = _part(session, run)
        why = "" if part else f"did not change {subject}"
        if part and git.succeeds(session.place, "merge-base", "--is-ancestor", "--", run.commit, base):
            why = f"is part of {base[:7]} already"
        if part and not why:
            content, conflicts = _three_way(session, merged.content, part)
            if conflicts:
                aside.append(part)
            elif content == merged.content:
                why = f"changes nothing that {base[:7]} and the others do not have already"
            else:
                merged.content = content
                merged.parts.append(part)
        if why:
            merged.skipped.append(Skipped(run_id=run.run_id, why=why))
    if aside:
        merged.conflict, *merged.rest = aside
        ours = _blob(session, merged.content)
        merged.stages = merged.conflict.before, ours, merged.conflict.after
        merged.content, _ = _three_way(session, merged.content, merged.conflict)
    return merged


def _part(session: Session, run: Run) -> _Part | None:
    """A run's change to the subject, None if it made none. Raises what `code.base` raises, and BadInput for one that is
    not in its commit."""
    if code.is_dirty(run):
        raise BadInput(
            f"{short_id(run.run_id)} was run with uncommitted changes.",
            "`git memorylab diff` shows them; commit them as an experiment of their own to stack it.",
        )
    before, after = code.base(session, run)
    files = [session.reader.file_at(commit, session.settings.subject) if commit else None for commit in (before, after)]
    old, new = files
    return None if old is None or new is None or old[0] == new[0] else _Part(run, old[0], new[0])


def _three_way(session: Session, ours: bytes, part: _Part) -> tuple[bytes, bool]:
    """The subject with a run's change, and whether that conflicts: as `git cherry-pick` merges it, but that
    neighbouring lines are no conflict (core/merge.py)."""
    content, conflicts = _merge_file(session, ours, part)
    if conflicts:
        plain, _ = _merge_file(session, ours, part, "--diff3", f"--marker-size={_MARKER}")
        found = merge.resolved(plain, _MARKER)
        return (content, True) if found is None else (found, False)
    return content, False


def _merge_file(session: Session, ours: bytes, part: _Part, *options: str) -> tuple[bytes, bool]:
    contents = {
        "ours": ours,
        "before": session.reader.blob(part.before) or b"",
        "theirs": session.reader.blob(part.after) or b"",
    }
    theirs = f"{part.run.commit[:7]} ({shorten(inline(part.run.description), _PART)})"
    labels = [f"-L{label}" for label in ("HEAD", f"parent of {theirs}", theirs)]
    with tempfile.TemporaryDirectory(prefix="memorylab-stack-") as folder:
        files = [Path(folder) / name for name in contents]
        for path, content in zip(files, contents.values(), strict=True):
            path.write_bytes(content)
        # In this repository, for the user's merge.conflictStyle.
        command = ["git", f"--git-dir={session.place.git_dir}", "merge-file", "--stdout", "--quiet", *options, *labels]
        done = subprocess.run([*command, *map(str, files)], env=git.environment(), capture_output=True, check=False)
    if not 0 <= done.returncode <= 127:
        said = inline(done.stderr.decode("utf-8", "replace"))
        raise BadInput(f"{short_id(part.run.run_id)} cannot be merged: {said}.", "Stack text files only.")
    return done.stdout, done.returncode > 0


def _blob(session: Session, content: bytes) -> str:
    """Content as an object of the repository."""
    return git.run(session.place, "hash-object", "-w", "-t", "blob", "--stdin", input=content).decode().strip()


def _switch(session: Session, name: str, base: str) -> None:
    """Go to a new branch. Raises BadInput with git's own words, with nothing changed."""
    try:
        git.run(session.place, "switch", "--quiet", "--create", name, "--end-of-options", base)
    except NotFound as problem:
        raise BadInput(problem.message, "Nothing was changed; --branch NAME gives another name.") from None


def _commit(session: Session, content: bytes, name: str) -> str:
    """Put the merged subject into index and working tree, and have git commit it with MERGE_MSG."""
    place, subject = session.place, session.settings.subject
    git.run(place, "update-index", "--cacheinfo", f"{_mode(session)},{_blob(session, content)},{subject}")
    git.run(place, "checkout-index", "--force", "--", subject)
    where = ["git", f"--git-dir={place.git_dir}", f"--work-tree={place.top}"]
    # What hooks say is for whoever is watching, as with any commit.
    done = subprocess.run(
        [*where, "commit", "--quiet", "--no-edit", "--cleanup=whitespace"], cwd=place.top, env=git.environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    if done.returncode:
        message = f"git did not commit; {subject} is staged on branch {name}."
        raise BadInput(message, f"Mend that and `git commit --no-edit`, or give it up: `{give_up(session, name)}`.")
    return session.reader.resolve("HEAD").oid


def _leave_conflict(session: Session, merged: _Merged) -> None:
    """Leave a conflict as git does: markers in the file, three stages in the index."""
    place, subject = session.place, session.settings.subject
    assert merged.stages is not None and place.top is not None
    mode, shown = _mode(session), _blob(session, merged.content)
    staged = [f"0 {place.form.null}\t{subject}"]
    staged += [f"{mode} {blob} {stage}\t{subject}" for stage, blob in enumerate(merged.stages, 1)]
    path = place.top / subject
    permissions = path.stat().st_mode & 0o7777
    # With the line ends and filters of this working tree.
    replace(path, git.run(place, "cat-file", "--filters", f"--path={subject}", "--", shown))
    path.chmod(permissions)
    git.run(place, "update-index", "-z", "--index-info", input="".join(f"{line}\0" for line in staged).encode())


def _mode(session: Session) -> str:
    """The mode of the subject in the index."""
    listed = git.run(session.place, "ls-files", "-s", "--", f":(top,literal){session.settings.subject}").decode()
    return listed.split(" ", 1)[0]


def _pieces(parts: Sequence[_Part]) -> list[Piece]:
    return [Piece(run_id=part.run.run_id, description=part.run.description) for part in parts]


def _typed(session: Session) -> str:
    """The subject as it is typed from here."""
    return quote(nextsteps.named(session))


def give_up(session: Session, name: str) -> str:
    """What leads back to where the user was, whatever became of the subject."""
    back = f"git restore --source=HEAD --staged --worktree -- {_typed(session)}"
    return f"{back} && git switch - && git branch -D {quote(name)}"


def render(session: Session, done: Stacked) -> str:
    """What was made, what it may be worth, and what to type next."""
    at = done.commit[:7] if done.commit else done.onto[:7]
    lines = [f"branch {done.branch} is at {at}, on {done.onto[:7]}: {count(len(done.applied), 'run')} stacked"]
    lines += [f"  {_line(one)}" for one in done.applied]
    lines += [f"left out {short_id(one.run_id)}: it {one.why}" for one in done.skipped]
    if done.total is not None:
        total = done.total
        lines.append(
            f"added up, as if they were independent, the gains are {effect(total.effect, total.error, 3)}; "
            f"{rough(total.expected, 3, '+')} once luck is allowed for"
        )
    else:
        lines.append(
            "the sum of the gains is not known: not all were measured against what they were built on, together"
        )
    if done.conflict is None:
        return "\n".join([*lines, "`git memorylab run` measures it; `git switch -` goes back"])
    file = _typed(session)
    lines += [
        f"CONFLICT (content): Merge conflict in {session.settings.subject}",
        f"  {_line(done.conflict)}",
        f"resolve it in {file}, then `git add {file}` and `git commit --no-edit`",
        f"or give it up: `{give_up(session, done.branch)}`",
    ]
    if done.rest:
        rest = " ".join(short_id(one.run_id) for one in done.rest)
        again = f"git memorylab stack {rest} --onto {quote(done.branch)}"
        lines.append(f"not tried yet, since they conflict too; once that is committed: `{again}`")
    return "\n".join(lines)


def _line(one: Piece) -> str:
    return f"{short_id(one.run_id)} {shorten(inline(one.description), 100)}"


def _name(runs: Sequence[Run]) -> str:
    """A branch named by its parts."""
    parts = [run.commit[:7] for run in runs]
    more = [f"{len(parts) - _NAMES}-more"] if len(parts) > _NAMES else []
    return "stack/" + "-".join([*parts[:_NAMES], *more])


def _message(runs: Sequence[Run]) -> str:
    """One experiment: its parts in the subject line, and which runs they are in the trailers."""
    ideas = [inline(run.description) or (describe(run.change) if run.change else "") for run in runs]
    subject = "Stack: " + "; ".join(ideas)
    if len(subject) > _SUBJECT:
        width = max(12, (_SUBJECT - len("Stack: ")) // len(ideas) - 2)
        subject = "Stack: " + "; ".join(shorten(idea, width) for idea in ideas)
    listed = [f"- {short_id(run.run_id)} {shorten(idea, 200)}" for run, idea in zip(runs, ideas, strict=True)]
    trailers = [f"Stacked: {run.run_id}" for run in runs]
    return "\n".join([subject, "", *listed, "", *trailers]) + "\n"
