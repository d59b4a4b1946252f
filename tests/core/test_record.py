"""The record codec: what is written is read back, byte for byte; what is not a record is refused and never raises."""

import json
import math
import types
import typing
from functools import cache

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memorylab.core import record
from memorylab.core.record import Environment, Plan, Record, Run, Unreadable, decode, encode, to_json

IDS = st.from_regex(record.ID_PATTERN, fullmatch=True).filter(lambda found: len(found) <= 120)
TIMES = (
    st.datetimes()
    .map(lambda t: f"{t:%m-%dT%H:%M:%S}")
    .flatmap(
        lambda rest: st.tuples(st.integers(1, 9999), st.sampled_from(["", ".5", ".123456789"])).map(
            lambda part: f"{part[0]:04}-{rest}{part[1]}Z"
        )
    )
)
TIMES = TIMES.filter(lambda t: not isinstance(_time_or_none(t), Exception))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def _time_or_none(stamp: str) -> object:
    from datetime import datetime

    try:
        return datetime.fromisoformat(stamp)
    except ValueError as problem:
        return problem


@cache
def values(wanted: object) -> st.SearchStrategy:
    """Values of a field's type, so that a field that is added later is tested without a word here."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted is record.Id:
        return IDS
    if wanted is record.Timestamp:
        return TIMES
    if origin is typing.Annotated:
        if arguments[0] is int:
            return st.integers(1, 2**53)
        return values(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*(values(argument) for argument in arguments))
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is list:
        return st.lists(values(arguments[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(TEXT, values(arguments[1]), max_size=3)
    if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
        hints = typing.get_type_hints(wanted, include_extras=True)
        fields = [name for name in wanted.__struct_fields__ if name != "v"]
        return st.builds(wanted, **{name: values(hints[name]) for name in fields})
    plain = {
        str: TEXT, bool: st.booleans(), int: st.integers(-(2**53), 2**53), type(None): st.none(),
        float: st.floats(allow_nan=False, allow_infinity=False),
    }  # fmt: skip
    return plain[wanted]


RECORDS = st.one_of(*(values(kind) for kind in typing.get_args(Record)))
KNOWN = {
    "v": 1, "kind": "run", "writer": "w", "seq": 1, "run_id": "a-b", "timestamp_utc": "2026-01-01T00:00:00Z",
    "branch": None, "commit": "c", "parent_commit": None, "family": "", "status": "keep", "description": "d",
    "hypothesis": "", "tags": [], "notes": "", "metrics": {"val_bpb": 1.0}, "error": None, "artifacts": {},
    "novelty_guard": None, "decision_packet": None, "change": None, "environment": None,
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
thorough = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


def line(**said: object) -> bytes:
    return json.dumps(KNOWN | said).encode()


@thorough
@given(RECORDS)
def test_every_record_is_read_back_as_it_was_written(found: Record) -> None:
    written = encode(found)
    assert decode(written) == found
    assert encode(decode(written)) == written
    assert b"\n" not in written


@thorough
@given(RECORDS)
def test_the_bytes_are_canonical(found: Record) -> None:
    written = encode(found).decode("utf-8")
    plain = json.loads(written, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert list(plain) == sorted(plain)
    # Sorted and without spaces at every depth; floats have one spelling in Python and another in msgspec.
    assert json.loads(json.dumps(plain, sort_keys=True)) == plain
    assert [pair for pair in _keys(written) if pair != sorted(pair)] == []


def _keys(text: str) -> list[list[str]]:
    seen: list[list[str]] = []
    json.loads(text, object_pairs_hook=lambda pairs: (seen.append([name for name, _ in pairs]), dict(pairs))[1])
    return seen


def test_the_bytes_of_a_record_never_change() -> None:
    """Every note, view and id in every clone depends on them."""
    run = decode(line(tags=["b", "a"], description="größer", metrics={"z": 1, "a": 0.5, "val_bpb": None}))
    assert isinstance(run, Run)
    assert encode(run).decode() == (
        '{"artifacts":{},"branch":null,"change":null,"commit":"c","decision_packet":null,"description":"größer",'
        '"environment":null,"error":null,"family":"","hypothesis":"","kind":"run",'
        '"metrics":{"a":0.5,"val_bpb":null,"z":1},"notes":"","novelty_guard":null,"parent_commit":null,'
        '"run_id":"a-b","seq":1,"status":"keep","tags":["b","a"],"timestamp_utc":"2026-01-01T00:00:00Z","v":1,'
        '"writer":"w"}'
    )


@settings(thorough, max_examples=400)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_unreadable_and_kept(raw: bytes) -> None:
    found = decode(raw)
    assert isinstance(found, Unreadable) and found.raw == raw and found.reason


@settings(thorough, max_examples=300)
@given(st.sampled_from(sorted(KNOWN)), JSON)
def test_no_value_of_any_field_raises(name: str, value: object) -> None:
    raw = line(**{name: value})
    found = decode(raw)
    if isinstance(found, Unreadable):
        assert found.raw == raw
    else:
        # What is believed can be worked with: measured, written and shown.
        assert decode(encode(found)) == found
        if isinstance(found, Run):
            value = found.value("val_bpb")
            assert value is None or math.isfinite(value)


@settings(thorough, max_examples=30)
@given(RECORDS, st.data())
def test_a_damaged_record_never_raises(found: Record, data: st.DataObject) -> None:
    assert_damage_raises_nothing(found, data)


@pytest.mark.long
@settings(thorough, max_examples=80)
@given(RECORDS, st.data())
def test_no_damage_of_a_record_raises(found: Record, data: st.DataObject) -> None:
    assert_damage_raises_nothing(found, data)


def assert_damage_raises_nothing(found: Record, data: st.DataObject) -> None:
    raw = bytearray(encode(found))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    decode(bytes(raw))


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "/etc", "-rf", ".git", "a..b", "a.", "a b", "a\n", "a\0", "é", "a" * 121,
     "~", "a:b", "*"],
)  # fmt: skip
@pytest.mark.parametrize("field", ["run_id", "writer"])
def test_an_id_that_is_no_folder_name_is_refused(field: str, name: str) -> None:
    assert isinstance(decode(line(**{field: name})), Unreadable)


@pytest.mark.parametrize(
    "stamp",
    ["", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00Z\n",
     "2026-13-01T00:00:00Z",
     "2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "2026-01-01T25:00:00Z", "２０２６-01-01T00:00:00Z", 5],
)  # fmt: skip
def test_a_time_that_is_none_is_refused(stamp: object) -> None:
    assert isinstance(decode(line(timestamp_utc=stamp)), Unreadable)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_not_finite_is_refused(number: float) -> None:
    run = decode(line())
    assert isinstance(run, Run)
    with pytest.raises(ValueError, match="finite"):
        encode(msgspec.structs.replace(run, metrics={"val_bpb": number}))
    assert isinstance(decode(line(metrics={"val_bpb": number})), Unreadable)


def test_an_integer_beyond_every_float_is_unreadable() -> None:
    """It was believed, and float() of it raised OverflowError in every command of every clone that had fetched it."""
    assert isinstance(decode(line(metrics={"val_bpb": 10**400})), Unreadable)
    assert isinstance(decode(line(metrics={"peak_vram_mb": 10**400})), Unreadable)
    assert isinstance(decode(line(metrics={"num_steps": -(10**30)})), Unreadable)
    # A seed of 70 bits ended the making of the index.
    assert isinstance(decode(line(environment={"seed": 2**70})), Unreadable)
    assert isinstance(decode(line(environment={"seed": 2**53})), Run)
    assert isinstance(decode(line(change={"subject": "train.py", "statements": 2**64})), Unreadable)
    assert isinstance(decode(line(seq=2**63)), Unreadable)
    assert isinstance(decode(line(metrics={"num_steps": 2**53})), Run)


def test_bytes_that_are_no_text_are_unreadable_wherever_they_stand() -> None:
    """msgspec skips unknown fields unread: their bytes would have made experiments.jsonl no UTF-8."""
    assert isinstance(decode(line()[:-1] + b',"later":"\xff"}'), Unreadable)
    assert isinstance(decode(line()[:-1] + b',"\xff":1}'), Unreadable)


def test_a_newer_version_is_kept_and_said_to_be_one() -> None:
    found = decode(line(v=2))
    assert isinstance(found, Unreadable) and found.raw == line(v=2)


def test_what_is_too_long_is_refused_both_ways() -> None:
    assert isinstance(decode(b"{" + b" " * record.MAX_BYTES + b"}"), Unreadable)
    run = decode(line())
    assert isinstance(run, Run)
    with pytest.raises(ValueError):
        encode(msgspec.structs.replace(run, description="x" * 20_001))
    with pytest.raises(ValueError, match="more than"):
        long = Environment(libraries={f"{n:0900}": "x" * 1000 for n in range(600)})
        encode(msgspec.structs.replace(run, environment=long))


def test_deep_nesting_is_unreadable() -> None:
    assert isinstance(decode(line()[:-1] + b',"later":' + b"[" * 50_000 + b"]" * 50_000 + b"}"), Unreadable)


def test_a_crash_has_no_value_whatever_it_printed() -> None:
    run = decode(line(status="crash", metrics={"val_bpb": 0.5}))
    assert isinstance(run, Run) and run.value("val_bpb") is None


def test_a_record_is_immutable_and_has_one_id() -> None:
    run = decode(line())
    assert isinstance(run, Run) and run.id == run.run_id
    with pytest.raises(AttributeError):
        run.status = "crash"  # type: ignore[misc]
    assert Plan.id is not None


def test_plain_data_is_canonical_too() -> None:
    assert to_json({"b": 1, "a": [1.5, None]}) == b'{"a":[1.5,null],"b":1}'
