"""claim: say what is about to be tried, so that nobody else does; the remote decides who was first."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from memorylab.commands import check, sync
from memorylab.commands.session import Session
from memorylab.core import claims
from memorylab.core.novelty import Idea
from memorylab.core.record import Claim, Record, decode, encode
from memorylab.core.text import inline, shorten
from memorylab.errors import Denied, NotFound, Unreachable
from memorylab.ledger import check_line, new_id, timestamp
from memorylab.store import claims as board
from memorylab.store import transport
from memorylab.store.files import locked

# Each attempt that fails is another's that succeeds: thirty are a minute of everybody claiming at once.
_ATTEMPTS = 30


class Claimed(msgspec.Struct, frozen=True):
    """What became of a claim: whether it is ours, whose it is, and who has settled that: `remote`, `local` where there
    is none, `offline` where it was not reached. `remarks` are for the user."""

    ours: bool
    claim: Claim
    settled: str
    remarks: list[str] = []


def claim(session: Session, said: dict[str, Any], minutes: float | None) -> Claimed:
    """Claim an idea, unless somebody else has: then it is their claim that comes back."""
    texts: dict[str, Any] = {name: inline(said.get(name) or "") for name in ("description", "hypothesis", "family")}
    idea = Idea(**texts, tags=tuple(said.get("tags") or ()))
    remarks: list[str] = []
    with locked(session.place.state / "claims.lock"):
        remote = _remote(session)
        if remote is not None:
            # What has ended since, or begun.
            taken = sync.sync(session, remote, sync.Options(push=False))
            remarks += taken.remarks
            remote, settled = (remote, "remote") if taken.reached else (None, "offline")
            session = session.again()
        else:
            settled = "local"
        issued = _issued(session)
        minutes = session.settings.claim_minutes if minutes is None else minutes
        with session.store.transaction(session.now) as transaction:
            me = transaction.writer
        draft = Claim(
            writer=me, seq=1, id=new_id(issued, _base(session)), timestamp_utc=timestamp(issued), commit=_base(session),
             branch=session.store.branch(), worktree=session.store.worktree(), **texts,
            tags=list(idea.tags), expires_utc=timestamp(issued + timedelta(minutes=minutes)),
        )  # fmt: skip
        check_line(draft)
        standing = _first(session, idea, list(session.memory.claims))
        if standing is None and remote is not None:
            try:
                standing = _settle(session, remote, idea, draft)
            except Unreachable as problem:
                settled = "offline"
                remarks.append(f"{remote} was not reached ({inline(problem.message).rstrip('.')})")
        if standing is not None and not check.is_ours(session, standing):
            return Claimed(False, standing, settled, remarks)
        if standing is None or standing.id not in {known.id for known in session.memory.claims}:
            session.ledger.append(session.now, [(draft.commit, standing or draft)])
    if remote is not None:
        remarks += _give(session, remote)
    return Claimed(True, standing or draft, settled, remarks)


def catch_up(session: Session) -> None:
    """Take what others have, if there is anybody to take it from."""
    remote = _remote(session)
    if remote is not None:
        sync.sync(session, remote, sync.Options(push=False))


def withdraw(session: Session, name: str) -> Claimed:
    """End a claim of this worktree's before its time. `name` is a claim's id, or a part of it."""
    ours = [one for one in check.open_claims(session) if check.is_ours(session, one)]
    found = [one for one in ours if name == one.id] or [one for one in ours if len(name) >= 4 and name in one.id]
    if len(found) != 1:
        raise NotFound(f"{name!r} is no open claim of this worktree's.", "`git memorylab claim` lists the open ones.")
    session.ledger.append(session.now, [(found[0].commit, end(session, found[0], "withdrawn"))])
    remote = _remote(session)
    if remote is None:
        return Claimed(False, found[0], "local")
    remarks = _give(session, remote)
    try:
        _clear(session, remote, found[0])
    except Unreachable as problem:
        # It is in the ledger, where whoever claims next reads it.
        return Claimed(False, found[0], "offline", [*remarks, inline(problem.message)])
    return Claimed(False, found[0], "remote", remarks)


def end(session: Session, claim: Claim, outcome: Any, run_id: str | None = None) -> Claim:
    """The record that ends a claim."""
    return Claim(
        writer="_", seq=1, id=new_id(session.now, claim.commit), timestamp_utc=timestamp(session.now),
        commit=claim.commit, claim_id=claim.id, outcome=outcome, run_id=run_id,
    )  # fmt: skip


def fulfilled(session: Session, idea: Idea, run_id: str) -> list[Record]:
    """The records that end this clone's own claims on what a run has tried now."""
    me = session.store.writer()
    ours = [one for one in check.open_claims(session) if one.writer == me]
    return [end(session, one, "fulfilled", run_id) for one in check.claims_on(session, idea, ours)]


def render(done: Claimed) -> str:
    """What the terminal shows."""
    said = inline(done.claim.description)
    if not done.ours:
        return f"{check.who(claims.holder(done.claim))}: {shorten(said, 100)}"
    how = {"offline": "; offline: whoever claims it before the next sync may be first", "local": ", in this clone"}
    until = check.clock(done.claim.expires_utc) + how.get(done.settled, "")
    return f"claimed until {until}: {shorten(said, 100)}\n{done.claim.id}"


def listed(found: list[Claim]) -> str:
    """Open claims, one a line."""
    lines = [
        f"{one.id}  until {check.clock(one.expires_utc)}  {one.writer}{'/' + one.worktree if one.worktree else ''}: "
        + shorten(inline(one.description), 80)
        for one in found
    ]
    return "\n".join(lines) or "No open claims."


def _first(session: Session, idea: Idea, known: list[Claim]) -> Claim | None:
    """The claim on an idea that stands: somebody else's before our own."""
    found = check.claims_on(session, idea, claims.standing(known, session.now))
    return min(found, key=lambda one: check.is_ours(session, one), default=None)


def _settle(session: Session, remote: str, idea: Idea, draft: Claim) -> Claim | None:
    """Have the remote say who is first: None for us. Raises Unreachable, or Denied."""
    first: list[Claim | None] = []

    def attempt() -> bool:
        tip, known = _board(session, remote)
        first[:] = [_first(session, idea, [*session.memory.claims, *known])]
        return first[0] is not None or _replace(session, remote, tip, [*known, draft])

    if not transport.patiently(attempt, lambda settled: not settled, _ATTEMPTS):
        raise Unreachable(f"{remote} was busy with other claims for too long.")
    return first[0]


def _clear(session: Session, remote: str, gone: Claim) -> None:
    """Take a claim off the board. Raises Unreachable, or Denied."""

    def attempt() -> bool:
        tip, known = _board(session, remote)
        left = [one for one in known if one.id != gone.id]
        return len(left) == len(known) or _replace(session, remote, tip, left)

    transport.patiently(attempt, lambda settled: not settled, _ATTEMPTS)


def _board(session: Session, remote: str) -> tuple[str | None, list[Claim]]:
    tip, lines = board.read(session.place, remote)
    return tip, [record for line in lines if isinstance(record := decode(line), Claim)]


def _replace(session: Session, remote: str, tip: str | None, found: list[Claim]) -> bool:
    """Put the claims that stand on the board; whether nobody else was faster."""
    lines = [encode(one) for one in claims.standing(found, session.now)]
    answer = board.write(session.place, remote, tip, lines, found[-1].writer if found else "memorylab")
    if answer.outcome == "refused":
        raise Denied(f"{remote} takes no claims: {inline(answer.reason)}.", "Ask whoever looks after it.")
    return answer.outcome == "done"


def _remote(session: Session) -> str | None:
    """The remote that settles claims, None where there is none."""
    return sync.choose(session, session.settings.remote or None) if sync.remotes(session) else None


def _give(session: Session, remote: str) -> list[str]:
    done = sync.sync(session.again(), remote, sync.Options())
    return list(done.remarks) if done.reached else [sync.render(done)]


def _base(session: Session) -> str:
    return session.store.resolve("HEAD").oid


def _issued(session: Session) -> datetime:
    """Now; where others' clocks are ahead of this one, theirs, so that they do not see this claim as long expired."""
    times = (datetime.fromisoformat(one.timestamp_utc) for one in session.memory.claims)
    return max([session.now, *(time for time in times if time <= session.now + claims.AHEAD)])
