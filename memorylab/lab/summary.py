"""What a finished run leaves: the closing block on stdout and the same numbers as JSON."""

import json
import math
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memorylab.lab.errors import SettingError

KEYS = (
    "val_bpb", "training_seconds", "total_seconds", "peak_vram_mb", "mfu_percent",
    "total_tokens_M", "num_steps", "num_params_M", "depth",
    "seed", "device", "threads", "torch_version", "budget_kind", "budget", "evaluator", "peak_rss_mb",
)  # fmt: skip

# Null where this machine cannot measure them; every other number must be there.
MAY_BE_NULL = ("peak_vram_mb", "mfu_percent", "peak_rss_mb")


def closing_block(summary: Mapping[str, Any]) -> str:
    """Upstream's nine lines after `---`, in its formats.

    What could not be measured is 0 here and null in the JSON: those who read this block
    (`grep "^peak_vram_mb:"`, then a division by 1024) expect a number.
    """
    return "\n".join(
        [
            "---",
            f"val_bpb:          {summary['val_bpb']:.6f}",
            f"training_seconds: {summary['training_seconds']:.1f}",
            f"total_seconds:    {summary['total_seconds']:.1f}",
            f"peak_vram_mb:     {summary['peak_vram_mb'] or 0:.1f}",
            f"mfu_percent:      {summary['mfu_percent'] or 0:.2f}",
            f"total_tokens_M:   {summary['total_tokens_M']:.1f}",
            f"num_steps:        {summary['num_steps']}",
            f"num_params_M:     {summary['num_params_M']:.1f}",
            f"depth:            {summary['depth']}",
        ]
    )


def check_summary(summary: Mapping[str, Any]) -> None:
    """Raise ValueError unless all of KEYS are there and every number in it is finite."""
    missing = [key for key in KEYS if key not in summary]
    if missing:
        raise ValueError(f"the summary lacks {', '.join(missing)}")
    for key, value in summary.items():
        if value is None and key in MAY_BE_NULL:
            continue
        if isinstance(value, str) and key in KEYS:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueError(f"the summary's {key} is {value!r}, which is not a finite number")


def remove_stale(path: Path) -> None:
    """Remove an earlier run's summary, so that what is there afterwards is this run's.

    Raises SettingError when `path` could not be written at the end either.
    """
    try:
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> SettingError:
    return SettingError(
        f"AUTORESEARCH_SUMMARY_PATH={path} cannot be written ({error.strerror}); name a file in a folder of yours"
    )


def write_summary(path: Path, summary: Mapping[str, Any]) -> None:
    """Write `summary` as JSON, to a temporary file first: readers see all of it or none.

    Raises ValueError as check_summary does, and SettingError when the file cannot be written.
    """
    check_summary(summary)
    text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            os.replace(name, path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritable(path, error) from None


def peak_rss_mb() -> float | None:
    """Most resident memory this process has had, in MiB, or None where it cannot be told.

    Linux says it in VmHWM. ru_maxrss is only for where that is not: on Linux it survives
    exec, so that a small program started by a large one reports the large one's peak.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
