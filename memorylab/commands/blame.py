"""blame: each line of the champion's subject with the run that introduced it, and what that run gained."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from memorylab.commands import code
from memorylab.commands.gains import Gained
from memorylab.commands.session import Session
from memorylab.core.decision import chance
from memorylab.core.record import Direction, Run, Status, rounded
from memorylab.core.text import count, effect, inline, shorten, verbatim
from memorylab.errors import NotFound
from memorylab.store import git

_IDEA = 32  # characters
_BEFORE = "before the first run"
_OLDER = "older than this shallow clone"


class Introduced(msgspec.Struct, frozen=True, kw_only=True):
    """A run that introduced lines. `effect` is its program's mean minus that of what it was built on (where that was
    not measured: of the best one kept before), in the metric's unit; `error` is its standard deviation, `probability`
    that of a true gain; null where there is nothing to compare with. `runs` counts the measurements of its program."""

    run_id: str
    commit: str
    status: Status
    description: str
    runs: int
    effect: float | None
    error: float | None
    probability: float | None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the subject, by number from 1, with the commit that it comes from. `run_id` is the run that introduced
    it: the first one on that commit or after it; null where there is none, and `origin` says why in words: the line is
    from before the first run, or from before what a shallow clone has."""

    number: int
    commit: str
    run_id: str | None
    origin: str
    text: str


class Blame(msgspec.Struct, frozen=True, kw_only=True):
    """The subject of a commit, line by line, and the runs that its lines come from, by id."""

    subject: str
    commit: str
    metric: str
    direction: Direction
    runs: dict[str, Introduced]
    lines: list[Line]


class _Blamed(NamedTuple):
    """A line as git blames it."""

    commit: str
    number: int
    text: str


def subject_of(session: Session, leader: bool) -> Run:
    """The champion, or the leader. Raises NotFound if there is none."""
    registry = session.recall.registry(session.writer)
    standing = registry.leader if leader else registry.champion
    if standing is None:
        raise NotFound("There is no champion yet.", "`git memorylab run` makes the first run; or name a run.")
    return session.recall.find(standing.run_id)


def blame(session: Session, run: Run) -> Blame:
    """Who introduced what of the subject that a run had. Raises NotFound where its commits are not here."""
    oid = code.own_commit(session, run)
    subject = session.settings.subject
    if session.reader.file_at(oid, subject) is None:
        raise NotFound(f"{oid[:7]} has no {subject}.", "`git memorylab show` says what the run changed.")
    lines, gained = list(_git_blame(session, oid)), Gained(session)
    carriers = _carriers(session, oid, dict.fromkeys(line.commit for line in lines))
    runs = {found.run_id: found for found in carriers.values() if isinstance(found, Run)}
    return Blame(
        subject=subject, commit=oid, metric=session.settings.metric, direction=session.settings.direction,
        runs={run_id: _introduced(gained, found) for run_id, found in runs.items()},
        lines=[_line(line, carriers[line.commit]) for line in lines],
    )  # fmt: skip


def _line(line: _Blamed, carrier: Run | str) -> Line:
    run_id, origin = (None, carrier) if isinstance(carrier, str) else (carrier.run_id, "")
    return Line(number=line.number, commit=line.commit, run_id=run_id, origin=origin, text=line.text)


def _introduced(gained: Gained, run: Run) -> Introduced:
    found = gained.of(run)
    return Introduced(
        run_id=run.run_id, commit=run.commit, status=run.status, description=run.description, runs=gained.runs(run),
        effect=rounded(found.effect, 8) if found else None, error=rounded(found.error, 8) if found else None,
        probability=rounded(found.probability) if found else None,
    )  # fmt: skip


def _git_blame(session: Session, oid: str) -> Iterator[_Blamed]:
    """The lines of the subject in a commit, as git blames them."""
    # A path is literal in `git blame`, and what a user has ignored was committed all the same.
    said = git.run(
        session.place, "-c", "blame.ignoreRevsFile=", "blame", "--porcelain", "--no-textconv", oid, "--",
        session.settings.subject,
    ).decode("utf-8", "replace")  # fmt: skip
    commit, number = "", 0
    for line in said.split("\n"):
        if line.startswith("\t"):
            yield _Blamed(commit, number, line[1:].removesuffix("\r"))
        elif _is_header(session, line):
            commit, _, final, *_ = line.split(" ")
            number = int(final)


def _is_header(session: Session, line: str) -> bool:
    """Whether a line of git's names a commit, and is not one of the fields that follow that."""
    first, *rest = line.split(" ")
    return session.place.form.is_id(first) and all(part.isdigit() for part in rest) and len(rest) >= 2


def _carriers(session: Session, head: str, commits: Iterable[str]) -> dict[str, Run | str]:
    """For each commit the run that first measured it: the first on itself, else the next on the way to `head`; else
    in words why there is none."""
    cut = _cut(session)
    own = {commit: _OLDER if commit in cut else _first_run(session, commit) for commit in commits}
    found: dict[str, Run | str] = {commit: run for commit, run in own.items() if run is not None}
    if len(found) == len(own):
        return found
    asked = ("rev-list", "--topo-order", "--parents", "--end-of-options")
    listed = git.run(session.place, *asked, head, "--").decode().splitlines()
    history = [(commit, parents) for commit, *parents in map(str.split, listed)]
    later: dict[str, str] = {}  # a commit -> the next one that was run; children come before their parents
    for commit, parents in history:
        if session.recall.on_commit(commit):
            later[commit] = commit
        if commit in later:
            later.update(dict.fromkeys(parents, later[commit]))
    follows: set[str] = set()  # what was committed on what had been run
    for commit, parents in reversed(history):
        if not follows.isdisjoint(parents) or session.recall.on_commit(commit):
            follows.add(commit)
    for commit in own.keys() - found.keys():
        run = _first_run(session, later[commit]) if commit in follows else None
        found[commit] = run or _BEFORE
    return found


def _first_run(session: Session, commit: str) -> Run | None:
    """The first run of what a commit holds: on it, or where it was rewritten and not run again, of the same program."""
    recall = session.recall
    runs = [run for _, run in recall.on(commit) if not code.is_dirty(run)]
    if runs:
        same = recall.of_program(recall.program(runs[0].run_id) or "")
        return next((run for run in same if run.commit == commit), runs[0])
    file = session.reader.file_at(commit, session.settings.subject)
    return next(recall.of_program(file[0]), None) if file is not None else None


def _cut(session: Session) -> set[str]:
    """The commits where a shallow clone ends: what is older is blamed on them."""
    try:
        return set((session.place.common_dir / "shallow").read_text().split())
    except FileNotFoundError:
        return set()


def render(found: Blame) -> str:
    """In the manner of `git blame`: commit, gain, its probability, runs, idea, number, line."""
    by_commit = {line.commit: _words(found, line) for line in found.lines}
    widths = [max(map(len, column)) for column in zip(*by_commit.values(), strict=True)] if by_commit else []
    digits = len(str(len(found.lines)))
    said = []
    for line in found.lines:
        commit, gain, odds, runs, idea = by_commit[line.commit]
        left = f"{commit:<{widths[0]}} ({gain:>{widths[1]}} {odds:>{widths[2]}} {runs:>{widths[3]}} {idea:<{widths[4]}}"
        said.append(f"{left} {line.number:>{digits}}) {verbatim(line.text)}".rstrip())
    return "\n".join(said)


def _words(found: Blame, line: Line) -> tuple[str, str, str, str, str]:
    run = found.runs.get(line.run_id or "")
    if run is None:
        # As git marks the commits that history is not followed beyond.
        return f"^{line.commit[:7]}", "", "", "", line.origin
    gain = effect(run.effect, run.error) if run.effect is not None and run.error is not None else "-"
    odds = chance(run.probability) if run.probability is not None else "-"
    return line.commit[:7], gain, odds, count(run.runs, "run"), shorten(inline(run.description), _IDEA)
