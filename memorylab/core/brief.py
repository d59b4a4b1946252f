"""What somebody needs to know who starts cold or resumes, in so many words and no more.

Each fact is told in parts, the shortest first, and each part has a rank: how much it decides. What is told is the
longest run of parts in the order of their ranks that fits. So more words never lose what fewer had, and whatever is
left out decides less than all that is told. A word is what `str.split()` gives.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from memorylab.core.decision import chance, signed
from memorylab.core.nextsteps import Step
from memorylab.core.noise import basis
from memorylab.core.record import Direction, Knob, NextAction, Priority
from memorylab.core.steps import Outcome, Value, shown
from memorylab.core.text import cell, count, effect, inline, number, rough, short_id, shorten

LEAST = 20  # words that a brief needs
_IDEA = 14  # words of an idea
_SHORT = 12  # words of a command that is told before almost all else
_LONG = 40  # words of one that is not told any more
_NOTE = 16  # words that are held back for what was left out, of enough


class Program(Struct, frozen=True, kw_only=True):
    """A program to build on, by its first run. `value` is the mean of its `runs` runs; `probability` that of being
    truly better than the champion (the champion's own: than the one before it), null without one. `knobs` are those
    that differ, for the champion from the start, for the leader from the champion."""

    run_id: str
    commit: str
    description: str
    value: float
    runs: int
    probability: float | None = None
    knobs: dict[str, Knob] = {}


class Head(Struct, frozen=True, kw_only=True):
    """Where the reader stands: the commit, the branch (null: none), what the commit is and how the subject differs
    from it, in words."""

    commit: str
    branch: str | None
    role: str
    change: str = ""


class Open(Struct, frozen=True, kw_only=True):
    """A decision that waits, with the command that acts on it. `delta` is the value minus the champion's, `probability`
    that of being truly better than it; null where it was not measured here."""

    run_id: str
    action: NextAction
    priority: Priority
    description: str
    command: str
    delta: float | None = None
    probability: float | None = None


class Effect(Struct, frozen=True, kw_only=True):
    """What a value of a knob did, or a change of code, where `knob` is empty. `effect` is the difference in the metric
    to what it was built on, `error` its standard deviation, `others` the changes besides; `stands` says that it was
    kept, and HEAD has it. `strength` is that of the case against another try, in [0, 1], where it failed; null where it
    is not known. `run_id` is its latest run."""

    knob: str
    value: Value
    description: str
    run_id: str
    outcome: Outcome
    effect: float | None = None
    error: float | None = None
    others: int = 0
    stands: bool = False
    strength: float | None = None


class Theirs(Struct, frozen=True, kw_only=True):
    """What somebody else is about to try; `until` in UTC."""

    who: str
    until: str
    description: str


class Untried(Struct, frozen=True, kw_only=True):
    """A knob, its value now, and what is left to try of it; nothing is named of one that was never turned."""

    knob: str
    now: Value
    left: tuple[str, ...] = ()


class Facts(Struct, frozen=True, kw_only=True):
    """All that a brief may tell, each list with what decides most first. `budget` says what a run may spend, `group`
    where results compare; `noise` is the standard deviation of one run, assumed where `noise_replicates` is 0. The
    leader is null where it is the champion."""

    subject: str
    metric: str
    direction: Direction
    budget: str
    group: str = ""
    statuses: dict[str, int] = {}
    champion: Program | None = None
    leader: Program | None = None
    head: Head | None = None
    decisions: tuple[Open, ...] = ()
    steps: tuple[Step, ...] = ()
    dead_ends: tuple[Effect, ...] = ()
    works: tuple[Effect, ...] = ()
    claims: tuple[Theirs, ...] = ()
    untried: tuple[Untried, ...] = ()
    noise: float | None = None
    noise_replicates: int = 0


class Brief(Struct, frozen=True, kw_only=True):
    """The brief: its text, the `words` it has of at most `limit`, how many words all facts would take (`whole`), how
    many facts of each kind it leaves out at least a part of, and the facts."""

    text: str
    words: int
    limit: int
    whole: int
    left_out: dict[str, int]
    facts: Facts


class _Part(Struct, frozen=True):
    """A piece of a line: told after the pieces before it, in the order of `rank`, the least first."""

    rank: float
    text: str


class _Section(Struct, frozen=True):
    """Lines under a title. A list stands in a block, where Markdown leaves commands and names alone; `noun` is what a
    line of it is called."""

    title: str
    noun: str
    lines: list[list[_Part]]
    is_list: bool = True
    joint: str = ", "  # between the parts of a line, no word


def brief(facts: Facts, limit: int) -> Brief:
    """What matters most of the facts, in at most `limit` words, LEAST or more."""
    sections = [section for section in _sections(facts) if section.lines]
    ladder = _ladder(sections)
    whole = _words(_render(sections, set(ladder)))
    told = len(ladder) if whole <= limit else _fitting(sections, ladder, limit - min(_NOTE, limit // 12))
    kept = set(ladder[:told])
    text, left = _render(sections, kept), _left(sections, kept)
    spare = limit - _words(text)
    text += next((f"\n{note}\n" for note in _notes(left, whole) if _words(note) <= spare), "") if left else ""
    return Brief(text=text, words=_words(text), limit=limit, whole=whole, left_out=left, facts=facts)


_Place = tuple[int, int, int]  # of a part: section, line, place in it


def _ladder(sections: Sequence[_Section]) -> list[_Place]:
    """All parts in the order in which they are told."""
    places = (
        (part.rank, at, line, place)
        for at, section in enumerate(sections)
        for line, parts in enumerate(section.lines)
        for place, part in enumerate(parts)
    )
    return [(at, line, place) for _, at, line, place in sorted(places)]


def _fitting(sections: Sequence[_Section], ladder: Sequence[_Place], limit: int) -> int:
    """How many parts from the start of the ladder have no more words than that."""
    used, begun = 0, set[int]()
    for told, (at, line, place) in enumerate(ladder):
        used += _words(sections[at].lines[line][place].text)
        used += 0 if at in begun else _words(sections[at].title)
        begun.add(at)
        if used > limit:
            return told
    return len(ladder)


def _render(sections: Sequence[_Section], kept: set[_Place]) -> str:
    said = []
    for at, section in enumerate(sections):
        lines = [
            [part.text for place, part in enumerate(parts) if (at, line, place) in kept]
            for line, parts in enumerate(section.lines)
        ]
        told = [section.joint.join(parts) for parts in lines if parts]
        if told:
            body = [f"    {line}" for line in told]
            said.append("\n".join([section.title, "", *body]) if section.is_list else f"{section.title} {told[0]}.")
    return "\n\n".join(said) + "\n"


def _left(sections: Sequence[_Section], kept: set[_Place]) -> dict[str, int]:
    """What was left out, wholly or in part."""
    found: dict[str, int] = {}
    for at, section in enumerate(sections):
        for line, parts in enumerate(section.lines):
            if any((at, line, place) not in kept for place in range(len(parts))):
                found[section.noun] = found.get(section.noun, 0) + 1
    return found


def _notes(left: dict[str, int], whole: int) -> Iterator[str]:
    """What was left out in words, the longest first."""
    more = f"`git memorylab brief --words {whole}` has all."
    yield f"Shortened or left out: {', '.join(count(many, noun) for noun, many in left.items())}; {more}"
    yield f"{sum(left.values())} facts are shortened or left out; {more}"
    yield f"More: `--words {whole}`"


def _words(text: str) -> int:
    return len(text.split())


def _sections(facts: Facts) -> list[_Section]:
    """The facts in the order in which they are read. The ranks are in steps of what one more round of facts tells:
    below 1 is what nobody can do without."""
    waiting = {one.command for one in facts.decisions}
    steps = [*facts.steps[:1], *(one for one in facts.steps[1:] if one.command not in waiting)]
    closed = [one for one in facts.dead_ends if not one.stands]
    suspects = [one for one in facts.dead_ends if one.stands]
    best = facts.champion.value if facts.champion else None
    return [
        _Section("Goal:", "goal", [list(_goal(facts))], False, "; "),
        _Section("Champion:", "champion", _leading(facts.champion, 0.1, "turned since the start"), False, "; "),
        _Section("Build on:", "leader", _leading(facts.leader, 0.3, "it differs in"), False, "; "),
        _Section("You:", "place", _place(facts.head), False, ", "),
        _Section("Open decisions:", "decision", [list(_open(at, one, best)) for at, one in enumerate(facts.decisions)]),
        _Section("Next:", "command", [list(_step(at, one)) for at, one in enumerate(steps)], joint="  "),
        _Section("Dead ends (effect±sd, strength 0-1):", "dead end", _effects(closed, 2.0, 0.2)),
        _Section("Kept, though it seems to hurt:", "suspect", _effects(suspects, 2.05, 0.3)),
        _Section("Helped (effect±sd):", "gain", _effects(facts.works, 2.1, 0.3)),
        _Section("Claimed by others:", "claim", [list(_claim(at, one)) for at, one in enumerate(facts.claims)]),
        _Section("Untried:", "untried knob", _untried(facts.untried)),
        _Section("Noise:", "noise", _noise(facts), False),
    ]


def _goal(facts: Facts) -> Iterator[_Part]:
    metric, subject = cell(_few(facts.metric, 2)), cell(_few(facts.subject, 4))
    yield _Part(0.0, f"{facts.direction} {metric} by editing {subject}")
    runs = sum(facts.statuses.values())
    if not runs:
        yield _Part(0.1, "nothing was run yet")
    yield _Part(1.0, cell(_few(facts.budget)))
    if runs:
        ends = {"keep": "kept", "discard": "discarded", "crash": "crashed"}
        told = ", ".join(f"{facts.statuses.get(status, 0)} {word}" for status, word in ends.items())
        yield _Part(1.1, f"{count(runs, 'run')} so far: {told}")
    if facts.group:
        yield _Part(6.0, f"results compare within {cell(_few(facts.group))}")


def _leading(found: Program | None, rank: float, differing: str) -> list[list[_Part]]:
    if found is None:
        return []
    parts = [
        _Part(rank, f"{number(found.value)} at {_commit(found.commit)}"),
        _Part(1 + rank, cell(_few(found.description))),
    ]
    sure = [] if found.probability is None else [f"better with probability {chance(found.probability)}"]
    parts.append(_Part(1.05 + rank, ", ".join([count(found.runs, "run"), *sure])))
    for at, (name, knob) in enumerate(found.knobs.items()):
        said = f"{cell(_knob(name))} {cell(_value(knob.old))}→{cell(_value(knob.new))}"
        parts.append(_Part(3 + at / 8, f"{differing}: {said}" if at == 0 else said))
    return [parts]


def _place(head: Head | None) -> list[list[_Part]]:
    if head is None:
        return []
    where = f" on {cell(_few(head.branch, 1))}" if head.branch else ""
    parts = [_Part(0.9, f"at {_commit(head.commit)}{where}"), _Part(0.95, cell(_few(head.role)))]
    return [[*parts, *([_Part(1.4, f"uncommitted: {cell(_few(head.change))}")] if head.change else [])]]


def _open(at: int, one: Open, best: float | None) -> Iterator[_Part]:
    rank = 1.2 + at / 2
    yield _Part(rank, f"{_typed(one.command)}  # {one.action}")
    if one.probability is not None and one.delta is not None:
        delta = signed(one.delta, best)
        yield _Part(rank + 0.1, f"{delta} to the champion, better with probability {chance(one.probability)}")
    yield _Part(rank + 0.2, _few(one.description))


def _step(at: int, one: Step) -> Iterator[_Part]:
    command = _typed(one.command)
    is_short = len(command.split()) <= _SHORT
    yield _Part(2.5 + at if at or not is_short else 0.2, command)
    yield _Part(3.0 + at if at or not is_short else 1.3, f"# {_few(one.why, 20, 120)}")


def _typed(command: str) -> str:
    """A command whole, or where it says itself: a part of one is none."""
    clean = inline(command)
    return clean if len(clean.split()) <= _LONG else "git memorylab status"


def _effects(found: Sequence[Effect], rank: float, step: float) -> list[list[_Part]]:
    """A line for each knob, and one for each change of code."""
    lines: dict[str, list[_Part]] = {}
    for at, one in enumerate(found):
        parts = lines.setdefault(one.knob and f"{_knob(one.knob)}:" or one.run_id, [])
        told = _value(one.value) if one.knob else f"{_few(short_id(one.run_id), 1)} {_few(one.description)}"
        head = f"{_knob(one.knob)}: " if one.knob and not parts else ""
        parts.append(_Part(rank + at * step, f"{head}{told} {_measured(one)}"))
    return list(lines.values())


def _measured(one: Effect) -> str:
    said = effect(one.effect, one.error) if one.effect is not None and one.error is not None else one.outcome
    besides = f" with {count(one.others, 'other')}" if one.others else ""
    strength = f" ({one.strength:.2f})" if one.strength is not None else ""
    return said + besides + strength


def _claim(at: int, one: Theirs) -> Iterator[_Part]:
    yield _Part(1.5 + at / 2, _few(one.description))
    yield _Part(2.5 + at / 2, f"{_few(one.who, 1)} until {_few(one.until, 3)}")


def _untried(found: Iterable[Untried]) -> list[list[_Part]]:
    """One line of the knobs that were never turned, and one for each that has something left."""
    found = list(found)
    never = [f"{_knob(one.knob)} {_value(one.now)}" for one in found if not one.left]
    lines = [[_Part(2.2 + at / 4, f"never turned: {said}" if at == 0 else said) for at, said in enumerate(never)]]
    for at, one in enumerate(one for one in found if one.left):
        head = f"{_knob(one.knob)} (now {_value(one.now)}): " if one.now is not None else f"{_knob(one.knob)}: "
        lines.append([
            _Part(2.4 + at / 3 + place, f"{head if place == 0 else ''}{_few(left, 6)}")
            for place, left in enumerate(one.left)
        ])  # fmt: skip
    return [line for line in lines if line]


def _noise(facts: Facts) -> list[list[_Part]]:
    if facts.noise is None:
        return []
    return [
        [_Part(1.8, f"{rough(facts.noise)} is one run's standard deviation"), _Part(2.3, basis(facts.noise_replicates))]
    ]


def _few(text: str, words: int = _IDEA, characters: int = 90) -> str:
    """At most so many words and characters of a text, on one line; "-" if there is none."""
    parts = inline(text).split()
    cut = " ".join(parts[:words]) + ("…" if len(parts) > words else "")
    return shorten(cut, characters) or "-"


def _commit(oid: str) -> str:
    return cell(_few(oid[:7], 1))  # an imported one may be anything


def _knob(name: str) -> str:
    return _few(name, 1, 60)


def _value(value: Value) -> str:
    return _few(shown(value), 3, 30)
