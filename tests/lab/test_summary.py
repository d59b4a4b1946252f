import json
import math
import os

import pytest

from memorylab.lab import SettingError, summary

FULL = {
    "val_bpb": 2.123456789,
    "training_seconds": 30.04,
    "total_seconds": 35.26,
    "peak_vram_mb": None,
    "mfu_percent": None,
    "total_tokens_M": 1.23,
    "num_steps": 953,
    "num_params_M": 0.26,
    "depth": 2,
    "seed": 42,
    "device": "cpu",
    "threads": 1,
    "torch_version": "2.13.0",
    "budget_kind": "cpu_seconds",
    "budget": 30.0,
    "evaluator": "0123456789abcdef",
    "peak_rss_mb": 400.5,
}


def test_closing_block_is_upstreams():
    assert summary.closing_block(FULL).split("\n") == [
        "---",
        "val_bpb:          2.123457",
        "training_seconds: 30.0",
        "total_seconds:    35.3",
        "peak_vram_mb:     0.0",
        "mfu_percent:      0.00",
        "total_tokens_M:   1.2",
        "num_steps:        953",
        "num_params_M:     0.3",
        "depth:            2",
    ]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


def test_summary_is_written_whole_and_exact(folder):
    path = folder / "run.json"
    summary.write_summary(path, FULL | {"hit_rate": 0.5})
    assert json.loads(path.read_text()) == FULL | {"hit_rate": 0.5}
    assert os.listdir(folder) == ["run.json"]


def test_failed_write_leaves_the_old_file_and_no_other(folder, monkeypatch):
    path = folder / "run.json"
    path.write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(summary.os, "replace", fail)
    with pytest.raises(SettingError, match="No space left"):
        summary.write_summary(path, FULL)
    assert path.read_text() == "old"
    assert os.listdir(folder) == ["run.json"]


@pytest.mark.parametrize(
    "bad",
    [{"val_bpb": math.nan}, {"mine": math.inf}, {"mine": "text"}, {"mine": None}, {"mine": True}, {"val_bpb": None}],
)
def test_what_is_no_finite_number_is_refused(folder, bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        summary.write_summary(folder / "run.json", FULL | bad)
    assert not os.listdir(folder)


def test_missing_key_is_refused():
    with pytest.raises(ValueError, match="lacks evaluator"):
        summary.check_summary({key: value for key, value in FULL.items() if key != "evaluator"})


def test_stale_summary_is_removed_and_its_folder_made(tmp_path):
    path = tmp_path / "results" / "run.json"
    summary.remove_stale(path)
    path.write_text("old")
    summary.remove_stale(path)
    assert not path.exists() and path.parent.is_dir()


def test_path_that_cannot_be_written_is_known_at_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="AUTORESEARCH_SUMMARY_PATH"):
        summary.remove_stale(tmp_path / "file" / "run.json")


def test_peak_rss_is_this_process():
    peak = summary.peak_rss_mb()
    assert peak is None or 5 < peak < 100_000
