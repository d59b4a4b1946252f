"""A memory for autoresearch loops, kept in git notes and refs.

import memorylab

runs = memorylab.read()                    # every run of the repository that we are in
table = memorylab.read(frame="pandas")     # the same as a data frame
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False  # typing takes longer to be imported than this package
if TYPE_CHECKING:
    from os import PathLike
    from typing import Any, Literal, overload

    from memorylab.core.record import Run

if TYPE_CHECKING:

    @overload
    def read(path: str | PathLike[str] = ...) -> list[Run]: ...
    @overload
    def read(path: str | PathLike[str] = ..., *, frame: Literal["pandas", "polars"]) -> Any: ...


def read(path: str | PathLike[str] = ".", *, frame: Literal["pandas", "polars"] | None = None) -> Any:
    """Every run of the repository that `path` is in, amendments applied, in the order of the views.

    With `frame` a data frame of pandas or polars: one row a run, the columns of `git memorylab export --format parquet`
    (a column `metrics.NAME` for each metric), the status as a category. Nothing is fetched, and no file of the working
    tree is written. Raises NotARepository where there is no repository, ImportError where the library of the
    frame is not installed.
    """
    # Imported when it is called: whoever only imports the package waits for nothing.
    from memorylab.commands import frames

    return frames.runs(path) if frame is None else frames.frame(path, frame)
