import csv
import json
import os
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memorylab.core.change import read_change
from memorylab.core.novelty import DUPLICATE, SAME, Idea, relate
from memorylab.core.record import Run, decode, encode
from memorylab.core.verdict import DEFAULT_THRESHOLD, Guard, evaluate_policy, probe_text


def pair(planned, past, status="discard", earlier=()):
    """How a planned idea stands to the past one, after some others that were kept."""
    history = [*((Idea(text), "keep") for text in earlier), (Idea(past), status)]
    return relate(Idea(planned), history)[-1]


def run(number, description, status="discard", family="", value=1.0, change=None):
    return Run(
        writer="w", seq=number, run_id=f"run-{number}", timestamp_utc=None, branch=None, commit=f"c{number}",
        parent_commit=None, family=family, status=status, description=description, hypothesis="", tags=[], notes="",
        metrics={"val_bpb": None if status == "crash" else value}, error=None, artifacts={}, novelty_guard=None,
        decision_packet=None, change=change, environment=None,
    )  # fmt: skip


def verdict(planned, *past, mode="exploit", threshold=DEFAULT_THRESHOLD, limit=3):
    planned = planned if isinstance(planned, Idea) else Idea(planned)
    return Guard(past, metric="val_bpb").judge(planned, mode, threshold, limit)


def code(**constants):
    base = {"DEPTH": 8, "MATRIX_LR": 0.04, "EMBEDDING_LR": 0.6, "WEIGHT_DECAY": 0.2}
    old, new = ("".join(f"{k} = {v!r}\n" for k, v in values.items()) for values in (base, base | constants))
    return read_change(old, new, "train.py", blob=str(sorted(constants.items())))


# --- relations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("increase matrix LR", "decrease matrix LR"),
        ("total batch 2**13->2**14", "total batch 2**14->2**13"),
        ("raise the softcap to 20", "lower the softcap to 10"),
        ("embedding LR 0.8", "embedding LR 0.4"),  # about upstream's 0.6
        ("double the device batch", "halve the device batch"),
        ("add weight tying", "remove weight tying"),
    ],
)
def test_opposite_directions_are_opposite_and_never_match(a, b):
    for planned, past in [(a, b), (b, a)]:
        relation = pair(planned, past)
        assert relation.kind == "opposite"
        assert max(relation.same, relation.related) < SAME
        for mode in ("explore", "exploit", "replicate"):
            assert verdict(planned, run(1, past), mode=mode).match_count == 0
        assert "was a discard in c1" in verdict(planned, run(1, past)).why


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("weight decay 0.1", "weight decay 0.15"),
        ("matrix LR 0.04 -> 0.06", "matrix LR 0.04 -> 0.07"),
        ("SwiGLU activation", "GELU activation"),
        ("window pattern SSSSL", "window pattern SLSL"),
        ("set depth to 10", "set depth to 10 and matrix LR to 0.03"),
    ],
)
def test_another_value_is_a_variant(a, b):
    for planned, past in [(a, b), (b, a)]:
        assert pair(planned, past).kind == "variant"
        assert verdict(planned, run(1, past)).classification == "novel"


def test_weight_decay_at_another_value_is_not_blocked():
    assert pair("weight decay 0.1", "weight decay 0.2").kind == "variant"
    assert verdict("weight decay 0.1", run(1, "weight decay 0.2")).classification == "novel"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("embedding LR 0.8", "unembedding LR 0.8"),
        ("warmup 0.1", "warmdown 0.1"),
        ("Adam beta1 0.9", "Adam beta2 0.9"),
        ("Adam beta2 0.9", "Muon beta2 0.9"),
        ("depth 10", "aspect ratio 10"),
        ("QK norm", "label smoothing"),
        ("matrix LR 0.06 to speed up training", "scalar LR 0.3 to speed up training"),
    ],
)
def test_other_knobs_are_different(a, b):
    for planned, past in [(a, b), (b, a)]:
        assert pair(planned, past).kind == "different"


SAME_IDEA = ["raise matrix lr to 0.06", "MATRIX_LR 0.04 -> 0.06", "bump the Muon learning rate up to 6e-2"]


@pytest.mark.parametrize("planned", SAME_IDEA)
@pytest.mark.parametrize("past", SAME_IDEA)
def test_one_idea_in_other_words_is_the_same(planned, past):
    assert pair(planned, past).kind == "same"
    found = verdict(planned, run(1, past))
    assert found.classification == "duplicate_run"
    assert found.policy.decision == "block"


def test_a_bare_value_has_the_direction_that_the_history_gives_it():
    assert pair("matrix LR 0.05", "matrix LR 0.03").kind == "opposite"
    assert pair("matrix LR 0.05", "matrix LR 0.03", earlier=["matrix LR 0.02"]).kind == "variant"


def test_a_bare_value_has_the_direction_that_the_subject_gives_it():
    history = [(Idea("matrix LR 0.03"), "discard")]
    assert relate(Idea("matrix LR 0.05"), history, start={"MATRIX_LR": "0.02"})[0].kind == "variant"


def test_the_same_words_on_a_moved_base_go_a_step_further():
    assert pair("halve the total batch", "halve the total batch", status="discard").same >= DUPLICATE
    assert pair("halve the total batch", "halve the total batch", status="keep").kind == "variant"


# --- code -----------------------------------------------------------------------------------------------------------


def test_the_same_statements_are_the_same_idea_whatever_the_words():
    relation = relate(
        Idea("a bolder optimizer", change=code(MATRIX_LR=0.06)), [(Idea("faster", change=code(MATRIX_LR=6e-2)), "keep")]
    )[0]
    assert (relation.kind, relation.why) == ("same", "the same program as in run 1")
    other_base = read_change("MATRIX_LR = 0.05\nX = 1\n", "X = 1\nMATRIX_LR = 0.06\n", "train.py")
    relation = relate(Idea("bolder", change=other_base), [(Idea("faster", change=code(MATRIX_LR=0.06)), "discard")])[0]
    assert (relation.kind, relation.why) == ("same", "the same statements were added in run 1")


def test_the_same_program_is_a_duplicate_even_in_opposite_words():
    found = verdict(
        Idea("lower matrix LR", change=code(MATRIX_LR=0.06)),
        run(1, "raise matrix LR", "keep", change=code(MATRIX_LR=0.06)),
    )
    assert (found.classification, found.top_matches[0].score) == ("duplicate_run", 1.0)
    assert "the same program as in c1" in found.why


def test_constants_in_the_code_outrank_the_words():
    words = "tune the optimizer"

    def kind(ours, theirs):
        return relate(Idea(words, change=ours), [(Idea(words, change=theirs), "discard")])[0].kind

    assert kind(code(MATRIX_LR=0.06), code(MATRIX_LR=0.08)) == "variant"
    assert kind(code(MATRIX_LR=0.06), code(MATRIX_LR=0.02)) == "opposite"
    assert kind(code(MATRIX_LR=0.06), code(EMBEDDING_LR=0.06)) == "different"


def test_code_is_compared_with_words_where_the_past_has_no_code():
    planned = Idea("second try", change=code(MATRIX_LR=0.06))
    assert verdict(planned, run(1, "bump the Muon LR to 0.06")).classification == "duplicate_run"
    assert verdict(planned, run(1, "Muon LR 0.02")).classification == "novel"


def test_words_that_the_code_belies_are_named():
    found = verdict(Idea("raise matrix LR to 0.06", change=code(DEPTH=9)), run(1, "matrix LR 0.06"))
    assert found.classification == "novel"
    assert "the words speak of matrix lr, the code changes DEPTH" in found.why
    assert "the words speak" not in verdict(Idea("depth 9", change=code(DEPTH=9))).why


# --- verdicts -------------------------------------------------------------------------------------------------------

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


# --- properties -----------------------------------------------------------------------------------------------------

_WORDS = (
    "raise lower matrix embedding LR depth 0.06 2**15 to from -> 0.1 halve batch with , ; remove QK norm SSSL ( ) = at "
    "GELU replace weight decay adam (0.8,0.95) 5% 2x"
)
_TEXTS = st.text(max_size=60) | st.lists(st.sampled_from(_WORDS.split()), max_size=12).map(" ".join)


@settings(deadline=None)
@given(_TEXTS, st.lists(st.tuples(_TEXTS, st.sampled_from(["keep", "discard", "crash", "", "?"])), max_size=6))
def test_any_texts_can_be_related(planned, history):
    relations = relate(Idea(planned), [(Idea(text), status) for text, status in history])
    assert len(relations) == len(history)
    for relation in relations:
        assert 0 <= relation.same <= relation.related <= 1
        assert relation.kind != "opposite" or relation.related < SAME


@settings(deadline=None)
@given(_TEXTS, _TEXTS)
def test_relations_are_symmetric_where_nothing_was_kept(a, b):
    there, back = pair(a, b), pair(b, a)
    if there.kind != back.kind or abs(there.same - back.same) > 1e-9:
        # What one of them says about the base ("from 0.04") may tell the direction of the other only afterwards.
        assert "from" in a + b or "->" in a + b or "to" in a + b or "replace" in a + b


@settings(deadline=None)
@given(_TEXTS.filter(str.strip))
def test_the_same_words_again_are_a_duplicate(text):
    assert verdict(text, run(1, text)).classification == "duplicate_run"


# --- labelled pairs -------------------------------------------------------------------------------------------------


@pytest.mark.skipif("MEMORYLAB_PAIRS" not in os.environ, reason="MEMORYLAB_PAIRS names no directory of labelled pairs")
def test_labelled_pairs_of_real_ledgers():
    """MEMORYLAB_PAIRS holds `pairs*.jsonl` (ledger, i_row, j_row, label, opposite) and `ledgers/*.tsv`."""
    root = Path(os.environ["MEMORYLAB_PAIRS"])
    wanted = defaultdict(list)
    for file in root.glob("pairs*.jsonl"):
        for line in file.read_text("utf-8").splitlines():
            labelled = json.loads(line)
            wanted[labelled["ledger"], labelled["j_row"]].append(labelled)
    found = defaultdict(list)
    for (ledger, row), group in wanted.items():
        lines = (root / "ledgers" / ledger).read_text("utf-8").splitlines()
        table = csv.DictReader((line for line in lines if line.strip()), delimiter="\t", quoting=csv.QUOTE_NONE)
        rows = [(Idea(entry["description"] or ""), entry.get("status") or "") for entry in table]
        relations = relate(Idea(group[0]["b"]), rows[: row - 1])
        for labelled in group:
            matched = relations[labelled["i_row"] - 1].same >= DEFAULT_THRESHOLD
            found["opposite" if labelled["opposite"] else labelled["label"]].append(matched)
    matches = [matched for label in found.values() for matched in label]
    assert not any(found["opposite"])
    assert sum(found["same"]) / sum(matches) >= 0.9
    assert sum(found["same"]) / len(found["same"]) >= 0.85
