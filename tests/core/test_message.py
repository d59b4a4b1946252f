"""A commit message as the account of an experiment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorylab.core import message


@pytest.mark.parametrize(
    ("raw", "subject", "trailers"),
    [
        ("", "", {}),
        ("\n\n  \n", "", {}),
        ("raise LR", "raise LR", {}),
        ("raise LR\nand more\n", "raise LR", {}),
        ("\n\nraise LR\n\nFamily: lr\n", "raise LR", {"family": "lr"}),
        ("raise LR\r\n\r\nFamily: lr\r\nTags: a, b\r\n", "raise LR", {"family": "lr", "tags": "a, b"}),
        ("x\n\nHYPOTHESIS: faster\nMode:\texplore", "x", {"hypothesis": "faster", "mode": "explore"}),
        ("x\n\nFamily: one\n\nFamily: two\nFamily: three", "x", {"family": "three"}),
        ("x\n\nFamily: one\n\nsaid in passing", "x", {}),
        ("Family: lr", "Family: lr", {}),
        ("x\n\nFamily:\nTags: ", "x", {}),
        ("x\n \t \nFamily: lr", "x", {"family": "lr"}),
        ("tab\there\n\nFamily: a\tb", "tab here", {"family": "a b"}),
        ("x\n\nhttp://y/z: w\nno trailer: here\nSigned-off-by: A <a@b>", "x", {"signed-off-by": "A <a@b>"}),
    ],
)
def test_read(raw: str, subject: str, trailers: dict[str, str]) -> None:
    assert message.read(raw) == (subject, trailers)


@given(st.text(st.characters() | st.sampled_from("\n\r: \t\udcff\x85\u2028")))
def test_what_is_read_of_any_message_stands_on_one_line(raw: str) -> None:
    subject, trailers = message.read(raw)
    for said in (subject, *trailers, *trailers.values()):
        assert len(said.splitlines()) <= 1
        said.encode("utf-8")
    assert all(trailers.values())
