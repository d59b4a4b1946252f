"""Who leads, among whom, and what keeps failing."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorylab.core import kinds, ranking
from memorylab.core.record import Environment, Run, to_json

Make = Callable[..., Run]


def board(runs: Sequence[Run], nearest: dict[str, str | None] | None = None, **said: str) -> ranking.Registry:
    settings = {"metric": "val_bpb", "direction": "minimize"} | said
    return ranking.registry(runs, nearest or {}, kinds.group, **settings)  # type: ignore[arg-type]


def test_the_champion_is_the_best_kept_run(make_run: Make) -> None:
    runs = [make_run("a", 1.0), make_run("b", 0.9)]
    runs += [make_run("c", 0.8, status="discard"), make_run("d", 0.1, status="crash")]
    found = board(runs)
    assert found.champion is not None and found.champion.run_id == "b"
    assert found.champion.delta_to_champion == 0.0
    assert [(s.run_id, round(s.delta_to_champion, 6)) for s in found.challengers] == [("c", -0.1), ("a", 0.1)]
    assert found.status_counts == {"crash": 1, "discard": 1, "keep": 2}
    assert found.num_experiments == 4


def test_the_direction_turns_the_board(make_run: Make) -> None:
    runs = [make_run("a", 1.0), make_run("b", 0.9), make_run("c", 1.1)]
    found = board(runs, direction="maximize")
    assert found.champion is not None and found.champion.run_id == "c"
    assert [s.run_id for s in found.challengers] == ["a", "b"]


def test_the_best_discarded_run_leads_where_nothing_was_kept(make_run: Make) -> None:
    runs = [make_run("a", 1.0, status="discard"), make_run("b", 0.9, status="discard")]
    leader = ranking.champion(runs, "val_bpb", "minimize")
    assert leader is runs[1]
    assert ranking.champion([make_run("c", None, status="crash")], "val_bpb", "minimize") is None
    assert ranking.champion([], "val_bpb", "minimize") is None


def test_a_zero_is_a_value(make_run: Make) -> None:
    found = board([make_run("a", 0.0), make_run("b", 1.0)])
    assert found.champion is not None and found.champion.value == 0.0
    assert found.challengers[0].delta_to_champion == 1.0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (None, None, True),
        (None, Environment(evaluator="b"), True),
        (Environment(evaluator="a"), Environment(evaluator="b"), False),
        (Environment(device="cuda (NVIDIA H100)"), Environment(device="cuda:0"), True),
        (Environment(device="cuda:1"), Environment(device="cpu"), False),
        (Environment(budget_kind="wall", budget=300.0), Environment(budget_kind="wall", budget=300), True),
        (Environment(budget_kind="wall", budget=300), Environment(budget_kind="wall", budget=60), False),
        (Environment(budget_kind="wall"), Environment(budget_kind="tokens"), False),
        (Environment(seed=1, threads=2), Environment(seed=2, threads=4), True),
    ],
)
def test_comparable(make_run: Make, one: Environment | None, other: Environment | None, same: bool) -> None:
    a, b = make_run("a", environment=one), make_run("b", environment=other)
    assert ranking.comparable(a, b) is ranking.comparable(b, a) is same


@pytest.mark.parametrize("device", [" ", ":", "::", "\t"])
def test_a_device_without_a_name_compares_with_any(make_run: Make, device: str) -> None:
    """A record that was fetched may say that; it ended every command."""
    odd = make_run("a", environment=Environment(device=device))
    assert ranking.comparable(odd, make_run("b", environment=Environment(device="cpu")))


def test_the_latest_run_decides_what_is_compared(make_run: Make) -> None:
    gpu, cpu = Environment(device="cuda"), Environment(device="cpu")
    runs = [make_run("a", 0.9, at=1, environment=gpu), make_run("b", 2.0, at=2, environment=cpu)]
    found = board(runs)
    assert found.champion is not None and found.champion.run_id == "b" and found.challengers == ()
    found = board(runs[::-1])
    assert found.champion is not None and found.champion.run_id == "a"


def test_lineages_follow_git_over_commits_that_were_not_logged(make_run: Make) -> None:
    runs = [make_run("a", 1.0), make_run("b", 0.8), make_run("c", 0.9, status="discard"), make_run("d", 0.95)]
    a, b, c, d = (run.commit for run in runs)
    found = board([*runs, make_run("e", 0.85, commit=b)], {a: None, b: a, c: b, d: None})
    first, second = found.best_lineages
    assert (first.lineage_root, first.best_run_id, first.num_runs, first.num_unique_commits, first.kept_runs) == (
        a, "b", 4, 3, 3,
    )  # fmt: skip
    assert (second.lineage_root, second.num_runs) == (d, 1)


def test_a_lineage_of_ten_thousand_commits_and_a_ring_end(make_run: Make) -> None:
    chain = {f"{n}": f"{n - 1}" if n else None for n in range(10_000)}
    roots = ranking.lineage_roots([make_run("x", commit="9999"), make_run("y", commit="0")], chain)
    assert set(roots.values()) == {"0"}
    assert ranking.lineage_roots([make_run("x", commit="z")], {"z": "z"}) == {"x": "z"}


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
def test_nothing_kept_beats_the_champion(found: list[tuple[str, float | None]]) -> None:
    from tests.core.conftest import build

    runs = [build(f"r{n}", value, status=status) for n, (status, value) in enumerate(found)]
    for direction in ("minimize", "maximize"):
        made = board(runs, direction=direction)
        kept = [run.value("val_bpb") for run in runs if run.status == "keep" and run.value("val_bpb") is not None]
        if kept:
            assert made.champion is not None
            assert made.champion.value == (min(kept) if direction == "minimize" else max(kept))
        assert to_json(made) == to_json(board(runs, direction=direction))


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
    assert ranking.champion([first, second], "val_bpb", "minimize") is first
