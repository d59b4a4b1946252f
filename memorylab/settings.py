"""Settings: what a team shares ([tool.memorylab] of pyproject.toml, or .memorylab.toml), what is local (git config).

The local setting wins. Names in git config are the same without underscores: memorylab.timeLimit is time_limit.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from memorylab.core.record import DEFAULT_NOISE, DEFAULT_PROMOTE, DEFAULT_THRESHOLD, Mode
from memorylab.core.text import inline
from memorylab.errors import BadInput
from memorylab.store import git
from memorylab.store.files import read

if TYPE_CHECKING:
    from memorylab.core.aliases import Vocabulary
    from memorylab.core.race import Rules
    from memorylab.core.summary import Gauge

MUTE = r"^(?=[^-])[A-Za-z0-9_.-]*\*?[A-Za-z0-9_.-]*$(?!\n)"  # of a writer's name, as one refspec can say it
_LONGEST = 16 << 20  # bytes of a file of settings
LOCAL = ("remote", "notes_only", "mute", "redact")  # what only a clone can know of itself


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One per command. `time_limit` in seconds of wall time, `since_hours` in hours, `artifact_limit` in bytes.

    `autosync` shares after each record, with `remote` or the one that git pushes to, `notes_only` without artifacts;
    `sign` signs the journal; `redact` masks credentials in what is stored;
    `claim_minutes` is how long a claim stands. `promote` is the probability of being better
    that a new champion needs; `noise` is what luck is taken to be before replicates tell, as a share of the metric, 0
    to take it from how much results differ.

    `metric_key` is where the sidecar has the metric, with dots into what is nested (empty: under its name);
    `metric_pattern` a regular expression of RE2, whose first group is the metric in the log, where it matches last.

    `mute` are writers whose records are left out, by name or with one `*`.

    `aliases` are words of this lab and what they stand for, as in {"peak lr": "matrix lr"}.
    """

    subject: Annotated[str, Meta(min_length=1, max_length=1000)] = "train.py"
    metric: Annotated[str, Meta(min_length=1, max_length=100)] = "val_bpb"
    metric_key: str = ""
    metric_pattern: str = ""
    direction: Literal["minimize", "maximize"] = "minimize"
    command: str = ""
    mode: Mode = "exploit"
    threshold: Annotated[float, Meta(ge=0, le=1)] = DEFAULT_THRESHOLD
    time_limit: Annotated[float, Meta(gt=0)] = 600.0
    since_hours: Annotated[float, Meta(gt=0)] = 16.0
    artifact_limit: Annotated[int, Meta(ge=1024)] = 1 << 20
    aliases: dict[str, str] = {}
    autosync: bool = False
    notes_only: bool = False
    remote: str = ""
    sign: bool = False
    redact: bool = True
    claim_minutes: Annotated[float, Meta(gt=0, le=7 * 24 * 60)] = 60.0
    promote: Annotated[float, Meta(gt=0.5, lt=1)] = DEFAULT_PROMOTE
    noise: Annotated[float, Meta(ge=0, lt=1)] = DEFAULT_NOISE
    mute: tuple[Annotated[str, Meta(pattern=MUTE)], ...] = ()

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the guard, with this lab's own. Raises ValueError if those are none."""
        # Imported when it is needed: reading ideas takes 20 ms to import, and most commands read none.
        from memorylab.core.tokens import extended

        return extended(tuple(sorted(self.aliases.items())))

    @property
    def gauge(self) -> Gauge:
        """How the metric of a run is read."""
        from memorylab.core.summary import Gauge

        return Gauge(self.metric, self.metric_key, self.metric_pattern)

    @property
    def rules(self) -> Rules:
        """How values compare."""
        from memorylab.core.race import Rules

        return Rules(metric=self.metric, direction=self.direction, promote=self.promote, noise=self.noise)


_SWITCHES = ("autosync", "notes_only", "sign", "redact")
_SWITCH = {"yes": "true", "on": "true", "no": "false", "off": "false", "": "false"}  # git's own words


def load(place: git.Place) -> Settings:
    """The settings in force. Raises BadInput with the file or key that cannot be understood."""
    values, shared = _shared(place.top) if place.top else ({}, "")
    source = dict.fromkeys(values, shared)
    known = {name.replace("_", ""): name for name in Settings.__struct_fields__}
    muted: list[str] = []
    for key, value in git.config(place, r"^memorylab\.[^.]*$"):
        name = known.get(key.partition(".")[2].lower(), key)
        source[name] = f"git config {key}"
        if name == "mute":
            muted.append(value)
        else:
            values[name] = _SWITCH.get(value.lower(), value) if name in _SWITCHES else value
    if muted:
        values["mute"] = muted
    try:
        settings = msgspec.convert(values, Settings, strict=False)
        if wrong := _wrong_pattern(settings.metric_pattern):
            raise BadInput(
                f"metric_pattern cannot be used: {wrong}.",
                f"Correct it in {source['metric_pattern']}, as in metric_pattern = 'took ([0-9.]+) s'. RE2 reads it, "
                "which has no look-around and no back-references.",
            )
        if wrong := _wrong_subject(settings.subject):
            raise BadInput(f"subject cannot be used: {wrong}.", f"Correct it in {source['subject']}.")
        if inline(settings.metric) != settings.metric:
            raise BadInput("metric cannot be used: it is no name on one line.", f"Correct it in {source['metric']}.")
        if settings.aliases:
            _ = settings.vocabulary
        return settings
    except msgspec.ValidationError as problem:
        # msgspec ends with the place, "- at `$.threshold`", or names an unknown field in backquotes.
        named = [name for name in source if re.search(rf"`(\$\.)?{re.escape(name)}`", str(problem))]
        where = source[named[0]] if named else shared or "git config"
        newer = ", or update: a newer version may know it" if named and named[0] not in known.values() else ""
        raise BadInput(f"A setting cannot be used: {problem}.", f"Correct it in {where}{newer}.") from None
    except ValueError as problem:
        raise BadInput(f"An alias cannot be used: {problem}.", f"Correct it in {shared or 'git config'}.") from None


def _wrong_subject(path: str) -> str:
    """What is wrong with the path of the subject, which may come with a branch of somebody else's; empty if nothing."""
    parts = path.split("/")
    if not path.isprintable():
        return "it has characters that cannot be printed"
    if "" in parts or "." in parts or ".." in parts:
        return "it is no path of a file in the working tree"
    return "git has its own files there" if parts[0].lower() == ".git" else ""


def _wrong_pattern(pattern: str) -> str:
    """What is wrong with a regular expression that is to find a number, empty if nothing is."""
    if not pattern:
        return ""
    from memorylab.core.summary import compiled

    try:
        groups = compiled(pattern).groups
    except ValueError as problem:
        return str(problem)
    return "" if groups else "it has no group (...) around the number"


def _shared(top: Path) -> tuple[dict[str, object], str]:
    for name, table in (("pyproject.toml", ("tool", "memorylab")), (".memorylab.toml", ())):
        try:
            text = read(top / name, _LONGEST).decode("utf-8")
            if "memorylab" not in text and table:
                continue  # nothing of ours is in it, and what parses it takes 6 ms to be imported
            import tomllib

            found = tomllib.loads(text)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError) as problem:  # neither UTF-8 nor TOML, or nested too deeply
            raise BadInput(f"{name} cannot be read: {problem}.", "Correct it.") from None
        for key in table:
            found = found.get(key, {})
            if not isinstance(found, dict):
                raise BadInput(f"{key} in {name} is not a table.", "Correct it.")
        for key in LOCAL:
            if key in found:
                raise BadInput(f"{key} in {name} is for one clone, not for all.", "Set it with git config.")
        if found:
            return dict(found), name
    return {}, ""
