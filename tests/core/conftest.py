"""Runs as plain values, for the tests of the core."""

from collections.abc import Callable

import msgspec
import pytest

from memorylab.core.record import Run

BASE = Run(
    writer="w", seq=1, run_id="20260101T000000Z-aaaaaaa-0000000000000001", timestamp_utc="2026-01-01T00:00:00Z",
    branch="main", commit="a" * 40, parent_commit=None, family="", status="keep", description="baseline",
    hypothesis="", tags=[], notes="", metrics={"val_bpb": 1.0}, error=None, artifacts={}, novelty_guard=None,
    decision_packet=None, change=None, environment=None,
)  # fmt: skip


def build(name: str = "", value: float | None = 1.0, at: int = 0, **said: object) -> Run:
    """A run that differs from the baseline in what is said; `value` is short for its val_bpb, `at` for its minute."""
    fields: dict[str, object] = {"timestamp_utc": f"2026-01-01T00:{at:02}:00Z", "metrics": {"val_bpb": value}}
    if name:
        fields |= {"run_id": name, "commit": f"{int.from_bytes(name.encode(), 'big'):040x}"[-40:]}
    return msgspec.structs.replace(BASE, **(fields | said))


@pytest.fixture
def make_run() -> Callable[..., Run]:
    """`build`, for tests that take no hypothesis."""
    return build
