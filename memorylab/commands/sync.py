"""sync: give a remote what we have, take what others have there, and say what came and went."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from memorylab.commands.session import Session
from memorylab.core.text import count, inline
from memorylab.errors import BadInput, Denied, MemoryLabError, NotFound, Unreachable
from memorylab.store import exchange, git, refs, seen, transport, writer
from memorylab.store.exchange import Damage, Given, Taken
from memorylab.store.files import locked
from memorylab.store.locks import release

Progress = Callable[[bytes], None] | None


_MARK = "synced"  # touched by each sync that reaches its remote
_FRESH = 60.0  # seconds


class Synced(NamedTuple):
    """What a sync did. `came` and `went` are records, `writers` those that they came from; `reason` says why a remote
    was not `reached`; `waiting` records are not there yet; `attempts` is how often it took and gave. `remarks` are for
    the user."""

    remote: str
    reached: bool = True
    reason: str = ""
    came: int = 0
    writers: int = 0
    went: int = 0
    waiting: int = 0
    refused: bool = False
    changed: bool = False
    attempts: int = 0
    remarks: tuple[str, ...] = ()


class Options(NamedTuple):
    """How to sync: without artifacts, without giving, who is told of git's progress, and without whom."""

    notes_only: bool = False
    push: bool = True
    progress: Progress = None
    attempts: int = transport.ATTEMPTS
    mute: tuple[str, ...] = ()


def _configuration(session: Session) -> list[tuple[str, str]]:
    return git.config(session.place, r"^(memorylab\.(remote|notesonly|mute)|remote\..*|branch\..*\.remote)$")


def _choose(session: Session, name: str | None, config: list[tuple[str, str]]) -> str:
    """The remote that is meant, set up so that a plain `git fetch` brings its memory too: the one named, else the
    setting, else the one that git pushes to, else the only one. Raises NotFound; BadInput if that leaves it open."""
    remotes = _remotes(config)
    chosen = _named(remotes, name) if name is not None else _default(session, remotes, dict(config))
    light = git.is_on(dict(config).get("memorylab.notesonly"))
    for refspec in refs.fetch_refspecs(chosen, light):
        key = f"remote.{chosen}.fetch"
        if (key, refspec) not in config:
            # Another sync may be at the same, so that the file is locked, or has it by now.
            release([session.place.common_dir / "config.lock"])
            how = ("--local", "--fixed-value", "--replace-all")
            git.run(session.place, "config", *how, "--", key, refspec, refspec, check=False)
    return chosen


def bring(session: Session, writer: str) -> bool:
    """Fetch a writer's artifacts and code, which a sync without them has left on a remote; whether they came."""
    came = False
    for name in remotes(session):
        found = refs.tips(session.place)
        journals = [refs.JOURNAL + writer] if refs.fetched_as(name, refs.LEDGER + writer) in found else []
        journals += [
            refs.ARCHIVED_JOURNALS + archiver
            for tracked in found
            if tracked.startswith(refs.fetched_as(name, refs.ARCHIVED_NOTES))
            for _, archiver in [refs.kind_of(refs.local_name(tracked)) or ("", "")]
        ]
        with suppress(Unreachable, Denied):
            for ref in journals:
                came |= transport.fetch(session.place, name, [f"{ref}:{refs.fetched_as(name, ref)}"], None)
    return came


def remotes(session: Session) -> list[str]:
    """The names of all remotes."""
    return _remotes(git.config(session.place, r"^remote\..*\.url$"))


def _remotes(config: list[tuple[str, str]]) -> list[str]:
    urls = (key for key, _ in config if key.startswith("remote.") and key.endswith(".url"))
    return list(dict.fromkeys(key[len("remote.") : -len(".url")] for key in urls))


def _named(remotes: list[str], name: str) -> str:
    if name not in remotes:
        raise NotFound(f"There is no remote called {name!r}.", f"`git remote add {name} URL` makes one.")
    return name


def _default(session: Session, remotes: list[str], config: dict[str, str]) -> str:
    if "memorylab.remote" in config:
        return _named(remotes, config["memorylab.remote"])
    if len(remotes) == 1:
        return remotes[0]
    branch = git.run(session.place, "symbolic-ref", "--quiet", "--short", "HEAD", check=False).decode().strip()
    for candidate in (config.get("remote.pushdefault"), config.get(f"branch.{branch}.remote"), "origin"):
        if candidate in remotes:
            return str(candidate)
    if not remotes:
        raise NotFound("This clone has no remote to share with.", "`git remote add origin URL` names one.")
    raise BadInput(f"Which of the remotes {', '.join(remotes)}?", "Name it, or set memorylab.remote.")


def sync(session: Session, name: str | None, options: Options) -> Synced:
    """Exchange memory with a remote. A remote that is not reached is no error: what is ours waits here.

    Raises NotFound if there is no such remote, Denied if it does not let us in.
    """
    config = _configuration(session)
    remote = _choose(session, name, config)
    options = options._replace(
        notes_only=options.notes_only or git.is_on(dict(config).get("memorylab.notesonly")),
        mute=tuple(value for key, value in config if key == "memorylab.mute"),
    )
    done = _Done([], [], [])
    attempts = 0

    def attempt() -> Given:
        nonlocal attempts
        attempts += 1
        return _once(session, remote, options, done)

    with locked(session.place.state / "sync.lock"):
        if writer.former(session.place.common_dir) is not None:
            session.ledger.settle(session.now, session.again().store)
        try:
            given = transport.patiently(attempt, _again, options.attempts)
        except Unreachable as problem:
            if git.is_damage(problem.message) and not git.succeeds(session.place, "rev-list", "--quiet", "--all"):
                raise NotFound(problem.message, git.MEND) from None
            synced = _account(session, remote, done, _NOTHING)
            waiting = _waiting(session, remote)
            synced = synced._replace(reached=False, reason=problem.message, waiting=waiting)
        else:
            synced = _account(session, remote, done, given)
            (session.place.state / _MARK).touch()
    synced = synced._replace(attempts=attempts)
    if synced.changed:
        remarks = session.again().refresh()
        synced = synced._replace(remarks=(*synced.remarks, *remarks))
    return synced


def after(session: Session, progress: Progress) -> list[str]:
    """Sync when something was recorded, which stays recorded whatever becomes of it; what to say of it, a line each."""
    try:
        done = sync(session, None, Options(progress=progress))
    except MemoryLabError as problem:
        return [f"not shared: {problem.message} {problem.hint}".rstrip()]
    return [render(done), *done.remarks]


def freshen(session: Session) -> list[str]:
    """Know what others do before an idea is judged, if the last sync is more than a minute
    ago; what to say of it. A remote that is away is not waited for."""
    if not remotes(session):
        return []
    try:
        if abs(time.time() - (session.place.state / _MARK).stat().st_mtime) < _FRESH:
            return []
    except OSError:
        pass
    try:
        done = sync(session, None, Options(attempts=1))
    except MemoryLabError as problem:
        return [f"not shared: {problem.message}"]
    return list(done.remarks) if done.reached else [render(done)]


def relay(session: Session, options: Options) -> list[Synced]:
    """Sync with every remote, and pass on between them what each has of all writers; also what one of them has lost.
    One that is away, or lets nobody in, does not keep the others waiting."""
    names = remotes(session)
    if not names:
        raise NotFound("This clone has no remote to share with.", "`git remote add origin URL` names one.")
    if session.settings.notes_only:
        raise BadInput("A relay passes on journals, which memorylab.notesOnly leaves out.", "Relay in another clone.")
    done = [_each(session, name, options) for name in names]
    return [_pass_on(session, one, options) if one.reached else one for one in done]


def _each(session: Session, name: str, options: Options) -> Synced:
    try:
        return sync(session, name, options)
    except Denied as problem:
        return Synced(name, reached=False, reason=problem.message, refused=True, waiting=_waiting(session, name))


def _pass_on(session: Session, done: Synced, options: Options) -> Synced:
    with locked(session.place.state / "sync.lock"):
        try:
            went, answers = exchange.pass_on(session.place, done.remote, options.progress, session.is_muted)
        except (Unreachable, Denied) as problem:
            return done._replace(reached=False, reason=problem.message, refused=isinstance(problem, Denied))
    grown = exchange.growth(session.place, {}, went)
    # What has moved on there is newer than what is here, or was refused when it was taken.
    failed = [answer for answer in answers if answer.outcome not in ("done", "moved")]
    said = [f"{done.remote} does not take {count(len(failed), 'ref')}: {inline(failed[0].reason)}"] if failed else []
    remarks = (*done.remarks, *said)
    return done._replace(went=done.went + sum(grown.values()), refused=done.refused or bool(failed), remarks=remarks)


_NOTHING = Given([], [], "", [])


class _Done(NamedTuple):
    """What was done by all attempts: what each took, the names that this clone has got, and whether anything had been
    moved before."""

    taken: list[Taken]
    healed: list[str]
    unsettled: list[bool]


def _once(session: Session, remote: str, options: Options, done: _Done) -> Given:
    """Take, then give, or put our own refs right so that they can be given."""
    place = session.place
    me = writer.current(place.common_dir)
    found = refs.tips(place)
    if me is not None and not done.taken and not seen.is_settled(place, me, found):
        # What plain git has taken from us is put back, lest its absence be shared; what it has brought is to be shown.
        session.again().store.protect()
        found = refs.tips(place)
        done.unsettled.append(True)
    is_muted = refs.muted(options.mute, me)
    taken = exchange.take(place, remote, me, found, options.notes_only, options.progress, is_muted)
    done.taken.append(taken)
    if me is None or not options.push:
        return _NOTHING
    given = exchange.give(place, remote, me, taken, options.progress)
    if given.stance == "ahead":
        session.again().store.adopt(me, remote)
    elif given.stance in ("forked", "spoilt"):
        # What was spoilt there is not relied on to hold anything.
        theirs = taken.there.get(refs.JOURNAL + me) if given.stance == "forked" else None
        done.healed.append(session.ledger.part(session.now, theirs, session.again().store))
    return given


def _again(given: Given) -> bool:
    """Whether another attempt may do better: the remote has moved in between, or our own refs were put right."""
    # Of an atomic push that is refused, the other refs are said to have failed with it.
    outcomes = {answer.outcome for answer in given.answers}
    return bool(given.stance) or ("busy" in outcomes and "refused" not in outcomes)


def _account(session: Session, remote: str, done: _Done, given: Given) -> Synced:
    """What the attempts did, for people; `given` is what the last one gave."""
    me = writer.current(session.place.common_dir) or ""
    others: dict[str, int] = {}
    for taken in done.taken:
        for name, number in exchange.growth(session.place, taken.before, taken.came).items():
            if name != me and number:
                others[name] = others.get(name, 0) + number
    damages = done.taken[-1].refused if done.taken else []
    remarks = [f"{remote}: {_SAID[what].format(name)}" for name, what in _by_writer(damages)]
    remarks += [
        f"{remote}: what is ours was {what} there, and was pushed again" for _, what in _by_writer(given.restored)
    ]
    if done.healed:
        remarks.append(f"another clone writes as the one here did; this one is {done.healed[-1]} now, nothing was lost")
    refused = next((answer for answer in given.answers if answer.outcome == "refused"), None)
    failed = refused or next((answer for answer in given.answers if answer.outcome != "done"), None)
    waiting = _waiting(session, remote) if failed is not None or given.stance else 0
    if failed is not None or given.stance:
        how = "refuses" if refused is not None else "has not taken"
        why = inline(failed.reason) if failed is not None else "it has moved"
        remarks.append(f"{remote} {how} what is ours: {why}; {_wait(waiting)}")
    went = exchange.growth(session.place, {}, given.went).get(me, 0)
    return Synced(
        remote, came=sum(others.values()), writers=len(others), went=went, waiting=waiting,
        refused=refused is not None, remarks=tuple(remarks),
        changed=bool(done.healed or done.unsettled or any(taken.came for taken in done.taken)),
    )  # fmt: skip


def _wait(number: int) -> str:
    return f"{count(number, 'record')} wait{'s' if number == 1 else ''} here"


def _by_writer(damages: list[Damage]) -> list[tuple[str, str]]:
    """(writer, what) of damages, the worst of a writer's refs standing for all of them."""
    worst: dict[str, str] = {}
    for damage in sorted(damages, key=lambda one: _SEVERITY.index(one.what)):
        _, name = refs.kind_of(damage.ref) or ("", damage.ref)
        worst.setdefault(name, damage.what)
    return list(worst.items())


_SEVERITY = ("not a ledger", "rewritten", "truncated", "deleted", "not stored")
_SAID = {
    "not a ledger": "what is there as the ledger of {} is none, and was refused",
    "rewritten": "the ledger of {} was rewritten there; refused, the copy here is as it was",
    "truncated": "the ledger of {} was cut short there; refused, the copy here is whole",
    "deleted": "the ledger of {} was deleted there; the copy here is whole",
    "not stored": "what it has of {} could not be stored here, as its ref is locked; the next sync tries again",
}


def _waiting(session: Session, remote: str) -> int:
    me = writer.current(session.place.common_dir)
    return exchange.waiting(session.place, remote, me, refs.tips(session.place)) if me else 0


def waiting(session: Session) -> dict[str, int]:
    """remote -> how many records of ours it is not known to have, of the remotes that we share with."""
    me = writer.current(session.place.common_dir)
    found = refs.tips(session.place)
    names = [name for name in remotes(session) if exchange.fetched(name, found)]
    return {name: exchange.waiting(session.place, name, me, found) for name in names} if me else {}


def render(done: Synced) -> str:
    """The one line."""
    if not done.reached:
        wait = f"; {_wait(done.waiting)}" if done.waiting else ""
        return f"{done.remote} was not reached ({inline(done.reason).rstrip('.')}){wait}"
    said = []
    if done.came:
        said.append(f"{count(done.came, 'record')} of {count(done.writers, 'writer')} came")
    if done.went:
        said.append(f"{count(done.went, 'record')} went")
    return f"{done.remote}: {', '.join(said) or 'nothing new'}"
