"""Run in this process, on a text of the test's own and a model that is a table."""

import json
import math

import pytest

torch = pytest.importorskip("torch", reason="a run trains a torch module")

from memorylab.lab import Run, hardware  # noqa: E402


@pytest.fixture
def start(sample_text, tmp_path, monkeypatch):
    monkeypatch.setattr(hardware, "pick_device", lambda: "cpu")

    def start(**env):
        env = {"CORPUS": str(sample_text), "TOKENS": "1000", "SUMMARY_PATH": str(tmp_path / "s.json")} | env
        return Run({f"AUTORESEARCH_{key}": value for key, value in env.items()})

    return start


def table():
    model = torch.nn.Embedding(256, 256)
    torch.nn.init.zeros_(model.weight)
    model.weight.data[:, ord("a") : ord("z") + 1] = 1.0
    return model


def test_a_run_writes_its_summary_with_the_callers_numbers(start, tmp_path, capsys):
    run = start(SEED="7")
    assert len(run.train_bytes()) == 180_000
    assert run.step(tokens=600, loss=5.5) == 0.6
    assert run.step(tokens=600, loss=torch.tensor(5.4)) == 1.0
    val_bpb = run.finish(table(), depth=1, hit_rate=0.25)
    summary = json.loads((tmp_path / "s.json").read_text())
    assert summary["val_bpb"] == val_bpb
    assert summary["hit_rate"] == 0.25
    expected = {"seed": 7, "num_steps": 2, "budget": 1000, "budget_kind": "tokens", "mfu_percent": None, "threads": 1}
    assert summary | expected == summary
    out = capsys.readouterr().out
    assert "\rstep 00002 (100.0%) | loss: " in out
    assert f"\n---\nval_bpb:          {val_bpb:.6f}\n" in out


def test_stale_summary_is_gone_before_anything_can_fail(start, tmp_path, capsys):
    (tmp_path / "s.json").write_text("old")
    with pytest.raises(SystemExit) as caught:
        start(CORPUS="/nonexistent")
    assert caught.value.code == 2
    assert not (tmp_path / "s.json").exists()
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_run(start, loss, capsys):
    with pytest.raises(SystemExit) as caught:
        start().step(tokens=1, loss=loss)
    assert caught.value.code == 3
    assert f"diverged: the loss is {loss} at step 1" in capsys.readouterr().err


def test_a_bad_loss_is_forgiven_for_twenty_steps(start, capsys):
    run = start()
    for _ in range(20):
        run.step(tokens=1, loss=9.0)
    with pytest.raises(SystemExit) as caught:
        run.step(tokens=1, loss=9.0)
    assert caught.value.code == 3
    assert "running loss is 9.000 at step 21" in capsys.readouterr().err


def test_a_worthless_score_is_no_result(start, tmp_path, capsys):
    model = table()
    torch.nn.init.zeros_(model.weight)
    with pytest.raises(SystemExit) as caught:
        start().finish(model, depth=1)
    assert caught.value.code == 3
    assert "val_bpb is 8.000" in capsys.readouterr().err
    assert not (tmp_path / "s.json").exists()


def test_more_than_the_budget_is_no_result(start, tmp_path, capsys):
    run = start()
    for _ in range(3):
        run.step(tokens=1000, loss=5.0)
    with pytest.raises(SystemExit) as caught:
        run.finish(table(), depth=1)
    assert caught.value.code == 3
    assert not (tmp_path / "s.json").exists()


def test_names_of_the_summary_are_taken(start):
    with pytest.raises(ValueError, match="has its own seed"):
        start().finish(table(), depth=1, seed=1)


def test_the_sealed_split_is_another_text(start):
    run = start()
    assert 7 < run.sealed_test_bpb(table()) < 8


def test_time_budget_is_cpu_time_on_a_cpu(start, monkeypatch):
    now = [5.0]
    monkeypatch.setattr(hardware, "training_clock", lambda device: lambda: now[0])
    run = start(TOKENS="", TIME_BUDGET="10")
    now[0] = 7.0
    run.train_bytes()
    now[0] = 9.0
    assert run.step(tokens=1, loss=5.0) == 0.2


def test_a_stale_summary_does_not_outlive_a_bad_setting(tmp_path, capsys):
    stale = tmp_path / "summary.json"
    stale.write_text("{}")
    with pytest.raises(SystemExit) as ended:
        Run({"AUTORESEARCH_SUMMARY_PATH": str(stale), "AUTORESEARCH_TOKENS": "abc"})
    assert ended.value.code == 2
    assert not stale.exists()


def test_a_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the same wall time another GPU trains more or less: their results must not be compared."""
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "NVIDIA H100 PCIe")
    assert hardware.full_name("cuda") == "cuda (NVIDIA H100 PCIe)"
    assert hardware.full_name("cpu") == "cpu"
