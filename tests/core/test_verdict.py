import pytest

from memorylab.core.history import Idea
from memorylab.core.record import Run, decode, encode
from memorylab.core.verdict import evaluate_policy, in_mode, probe_text
from tests.core.ideas import code, run, verdict

# As published: rows are modes, columns novel, duplicate_run, repeat_failure, incremental_followup, known_success.
POLICY = {
    "explore": "allow block block block block",
    "exploit": "caution block block allow allow",
    "replicate": "block allow block allow allow",
}
COLUMNS = ["novel", "duplicate_run", "repeat_failure", "incremental_followup", "known_success"]


@pytest.mark.parametrize("mode", POLICY)
def test_policy(mode):
    policies = [evaluate_policy(column, mode) for column in COLUMNS]
    assert [policy.decision for policy in policies] == POLICY[mode].split()
    assert all(policy.mode == mode and policy.rationale for policy in policies)


def test_nothing_before_is_novel():
    found = verdict("raise matrix LR")
    assert (found.classification, found.match_count, found.top_matches) == ("novel", 0, [])
    assert found.counts == {"duplicate_run": 0, "incremental_followup": 0, "known_success": 0, "repeat_failure": 0}


def test_a_likely_repeat_of_a_failure():
    for status in ("discard", "crash"):
        found = verdict("raise the scalar learning rate", run(1, "increase SCALAR_LR (too noisy)", status))
        assert found.classification == "repeat_failure"
        assert found.top_matches[0].value == (None if status == "crash" else 1.0)


def test_another_value_of_what_was_kept_follows_it_up():
    kept = run(1, "matrix LR 0.04 -> 0.05", "keep", family="lr")
    assert verdict("matrix LR 0.05 -> 0.06", kept).classification == "known_success"
    found = verdict(Idea("matrix LR 0.05 -> 0.06", family="LR"), kept)
    assert (found.classification, found.policy.decision) == ("incremental_followup", "allow")
    assert found.top_matches[0].relation == "variant"


def test_mode_lowers_the_threshold():
    effective = {mode: verdict("depth 9", mode=mode, threshold=0.6).effective_threshold for mode in POLICY}
    assert effective == {"explore": 0.55, "exploit": 0.6, "replicate": 0.52}
    assert verdict("depth 9", mode="replicate", threshold=0.01).effective_threshold == 0
    assert verdict("depth 9", threshold=1.0).effective_threshold == 0.99


def test_a_family_widens_the_catchment_a_little():
    past = run(1, "raise the scalar LR", family="lr")
    score = verdict("increase scalar lr", past).top_matches[0].score
    threshold = score + 0.05
    assert verdict("increase scalar lr", past, threshold=threshold).classification == "novel"
    assert verdict(Idea("increase scalar lr", family="lr"), past, threshold=threshold).match_count == 1


def test_a_higher_kind_wins_unless_a_lower_one_is_clearly_closer():
    kept, failed = run(1, "depth 8 -> 9", "keep"), run(2, "increase depth")
    assert verdict("increase depth to 10", kept, failed, threshold=0.4).classification == "known_success"
    assert "clearly closer than run-2 (repeat_failure)" in verdict("depth 9 -> 10", kept, failed, threshold=0.4).why
    assert (
        verdict("increase depth", run(1, "depth 8 -> 9", "keep"), run(2, "deeper")).classification == "repeat_failure"
    )


def test_matches_are_best_first_and_later_runs_first_among_equals():
    past = [run(1, "matrix LR 0.06"), run(2, "raise matrix LR"), run(3, "matrix LR 0.06"), run(4, "depth 3")]
    found = verdict("matrix LR 0.04 -> 0.06", *past, threshold=0.4, limit=5)
    assert [match.run_id for match in found.top_matches] == ["run-3", "run-1", "run-2"]
    found = verdict("matrix LR 0.04 -> 0.06", *past, threshold=0.4, limit=1)
    assert (found.match_count, len(found.top_matches)) == (3, 1)
    assert found.counts["duplicate_run"] == 2


def test_probe_text_holds_all_words():
    assert probe_text(Idea("a", "b", "c", ("d", "e"))) == "a b c d e"
    assert probe_text(Idea("a")) == "a"


def test_a_verdict_can_be_recorded():
    past = run(1, "matrix LR 0.06", "keep", family="lr")
    found = verdict(Idea("raise matrix LR to 0.06", change=code(MATRIX_LR=0.06)), past)
    assert decode(encode(_with(past, found))) == _with(past, found)


def _with(past, found):
    values = {name: getattr(past, name) for name in past.__struct_fields__}
    return Run(**values | {"novelty_guard": found})


# --- what a failure is worth ----------------------------------------------------------------------------------------


def champion(number, value, description="use GELU"):
    return run(number, description, "keep", value=value)


def test_a_failure_on_an_old_base_only_cautions():
    """The champion moved by 2 %, or a later keep turned the same knob."""
    failure = run(2, "matrix LR 0.06", value=1.02)
    fresh = verdict("matrix LR 0.06", champion(1, 1.0), failure, champion(3, 0.995, "add QK norm"))
    assert (fresh.policy.decision, fresh.stale) == ("block", "")
    far = verdict("matrix LR 0.06", champion(1, 1.0), failure, champion(3, 0.98, "add QK norm"))
    assert (far.classification, far.policy.decision) == ("duplicate_run", "caution")
    assert far.stale == "since that failure the champion moved from 1 to 0.98"
    assert far.stale in far.why
    turned = verdict("matrix LR 0.06", champion(1, 1.0), failure, champion(3, 0.999, "matrix LR 0.05"))
    assert turned.policy.decision == "caution"
    assert turned.stale == "since that failure MATRIX_LR 0.04 → 0.05 was kept in c3"


def test_the_latest_failure_counts():
    old, new = run(2, "matrix LR 0.06", value=1.02), run(4, "matrix LR 0.06", value=1.0)
    assert verdict("matrix LR 0.06", champion(1, 1.0), old, champion(3, 0.9, "add QK norm"), new).stale == ""


def test_a_repeat_of_a_success_is_never_stale():
    found = verdict("matrix LR 0.06", run(1, "matrix LR 0.06"), champion(2, 0.5), champion(3, 0.4, "matrix LR 0.06"))
    assert (found.classification, found.policy.decision, found.stale) == ("duplicate_run", "block", "")


def test_the_same_program_holds_its_base_and_is_never_stale():
    again = code(MATRIX_LR=0.06)
    past = (champion(1, 1.0), run(2, "matrix LR 0.06", value=1.02, change=again), champion(3, 0.5))
    assert verdict(Idea("matrix LR 0.06", change=again), *past).stale == ""


def test_staleness_by_mode():
    past = (champion(1, 1.0), run(2, "matrix LR 0.06", value=1.02), champion(3, 0.9, "add QK norm"))
    decisions = {mode: verdict("matrix LR 0.06", *past, mode=mode).policy.decision for mode in POLICY}
    assert decisions == {"explore": "caution", "exploit": "caution", "replicate": "allow"}
    weak = verdict("raise the matrix LR", *past, threshold=0.3)
    assert (weak.classification, weak.policy.decision) == ("repeat_failure", "caution")
    assert in_mode(weak, "replicate").policy.decision == "block"
    assert in_mode(weak, "explore").policy.decision == "caution"


# --- further evidence -----------------------------------------------------------------------------------------------


def test_what_the_other_direction_gave():
    past = (champion(1, 1.0), run(2, "matrix LR 0.04 -> 0.02", value=1.004))
    found = verdict("matrix LR 0.04 -> 0.06", *past)
    assert found.classification == "novel"
    assert "the other direction (MATRIX_LR 0.04 → 0.02) lost 0.004 in c2" in found.why
    gained = verdict("matrix LR 0.06", champion(1, 1.0), run(2, "matrix LR 0.04 -> 0.02", "keep", value=0.99))
    assert "(MATRIX_LR 0.04 → 0.02) gained 0.01 in c2" in gained.why
    crashed = verdict("matrix LR 0.06", run(1, "matrix LR 0.04 -> 0.02", "crash"))
    assert "(MATRIX_LR 0.04 → 0.02) crashed in c1" in crashed.why


def test_what_is_known_of_a_knob():
    past = [
        champion(1, 1.0), run(2, "matrix LR 0.08", value=1.1), run(3, "matrix LR 0.02, depth 9", value=1.2),
        run(4, "matrix LR 0.08", value=1.05), run(5, "depth 7", "crash"),
    ]  # fmt: skip
    (knob,) = verdict("matrix LR 0.06", *past).known
    assert knob.knob == "MATRIX_LR"
    assert [(t.value, t.run_id, t.status, t.result, t.delta, t.others) for t in knob.trials] == [
        ("0.02", "run-3", "discard", 1.2, 0.2, 1),
        ("0.08", "run-4", "discard", 1.05, 0.05, 0),
    ]
    assert [knob.knob for knob in verdict("depth 8 and matrix LR 0.06", *past).known] == ["depth", "MATRIX_LR"]


def test_a_repeat_under_another_base_says_so():
    past = (run(1, "matrix LR 0.04 -> 0.06"), run(2, "matrix LR 0.04 -> 0.05", "keep"))
    match = verdict("matrix LR 0.05 -> 0.06", *past).top_matches[0]
    assert match.why == "MATRIX_LR 0.05 → 0.06, as in c1 (from 0.04 there)"


@pytest.mark.parametrize(
    ("words", "remark"),
    [
        ("raise matrix LR to 0.06 and depth to 10", "the words say depth 10, the code 8 → 9; the code counts"),
        ("lower the depth", "the words say depth down, the code 8 → 9; the code counts"),
        ("matrix LR 0.06", "the code also changes depth"),
        ("rerun", "the words speak of rerun, the code changes depth, MATRIX_LR; the code counts"),
        ("baseline", "the words speak of baseline, the code changes depth, MATRIX_LR; the code counts"),
        ("a bolder optimizer", ""),
        ("matrix LR 0.04 -> 0.06, depth 8 -> 9", ""),
    ],
)
def test_words_and_code_are_compared(words, remark):
    why = verdict(Idea(words, change=code(MATRIX_LR=0.06, DEPTH=9))).why.replace("DEPTH", "depth")
    assert remark in why
    assert bool(remark) == ("the code" in why)
