"""The graph of lineages: every run has a row, and what is drawn leads from each to what it grew from."""

from hypothesis import given
from hypothesis import strategies as st

from memorylab.core.graph import Node, draw


def _node(key: int, parent: int | None, mark: str = "*") -> Node:
    return Node(key=key, parent=parent, mark=mark, is_leaf=mark != "*")


def _drawn(*nodes: Node) -> list[str]:
    return [row for row, _ in draw(nodes)]


def test_a_line() -> None:
    assert _drawn(_node(2, 1), _node(1, 0), _node(0, None)) == ["*", "*", "*"]
    assert _drawn() == []


def test_leaves_stand_beside_what_they_grew_from() -> None:
    assert _drawn(_node(3, 0, "x"), _node(2, 0), _node(1, 0, "o"), _node(0, None)) == [
        "|-x", "| *", "|/", "|-o", "*",
    ]  # fmt: skip
    assert _drawn(_node(1, None, "o"), _node(0, None)) == ["o", "*"]
    crossing = _drawn(_node(3, 1), _node(2, 0), _node(4, 1, "o"), _node(5, 0, "x"), _node(1, None), _node(0, None))
    assert crossing == ["*", "| *", "|-+-o", "| |-x", "* |", " /", "*"]


def test_what_failed_is_no_leaf_once_something_grew_from_it() -> None:
    assert _drawn(_node(2, 1), _node(1, 0, "o"), _node(0, None)) == ["*", "o", "*"]


def test_lines_join_where_they_parted() -> None:
    assert _drawn(_node(3, 1), _node(2, 1), _node(1, 0)) == ["*", "| *", "|/", "*"]
    four = [_node(6, 3), _node(5, 2), _node(4, 1), _node(3, 0), _node(1, 0), _node(2, 0), _node(0, None)]
    assert _drawn(*four) == ["*", "| *", "| | *", "* | |", "| | *", "|_|/", "| *", "|/", "*"]
    left = [_node(5, 2), _node(4, 1), _node(3, 0), _node(1, 2), _node(2, None), _node(0, None)]
    assert _drawn(*left) == ["*", "| *", "| | *", "| * |", "|/ /", "* |", " /", "*"]


@st.composite
def _forests(draw: st.DrawFn) -> list[Node]:
    size = draw(st.integers(0, 12))
    return [
        _node(key, draw(st.none() | st.integers(-2, key - 1)), draw(st.sampled_from("*ox")))
        for key in reversed(range(size))
    ]  # fmt: skip


@given(_forests())
def test_every_node_has_one_row_with_its_mark(nodes: list[Node]) -> None:
    rows = list(draw(nodes))
    drawn = [row for row, is_node in rows if is_node]
    assert len(drawn) == len(nodes)
    for row, node in zip(drawn, nodes, strict=True):
        assert row.count(node.mark) == 1 and sum(map(row.count, "*ox")) == 1
    for row, is_node in rows:
        assert set(row) <= set("|/_-+ *ox") and row == row.rstrip()
        assert is_node or not set(row) & set("*ox")
