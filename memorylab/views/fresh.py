"""Whether the views of a working tree are as they should be, without reading the ledger or opening the repository."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from memorylab.settings import Settings
from memorylab.store.files import replace
from memorylab.store.git import Place

FOLDER = Path("results") / "memorylab"
TABLE = Path("results.tsv")
LINES = FOLDER / "experiments.jsonl"
BOARD = FOLDER / "champion_challenger.json"
RUNS = FOLDER / "runs"
LATEST = FOLDER / "reports" / "latest.md"
PAGE = FOLDER / "reports" / "latest.html"
WATCHED = (TABLE, LINES, BOARD, RUNS, LATEST)
WATCHED_RUNS = 100  # the latest run folders, of which each file is watched; of the others only whether they are there

Stamp = tuple[int, int]


class Length(msgspec.Struct, frozen=True):
    """How many bytes experiments.jsonl and results.tsv have after so many runs."""

    runs: int
    lines: int
    rows: int


class State(msgspec.Struct, frozen=True):
    """What the views of this working tree were made from. Local and disposable: without it they are made anew.
    `incomplete` are the runs whose folder lacks an artifact that is not here (None: not known), `shown` the commit that
    holds the packets of all writers for `git log`, empty if it lacks any. `version` is that of the memory
    (`Recall.version`), `lengths` are those of the growing files after so many runs."""

    made_from: str = ""
    version: tuple[str, int] = ("", 0)
    lengths: list[Length] = []
    stamps: dict[str, Stamp] = {}
    as_of: str | None = None
    since_hours: float | None = None
    incomplete: list[str] | None = None
    shown: str = ""


def are_fresh(place: Place, settings: Settings, tips: Mapping[str, str], shown: str) -> bool:
    """Whether nothing has moved since the views were made: neither the refs, `tips`, nor the packets for `git log`,
    at `shown`, nor the settings, nor a file of theirs."""
    state = load(place)
    if place.top is None or state.made_from != fingerprint(settings, tips) or not shown or state.shown != shown:
        return False
    return state.stamps == stamps(place.top, state.stamps)


def are_left(place: Place) -> bool:
    """Whether the views are there as they were made, of whatever it was then."""
    state = load(place)
    return place.top is not None and bool(state.made_from) and state.stamps == stamps(place.top, state.stamps)


def fingerprint(settings: Settings, tips: Mapping[str, str]) -> str:
    """Of everything the views depend on."""
    return hashlib.sha256(repr((sorted(tips.items()), settings)).encode("utf-8", "surrogatepass")).hexdigest()


def stamps(top: Path, watched: Iterable[str]) -> dict[str, Stamp]:
    """(size, time) of each file that the user may have deleted or changed, by its path in the working tree; of a folder
    how many folders it holds, and when a file came into it or went. (0, 0) for what is not there."""
    found = {}
    for name in watched:
        try:
            status = (top / name).stat()
        except OSError:
            found[name] = 0, 0
            continue
        is_folder = name.startswith(str(RUNS))
        found[name] = status.st_nlink if is_folder else status.st_size, status.st_mtime_ns
    return found


def is_intact(top: Path, state: State, view: Path) -> bool:
    """Whether a view is as it was left."""
    left = state.stamps.get(str(view), (0, 0))
    return left != (0, 0) and stamps(top, [str(view)])[str(view)] == left


def watched(run_ids: Iterable[str]) -> list[str]:
    """The paths to watch, with those of the latest runs, `run_ids`."""
    return [*map(str, WATCHED), *(str(RUNS / name) for name in run_ids)]


def load(place: Place) -> State:
    """What is remembered of the views."""
    try:
        return msgspec.json.decode(_file(place).read_bytes(), type=State)
    except (OSError, ValueError, RecursionError):  # no JSON, no UTF-8, or nested too deeply
        return State()


def save(place: Place, state: State) -> None:
    """Remember it."""
    replace(_file(place), msgspec.json.encode(state))


def forget(place: Place) -> None:
    """Remember nothing of them."""
    _file(place).unlink(missing_ok=True)


def _file(place: Place) -> Path:
    return place.git_dir / "memorylab-views.json"
