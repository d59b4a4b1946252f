"""knobs: what was tried of each constant of the subject, what came of it, and what was not tried."""

from collections.abc import Iterable
from functools import partial

from msgspec import Struct

from memorylab.commands import experiment
from memorylab.commands.session import Session
from memorylab.core import knobs
from memorylab.core.knobs import InGroup, KnobStudy, Study, Tried
from memorylab.core.noise import basis
from memorylab.core.record import Direction
from memorylab.core.steps import Value, shown
from memorylab.core.text import count, effect, inline, rough, shorten
from memorylab.core.text import number as metric
from memorylab.errors import NotFound, UsageError

_VALUES = 6  # of a knob in the overview
_RUNS = 6  # of a value on a knob's own page
_NAMES = 8  # that an error lists
_WIDTH = 40  # characters of a value
_SHORT = 24  # characters of a value that nobody turned


class KnobPage(Struct, frozen=True, kw_only=True):
    """knobs NAME: one knob in all comparison groups, by a metric and its better direction."""

    metric: str
    direction: Direction
    knob: KnobStudy


def study(session: Session, name: str | None = None) -> Study:
    """What was tried of every knob, or of the one that a name stands for, with the constants that HEAD's subject has
    (none where there is no HEAD). Raises what `find` raises."""
    turned, constants = session.turned, experiment.constants_now(session) or {}
    of = partial(knobs.study, turned, constants, session.settings.rules, gains=session.gains)
    if name is None:
        return of()
    try:
        return of(find([*turned.names, *constants], name))
    except NotFound:  # says what there is in the order of the overview
        whole = of()
        return of(find([*(knob.name for knob in whole.knobs), *whole.never], name))


def find(names: Iterable[str], name: str) -> str:
    """The one of some knobs that a name or a unique part of one stands for, in any case.

    Raises NotFound if it is none or several, UsageError if it is empty.
    """
    wanted = inline(name).casefold()
    if not wanted:
        raise UsageError("The name of the knob is empty.", "Give a name or a part of one, or leave it out.")
    folded = {each: inline(each).casefold() for each in names}
    for found in (
        [each for each in folded if each == name],
        [each for each in folded if folded[each] == wanted],
        [each for each in folded if wanted in folded[each]],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFound(f"{_quoted(name)} names {len(found)} knobs: {_listed(found)}.", "Give more of it.")
    close = _close(wanted, folded)
    hint = f"The closest: {_listed(close)}." if close else "`git memorylab knobs` lists them."
    raise NotFound(f"No knob is called {_quoted(name)}.", hint)


def _close(wanted: str, folded: dict[str, str]) -> list[str]:
    from difflib import get_close_matches

    names = {text[:_WIDTH]: name for name, text in folded.items()}
    return [names[text] for text in get_close_matches(wanted[:_WIDTH], names, n=3, cutoff=0.5)]


def _quoted(name: str) -> str:
    return repr(shorten(inline(name), _WIDTH))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(_name(name) for name in names[:_NAMES]) + more


def render(whole: Study, subject: str) -> str:
    """One line for each knob that was turned, then what was never turned."""
    here = [(knob, knob.groups[0]) for knob in whole.knobs if knob.groups and knob.groups[0].group == whole.group]
    lines = []
    if here:
        runs = count(whole.groups.get(whole.group or "", 0), "run")
        measure = f"{whole.metric} ({_better(whole)})"
        lines.append(f"{inline(measure)}, {inline(whole.group or '')}, {runs}; {_noise(here[0][1])}")
        lines += [f"{_head(knob)}: {_line(found)}" for knob, found in here]
    elif not whole.knobs:
        lines.append("No knob was turned yet.")
    elsewhere = [knob.name for knob in whole.knobs if not any(knob is one for one, _ in here)]
    if elsewhere:
        lines.append(f"turned in other groups only: {', '.join(map(_name, elsewhere))}")
    if whole.never:
        never = (f"{_name(name)} {_short(value, _SHORT)}" for name, value in whole.never.items())
        lines.append(f"never turned: {', '.join(never)}")
    elif not whole.knobs:
        lines.append(f"{inline(subject)} has no constants at HEAD.")
    others = [f"{inline(label)} ({count(runs, 'run')})" for label, runs in whole.groups.items() if label != whole.group]
    if others:
        title = count(len(others), "other group")
        lines.append(f"{title}: {'; '.join(others)}. `git memorylab knobs NAME` shows a knob in all of them.")
    return "\n".join([*lines, *_left_out(whole)])


def render_one(whole: Study, knob: KnobStudy) -> str:
    """A knob whole."""
    if not knob.groups:
        return "\n".join([f"{_name(knob.name)} is {_short(knob.now)} at HEAD and was never turned.", *_left_out(whole)])
    now = f"is {_short(knob.now)} at HEAD" if knob.now is not None else "is not among the constants at HEAD"
    lines = [f"{_name(knob.name)} {now}. {inline(whole.metric)}, {_better(whole)}."]
    for found in knob.groups:
        lines.append(f"{inline(found.group)}; {_noise(found)}:")
        for tried in found.tried:
            lines.append(f"  {_value(tried)}, {_details(tried, knob)}")
            lines.append(f"    {_runs(tried)}")
        lines.append(f"  direction: {_cut(found.trend)}")
        if found.untried:
            lines.append(f"  not tried: {_cut(', '.join(found.untried))}")
    return "\n".join([*lines, *_left_out(whole)])


def _better(whole: Study) -> str:
    return "less is better" if whole.direction == "minimize" else "more is better"


def _noise(found: InGroup) -> str:
    return f"± is one standard deviation, noise {rough(found.noise)} {basis(found.noise_replicates)}"


def _left_out(whole: Study) -> list[str]:
    number = whole.without_code
    return [f"{count(number, 'run')} without code {'is' if number == 1 else 'are'} not counted"] if number else []


def _head(knob: KnobStudy) -> str:
    return _name(knob.name) + (f" {_short(knob.now, _SHORT)}" if knob.now is not None else "")


def _line(found: InGroup) -> str:
    """The direction that helped, and the values that say most, in their order."""
    surest = sorted(found.tried, key=lambda one: -abs((one.effect or 0.0) / (one.error or 1.0)))[:_VALUES]
    shown_ones = [_value(one) for one in found.tried if any(one is other for other in surest)]
    more = [f"and {len(found.tried) - _VALUES} more"] if len(found.tried) > _VALUES else []
    return f"{_cut(found.trend)}; {', '.join([*shown_ones, *more])}"


def _value(tried: Tried) -> str:
    """What a value gave: `0.06 hurt +0.012±0.0042 (with 2 other changes)`."""
    gave = f" {effect(tried.effect, tried.error, 3)}" if tried.effect is not None and tried.error is not None else ""
    besides = f" (with {_others(tried)})" if tried.others_most else ""
    return f"{_short(tried.value)} {tried.outcome}{gave}{besides}"


def _others(tried: Tried) -> str:
    if tried.others == tried.others_most:
        return count(tried.others, "other change")
    return f"{tried.others} to {tried.others_most} other changes"


def _details(tried: Tried, knob: KnobStudy) -> str:
    """What the value left, and its result against the reference."""
    parts = [f"from {_values(tried.starts)}"]
    if tried.result is not None and tried.reference is not None:
        what = " of the best before" if tried.against == "best" else ""
        parts.append(f"{metric(tried.result)} vs {metric(tried.reference)}{what}")
    elif tried.result is not None:
        parts.append(f"{metric(tried.result)}, nothing to compare with")
    if tried.programs > 1:
        parts.append(f"{tried.programs} programs")
    return ", ".join([*parts, *(["now"] if tried.value is not None and tried.value == knob.now else [])])


def _runs(tried: Tried) -> str:
    """How the runs ended, and the latest of them by id."""
    ends = (("kept", tried.kept), ("discarded", tried.discarded), ("crashed", tried.crashed))
    more = f" and {tried.runs - _RUNS} earlier" if tried.runs > _RUNS else ""
    ids = ", ".join(inline(run_id) for run_id in tried.run_ids[-_RUNS:])
    return f"{', '.join(f'{number} {word}' for word, number in ends if number)}: {ids}{more}"


def _values(values: Iterable[Value]) -> str:
    return " or ".join(_short(value) for value in values)


def _name(name: str) -> str:
    return shorten(inline(name), 2 * _WIDTH)


def _short(value: Value, width: int = _WIDTH) -> str:
    return shorten(inline(shown(value)), width)


def _cut(text: str) -> str:
    return shorten(inline(text), 5 * _WIDTH)
