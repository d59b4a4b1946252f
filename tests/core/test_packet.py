"""The packet as it is stored and as it is read."""

import json
from collections.abc import Callable

import msgspec
import pytest

from memorylab.core import decision, record, text
from memorylab.core.races import Races
from memorylab.core.record import Environment, Error, Match, Run, encode

from .test_decision import HELD, RULES, again, decide, of

Make = Callable[..., Run]


def test_the_packet_holds_the_published_fields(make_run: Make) -> None:
    packet = decide(make_run, "keep", 0.9, "novel", None)
    shown = json.loads(encode(make_run("b", 0.9, decision_packet=packet)))["decision_packet"]
    assert set(shown) == {
        "summary", "next_action", "priority", "rationale", "hypothesis_status", "run", "novelty", "comparison", "error",
    }  # fmt: skip
    assert shown["run"]["run_id"] == "b" and shown["novelty"]["classification"] == "novel"


NEW_FIELDS = (
    "group", "probability", "noise", "noise_replicates", "replicates", "champion_replicates", "seeds_needed",
    "leader_run_id", "leader_commit",
)  # fmt: skip


def test_a_packet_from_before_decodes(make_run: Make) -> None:
    packet = decide(make_run, "keep", 0.9, "novel", None)
    line = json.loads(encode(make_run("b", 0.9, decision_packet=packet)))
    for name in NEW_FIELDS:
        del line["decision_packet"]["comparison"][name]
    found = record.decode(json.dumps(line).encode())
    assert isinstance(found, Run) and found.decision_packet is not None
    old = found.decision_packet.comparison
    assert [getattr(old, name) for name in NEW_FIELDS] == ["", *[None] * 8]
    assert old.current_champion_value == 0.9
    assert decision.odds(old) == "" and "- Evidence" not in decision.markdown(found.decision_packet)


def test_the_evidence_in_words() -> None:
    first = of("first", 1.0)
    lucky = decision.decide(of("b", 0.99, first), Races.of([first], HELD))
    chance = decision.chance(lucky.comparison.probability or 0.0)
    evidence = f"better with probability {chance} (1 run against 1, noise 0.003 assumed)"
    assert lucky.summary.startswith(f"Replicate: val_bpb 0.990000, -0.010000 to the champion's 1.000000; {evidence}; ")
    assert f"- Evidence: {evidence}, in the group not stated\n" in decision.markdown(lucky)
    assert "- Result: val_bpb 0.990000, -0.010000 to the champion's 1.000000\n" in decision.markdown(lucky)
    second = of("b", 0.99, first)
    run = again(second, 0.992)[0]
    known = decision.decide(run, Races.of([first, second, *again(first, 1.003, 0.998)], HELD))
    noise = f"{known.comparison.noise:.2g}"
    assert "0.992000 (mean of 2 runs 0.991000)" in known.summary
    assert f"(2 runs against 3, noise {noise} from 3 replicates)" in known.summary


def test_the_runs_that_should_decide_are_said_where_it_is_open(make_run: Make) -> None:
    worse = decide(make_run, "discard", 1.0001, "novel", None)
    assert worse.summary.endswith("; 40 more would not decide.")
    equal = decide(make_run, "discard", 1.0, "novel", None)
    assert equal.summary.startswith("Retry: val_bpb 1.000000, +0.000000 to the champion's 1.000000; ")
    close = decision.decide(of("b", 0.98), Races.of([of("a", 1.0)], HELD))
    assert close.next_action == "replicate" and close.comparison.seeds_needed
    assert f"{close.comparison.seeds_needed} more run" in close.summary
    for status, value, action in (("discard", 0.9, "retry"), ("keep", 1.2, "replicate")):
        packet = decide(make_run, status, value, "novel", None)
        assert packet.next_action == action and " decide" not in packet.summary


@pytest.mark.parametrize(("probability", "said"), [(0.999, ">0.99"), (0.001, "<0.01"), (0.5, "0.50"), (0.8149, "0.81")])
def test_chance(probability: float, said: str) -> None:
    assert decision.chance(probability) == said


def test_markdown_is_safe_and_whole(make_run: Make) -> None:
    match = Match(
        category="known_success", score=0.7, run_id="x", commit="c", status="keep", value=1.0, description="a|b <i>"
    )
    run = make_run(
        "b", None, status="crash", error=Error(summary="<b>x</b>|", source="run.log"), family="lr|x", hypothesis="*y*",
        description="[x](y)",
    )  # fmt: skip
    packet = decision.decide(run, Races.of([], RULES))
    guard = decide(make_run, "keep", 0.9, "novel", None).novelty
    assert guard is not None
    shown = decision.markdown(msgspec.structs.replace(packet, novelty=msgspec.structs.replace(guard, top_match=match)))
    for said in (r"\<b>x\</b>\|", r"lr\|x", r"\*y\*", r"\[x\](y)", r"a\|b \<i>", "Result: val_bpb -"):
        assert said in shown
    assert shown.startswith("# Decision packet\n\n**investigate_crash** (high): ") and shown.endswith("\n")


def test_a_hostile_device_is_shown_safely(make_run: Make) -> None:
    odd = Environment(device="<b>|\n# x")
    history = [make_run("a", 1.0, environment=odd)]
    shown = decision.markdown(decision.decide(make_run("b", 0.99, environment=odd), Races.of(history, RULES)))
    assert r"\<b>\|" in shown and "\n# x" not in shown


def test_numbers() -> None:
    assert (text.number(None), text.number(0), text.number(1.23456789)) == ("-", "0.000000", "1.234568")
    assert decision.signed(None, 1) == "-"
    assert (decision.signed(0.5, 1), decision.signed(-0.5, 0)) == ("+0.500000", "-0.500000")
    assert (decision.signed(-4.0, 812), decision.signed(1e-7, 3.2e-6)) == ("-4", "+0.0000001")
