"""Who leads, among whom, and what keeps failing."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memorylab.core import ranking
from memorylab.core.group import Group
from memorylab.core.race import Rules
from memorylab.core.races import Races
from memorylab.core.record import Environment, Run, to_json

from . import reference
from .conftest import build

Make = Callable[..., Run]


def board(
    runs: Sequence[Run], ancestors: dict[str, list[str]] | None = None, writer: str | None = None, **said: Any
) -> ranking.Registry:
    rules = Rules(**said)
    tally = reference.tally(runs, lambda commit: (ancestors or {}).get(commit, []), reference.group, rules, writer)
    return ranking.registry(tally, Races.of(runs, rules))


def again(run: Run, *values: float) -> list[Run]:
    """Further runs of a program."""
    return [replace(run, run_id=f"{run.run_id}-{value}", metrics={"val_bpb": value}) for value in values]


def ids(found: Sequence[ranking.Standing]) -> list[str]:
    return [standing.run_id for standing in found]


def test_the_champion_is_the_best_that_was_kept(make_run: Make) -> None:
    runs = [make_run("a", 1.0), make_run("b", 0.9)]
    runs += [make_run("c", 0.8, status="discard"), make_run("d", 0.1, status="crash")]
    found = board(runs)
    assert found.champion is not None and found.champion.run_id == "b"
    assert found.champion.delta_to_champion == 0.0
    assert [(s.run_id, round(s.delta_to_champion, 6)) for s in found.challengers] == [("c", -0.1), ("a", 0.1)]
    assert found.status_counts == {"crash": 1, "discard": 1, "keep": 2}
    assert found.num_experiments == 4
    assert found.leader == found.champion
    # Each against the champion, and that against the one that it took the lead from.
    assert found.champion.probability is not None and found.champion.probability > 0.95
    assert [round(s.probability or 0.0, 2) for s in found.challengers] == [1.0, 0.0]


def test_a_lucky_run_leads_and_is_not_the_champion(make_run: Make) -> None:
    """The best value alone made a champion, so each night the luckiest run did."""
    a, b = make_run("a", 1.0), make_run("b", 0.992)
    found = board([a, b])
    assert found.champion is not None and found.champion.run_id == "a" and found.champion.probability is None
    assert found.leader is not None and found.leader.run_id == "b" and ids(found.challengers) == ["b"]
    assert found.leader.probability is not None and 0.5 < found.leader.probability < 0.95
    sure = board([a, b, *again(b, 0.991, 0.993, 0.9915), *again(a, 1.001, 0.9995)])
    assert sure.champion is not None and sure.champion == sure.leader and sure.champion.run_id == "b"


def test_a_standing_is_that_of_all_runs_of_a_program(make_run: Make) -> None:
    a, b = make_run("a", 1.0), make_run("b", 1.1)
    found = board([a, b, *again(a, 1.002), replace(again(b, 1.2)[0], status="discard")])
    assert found.champion is not None and (found.champion.run_id, found.champion.runs) == ("a", 2)
    assert found.champion.value == pytest.approx(1.001) and found.champion.delta_to_champion == 0.0
    (other,) = found.challengers
    assert (other.run_id, other.runs, other.status) == ("b", 2, "discard")
    assert other.value == pytest.approx(1.15) and other.delta_to_champion == pytest.approx(0.149)
    assert found.noise is not None and (found.noise.replicates, found.noise.programs) == (2, 2)


def test_a_sure_challenger_comes_before_a_lucky_one(make_run: Make) -> None:
    champion, sure = make_run("a", 1.0), make_run("b", 0.995, status="discard")
    runs = [champion, *again(champion, 0.99, 1.01, 1.0), sure, *again(sure, 0.985, 0.99, 1.0, 0.988, 0.991)]
    found = board([*runs, make_run("c", 0.9905, status="discard")], noise=0.01)
    assert ids(found.challengers) == ["b", "c"]
    assert found.challengers[0].value > found.challengers[1].value


def test_the_direction_turns_the_board(make_run: Make) -> None:
    runs = [make_run("a", 1.0), make_run("b", 0.9), make_run("c", 1.1)]
    found = board(runs, direction="maximize")
    assert found.champion is not None and found.champion.run_id == "c"
    assert [s.run_id for s in found.challengers] == ["a", "b"]


def test_the_best_discarded_run_leads_where_nothing_was_kept(make_run: Make) -> None:
    runs = [make_run("a", 1.0, status="discard"), make_run("b", 0.9, status="discard")]
    found = board(runs)
    assert found.champion is not None and found.champion.run_id == "b" and found.champion.probability is None
    assert found.leader == found.champion
    crashed = board([make_run("c", None, status="crash")])
    assert (crashed.champion, crashed.leader, crashed.group, crashed.noise) == (None, None, None, None)
    assert crashed.label == ""


def test_a_zero_is_a_value(make_run: Make) -> None:
    found = board([make_run("a", 0.0), make_run("b", 1.0)])
    assert found.champion is not None and found.champion.value == 0.0
    assert found.challengers[0].delta_to_champion == 1.0


def test_the_latest_run_decides_what_is_compared(make_run: Make) -> None:
    gpu, cpu = Environment(device="cuda"), Environment(device="cpu")
    runs = [make_run("a", 0.9, at=1, environment=gpu), make_run("b", 2.0, at=2, environment=cpu)]
    found = board(runs)
    assert found.champion is not None and found.champion.run_id == "b" and found.challengers == ()
    found = board(runs[::-1])
    assert found.champion is not None and found.champion.run_id == "a"


def test_other_groups_have_champions_of_their_own(make_run: Make) -> None:
    gpu, small = Environment(device="cuda:0"), Environment(device="cuda:1", budget=60)
    runs = [
        make_run("a", 0.5, environment=gpu), make_run("b", 0.4, environment=gpu),
        make_run("c", 0.1, environment=small), make_run("d", 9.0), make_run("e", 9.1, status="discard"),
    ]  # fmt: skip
    found = board(runs)
    assert found.champion is not None and found.champion.run_id == "d"
    assert (found.group, found.label) == (Group(), "not stated") and ids(found.challengers) == ["e"]
    first, second = found.other_groups
    assert (first.label, first.num_runs, second.label, second.num_runs) == ("cuda", 2, "cuda, 60", 1)
    assert first.group == Group(device="cuda")
    assert first.champion is not None and (first.champion.run_id, first.champion.runs) == ("b", 1)
    assert second.champion is not None and second.champion.run_id == "c"
    assert [lineage.best_run_id for lineage in found.best_lineages] == ["d", "e"]


def test_a_writer_sees_the_group_of_its_own_latest_run(make_run: Make) -> None:
    """Somebody else's result from another machine came last by chance."""
    cpu = Environment(device="cpu")
    runs = [make_run("a", 1.0, writer="me"), make_run("b", 2.0, writer="you", environment=cpu)]

    def champion(writer: str | None) -> str | None:
        found = board(runs, writer=writer).champion
        return found.run_id if found else None

    assert (champion("me"), champion("you"), champion("third"), champion(None)) == ("a", "b", "b", "b")


@given(st.lists(st.tuples(st.sampled_from(["keep", "discard", "crash"]), st.floats(-5, 5) | st.none()), max_size=8))
def test_another_group_takes_the_lead_from_nobody(rows: list[tuple[str, float | None]]) -> None:
    ours = [build("a", 1.0), build("b", 0.99), build("c", 1.2, status="discard")]
    cpu = Environment(device="cpu")
    theirs = [build(f"r{n}", value, status=status, environment=cpu) for n, (status, value) in enumerate(rows)]
    alone, both = board(ours), board([*theirs, *ours])
    assert (both.champion, both.leader, both.challengers, both.noise, both.best_lineages) == (
        alone.champion, alone.leader, alone.challengers, alone.noise, alone.best_lineages,
    )  # fmt: skip
    assert sum(other.num_runs for other in both.other_groups) == sum(
        status != "crash" and value is not None for status, value in rows
    )


def test_lineages_follow_git_over_commits_that_were_not_logged(make_run: Make) -> None:
    runs = [make_run("a", 1.0), make_run("b", 0.8), make_run("c", 0.9, status="discard"), make_run("d", 0.95)]
    a, b, c, d = (run.commit for run in runs)
    found = board([*runs, make_run("e", 0.85, commit=b)], {b: ["nobody logged this", a], c: [b, a]})
    first, second = found.best_lineages
    assert (first.lineage_root, first.best_run_id, first.num_runs, first.num_unique_commits, first.kept_runs) == (
        a, "b", 4, 3, 3,
    )  # fmt: skip
    assert (second.lineage_root, second.num_runs) == (d, 1)


def test_a_lineage_grows_from_what_was_logged_before(make_run: Make) -> None:
    runs = [make_run("x", 1.0, commit="later"), make_run("y", 0.9, commit="sooner")]
    assert {one.lineage_root for one in board(runs, {"later": ["sooner"]}).best_lineages} == {"later", "sooner"}
    assert {one.lineage_root for one in board(runs[::-1], {"later": ["sooner"]}).best_lineages} == {"sooner"}


def test_failures_of_one_kind_are_a_cluster(make_run: Make) -> None:
    runs = [
        make_run("a", 1.0),
        make_run("b", 1.2, status="discard", description="raise matrix LR to 0.06"),
        make_run("c", 1.1, status="discard", description="raise matrix LR to 0.05"),
        make_run("d", None, status="crash", description="raise matrix LR to 0.9"),
        make_run("e", None, status="crash", description="double depth"),
    ]
    clusters = board(runs).failure_clusters
    assert [(cluster.size, cluster.crashes, cluster.best_value) for cluster in clusters] == [(3, 1, 1.1), (1, 1, None)]
    assert clusters[0].run_ids == ("b", "c", "d")
    assert clusters[0].examples[0] == "raise matrix LR to 0.06"


def test_memory_is_unknown_where_it_was_not_measured(make_run: Make) -> None:
    assert ranking.memory_gb(make_run(metrics={"val_bpb": 1.0})) is None
    assert ranking.memory_gb(make_run(metrics={"peak_vram_mb": 45060.2})) == 44.0
    assert ranking.memory_gb(make_run(metrics={"peak_vram_mb": 0})) == 0.0


def test_a_board_of_nothing() -> None:
    found = board([])
    assert (found.champion, found.challengers, found.best_lineages, found.updated_at) == (None, (), (), None)


@given(st.lists(st.tuples(st.sampled_from(["keep", "discard", "crash"]), st.floats(-5, 5) | st.none()), max_size=12))
def test_a_board_of_anything(rows: list[tuple[str, float | None]]) -> None:
    """The champion is one that was kept, where there is any; the mirror image has the same; equal runs, equal bytes."""
    runs = [build(f"r{n}", value, status=status) for n, (status, value) in enumerate(rows)]
    turned = [replace(run, metrics={name: -v if v else v for name, v in run.metrics.items()}) for run in runs]
    made, mirror = board(runs), board(turned, direction="maximize")
    kept = {run.run_id for run in runs if run.status == "keep" and run.value("val_bpb") is not None}
    for found in (made.champion, made.leader):
        assert not kept or found is not None and found.run_id in kept
    assert [(one and one.run_id, one and one.probability) for one in (made.champion, made.leader)] == [
        (one and one.run_id, one and one.probability) for one in (mirror.champion, mirror.leader)
    ]
    assert ids(made.challengers) == ids(mirror.challengers)
    assert to_json(made) == to_json(board(runs))


def test_a_crash_does_not_change_what_is_compared(make_run: Make) -> None:
    """It does not say where it ran, so it made another device's champion this one's."""
    cuda, cpu = Environment(device="cuda", budget=300), Environment(device="cpu", budget=30)
    runs = [
        make_run("gpu", 2.4, 1, environment=cuda),
        make_run("laptop", 2.6, 2, environment=cpu),
        make_run("crash", None, 3, status="crash"),
    ]
    champion = board(runs).champion
    assert champion is not None and champion.run_id == "laptop"


def test_of_equals_the_earlier_leads_within_a_second_too(make_run: Make) -> None:
    """The random bits of the run id decided."""
    first, second = make_run("z", 1.0, 1), make_run("a", 1.0, 1)
    for runs in ([first, second], [replace(run, status="discard") for run in (first, second)]):
        champion = board(runs).champion
        assert champion is not None and champion.run_id == "z"
