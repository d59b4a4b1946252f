"""One field of somebody's table: a status, a number with or without its unit, a moment.

What cannot be read for certain is None: a wrong number in a ledger is worse than none.
"""

import re
from datetime import UTC, datetime

from memorylab.core.record import Status
from memorylab.core.summary import MAX_NAME, number

# No single accelerator has that much: a larger "GB" was written by a loop that put megabytes into the column.
MAX_MEMORY_GB = 1_024
MEMORY = {
    f"{stem}_{unit}": scale
    for stem in ("memory", "mem", "vram", "peak_memory", "peak_mem", "peak_vram")
    for unit, scale in (("mb", 1), ("gb", 1024))
}

# The words found in real ledgers, and their plain inflections. What was measured and not adopted is a discard. Words
# for a control run ("sentinel") or for no run at all ("TODO") are none of the three, and are rejected.
STATUSES: dict[str, Status] = {
    **dict.fromkeys(("keep", "kept", "baseline", "accept", "accepted"), "keep"),
    **dict.fromkeys(("discard", "discarded", "revert", "reverted", "reject", "rejected", "dropped"), "discard"),
    **dict.fromkeys(("size_violation", "parked"), "discard"),
    **dict.fromkeys(("crash", "crashed", "fail", "failed", "oom", "timeout", "timed_out", "error", "killed"), "crash"),
}

ABSENT = frozenset(("", "-", "--", "—", "–", "n/a", "na", "none", "null", "nan", "inf", "-inf", "+inf", "?"))
# "1,234" may be European for 1.234; only a second group or a decimal point decides.
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:(?:,[0-9]{3})+\.[0-9]+|(?:,[0-9]{3}){2,})")
_UNIT = re.compile(r"(.*?)\s*(gib|gb|mib|mb|%|s|ms)", re.IGNORECASE)
_MEMORY_UNITS = {"gb": 1024, "gib": 1024, "mb": 1, "mib": 1}
_UNITS = {"s": ("_seconds", "_s"), "ms": ("_ms",), "%": ("_percent", "_pct", "mfu")}
_TIME = re.compile(r"[T ][0-9]{2}:?[0-9]{2}")


def status(word: str) -> Status | None:
    """What a word says became of a run, None if it says nothing of that."""
    return STATUSES.get(re.sub(r"[\s-]+", "_", word.strip().lower().rstrip("*")))


def plain(cell: str) -> int | float | None:
    """A number, None if the cell is none for certain."""
    return number(cell.replace(",", "") if _THOUSANDS.fullmatch(cell) else cell)


def _unit(cell: str) -> re.Match[str] | None:
    return _UNIT.fullmatch(cell) if len(cell) <= MAX_NAME else None


def reads_as_number(cell: str) -> bool:
    """Whether a cell is a number, with or without a unit, or says that there is none."""
    unit = _unit(cell)
    return cell.lower() in ABSENT or plain(cell) is not None or bool(unit and plain(unit[1]) is not None)


def measure(name: str, cell: str) -> int | float | None:
    """The number in a cell of a column, memory in MB; None if it cannot be one. A unit must be that of the column."""
    amount, scale = plain(cell), MEMORY.get(name)
    unit = _unit(cell)
    if amount is None and unit:
        symbol = unit[2].lower()
        if scale and symbol in _MEMORY_UNITS:
            amount, scale = plain(unit[1]), _MEMORY_UNITS[symbol]
        elif name.endswith(_UNITS.get(symbol, ())):
            amount = plain(unit[1])
    if amount is None or not scale:
        return amount
    implausible = amount < 0 or (scale == 1024 and amount > MAX_MEMORY_GB)
    return None if implausible else round(float(amount * scale), 3)


def timestamp(written: str, *, is_utc: bool) -> str | None:
    """A moment as UTC; None for a time without zone, unless its column says UTC."""
    try:
        moment = datetime.fromisoformat(written.strip())
        if moment.tzinfo is None:
            if not is_utc or not _TIME.search(written):
                return None
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
    except (ValueError, OverflowError):
        return None
