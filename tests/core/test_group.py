"""What may be compared with what, and which runs are runs of one program."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorylab.core import group
from memorylab.core.group import Group, group_of
from memorylab.core.record import Change, Environment, Run

from . import turning
from .conftest import build

Make = Callable[..., Run]


def code(blob: str | None, fingerprint: str | None = "f", dirty: bool = False) -> Change:
    return Change(subject="train.py", blob=blob, fingerprint=fingerprint, dirty=dirty)


def keys(*runs: Run) -> list[str]:
    return list(turning.programs(runs)[0].values())


def seeded(name: str, value: float | None, seed: int | None, **said: Any) -> Run:
    return build(name, value, environment=Environment(seed=seed), **said)


@pytest.mark.parametrize(
    ("device", "found"),
    [
        ("cuda:3 (NVIDIA H100)", "cuda (NVIDIA H100)"), ("cuda (NVIDIA H100)", "cuda (NVIDIA H100)"),
        ("cuda:0", "cuda"), ("cpu", "cpu"), ("cuda:1  (A:100)", "cuda (A:100)"),
        (None, None), ("", None), (" ", None), (":", None),
        ("::", None), ("\t", None), (":0", None),
    ],
)  # fmt: skip
def test_a_device_without_its_number(device: str | None, found: str | None) -> None:
    assert group.device_class(device) == found


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (None, None, True),
        (None, Environment(), True),
        (None, Environment(seed=1, threads=4, libraries={"torch": "2.0"}), True),
        (None, Environment(evaluator="b"), False),
        (None, Environment(device="cpu"), False),
        (Environment(evaluator="a"), Environment(evaluator="b"), False),
        (Environment(device="cuda:0 (NVIDIA H100)"), Environment(device="cuda:7 (NVIDIA H100)"), True),
        (Environment(device="cuda (NVIDIA H100)"), Environment(device="cuda:0"), False),
        (Environment(device="cuda:1"), Environment(device="cpu"), False),
        (Environment(device=":"), Environment(device="cpu"), False),
        (Environment(budget_kind="wall", budget=300.0), Environment(budget_kind="wall", budget=300), True),
        (Environment(budget_kind="wall", budget=300), Environment(budget_kind="wall", budget=60), False),
        (Environment(budget_kind="wall", budget=300), Environment(budget_kind="tokens", budget=300), False),
        (Environment(budget_kind="wall", budget=300), Environment(budget_kind="wall"), False),
    ],
)
def test_a_group_is_evaluator_device_and_budget(
    make_run: Make, one: Environment | None, other: Environment | None, same: bool
) -> None:
    """What is not stated matches only what is not stated either: it was a wildcard, and a cpu run could lead a gpu."""
    a, b = group_of(make_run("a", environment=one)), group_of(make_run("b", environment=other))
    assert (a == b) is same and (len({a, b}) == 1) is same


def test_a_group_in_words() -> None:
    assert Group().label == "not stated"
    whole = Group(evaluator="1a2b3c4d5e6f7788", device="cpu", budget_kind="cpu_seconds", budget=15.0)
    assert whole.label == "cpu, 15 cpu_seconds, evaluator 1a2b3c4d5e6f"
    assert Group(device="cuda", budget=300).label == "cuda, 300"
    assert Group(budget_kind="wall").label == "not stated"


def test_the_blob_is_the_program_whatever_the_commit(make_run: Make) -> None:
    """A revert has the blob of the program that it goes back to."""
    one, two, back = (make_run(name, change=code(blob)) for name, blob in (("a", "x"), ("b", "y"), ("c", "x")))
    assert keys(one, two, back) == ["x", "y", "x"]


def test_a_change_without_effect_is_the_program_of_its_parent(make_run: Make) -> None:
    """A comment gives another blob, but nothing else is run."""
    first = make_run("a", change=code("x"))
    comment = make_run("b", parent_commit=first.commit, change=code("y", fingerprint=None))
    further = make_run("c", parent_commit=comment.commit, change=code("z", fingerprint=None))
    assert keys(first, comment, further) == ["x", "x", "x"]
    # Where the parent was never run there is no saying what it was.
    assert keys(comment, further) == ["y", "y"]
    assert keys(first, make_run("d", parent_commit=first.commit, change=code(None, fingerprint=None))) == ["x", "x"]


def test_commits_without_a_subject_are_no_replicates(make_run: Make) -> None:
    """All of them change nothing, as far as the subject goes, so they were pooled into one program."""
    a = make_run("a")
    b = make_run("b", parent_commit=a.commit)
    c = make_run("c", parent_commit=b.commit)
    assert keys(a, b, c) == [a.commit, b.commit, c.commit]
    # With a subject, a commit that leaves it alone runs the same program.
    known = make_run("k", change=code("x"))
    assert keys(known, make_run("l", parent_commit=known.commit)) == ["x", "x"]


def test_a_commit_that_says_nothing_is_a_program_of_its_own(make_run: Make) -> None:
    a, b = make_run("a"), make_run("b")
    again = make_run("c", commit=a.commit)
    assert keys(a, b, again) == [a.commit, b.commit, a.commit]
    # A run that did not look at the code belongs to the program that another run found at the commit.
    assert keys(make_run("d", change=code("x")), make_run("e", commit=make_run("d").commit)) == ["x", "x"]


def test_uncommitted_code_is_not_what_the_commit_holds(make_run: Make) -> None:
    clean = make_run("a", change=code("x"))
    dirty = make_run("b", commit=clean.commit, change=code("y", fingerprint=None, dirty=True))
    later = make_run("c", commit=clean.commit)
    assert keys(dirty, clean, later) == ["y", "x", "x"]
    of_run, of_commit = turning.programs([dirty])
    assert of_run == {"b": "y"} and of_commit == {}
    child = make_run("d", parent_commit=clean.commit, change=code("z", fingerprint=None))
    assert keys(dirty, clean, child) == ["y", "x", "x"]


def test_a_look_at_a_run_learns_nothing(make_run: Make) -> None:
    found = group.Programs()
    run = make_run("a", change=code("x"))
    assert found.ahead().add(run) == "x" and not found.of_commit and not found.blobs
    ahead = found.ahead()
    child = make_run("b", parent_commit=run.commit, change=code(None, None))
    assert (ahead.add(run), ahead.add(child), ahead.base(child), found.base(child)) == ("x", "x", "x", None)
    assert found.add(make_run("c", commit=run.commit, change=code("y"))) == "y" == found.of_commit[run.commit]


def test_of_many_runs_the_first_and_the_latest_count(make_run: Make) -> None:
    runs = [make_run(str(at), float(at)) for at in range(group.MOST_RUNS + 5)]
    found = group.pooled("p", runs, "val_bpb")
    assert len(found.runs) == len(found.values) == group.MOST_RUNS
    assert (found.runs[:2], found.runs[-1]) == ((runs[0], runs[6]), runs[-1])
    assert group.pooled("p", runs[:3], "val_bpb").values == (0.0, 1.0, 2.0)


def test_imported_rows_are_told_apart_by_their_words(make_run: Make) -> None:
    """Tables repeat the commit that they were made at, or have none."""

    def row(name: str, commit: str, description: str) -> Run:
        return make_run(f"imported-{name}", commit=commit, description=description)

    rows = [row("1", "abc", "depth 8"), row("2", "abc", "depth 9"), row("3", "abc", "Depth 8")]
    rows.append(row("4", "-", "depth 8"))
    first, second, third, fourth = keys(*rows)
    assert first == third and len({first, second, fourth}) == 3
    for placeholder in ("-", "--", "?", " ", ""):
        assert len(set(keys(row("5", placeholder, "same"), row("6", placeholder, "same")))) == 2


def test_a_deterministic_result_counts_once(make_run: Make) -> None:
    """With a budget of tokens a seed gives the same to the last bit: five of them are no evidence of little noise."""
    same = [seeded(str(n), 1.0, 7) for n in range(5)]
    assert group.values(same, "val_bpb") == (1.0,)
    assert group.values([*same, seeded("x", 1.0, 8), seeded("y", 1.0, 8)], "val_bpb") == (1.0, 1.0)
    assert group.values([seeded("a", 1.0, 7), seeded("b", 1.1, 7), seeded("c", 1.0, 7)], "val_bpb") == (1.0, 1.1)


def test_the_same_value_without_a_seed_may_be_the_same_run(make_run: Make) -> None:
    unknown, known = seeded("a", 1.0, None), seeded("b", 1.0, 7)
    assert group.values([unknown, unknown], "val_bpb") == (1.0,)
    assert group.values([known, unknown], "val_bpb") == group.values([unknown, known], "val_bpb") == (1.0,)
    assert group.values([make_run("c", 1.0), make_run("d", 1.0), make_run("e", 1.5)], "val_bpb") == (1.0, 1.5)


@pytest.mark.parametrize("value", [None, 1e50, -1e50, 1e200])
def test_what_was_not_measured(make_run: Make, value: float | None) -> None:
    run = make_run("a", value)
    assert not group.is_measured(run, "val_bpb") and group.values([run], "val_bpb") == ()
    assert turning.samples([run], "val_bpb") == {}


def test_a_crash_is_not_measured_whatever_it_printed(make_run: Make) -> None:
    assert not group.is_measured(make_run("a", 1.0, status="crash"), "val_bpb")
    assert not group.is_measured(make_run("a", 1.0), "accuracy")
    assert group.is_measured(make_run("a", 0.0), "val_bpb")


def test_samples(make_run: Make) -> None:
    cpu = Environment(device="cpu", seed=1)
    base = make_run("a", 1.0, change=code("x"))
    child = make_run("b", 0.9, parent_commit=base.commit, change=code("y"))
    crash = make_run("c", None, status="crash", parent_commit=base.commit, change=code("z"))
    again = make_run("d", 1.1, commit=base.commit, change=code("x"))
    elsewhere = make_run("e", 5.0, commit=base.commit, change=code("x"), environment=cpu)
    found = turning.samples([base, child, crash, again, elsewhere], "val_bpb")
    assert list(found) == [Group(), Group(device="cpu")]
    here = found[Group()]
    assert list(here) == ["x", "y"]
    assert (here["x"].runs, here["x"].values, here["x"].mean, here["x"].base) == ((base, again), (1.0, 1.1), 1.05, None)
    assert (here["y"].values, here["y"].base) == ((0.9,), "x")
    assert found[Group(device="cpu")]["x"].values == (5.0,)


RUNS = st.builds(
    lambda n, value, seed, blob, parent, dirty: build(
        f"r{n}", value, parent_commit=build(f"r{parent}").commit, environment=Environment(seed=seed),
        change=None if blob is None else code(blob, "f" if seed else None, dirty),
    ),
    st.integers(0, 9), st.floats(-5, 5) | st.none(), st.none() | st.integers(0, 2), st.none() | st.sampled_from("xyz"),
    st.integers(0, 9), st.booleans(),
)  # fmt: skip


@given(st.lists(RUNS, max_size=12, unique_by=lambda run: run.run_id))
def test_each_measured_run_is_in_one_sample(runs: list[Run]) -> None:
    found = [sample for members in turning.samples(runs, "val_bpb").values() for sample in members.values()]
    counted = [run.run_id for sample in found for run in sample.runs]
    assert sorted(counted) == sorted(run.run_id for run in runs if group.is_measured(run, "val_bpb"))
    assert all(1 <= len(sample.values) <= len(sample.runs) for sample in found)
    assert all({run.value("val_bpb") for run in sample.runs} == set(sample.values) for sample in found)


@given(st.lists(RUNS, max_size=12, unique_by=lambda run: run.run_id), st.integers(0, 12))
def test_what_comes_later_does_not_change_the_program_of_a_run(runs: list[Run], at: int) -> None:
    before, after = turning.programs(runs[:at])[0], turning.programs(runs)[0]
    assert before.items() <= after.items()
