"""What was tried of every knob: effects against what was built on, in numeric order, pooled, told from luck."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memorylab.core import noise
from memorylab.core.knobs import InGroup, KnobStudy, Study, Tried, overview, study
from memorylab.core.race import Rules
from memorylab.core.record import Change, Direction, Environment, Knob, Run, to_json
from memorylab.core.steps import Pooled, Step, best_of, levels, number, outcome, trend, untried
from tests.core import turning
from tests.core.conftest import build

Make = Callable[..., Run]
CPU = Environment(device="cpu", evaluator="e" * 16, budget=15, budget_kind="cpu_seconds")
CUDA = Environment(device="cuda:1", evaluator="e" * 16, budget=300, budget_kind="seconds")


def turn(blob: str, statements: int = 0, **knobs: tuple[object, object]) -> Change:
    """A change that leads to the program `blob`: knob=(old, new)."""
    made = {name: Knob(old=_text(old), new=_text(new)) for name, (old, new) in knobs.items()}
    return Change(subject="train.py", blob=blob, fingerprint=blob, knobs=made, statements=statements)


def study_of(runs: Sequence[Run], constants: dict[str, str], rules: Rules) -> Study:
    """The study of these runs; each knob alone is studied as among the others."""
    found = turning.turned(runs, rules)
    whole = study(found, constants, rules)
    for knob in whole.knobs:
        assert study(found, constants, rules, knob.name).knobs == [knob]
    return whole


def _text(value: object) -> str | None:
    return None if value is None else str(value)


class Ledger:
    """Runs in their order; each is a commit of its own, built on the program that is named."""

    def __init__(self, base: float | None = 1.0, **said: object) -> None:
        self.runs: list[Run] = []
        self.environment: Environment | None = None
        if base is not None:
            self.add("base", base, turn("base"), on=None, **said)

    def add(
        self, name: str, value: float | None, change: Change | None, on: str | None = "base", **said: object
    ) -> Run:
        at = len(self.runs)
        fields: dict[str, Any] = {
            "commit": f"commit of {name}", "parent_commit": f"commit of {on}" if on else None, "change": change,
            "environment": self.environment, "run_id": f"{name}-{at}",
        } | said  # fmt: skip
        self.runs.append(build(value=value, at=at % 60, **fields))
        return self.runs[-1]

    def study(self, constants: dict[str, str] | None = None, **rules: Any) -> Study:
        return study_of(self.runs, constants or {}, Rules(**rules))

    def knob(self, name: str, now: str | None = None, **rules: object) -> InGroup:
        found = {one.name: one for one in self.study({name: now} if now else {}, **rules).knobs}
        return found[name].groups[0]


def one(found: InGroup, value: str | None) -> Tried:
    (tried,) = [each for each in found.tried if each.value == value]
    return tried


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


# -- effects


def test_an_effect_is_counted_from_what_was_built_on(ledger: Ledger) -> None:
    ledger.add("better", 0.9, turn("better", LR=("0.04", "0.06")))
    ledger.add("deep", 0.95, turn("deep", DEPTH=("8", "9")), on="better", status="discard")
    tried = one(ledger.knob("DEPTH"), "9")
    assert (tried.result, tried.reference, tried.effect, tried.against) == (0.95, 0.9, 0.05, "base")
    assert (tried.outcome, tried.starts, tried.programs) == ("hurt", ["8"], 1)
    assert (tried.runs, tried.kept, tried.discarded, tried.crashed) == (1, 0, 1, 0)
    assert one(ledger.knob("LR"), "0.06").outcome == "helped"


def test_the_error_is_that_of_both_means(ledger: Ledger) -> None:
    ledger.add("base", 1.01, turn("base"), on=None)
    for value in (0.9, 0.91, 0.92):
        ledger.add("better", value, turn("better", LR=("0.04", "0.06")))
    tried = one(ledger.knob("LR"), "0.06")
    floor = noise.floor([(1.0, 1.01), (0.9, 0.91, 0.92)], 0.003 * 1.005)
    assert tried.error == pytest.approx(floor.sd * math.sqrt(1 / 2 + 1 / 3))
    assert tried.effect == pytest.approx(0.91 - 1.005)
    assert ledger.knob("LR").noise_replicates == 3


def test_without_its_base_a_run_counts_from_the_best_kept_before_it(ledger: Ledger) -> None:
    ledger.add("good", 0.9, turn("good", A=("1", "2")))
    ledger.add("good", 0.94, turn("good", A=("1", "2")))  # its luck is pooled
    ledger.add("worse", 0.95, turn("worse", A=("2", "5")), on="good")
    ledger.add("lucky", 0.5, turn("lucky", A=("1", "3")), status="discard")
    ledger.add("lost", 0.8, turn("lost", LR=("0.04", "0.06")), on="nobody ran this")
    ledger.add("later", 0.1, turn("later", A=("1", "4")))
    tried = one(ledger.knob("LR"), "0.06")
    assert (tried.reference, tried.against) == (0.92, "best")


def test_comparisons_with_the_own_base_count_before_others(ledger: Ledger) -> None:
    ledger.add("lost", 0.8, turn("lost", LR=("0.04", "0.06")), on="nobody ran this")
    ledger.add("own", 1.1, turn("own", LR=("0.04", "0.06")), status="discard")
    tried = one(ledger.knob("LR"), "0.06")
    assert tried.effect == pytest.approx(0.1)
    assert (tried.against, tried.programs, tried.runs) == ("base", 1, 2)


def test_a_program_is_not_compared_with_itself(ledger: Ledger) -> None:
    """A change that does not say to which program it leads is taken to lead to that of its parent."""
    change = Change(subject="train.py", knobs={"LR": Knob(old="1", new="2")})
    ledger.add("who knows", 1.1, change, status="discard")
    assert (one(ledger.knob("LR"), "2").outcome, one(ledger.knob("LR"), "2").effect) == ("no reference", None)


def test_a_result_without_anything_to_compare_with() -> None:
    ledger = Ledger(None)
    ledger.add("first", 1.0, turn("first", LR=("0.04", "0.06")), on="nobody")
    tried = one(ledger.knob("LR"), "0.06")
    assert (tried.outcome, tried.result, tried.effect, tried.error, tried.against) == (
        "no reference", 1.0, None, None, None
    )  # fmt: skip


def test_maximize_turns_the_words_not_the_figures(ledger: Ledger) -> None:
    ledger.add("more", 1.1, turn("more", LR=("0.04", "0.06")))
    less, more = ledger.knob("LR"), ledger.knob("LR", direction="maximize")
    assert (one(less, "0.06").outcome, less.trend) == ("hurt", "up hurts, down never tried")
    assert (one(more, "0.06").outcome, more.trend) == ("helped", "up helps, down never tried")
    assert one(less, "0.06").effect == one(more, "0.06").effect == pytest.approx(0.1)
    assert (less.best, more.best) == ("0.04", "0.06")


def test_a_run_that_changed_only_this_knob_counts_alone(ledger: Ledger) -> None:
    ledger.add("alone", 1.1, turn("alone", LR=("0.04", "0.06")), status="discard")
    ledger.add("both", 0.5, turn("both", LR=("0.04", "0.06"), DEPTH=("8", "9"), statements=1))
    tried = one(ledger.knob("LR"), "0.06")
    assert (tried.outcome, tried.others, tried.others_most, tried.programs, tried.runs) == ("hurt", 0, 0, 1, 2)
    found = ledger.knob("DEPTH")
    assert (one(found, "9").others, one(found, "9").outcome) == (2, "helped")
    assert (found.trend, found.untried[0], found.has_best) == ("unclear, never turned alone", "alone", False)


def test_programs_are_pooled_by_inverse_variance(ledger: Ledger) -> None:
    ledger.add("other", 2.0, turn("other", A=("1", "2")))
    ledger.add("x", 1.1, turn("x", LR=("0.04", "0.06")))
    for value in (2.1, 2.3):
        ledger.add("y", value, turn("y", LR=("0.04", "0.06")), on="other")
    tried = one(ledger.knob("LR"), "0.06")
    heavy, light = 1 / (1 + 1 / 2), 1 / (1 + 1)
    assert tried.effect == pytest.approx((heavy * 0.2 + light * 0.1) / (heavy + light))
    assert tried.error == pytest.approx(ledger.knob("LR").noise * math.sqrt(1 / (heavy + light)))
    assert tried.programs == 2


def test_what_two_comparisons_share_does_not_count_twice(ledger: Ledger) -> None:
    """One program that was reached from two bases was measured once."""
    ledger.add("b", 1.2, turn("b", A=("1", "2")))
    ledger.add("x", 1.3, turn("x", LR=("1", "3")))
    ledger.add("x again", 1.3, turn("x", LR=("2", "3")), on="b")
    found = ledger.knob("LR")
    assert one(found, "3").error == pytest.approx(found.noise * math.sqrt(1 + 1 / 4 + 1 / 4))
    assert one(found, "3").starts == ["1", "2"]


def test_crashes_were_tried(ledger: Ledger) -> None:
    ledger.environment = CPU
    ledger.add("cpu", 1.0, turn("cpu"), on=None)
    ledger.add("burst", None, turn("burst", LR=("0.04", "4")), on="cpu", status="crash", environment=None)
    found = ledger.knob("LR")
    assert found.group == "cpu, 15 cpu_seconds, evaluator eeeeeeeeeeee", "a crash says nothing of where it ran"
    assert (one(found, "4").outcome, one(found, "4").crashed, one(found, "4").effect) == ("crashed", 1, None)
    assert found.trend == "up crashed, down never tried"
    ledger.add("burst", 1.5, turn("burst", LR=("0.04", "4")), on="cpu", status="discard")
    assert (one(ledger.knob("LR"), "4").outcome, one(ledger.knob("LR"), "4").runs) == ("hurt", 2)


def test_groups_are_kept_apart_and_the_latest_comes_first(ledger: Ledger) -> None:
    ledger.add("a", 0.9, turn("a", LR=("1", "2")))
    ledger.add("b", 0.9, turn("b", OLD=("1", "2")))
    for environment, value in ((CPU, 1.5), (CUDA, 3.0)):
        ledger.environment = environment
        ledger.add("base", value, turn("base"), on=None)
        ledger.add("a", value + 0.2, turn("a", LR=("1", "2")), status="discard")
    whole = ledger.study()
    assert whole.group == "cuda, 300 seconds, evaluator eeeeeeeeeeee"
    assert list(whole.groups.values()) == [1, 2, 1]
    knobs = {knob.name: knob for knob in whole.knobs}
    assert [found.group for found in knobs["LR"].groups] == list(whole.groups)[:1] + [
        "not stated",
        list(whole.groups)[2],
    ]
    assert [round(found.tried[0].effect or 0, 6) for found in knobs["LR"].groups] == [0.2, -0.1, 0.2]
    short = {knob.name: knob for knob in overview(whole).knobs}
    assert [found.group for found in short["LR"].groups] == [whole.group]
    assert short["OLD"].groups == [] and knobs["OLD"].groups
    assert short["LR"].groups[0].tried[0].run_ids == [] and knobs["LR"].groups[0].tried[0].run_ids == ["a-6"]
    assert b"run_ids" not in to_json(overview(whole))


def test_imported_rows_are_counted_and_left_out(ledger: Ledger) -> None:
    ledger.add("imported-1", 0.1, None, on=None)
    ledger.add("imported-2", 0.2, turn("x", LR=("1", "2")), on=None)
    whole = ledger.study({"LR": "1"})
    assert (whole.without_code, whole.knobs, whole.never) == (2, [], {"LR": "1"})


def test_what_was_never_turned(ledger: Ledger) -> None:
    ledger.add("a", 0.9, turn("a", LR=("1", "2")))
    whole = ledger.study({"LR": "2", "SEED": "1", "HEADS": "DEPTH // 2"})
    assert whole.never == {"SEED": "1", "HEADS": "DEPTH // 2"}
    assert [(knob.name, knob.now) for knob in whole.knobs] == [("LR", "2")]


def test_the_surest_effects_come_first(ledger: Ledger) -> None:
    ledger.add("a", 1.001, turn("a", SMALL=("1", "2")))
    ledger.add("b", 1.1, turn("b", LARGE=("1", "2")))
    ledger.add("c", 3.0, turn("c", MANY=("1", "2"), OTHER=("1", "2")))
    assert [knob.name for knob in ledger.study().knobs] == ["LARGE", "SMALL", "MANY", "OTHER"]


# -- direction


@pytest.mark.parametrize(
    ("said", "tries"),
    [
        ("up helps, down never tried", {"0.06": 0.9}),
        ("up hurts, down never tried", {"0.06": 1.1}),
        ("up helps, down hurts", {"0.06": 0.9, "0.03": 1.1}),
        ("both hurt: 0.04 looks best", {"0.06": 1.1, "0.03": 1.1}),
        ("both help: 0.03 looks best", {"0.06": 0.95, "0.03": 0.9}),
        ("up mixed, down never tried: 0.06 looks best", {"0.06": 0.9, "0.1": 1.1}),
        ("unclear", {"0.06": 0.998, "0.03": 0.998}),
        ("up unclear, down never tried", {"0.06": 0.998}),
        ("up never tried, down may hurt", {"0.03": 1.005}),
        ("up may help, down never tried", {"0.1": 0.99}),
    ],
)
def test_the_direction_that_helped(ledger: Ledger, said: str, tries: dict[str, float]) -> None:
    for value, result in tries.items():
        ledger.add(value, result, turn(value, LR=("0.04", value)), status="discard")
    assert ledger.knob("LR", now="0.04").trend == said


def test_a_step_that_is_taken_back_is_no_step_the_other_way(ledger: Ledger) -> None:
    ledger.add("up", 1.1, turn("up", LR=("0.04", "0.06")))
    ledger.add("back", 1.0, turn("base", LR=("0.06", "0.04")), on="up")
    found = ledger.knob("LR", now="0.04")
    assert found.trend == "up hurts, down never tried"
    assert [(tried.value, tried.outcome) for tried in found.tried] == [("0.04", "helped"), ("0.06", "hurt")]


def test_the_best_value_is_found_over_moving_bases(ledger: Ledger) -> None:
    ledger.add("a", 0.9, turn("a", LR=("0.04", "0.06")))
    ledger.add("deep", 0.5, turn("deep", DEPTH=("8", "9")), on="a")
    ledger.add("b", 0.6, turn("b", LR=("0.06", "0.1")), on="deep", status="discard")
    found = ledger.knob("LR", now="0.06")
    assert (found.best, found.trend) == ("0.06", "up mixed, down never tried: 0.06 looks best")


def test_values_that_are_no_numbers(ledger: Ledger) -> None:
    ledger.add("gelu", 0.9, turn("gelu", ACT=("'relu'", "'gelu'")))
    ledger.add("silu", 0.95, turn("silu", ACT=("'relu'", "'silu'")))
    found = ledger.knob("ACT")
    assert (found.trend, found.best, found.untried) == ("'gelu' looks best", "'gelu'", [])
    ledger = Ledger()
    ledger.add("none", 0.9, turn("none", CAP=("15", None)))
    found = ledger.knob("CAP")
    assert (found.trend, found.has_best, found.best) == ("absent looks best", True, None)
    assert one(found, None).starts == ["15"]


def test_least_squares_over_a_loop_of_steps() -> None:
    def step(old: str, new: str, effect: float, probability: float = 0.0) -> Step:
        return Step(old, new, Pooled(effect, 0.0, 1.0, probability), False)

    found = levels([step("1", "2", 1.0), step("2", "3", 1.0), step("1", "3", 2.6)], "1", Rules())
    assert {value: round(level, 6) for value, level in found.items()} == {"1": 0.0, "2": 1.2, "3": 2.4}
    assert best_of([step("1", "2", 1.0), step("8", "9", -5.0)], "1", Rules()) == ("1",), "8 and 9 are not connected"
    assert best_of([step("1", "2", 1.0, 0.5), step("8", "9", -5.0)], "1", Rules()) is None, "nor do they tell of 1"
    chain = levels([step(str(at), str(at + 1), 1.0) for at in range(300)], "0", Rules())
    assert chain == {str(at): float(at) for at in range(301)}
    assert trend([], None) == "unclear, never turned alone"


def test_what_is_left_to_try() -> None:
    assert untried({"0.04", "0.06", "0.1"}, "0.06", True) == [
        "above 0.1", "below 0.04", "between 0.04 and 0.06", "between 0.06 and 0.1"
    ]  # fmt: skip
    assert untried({"8", "9", "12"}, "9", True) == ["above 12", "below 8", "between 9 and 12"]
    assert untried({"0", "0.1"}, None, True) == ["above 0.1"]
    assert untried({"0.5", "0.51"}, "0.5", True) == ["above 0.51", "below 0.5"], "too near to be a gap"
    assert untried({"-2", "32768", None, "'x'"}, None, False) == ["alone", "above 32768", "below -2"]
    assert untried({"True", "False"}, "True", True) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.04", 0.04), ("32768", 32768.0), ("1e-05", 1e-05), ("-1", -1.0), (None, None), ("inf", None), ("nan", None),
     ("'0.04'", None), ("~5", None), ("1e999", None), ("(1, 2)", None), ("True", None), ("\u0663", None), ("", None)],
)  # fmt: skip
def test_numbers(text: str | None, value: float | None) -> None:
    assert number(text) == value


def test_words_of_a_probability() -> None:
    said = [outcome(p) for p in (1.0, 0.95, 0.9, 0.8, 0.5, 0.2, 0.1, 0.05, 0.0)]
    assert said == ["helped", "helped", "leans better", "leans better", "unclear", "leans worse", "leans worse",
                    "hurt", "hurt"]  # fmt: skip


# -- any ledger

texts = st.one_of(st.none(), st.sampled_from(["0.04", "0.06", "8", "-1", "1e-05", "'a'", "inf", "1e308"]), st.text())
values = st.one_of(st.none(), st.floats(0.5, 2), st.floats(allow_nan=False, allow_infinity=False), st.just(0.0))
changes = st.builds(
    Change, subject=st.just("train.py"), blob=st.sampled_from([None, "p", "q", "r", "s"]),
    fingerprint=st.sampled_from([None, "f"]), statements=st.integers(0, 3), dirty=st.booleans(),
    knobs=st.dictionaries(st.sampled_from(["A", "B", "", "\u202e"]), st.builds(Knob, old=texts, new=texts)),
)  # fmt: skip
rows = st.tuples(
    values, st.sampled_from(["keep", "discard", "crash"]), st.one_of(st.none(), changes),
    st.sampled_from(["0", "1", "2", "3"]), st.sampled_from(["0", "1", "2", "x", None]),
    st.sampled_from([None, CPU, CUDA]), st.sampled_from(["run-", "imported-"]),
)  # fmt: skip


def _runs(drawn: Sequence[tuple[Any, ...]]) -> list[Run]:
    return [
        build(
            value=value, at=at, status=status, change=change, commit=commit, parent_commit=parent,
            environment=environment, run_id=f"{kind}{at}",
        )
        for at, (value, status, change, commit, parent, environment, kind) in enumerate(drawn)
    ]  # fmt: skip


@given(st.lists(rows, max_size=12), st.sampled_from(["minimize", "maximize"]))
@settings(max_examples=75, deadline=None)
def test_any_ledger_can_be_studied(drawn: list[tuple[Any, ...]], direction: Direction) -> None:
    assert_studied(drawn, direction)


@pytest.mark.long
@given(st.lists(rows, max_size=12), st.sampled_from(["minimize", "maximize"]))
@settings(max_examples=300, deadline=None)
def test_any_ledger_can_be_studied_at_length(drawn: list[tuple[Any, ...]], direction: Direction) -> None:
    assert_studied(drawn, direction)


def assert_studied(drawn: list[tuple[Any, ...]], direction: Direction) -> None:
    runs = _runs(drawn)
    whole = study_of(runs, {"A": "1", "Z": "2"}, Rules(direction=direction))
    assert to_json(whole) == to_json(turning.study(runs, {"A": "1", "Z": "2"}, Rules(direction=direction)))
    here = [run for run in runs if not run.run_id.startswith("imported-") and run.change is not None]
    turned = {name for run in here for name in (run.change.knobs if run.change else {})}
    assert {knob.name for knob in whole.knobs} == turned
    assert set(whole.never) == {"A", "Z"} - turned
    assert sum(whole.groups.values()) == sum(bool(run.change and run.change.knobs) for run in here)
    for knob in whole.knobs:
        mine = [run for run in here if run.change and knob.name in run.change.knobs]
        tried = [each for found in knob.groups for each in found.tried]
        assert sorted(name for each in tried for name in each.run_ids) == sorted(run.run_id for run in mine)
        for found in knob.groups:
            numbers = [value for each in found.tried if (value := number(each.value)) is not None]
            assert numbers == sorted(numbers)
            assert len({each.value for each in found.tried}) == len(found.tried)
    again = msgspec.json.decode(to_json(whole), type=Study)
    assert again == whole
    assert to_json(overview(whole))


@given(st.lists(st.tuples(st.sampled_from(["0.03", "0.06", "0.1"]), st.floats(0.9, 1.1)), min_size=1, max_size=8))
@settings(deadline=None)
def test_the_other_direction_of_the_metric_mirrors_everything(tries: list[tuple[str, float]]) -> None:
    def knob(sign: float) -> KnobStudy:
        ledger = Ledger(sign)
        for value, result in tries:
            ledger.add(value, sign * result, turn(value, LR=("0.04", value)))
        return ledger.study({"LR": "0.04"}, direction="minimize" if sign > 0 else "maximize").knobs[0]

    less, more = knob(1.0).groups[0], knob(-1.0).groups[0]
    assert [tried.outcome for tried in less.tried] == [tried.outcome for tried in more.tried]
    assert (less.trend, less.best, less.untried) == (more.trend, more.best, more.untried)
