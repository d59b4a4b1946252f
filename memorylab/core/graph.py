"""Lineages as `git log --graph` draws them, the newest first: what was kept is the trunk, what failed a leaf on it."""

from collections.abc import Iterator, Sequence

from msgspec import Struct


class Node(Struct, frozen=True, kw_only=True):
    """A run of the graph. `parent` is the key of the one that it grew from, None without one; a parent comes after all
    that grew from it. A leaf is drawn beside what it grew from, unless something has grown from it."""

    key: int
    parent: int | None
    mark: str
    is_leaf: bool


def draw(nodes: Sequence[Node]) -> Iterator[tuple[str, bool]]:
    """The rows of the graph, each with whether it is a node's; the others join two lines."""
    columns: list[int] = []  # the node that each line leads to
    for node in nodes:
        if node.is_leaf and node.key not in columns:
            yield _leaf(columns, node), True
            continue
        if node.key not in columns:
            columns.append(node.key)
        at = columns.index(node.key)
        yield _row([node.mark if column == at else "|" for column in range(len(columns))]), True
        if node.parent is None:
            del columns[at]
            if at < len(columns):
                yield _shift(len(columns), at), False
        elif node.parent in columns:
            other = columns.index(node.parent)
            yield _join(len(columns), min(at, other), max(at, other)), False
            columns[min(at, other)] = node.parent
            del columns[max(at, other)]
        else:
            columns[at] = node.parent


def _leaf(columns: list[int], node: Node) -> str:
    """`|-o`: beside the line to what it grew from, which begins here if there is none."""
    if node.parent is None:
        return _row([*"|" * len(columns), node.mark])
    if node.parent not in columns:
        columns.append(node.parent)
    at, marks = columns.index(node.parent), ["|"] * len(columns)
    row = _row(marks[: at + 1]) + "".join("-+" for _ in marks[at + 1 :])
    return f"{row}-{node.mark}"


def _join(number: int, at: int, last: int) -> str:
    """`|_|/`: the line at `last` joins the one at `at`, and those behind it move up."""
    between = "_|" * (last - at - 1)
    return f"{_row('|' * (at + 1))}{between}/" + " /" * (number - last - 1)


def _shift(number: int, at: int) -> str:
    """`| /`: the lines from `at` on move up, where one has ended."""
    return _row("|" * at) + (" " if at else "") + " /" * (number - at)


def _row(marks: Sequence[str]) -> str:
    return " ".join(marks)
