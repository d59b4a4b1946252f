"""brief: what an agent is told that starts cold or resumes."""

import json
from pathlib import Path
from typing import Any

import pytest

from memorylab.core.gains import Gains
from memorylab.core.group import Group
from memorylab.core.text import short_id
from tests.conftest import Lab, Templates


@pytest.fixture
def told(templates: Templates, tmp_path: Path) -> Lab:
    """A champion, two knobs that hurt, a crash."""

    def tell(lab: Lab) -> None:
        lab.git("config", "core.hooksPath", "/dev/null")
        lab.git("commit", "-q", "--allow-empty", "-m", "baseline")
        lab.result(1.6)
        lab.run("log", "--log", "run.log")
        lab.experiment("deeper", 1.5, knob="DEPTH", to=9)
        for knob, to, value in (("MATRIX_LR", 0.08, 1.7), ("DEPTH", 12, 1.9)):
            lab.experiment(f"{knob} to {to}", value, knob=knob, to=to)
            lab.git("reset", "-q", "--hard", "HEAD~1")
        (lab.path / "train.py").write_text((lab.path / "train.py").read_text() + "\nboom()\n")
        lab.commit("add a boom")
        lab.run("log", "--status", "crash", "--error", "CUDA out of memory")
        lab.git("reset", "-q", "--hard", "HEAD~1")

    return templates.told("what a brief tells of", tell, tmp_path)


def _brief(lab: Lab, words: int = 300) -> dict:
    found: dict = json.loads(lab.run("brief", "--words", str(words), "--json").stdout)
    assert len(found["text"].split()) == found["words"] <= words
    return found


def test_a_brief_tells_what_the_memory_holds(told: Lab) -> None:
    found = _brief(told)
    facts = found["facts"]
    champion = told.memory.runs[1]
    assert facts["champion"]["run_id"] == champion.run_id
    assert facts["champion"]["knobs"] == {"DEPTH": {"old": "8", "new": "9"}}
    assert facts["leader"] is None
    assert facts["head"]["role"] == "this is the champion"
    dead = {(one["knob"], one["value"]): one for one in facts["dead_ends"] if one["knob"]}
    assert set(dead) == {("MATRIX_LR", "0.08"), ("DEPTH", "12")}
    assert dead["MATRIX_LR", "0.08"]["effect"] == pytest.approx(0.2)
    assert dead["MATRIX_LR", "0.08"]["strength"] > 0.9
    assert [one["description"] for one in facts["dead_ends"] if one["outcome"] == "crashed"] == ["add a boom"]
    assert [(one["knob"], one["value"], one["stands"]) for one in facts["works"]] == [("DEPTH", "9", True)]
    assert [(one["knob"], one["now"]) for one in facts["untried"] if not one["left"]] == [("WARMDOWN_RATIO", "0.5")]
    text = told.run("brief").stdout
    assert "results compare within" not in text, "where nobody says where he ran"
    assert text.strip() == found["text"].strip()
    for said in (
        "Goal: minimize val_bpb by editing train.py; a run is killed after 600 s; 5 runs so far: 2 kept, 2 discarded",
        f"Champion: 1.500000 at {champion.commit[:7]}; deeper; 1 run",
        f"You: at {champion.commit[:7]} on main, this is the champion.",
        f"    git memorylab show {short_id(told.memory.runs[-1].run_id)}  # fix_and_retry, add a boom",
        "    MATRIX_LR: 0.08 +0.2±",
        "never turned: WARMDOWN_RATIO 0.5",
    ):  # fmt: skip
        assert said in text, said


def test_few_words_are_kept(told: Lab) -> None:
    whole = _brief(told, 5000)
    assert whole["left_out"] == {}
    assert whole["words"] == whole["whole"]
    for words in (20, 35, 60, 100):
        found = _brief(told, words)
        assert found["left_out"]
        assert "Champion: 1.5" in found["text"]
    assert told.run("brief", "--words", "19", rc=2)


def test_the_next_command_is_that_of_the_status(told: Lab) -> None:
    told.edit("WARMDOWN_RATIO", 0.7)
    assert _brief(told)["facts"]["steps"][0]["command"] == "git memorylab check"
    assert "uncommitted: WARMDOWN_RATIO 0.5 → 0.7." in _brief(told)["text"]
    told.commit("longer warmdown")
    facts = _brief(told)["facts"]
    assert facts["steps"][0]["command"] == "git memorylab run"
    assert facts["head"]["role"] == "not run yet"


def test_what_stands_though_it_hurts(told: Lab) -> None:
    told.experiment("raise LR", 1.9, "--status", "keep", knob="MATRIX_LR", to=0.07)
    told.experiment("shorter warmdown", 2.9, "--status", "keep", knob="WARMDOWN_RATIO", to=0.4)
    text = _brief(told)["text"]
    assert "Kept, though it seems to hurt:\n\n    WARMDOWN_RATIO: 0.4 +1±" in text
    assert "\n    MATRIX_LR: 0.07 +0.4±" in text
    assert "    WARMDOWN_RATIO (now 0.4): between 0.4 and 0.5, above 0.5, below 0.4" in _brief(told, 900)["text"]


def test_what_head_has_and_nobody_kept_does_not_stand(told: Lab) -> None:
    """As right after a run that was discarded, before anybody went back."""
    told.experiment("shorter warmdown", 2.9, "--status", "discard", knob="WARMDOWN_RATIO", to=0.4)
    (tried,) = [one for one in _brief(told)["facts"]["dead_ends"] if one["knob"] == "WARMDOWN_RATIO"]
    assert (tried["value"], tried["stands"]) == ("0.4", False)


def test_claims_of_others_alone(told: Lab) -> None:
    told.run("claim", "mine")
    told.git("worktree", "add", "-q", "--detach", "../beside")
    Lab(told.path.parent / "beside").run("claim", "halve the \x1b[31m batch")
    text = _brief(told)["text"]
    assert f"    halve the \ufffd[31m batch, {told.store.writer()}/beside until " in text
    assert "mine" not in text


def test_each_group_is_weighed_once(told: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    weighed = []
    begin = Gains.__init__

    def count(self: Gains, group: Group, *rest: Any) -> None:
        weighed.append(group)
        begin(self, group, *rest)

    monkeypatch.setattr(Gains, "__init__", count)
    _brief(told)
    assert len(weighed) == len(set(weighed)) == 1


def test_an_empty_lab_says_how_to_begin(make_lab) -> None:
    lab = make_lab(init=False)
    assert "nothing was run yet" in _brief(lab)["text"]
    assert "    git memorylab init  #" in _brief(lab)["text"]
    lab.run("init")
    assert "    git memorylab run --description baseline  #" in _brief(lab)["text"]


def test_without_a_commit_and_without_a_working_tree(told: Lab, tmp_path: Path) -> None:
    told.git("clone", "-q", "--mirror", ".", "../bare.git")
    bare = Lab(told.path.parent / "bare.git")
    assert "Champion: 1.5" in _brief(bare)["text"]
    fresh = Lab(tmp_path / "fresh")
    fresh.path.mkdir()
    fresh.git("init", "-q")
    assert _brief(fresh)["facts"]["head"] is None


def test_code_is_weighed_like_knobs(told: Lab) -> None:
    text = (told.path / "train.py").read_text()
    (told.path / "train.py").write_text(text.replace("print(", "print(1, "))
    told.commit("say more")
    told.result(1.8)
    told.run("log", "--log", "run.log")
    facts = _brief(told)["facts"]
    (code,) = [one for one in facts["dead_ends"] if one["description"] == "say more"]
    assert code["effect"] == pytest.approx(0.3)
    assert code["strength"] > 0.9
    assert f"    {short_id(code['run_id'])} say more +0.3±" in _brief(told, 900)["text"]


def test_what_leans_worse_by_less_than_its_error_is_no_dead_end(told: Lab) -> None:
    for ratio, more in (("0.6", 0.0), ("0.7", 0.001), ("0.8", 0.003), ("0.9", 0.006)):
        told.experiment(f"ratio {ratio}", 1.5 + more, "--status", "discard", knob="WARMDOWN_RATIO", to=ratio)
        told.git("reset", "-q", "--hard", "HEAD~1")
    tried = json.loads(told.run("knobs", "WARMDOWN_RATIO", "--json").stdout)["knob"]["groups"][0]["tried"]
    assert {one["value"] for one in tried if one["outcome"] == "leans worse"} == {"0.8", "0.9"}
    dead = {one["value"] for one in _brief(told)["facts"]["dead_ends"] if one["knob"] == "WARMDOWN_RATIO"}
    assert dead == {"0.9"}
