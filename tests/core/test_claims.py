"""Claims: which are open at a moment, whoever wrote what, and which are on the same idea."""

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorylab.core.claims import AHEAD, LONGEST, holder, same, standing
from memorylab.core.history import Idea
from memorylab.core.record import Claim, Unreadable, decode, encode

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def claim(
    name: str = "c", begins: timedelta = -MINUTE, lasts: timedelta | None = 60 * MINUTE, writer: str = "w",
    text: str = "", **said: object,
) -> Claim:  # fmt: skip
    begin = NOW + begins
    return msgspec.convert(
        {
            "kind": "claim", "writer": writer, "seq": 1, "id": name, "timestamp_utc": at(begin), "commit": "0" * 40,
            "description": text, "expires_utc": None if lasts is None else at(begin + lasts), **said,
        },
        Claim,
    )  # fmt: skip


def end(of: str = "c", writer: str = "w", outcome: str = "withdrawn", lasts: timedelta | None = None) -> Claim:
    return claim(f"end-of-{of}", lasts=lasts, writer=writer, claim_id=of, outcome=outcome)


def names(found: list[Claim]) -> list[str]:
    return [one.id for one in found]


@pytest.mark.parametrize(
    ("begins", "lasts", "is_open"),
    [
        (-60 * MINUTE, 60 * MINUTE, False),
        (-60 * MINUTE, 60 * MINUTE + timedelta(seconds=1), True),
        (-MINUTE, None, False),
        (timedelta(), timedelta(), False),
        (MINUTE, -2 * MINUTE, False),
        (AHEAD, MINUTE, True),
        (AHEAD + timedelta(seconds=1), MINUTE, False),
        (timedelta(days=365), LONGEST, False),
        (-LONGEST, timedelta(days=365), False),
        (timedelta(seconds=1) - LONGEST, timedelta(days=365), True),
    ],
)  # fmt: skip
def test_a_claim_is_open_from_a_day_ahead_until_it_expires(
    begins: timedelta, lasts: timedelta | None, is_open: bool
) -> None:
    assert names(standing([claim(begins=begins, lasts=lasts)], NOW)) == ["c"] * is_open


@pytest.mark.parametrize("outcome", ["withdrawn", "fulfilled"])
def test_its_writer_ends_it(outcome: str) -> None:
    assert standing([claim(), end(outcome=outcome)], NOW) == []
    assert standing([end(outcome=outcome), claim()], NOW) == []


def test_nobody_else_does() -> None:
    assert names(standing([claim(), end(writer="other"), end(of="another")], NOW)) == ["c"]


def test_an_end_with_a_time_is_no_claim() -> None:
    assert standing([end(lasts=60 * MINUTE)], NOW) == []


def test_the_oldest_come_first_and_each_once() -> None:
    late, early = claim("a"), claim("b", begins=-2 * MINUTE)
    assert standing([late, early, late], NOW) == [early, late]


def test_fractions_of_a_second_are_in_order() -> None:
    """As text the half second is before the whole one."""
    half, whole = claim("a", timestamp_utc="2026-01-01T11:59:00.5Z"), claim("b", timestamp_utc="2026-01-01T11:59:00Z")
    nanos = claim("c", timestamp_utc="2026-01-01T11:59:00.123456789Z")
    assert standing([half, nanos, whole], NOW) == [whole, nanos, half]


@pytest.mark.parametrize("begin", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999999Z"])
@pytest.mark.parametrize("expires", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"])
def test_the_ends_of_time(begin: str, expires: str) -> None:
    assert standing([claim(timestamp_utc=begin, expires_utc=expires)], NOW) == []


@pytest.mark.parametrize(
    "time", ["2026-01-01T24:00:00Z", "2026-01-01T11:59:60Z", "2026-02-30T00:00:00Z", "0000-01-01T"]
)
def test_a_time_that_is_none_makes_no_claim(time: str) -> None:
    line = encode(claim())
    for field in (b"2026-01-01T11:59:00Z", b"2026-01-01T12:59:00Z"):
        assert field in line
        assert isinstance(decode(line.replace(field, time.encode())), Unreadable)


def test_of_two_with_one_id_all_believe_the_same() -> None:
    """It was the one that was read last."""
    one, other = claim(text="this"), claim(text="that")
    assert standing([one, other], NOW) == standing([other, one], NOW) == [other]
    assert standing([claim(lasts=MINUTE), one], NOW) == [one]


IDS = st.sampled_from("abcd")
WRITERS = st.sampled_from(["w", "v"])
# A few by themselves meet each other more often.
MINUTES = (st.sampled_from([-1, 0, 1, 60]) | st.integers(-2 * 7 * 24 * 60, 2 * 7 * 24 * 60)).map(lambda n: n * MINUTE)
CLAIMS = st.builds(claim, IDS, MINUTES, st.none() | MINUTES, WRITERS, st.sampled_from(["", "x"]))
ENDS = st.builds(end, IDS, WRITERS, st.sampled_from(["withdrawn", "fulfilled"]), st.none() | MINUTES)
RECORDS = st.lists(CLAIMS | ENDS, max_size=8)


@given(RECORDS, st.randoms(use_true_random=False))
def test_the_order_of_the_records_does_not_matter(records: list[Claim], chance: random.Random) -> None:
    found = standing(records, NOW)
    chance.shuffle(records)
    assert standing(records, NOW) == found
    assert standing([*records, *records], NOW) == found


@given(RECORDS, ENDS)
def test_an_end_opens_nothing_and_closes_only_what_it_names(records: list[Claim], last: Claim) -> None:
    before, after = standing(records, NOW), standing([*records, last], NOW)
    assert [one for one in before if (one.id, one.writer) != (last.claim_id, last.writer)] == [
        one for one in after if one.id != last.claim_id or one in before
    ]
    assert all(one.claim_id is None for one in after)
    assert {one.id for one in after} <= {one.id for one in before}


@given(RECORDS, MINUTES, MINUTES)
def test_what_has_closed_does_not_open_again(records: list[Claim], one: timedelta, other: timedelta) -> None:
    """Except by beginning."""
    first, later = sorted((NOW + one, NOW + other))
    begun = [record for record in records if datetime.fromisoformat(record.timestamp_utc) <= first + AHEAD]
    assert {found.id for found in standing(begun, later)} <= {found.id for found in standing(begun, first)}


@given(RECORDS)
def test_nothing_stands_longer_than_a_week(records: list[Claim]) -> None:
    for one in standing(records, NOW):
        assert datetime.fromisoformat(one.timestamp_utc) + LONGEST > NOW
        assert one.expires_utc is not None and datetime.fromisoformat(one.expires_utc) > NOW


@given(RECORDS)
def test_what_stands_still_stands_when_it_is_read_again(records: list[Claim]) -> None:
    lines = [encode(one) for one in standing(records, NOW)]
    again = [one for line in lines if isinstance(one := decode(line), Claim)]
    assert standing(again, NOW) == standing(records, NOW)


# -- the same idea


def on(idea: str, *claimed: str, **options: object) -> list[str]:
    found = [claim(f"c{n}", text=text) for n, text in enumerate(claimed)]
    return [one.description for one in same(Idea(idea), found, 0.5, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize("said", ["matrix lr 0.04 -> 0.06", "Raise MATRIX_LR to 0.06", "MATRIX_LR=0.06"])
def test_other_words(said: str) -> None:
    assert on("raise MATRIX_LR to 0.06", said) == [said]


@pytest.mark.parametrize("said", ["lower MATRIX_LR to 0.02", "matrix lr 0.04 -> 0.08", "set DEPTH to 12", "", "?"])
def test_another_idea(said: str) -> None:
    assert on("raise MATRIX_LR to 0.06", said) == []


def test_those_on_the_idea_keep_their_order() -> None:
    said = ["MATRIX_LR=0.06", "set DEPTH to 12", "matrix lr 0.04 -> 0.06"]
    assert on("raise MATRIX_LR to 0.06", *said) == [said[0], said[2]]
    assert on("raise MATRIX_LR to 0.06") == []


@pytest.mark.parametrize("name", ["keep", "baseline", "accepted"])
def test_a_claim_is_no_result(name: str) -> None:
    """Its id was read as its status: by one called "keep" the step was taken already, and was no longer the same."""
    found = [claim(name, text="double the depth"), claim("c", text="double the depth again")]
    for idea in ("depth 8 -> 16", "double the depth"):
        assert same(Idea(idea), found, 0.5, {"DEPTH": "8"}) == found


def test_claims_do_not_follow_each_other() -> None:
    """Each was read as if the one before it had said where it starts."""
    start = {"DEPTH": "8", "MATRIX_LR": "0.04"}
    said = ["depth 100 -> 101", "double the depth", "matrix lr 0.06 -> 0.08", "halve the matrix lr"]
    assert on("depth 8 -> 16", *said, start=start) == ["double the depth"]
    assert on("matrix lr 0.04 -> 0.02", *said, start=start) == ["halve the matrix lr"]


def test_a_factor_is_of_where_the_subject_is_now() -> None:
    assert on("depth 16 -> 32", "double the depth", start={"DEPTH": "16"}) == ["double the depth"]
    assert on("depth 16 -> 32", "double the depth", start={"DEPTH": "8"}) == []


def test_a_holder_is_named_whole() -> None:
    one = claim("c", writer="w-1", worktree="tree", text="raise it")
    assert msgspec.structs.asdict(holder(one)) == {
        "claim_id": "c", "writer": "w-1", "worktree": "tree", "expires_utc": one.expires_utc, "description": "raise it",
    }  # fmt: skip
    assert holder(claim(lasts=None)).expires_utc == ""
