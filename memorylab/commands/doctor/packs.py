"""What git has packed: objects, whose list is made anew of the pack, and refs, of which the lines are kept that git can
read; and what it keeps for speed. It stops at a damage of any, and with it all that is examined after these."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from memorylab.commands.doctor.findings import ASIDE, Examination, Finding, Patient, error
from memorylab.core.text import count, inline
from memorylab.store import git
from memorylab.store.files import keep, locked, sync_folders
from memorylab.store.git import Place
from memorylab.store.locks import PACKED
from memorylab.store.reader import whole


def _unlisted(place: Place) -> list[Path]:
    """The packs whose list (.idx) is not there, or not as it was written: git sees nothing of what is in them."""
    found = sorted((place.common_dir / "objects" / "pack").glob("pack-*.pack"))
    return [path for path in found if not _is_sound(place, path.with_suffix(".idx"))]


def _is_sound(place: Place, path: Path) -> bool:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return False
    digits = place.form.digits // 2
    return len(content) > digits and place.form.checksum(content[:-digits]) == content[-digits:]


def _damaged(place: Place) -> list[Path]:
    """The packs whose content is not what it was, by the checksum at their end."""
    return [path for path in sorted((place.common_dir / "objects" / "pack").glob("pack-*.pack"))
            if _is_sound(place, path.with_suffix(".idx")) and not _is_whole(place, path)]  # fmt: skip


def _is_whole(place: Place, path: Path) -> bool:
    found = path.stat()
    return _is_as_summed(place, path, found.st_size, found.st_mtime_ns)


@lru_cache  # a repair looks at all again, and packs may be large
def _is_as_summed(place: Place, path: Path, size: int, when: int) -> bool:
    digits = place.form.digits // 2
    with path.open("rb") as file:
        return _summed(place, file, size - digits) == file.read()


def _summed(place: Place, file: BinaryIO, left: int) -> bytes:
    """The checksum of as many bytes from where a file is."""
    summed = place.form.hash()
    while left > 0 and (chunk := file.read(min(left, 1 << 20))):
        summed.update(chunk)
        left -= len(chunk)
    return bytes(summed.digest())


def _lists(place: Place) -> list[Path]:
    """The lists that git keeps for speed alone, and of which it takes what is in them for true."""
    objects = place.common_dir / "objects"
    found = [objects / "pack" / "multi-pack-index", objects / "info" / "commit-graph"]
    found += [path for ending in ("bitmap", "rev") for path in (objects / "pack").glob(f"*.{ending}")]
    return [path for path in (*found, *(objects / "info" / "commit-graphs").glob("*.graph")) if path.is_file()]


def put_lists_aside(place: Place, lists: Iterable[Path] | None = None) -> None:
    """Have git do without some of the lists, or all of them: they may name what is not here. One of a chain takes the
    others along."""
    aside = place.state / ASIDE
    for path in _lists(place) if lists is None else lists:
        aside.mkdir(parents=True, exist_ok=True)
        for one in path.parent.iterdir() if path.suffix == ".graph" else [path]:
            with suppress(FileNotFoundError):
                one.replace(aside / one.name)


def _packs(patient: Patient) -> Iterator[Finding]:
    lists = _damaged_lists(patient.place)
    if lists:
        yield error(
            "list-damaged",
            f"What git keeps for speed is not as written, and git may crash there: {inline(lists[0].name)}",
            f"sets it aside in {inline(str(patient.place.state / ASIDE))}; git does without, and makes it anew.", True,
        )  # fmt: skip
    damaged = _damaged(patient.place)
    if damaged:
        yield error(
            "pack-damaged", f"{count(len(damaged), 'pack')} of git's {'is' if len(damaged) == 1 else 'are'} not as "
            f"written: {inline(damaged[0].name)}",
            f"packs anew what is whole in it, and sets it aside in {inline(str(patient.place.state / ASIDE))}; "
            "the rest is fetched or made again.", True,
        )  # fmt: skip
    unlisted = _unlisted(patient.place)
    if unlisted:
        name = inline(unlisted[0].with_suffix(".idx").name)
        yield error(
            "pack-unlisted", f"git cannot see what is in {count(len(unlisted), 'pack')}: {name} is gone or damaged",
            "has git make the list anew of the pack itself.", True,
        )  # fmt: skip


def _damaged_lists(place: Place) -> list[Path]:
    return [path for path in _lists(place) if not _is_sound(place, path)]


def _unlist(patient: Patient) -> list[str]:
    put_lists_aside(patient.place, _damaged_lists(patient.place))
    return []


def _list(patient: Patient) -> list[str]:
    said = []
    with locked(patient.place.state / "lock"):
        for pack in _unlisted(patient.place):
            made = pack.with_suffix(".made")
            # Beside it first: where the pack is damaged too, git makes none, and the old one stays as it was.
            if git.succeeds(patient.place, "index-pack", "-o", str(made), str(pack)):
                made.replace(pack.with_suffix(".idx"))
            else:
                said.append(f"{inline(pack.name)} is damaged itself, and was left as it is")
    return said


def _open_up(place: Place, path: Path) -> None:
    """Give a damaged pack the head and the end that its list says it has: git opens no other, whatever is in it."""
    listed, digits = path.with_suffix(".idx").read_bytes(), place.form.digits // 2
    if listed[:4] != b"\xfftOc":  # a list of git's before 1.6
        return
    head = b"PACK\0\0\0\2" + listed[8 + 255 * 4 : 8 + 256 * 4]
    end = listed[-2 * digits : -digits]
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(head)
        file.seek(max(len(head), path.stat().st_size - digits))
        if file.read() == end:
            return
    # It may have been cut short: then the end belongs behind what is there.
    size = path.stat().st_size - digits
    with path.open("r+b") as file:
        if _summed(place, file, size) == end:
            file.seek(size)
        else:
            file.seek(0, os.SEEK_END)
        file.write(end)


def _pack_anew(patient: Patient) -> list[str]:
    place = patient.place
    aside = place.state / ASIDE
    with locked(place.state / "lock"):
        for path in _damaged(place):
            _open_up(place, path)
            form = f"--object-format={place.form.name}"
            listed = git.run(place, "show-index", form, input=path.with_suffix(".idx").read_bytes()).decode()
            good = whole(place, [line.split()[1] for line in listed.splitlines()])
            names = "".join(f"{oid}\n" for oid in good).encode()
            # Not beside it: what is packed anew may have its name, and git overwrites none.
            folder = path.parent.parent / "memorylab"
            folder.mkdir(exist_ok=True)
            options = ("-q", "--no-reuse-delta", "--no-reuse-object")
            said = git.run(place, "pack-objects", *options, "--", str(folder / "pack"), input=names, durable=True)
            made = said.decode().split()
            if path.with_suffix(".promisor").exists():  # what a partial clone left out is not missing
                for name in made:
                    (folder / f"pack-{name}.promisor").touch()
            for one in sorted(folder.iterdir(), key=lambda one: one.suffix == ".idx"):
                one.replace(path.parent / one.name)
            folder.rmdir()
            sync_folders([path.parent])
            if path.stem.removeprefix("pack-") in made:
                continue
            aside.mkdir(parents=True, exist_ok=True)
            # The list first: without it what is left is no pack to git.
            for one in sorted(path.parent.glob(f"{path.stem}.*"), key=lambda one: one.suffix != ".idx"):
                one.replace(aside / one.name)
    return []


# -- refs -------------------------------------------------------------------------------------------------------------


def _told_apart(place: Place) -> tuple[bytes, bytes, int]:
    """What is in the file of packed refs, the lines of it that git can read, and how many others there are."""
    try:
        content = (place.common_dir / PACKED).read_bytes()
    except FileNotFoundError:
        return b"", b"", 0
    *lines, rest = content.split(b"\n")
    good, bad, is_kept = [], int(rest != b""), False
    for line in lines:
        oid, _, name = line.removeprefix(b"^").partition(b" ")
        is_ref = place.form.is_id(oid.decode("latin-1")) and (line.startswith(b"^") or name.startswith(b"refs/"))
        # What a tag points to stands below it, and not below another.
        is_kept = is_ref and (is_kept or not line.startswith(b"^")) or line.startswith(b"# ")
        good += [line + b"\n"] * is_kept
        bad += not is_kept
    return content, b"".join(good), bad


def _refs(patient: Patient) -> Iterator[Finding]:
    _, _, bad = _told_apart(patient.place)
    if bad:
        yield error(
            "packed-refs-damaged", f"{count(bad, 'line')} of {inline(str(patient.place.common_dir / PACKED))} cannot "
            "be read, and git stops there",
            f"keeps the lines that git can read, and the file as it is in {inline(str(patient.place.state / ASIDE))}. "
            "A branch that was in the others is found again in `git reflog` or .git/logs.", True,
        )  # fmt: skip


def _keep_readable(patient: Patient) -> list[str]:
    place = patient.place
    path = place.common_dir / PACKED
    with locked(place.state / "lock"):
        lock = path.with_name(f"{PACKED}.lock")
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL))  # git's own, which it waits for
        try:
            content, good, bad = _told_apart(place)
            if bad:
                (place.state / ASIDE).mkdir(parents=True, exist_ok=True)
                keep(place.state / ASIDE / PACKED, content)
                keep(path, good)
        finally:
            lock.unlink()
    return []


EXAMINATIONS = (
    Examination("packs", _packs, {"list-damaged": _unlist, "pack-unlisted": _list, "pack-damaged": _pack_anew}),
    Examination("packed refs", _refs, {"packed-refs-damaged": _keep_readable}),
)
