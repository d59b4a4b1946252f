"""claim: say what is about to be tried, so that nobody else does; the remote decides who was first."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from memorylab.commands import check, sync
from memorylab.commands.session import Session
from memorylab.core import claims
from memorylab.core.history import Idea
from memorylab.core.record import Claim, Record, Verdict, decode, encode
from memorylab.core.text import inline, shorten
from memorylab.errors import Denied, NotFound, Unreachable, UsageError
from memorylab.ledger import check_line, new_id, timestamp
from memorylab.store import claims as board
from memorylab.store import git, transport
from memorylab.store.files import locked

# Each attempt that fails is another's that succeeds: six times `transport.ATTEMPTS` are thirty who claim at once.
_TURNS = 6


class Claimed(msgspec.Struct, frozen=True):
    """What became of a claim: whether it is ours, whose it is, and who has settled that: `remote`, `local` where there
    is none, `offline` where it was not reached. `attempts` is how often its board was read and written; `remarks` are
    for the user."""

    ours: bool
    claim: Claim
    settled: str
    remarks: list[str] = []
    attempts: int = 0


class CheckedAndClaimed(msgspec.Struct, frozen=True, kw_only=True):
    """check --claim: the verdict on the idea, and what became of the claim, null where the mode blocks it."""

    verdict: Verdict
    claim: Claimed | None


def claim(
    session: Session, said: dict[str, Any], minutes: float | None, caught_up: sync.Synced | None = None
) -> Claimed:
    """Claim an idea, unless somebody else has: then it is their claim that comes back. `caught_up` is what `catch_up`
    gave a moment ago, if it was called."""
    texts: dict[str, Any] = {name: inline(said.get(name) or "") for name in ("description", "hypothesis", "family")}
    if not texts["description"]:
        raise UsageError("There is nothing to claim.", "Say in one line what is to be tried.")
    idea = Idea(**texts, tags=tuple(said.get("tags") or ()))
    remote, settled, attempts = None, "local", 0
    remarks: list[str] = []
    with locked(session.place.state / "claims.lock"):
        # What has ended since, or begun.
        taken = caught_up or catch_up(session)
        if taken is not None:
            remote, settled = (taken.remote, "remote") if taken.reached else (None, "offline")
            remarks += [*taken.remarks] if taken.reached else [*taken.remarks, sync.render(taken)]
        session = session.again()
        issued = _issued(session)
        minutes = session.settings.claim_minutes if minutes is None else minutes
        with session.ledger.writing(session.now) as transaction:
            me = transaction.writer
        draft = Claim(
            writer=me, seq=1, id=new_id(issued, _base(session)), timestamp_utc=timestamp(issued), commit=_base(session),
            branch=git.branch(session.place), worktree=session.place.worktree, **texts,
            tags=list(idea.tags), expires_utc=timestamp(issued + timedelta(minutes=minutes)),
        )  # fmt: skip
        draft = session.ledger.masked(draft)  # also on the remote's board, which is no ledger
        check_line(draft)
        standing = _first(session, idea, session.recall.claims(session.now))
        if standing is None and remote is not None:
            try:
                standing, attempts = _settle(session, remote, idea, draft)
            except Unreachable as problem:
                settled = "offline"
                remarks.append(f"{remote} was not reached ({inline(problem.message).rstrip('.')})")
        if standing is not None and not check.is_ours(session, standing):
            return Claimed(False, standing, settled, remarks, attempts)
        ours = standing or draft
        if ours not in session.recall.claims(session.now):
            # Anybody may write to the board in our name: of what it says only the times are believed.
            ours = msgspec.structs.replace(
                draft, id=ours.id, timestamp_utc=ours.timestamp_utc, expires_utc=ours.expires_utc
            )
            (written,) = session.ledger.append(session.now, [(draft.commit, ours)])
            ours = msgspec.structs.replace(ours, seq=written.seq)
    if remote is not None:
        remarks += _give(session, remote).remarks
    return Claimed(True, ours, settled, remarks, attempts)


def catch_up(session: Session) -> sync.Synced | None:
    """Take what others have; None if there is nobody to take it from."""
    if not sync.remotes(session):
        return None
    return sync.sync(session, session.settings.remote or None, sync.Options(push=False))


def withdraw(session: Session, name: str) -> Claimed:
    """End a claim of this worktree's before its time. `name` is a claim's id, or a part of it."""
    ours = [one for one in check.open_claims(session) if check.is_ours(session, one)]
    found = [one for one in ours if name == one.id] or [one for one in ours if len(name) >= 4 and name in one.id]
    if len(found) != 1:
        raise NotFound(f"{name!r} is no open claim of this worktree's.", "`git memorylab claim` lists the open ones.")
    # The end is in the ledger, where whoever claims next reads it, and takes the claim off the board.
    session.ledger.append(session.now, [(found[0].commit, end(session, found[0], "withdrawn"))])
    if not sync.remotes(session):
        return Claimed(False, found[0], "local")
    given = _give(session, session.settings.remote or None)
    return Claimed(False, found[0], "remote" if given.reached else "offline", list(given.remarks))


def end(session: Session, claim: Claim, outcome: Any, run_id: str | None = None) -> Claim:
    """The record that ends a claim."""
    return Claim(
        writer="_", seq=1, id=new_id(session.now, claim.commit), timestamp_utc=timestamp(session.now),
        commit=claim.commit, claim_id=claim.id, outcome=outcome, run_id=run_id,
    )  # fmt: skip


def fulfilled(session: Session, idea: Idea, run_id: str) -> list[Record]:
    """The records that end this clone's own claims on what a run has tried now."""
    me = session.writer
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
    lines = [f"{one.id}  {check.who(claims.holder(one))}: {shorten(inline(one.description), 80)}" for one in found]
    return "\n".join(lines) or "No open claims."


def _first(session: Session, idea: Idea, known: Iterable[Claim]) -> Claim | None:
    """The claim on an idea that stands: somebody else's before our own."""
    # Others may heed a claim of who is muted here: it stays on the board.
    heard = (one for one in known if not session.is_muted(one.writer))
    found = check.claims_on(session, idea, claims.standing(heard, session.now))
    return min(found, key=lambda one: check.is_ours(session, one), default=None)


def _settle(session: Session, remote: str, idea: Idea, draft: Claim) -> tuple[Claim | None, int]:
    """Have the remote say who is first: None for us; and in how many attempts. Raises Unreachable, or Denied."""
    first: list[Claim | None] = []

    def attempt() -> bool:
        tip, posted = _board(session, remote)
        first.append(_first(session, idea, posted))
        return first[-1] is not None or _post(session, remote, tip, [*posted, draft])

    if not any(transport.patiently(attempt, lambda settled: not settled) for _ in range(_TURNS)):
        raise Unreachable(f"{remote} was busy with other claims for too long.")
    return first[-1], len(first)


def _board(session: Session, remote: str) -> tuple[str | None, list[Claim]]:
    """A remote's board: its tip, and the claims on it that stand."""
    tip, lines = board.read(session.reader, remote)
    known = session.recall.claims(session.now)
    ids = {one.id for one in known}
    posted = [one for line in lines if isinstance(one := decode(line), Claim)]
    # Anybody may write there in anybody's name: a claim's end, and what it says, is for its writer's ledger to tell.
    told = {one.id for one in posted}
    new = [one for one in posted if one.claim_id is None and one.id not in ids]
    standing = claims.standing([*known, *new], session.now)
    return tip, [one for one in standing if one.id in told]


def _post(session: Session, remote: str, tip: str | None, found: list[Claim]) -> bool:
    """Put claims on the board; whether nobody else was faster."""
    lines = [encode(one) for one in found]
    answer = board.write(session.reader, remote, tip, lines, found[-1].writer, session.now)
    if answer.outcome == "refused":
        raise Denied(f"{remote} takes no claims: {inline(answer.reason)}.", "Ask whoever looks after it.")
    return answer.outcome == "done"


def _give(session: Session, remote: str | None) -> sync.Synced:
    done = sync.sync(session.again(), remote, sync.Options())
    return done if done.reached else done._replace(remarks=(*done.remarks, sync.render(done)))


def _base(session: Session) -> str:
    return session.reader.resolve("HEAD").oid


def _issued(session: Session) -> datetime:
    """Now; where others' clocks are ahead of this one, theirs, so that they do not see this claim as long expired."""
    latest = session.recall.latest_stamp(session.now + claims.AHEAD)
    return max(session.now, datetime.fromisoformat(latest)) if latest else session.now
