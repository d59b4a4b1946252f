"""Libraries that only some commands need, and that come with an extra."""

from importlib import import_module
from typing import Any

from memorylab.errors import MemoryLabError


def library(name: str, extra: str) -> Any:
    """A module of such a library. Raises MemoryLabError with what to type where it is missing."""
    try:
        return import_module(name)
    except ImportError as problem:
        hint = f"`pip install 'git-memorylab[{extra}]'` brings it."
        missing = (problem.name or name).partition(".")[0]
        raise MemoryLabError(f"{missing} is not installed.", hint) from None
