"""What git calls a conflict though the two sides changed different lines: only that nothing lies between them.

Constants stand one to a line, so two experiments that turn neighbours would else never come together.
"""

from collections.abc import Sequence


def resolved(merged: bytes, size: int) -> bytes | None:
    """A three-way merge (`git merge-file --diff3`, its markers `size` characters long) whose conflicts are resolved
    line by line; None if one of them cannot be."""
    found: list[bytes] = []
    sides: list[list[bytes]] = []
    for line in merged.splitlines(keepends=True):
        mark = line[:1] if line[:size] == line[:1] * size and not line[size : size + 1].strip() else b""
        if mark == b"<" and not sides:
            sides = [[]]
        elif mark == b"|" and len(sides) == 1 or mark == b"=" and len(sides) == 2:
            sides.append([])
        elif mark == b">" and len(sides) == 3:
            lines = _by_line(*sides)
            if lines is None:
                return None
            found += lines
            sides = []
        else:
            (sides[-1] if sides else found).append(line)
    return None if sides else b"".join(found)


def _by_line(ours: Sequence[bytes], base: Sequence[bytes], theirs: Sequence[bytes]) -> list[bytes] | None:
    """The lines as either side has changed them, None if both have changed one, or lines came or went."""
    if not len(ours) == len(base) == len(theirs):
        return None
    found = []
    for mine, before, other in zip(ours, base, theirs, strict=True):
        if before not in (mine, other) and mine != other:
            return None
        found.append(other if mine == before else mine)
    return found
