"""Settings: what a team shares, what is local, and how a wrong one is refused."""

import math

import pytest

from memorylab import settings
from memorylab.core.summary import Gauge
from memorylab.errors import BadInput
from memorylab.store.git import locate
from tests.conftest import Lab, is_refusal


def _load(lab: Lab) -> settings.Settings:
    return settings.load(locate(lab.path))


def test_defaults(lab: Lab) -> None:
    found = _load(lab)
    assert (found.subject, found.metric, found.direction, found.mode) == ("train.py", "val_bpb", "minimize", "exploit")
    assert (found.threshold, found.time_limit, found.since_hours) == (0.5, 600.0, 16.0)


def test_the_local_setting_wins_over_the_shared_one(lab: Lab) -> None:
    (lab.path / "pyproject.toml").write_text('[tool.memorylab]\nmode = "explore"\ntime_limit = 60\nthreshold = 0.5\n')
    assert (_load(lab).mode, _load(lab).time_limit, _load(lab).threshold) == ("explore", 60.0, 0.5)
    lab.git("config", "memorylab.timeLimit", "90")
    lab.git("config", "memorylab.mode", "replicate")
    assert (_load(lab).mode, _load(lab).time_limit, _load(lab).threshold) == ("replicate", 90.0, 0.5)


def test_the_last_of_several_local_values_counts(lab: Lab) -> None:
    lab.git("config", "--global", "memorylab.metric", "loss")
    assert _load(lab).metric == "loss"
    lab.git("config", "memorylab.metric", "accuracy")
    assert _load(lab).metric == "accuracy"


def test_a_file_of_its_own_where_pyproject_says_nothing(lab: Lab) -> None:
    (lab.path / ".memorylab.toml").write_text('subject = "model.py"\n')
    (lab.path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert _load(lab).subject == "model.py"
    (lab.path / "pyproject.toml").write_text('[tool.memorylab]\nsubject = "other.py"\n')
    assert _load(lab).subject == "other.py"


def test_no_limit_is_a_limit(lab: Lab) -> None:
    (lab.path / ".memorylab.toml").write_text("time_limit = inf\n")
    assert _load(lab).time_limit == math.inf


def test_names_in_a_section_of_their_own_are_left_to_others(lab: Lab) -> None:
    lab.git("config", "memorylab.editor.colour", "blue")
    assert _load(lab) == settings.Settings()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("pyproject.toml", b"[tool.memorylab\n", "pyproject.toml cannot be read"),
        ("pyproject.toml", b"\xff\xfe", "pyproject.toml cannot be read"),
        ("pyproject.toml", b"tool = 3  # memorylab\n", "tool in pyproject.toml is not a table"),
        ("pyproject.toml", b"[tool]\nmemorylab = [1]\n", "memorylab in pyproject.toml is not a table"),
        ("pyproject.toml", b"[tool.memorylab]\ntreshold = 1\n", "field `treshold`. Correct it in pyproject.toml"),
        ("pyproject.toml", b"[tool.memorylab]\nthreshold = 2\n", "Correct it in pyproject.toml"),
        ("pyproject.toml", b"[tool.memorylab]\nthreshold = nan\n", "Correct it in pyproject.toml"),
        ("pyproject.toml", b"[tool.memorylab]\nsubject = ''\n", "Correct it in pyproject.toml"),
        (".memorylab.toml", b"metric_pattern = '('\n", "metric_pattern cannot be used: missing )"),
        (".memorylab.toml", b"metric_pattern = 'took [0-9]+'\n", "it has no group (...) around the number"),
        (".memorylab.toml", b"metric_pattern = '(?:took) [0-9]+'\n", "Correct it in .memorylab.toml"),
        (".memorylab.toml", b"direction = 'up'\n", "Correct it in .memorylab.toml"),
        (".memorylab.toml", b"artifact_limit = 10\n", "Correct it in .memorylab.toml"),
    ],
)
def test_a_wrong_file_is_refused_by_name(lab: Lab, name: str, content: bytes, said: str) -> None:
    (lab.path / name).write_bytes(content)
    with pytest.raises(BadInput) as problem:
        _load(lab)
    assert said in f"{problem.value.message} {problem.value.hint}"
    result = lab.run("status", rc=3)
    assert is_refusal(result.stderr)


WRONG = [("threshold", "high"), ("timeLimit", "-1"), ("mode", "guess"), ("sbject", "x"), ("metricPattern", "[")]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_a_wrong_local_setting_is_refused_by_name(lab: Lab, key: str, value: str) -> None:
    (lab.path / ".memorylab.toml").write_text("since_hours = 8\n")
    lab.git("config", f"memorylab.{key}", value)
    with pytest.raises(BadInput) as problem:
        _load(lab)
    assert problem.value.hint.startswith(f"Correct it in git config memorylab.{key.lower()}")
    assert is_refusal(lab.run("status", rc=3).stderr)


def test_a_file_that_has_nothing_of_ours_is_not_parsed(lab: Lab) -> None:
    (lab.path / "pyproject.toml").write_text("[project]\nname = 'x'\ntool = broken\n")
    assert _load(lab) == settings.Settings()


def test_how_the_metric_is_read(lab: Lab) -> None:
    assert _load(lab).gauge == Gauge("val_bpb", "", "")
    (lab.path / ".memorylab.toml").write_text("metric = 'seconds'\nmetric_pattern = 'took ([0-9.]+) s'\n")
    lab.git("config", "memorylab.metricKey", "stats.seconds")
    assert _load(lab).gauge == Gauge("seconds", "stats.seconds", "took ([0-9.]+) s")
