"""What a run may be told from outside, read from the environment once, at the start."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from memorylab.lab.errors import SettingError

# Seconds of training, in CPU time on a CPU and in wall time on CUDA.
TIME_BUDGET = 30.0

DEFAULT_SEED = 42

# One thread: on a machine doing anything else a second one waits at every barrier, and two
# were measured up to ten times slower than one.
DEFAULT_CPU_THREADS = 1


@dataclass(frozen=True)
class Settings:
    """One run's settings, each from the variable AUTORESEARCH_<NAME>; None is not set.

    time_budget   seconds of training; on a CPU in CPU time, on CUDA in wall time
    tokens        bytes to train on; when set, this is the budget and seconds are not
    seed          of weights and batches
    threads       of torch; not set, 1 on a CPU and torch's choice on CUDA
    corpus        a text file, a folder of text files, or parquet shards; not set, Shakespeare
    summary_path  where the summary goes as JSON; not set, nowhere
    """

    time_budget: float
    tokens: int | None
    seed: int
    threads: int | None
    corpus: Path | None
    summary_path: Path | None


def read_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Settings from `env` (os.environ by default); an empty variable counts as unset.

    Raises SettingError naming the variable, its value and what is expected.
    """
    env = os.environ if env is None else env
    seed = _integer(env, "AUTORESEARCH_SEED", least=0)
    return Settings(
        time_budget=_seconds(env, "AUTORESEARCH_TIME_BUDGET", TIME_BUDGET),
        tokens=_integer(env, "AUTORESEARCH_TOKENS", least=1),
        seed=DEFAULT_SEED if seed is None else seed,
        threads=_integer(env, "AUTORESEARCH_THREADS", least=1),
        corpus=_path(env, "AUTORESEARCH_CORPUS"),
        summary_path=summary_path(env),
    )


def summary_path(env: Mapping[str, str] | None = None) -> Path | None:
    """Where the summary goes. Known before the other settings are read, so that no stale one outlives a bad one."""
    return _path(os.environ if env is None else env, "AUTORESEARCH_SUMMARY_PATH")


def _text(env: Mapping[str, str], name: str) -> str:
    return env.get(name, "").strip()


def _seconds(env: Mapping[str, str], name: str, default: float) -> float:
    text = _text(env, name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise SettingError(f"{name}={text!r} is not a number of seconds above 0; set e.g. {TIME_BUDGET:g} or unset it")
    return value


# torch.manual_seed takes no more than 64 bits, and no count here needs them.
_LARGEST = 2**63 - 1


def _integer(env: Mapping[str, str], name: str, least: int) -> int | None:
    text = _text(env, name)
    if not text:
        return None
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= _LARGEST:
        raise SettingError(f"{name}={text!r} is not a whole number of {least} or more; set one or unset it")
    return value


def _path(env: Mapping[str, str], name: str) -> Path | None:
    text = _text(env, name)
    return Path(text).expanduser() if text else None
