"""What a notebook reads: the runs as records, or as a data frame of the library that it works with."""

from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, get_args

from memorylab.commands import export
from memorylab.commands.session import Session
from memorylab.core.record import Run, Status

STATUSES = list(get_args(Status))


def runs(path: str | PathLike[str]) -> list[Run]:
    """Every run, amendments applied, in the order of the views."""
    return [run for _, run, _ in Session(Path(path)).recall.runs()]


def frame(path: str | PathLike[str], kind: str) -> Any:
    """The columns of the Parquet export as a frame of pandas or polars. Raises ImportError with what to install."""
    if kind not in _FRAMES:
        raise ValueError(f"There is no frame {kind!r}: it is pandas or polars.")
    try:
        library = import_module(kind)
    except ImportError as problem:
        missing = problem.name or kind
        raise ImportError(
            f"{missing} is not installed: `pip install 'git-memorylab[notebook]'` brings it.", name=missing
        ) from None
    return _FRAMES[kind](library, export.typed_columns(runs(path)))


def _pandas(pandas: Any, columns: dict[str, list[Any]]) -> Any:
    numbers = {name: pandas.array(column, "float64") for name, column in columns.items() if export.is_metric(name)}
    given = columns | numbers | {
        "timestamp_utc": pandas.to_datetime(columns["timestamp_utc"], utc=True).as_unit("us"),
        "status": pandas.Categorical(columns["status"], STATUSES),
    }  # fmt: skip
    return pandas.DataFrame(given)


def _polars(polars: Any, columns: dict[str, list[Any]]) -> Any:
    kinds = {
        "timestamp_utc": polars.Datetime("us", "UTC"), "status": polars.Enum(STATUSES),
        "tags": polars.List(polars.String),
    }  # fmt: skip
    schema = {name: polars.Float64 if export.is_metric(name) else kinds.get(name, polars.String) for name in columns}
    return polars.DataFrame(columns, schema=schema)


_FRAMES = {"pandas": _pandas, "polars": _polars}
