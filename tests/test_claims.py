"""claim: of all who are about to try the same, one is told to, and the others are told who it is."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from memorylab.commands import claim as command
from memorylab.commands import session as sessions
from memorylab.core.record import Claim, encode
from memorylab.errors import Unreachable
from memorylab.ledger import Ledger
from memorylab.store import claims as board
from memorylab.store import transport
from tests.conftest import FORM, Hub, Lab, Templates

pytestmark = pytest.mark.long  # for their length alone

IDEA = "raise MATRIX_LR to 0.06"
OTHER_WORDS = "matrix lr 0.04 -> 0.06"
BOARD = "refs/memorylab/claims"
HOSTILE = "\x1b[31m\u202e\x9b31m\x07"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which nobody waits for here."""
    found: list[float] = []
    monkeypatch.setattr(transport, "time", SimpleNamespace(sleep=found.append, time=time.time))
    return found


@pytest.fixture
def remote(tmp_path: Path, templates: Templates) -> Hub:
    """A bare repository with a subject in it."""
    return Hub(templates, tmp_path / "remote.git")


@pytest.fixture
def clone(remote: Hub) -> Callable[[str], Lab]:
    """Make clones of the remote."""
    return lambda name: remote.join(name, init=False)


@pytest.fixture
def pair(clone: Callable[[str], Lab]) -> tuple[Lab, Lab]:
    """Two clones of one remote."""
    return clone("a"), clone("b")


def claim(lab: Lab, idea: str = IDEA, *options: str, rc: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lab.run("claim", idea, "--json", *options, rc=rc).stdout)
    assert found["ours"] is (rc == 0)
    return found


Claimed = tuple[Lab, Lab, dict[str, Any]]


@pytest.fixture
def claimed(remote: Hub, templates: Templates) -> Claimed:
    """Two clones of one remote, and the first one's claim of the idea."""

    def make(folder: Path) -> None:
        hub = Hub(templates, folder / "remote.git")
        a, _ = hub.join("a", init=False), hub.join("b", init=False)
        claim(a)

    shutil.rmtree(remote.path)
    templates.copy("claimed", make, remote.path.parent)
    return Lab(remote.path.parent / "a"), Lab(remote.path.parent / "b"), posted(remote)[0]


def check(lab: Lab, *options: str, rc: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lab.run("check", "--json", *options, rc=rc).stdout)
    return found


def about(lab: Lab, idea: str = IDEA, *options: str) -> list[str]:
    """The claims of others that a check of an idea names."""
    return [one["claim_id"] for one in check(lab, "--description", idea, *options)["claimed"]]


def listed(lab: Lab) -> list[str]:
    return [one["id"] for one in json.loads(lab.run("claim", "--json").stdout)]


def posted(remote: Lab) -> list[dict[str, Any]]:
    """What is on the board."""
    return [json.loads(line) for line in remote.git("cat-file", "blob", f"{BOARD}:claims.jsonl").splitlines()]


def log(lab: Lab, message: str, *options: str, knob: str = "MATRIX_LR", to: object = 0.06) -> dict[str, Any]:
    lab.edit(knob, to)
    lab.commit(message)
    lab.result(1.0)
    found: dict[str, Any] = json.loads(lab.run("log", "--log", "run.log", "--json", *options).stdout)
    return found


def stated(lab: Lab, **said: Any) -> Claim:
    """A claim that was never made by `claim`: its fields are what somebody says."""
    now = datetime.now(UTC)
    fields = {
        "kind": "claim", "writer": "mallory-00000000", "seq": 1, "id": "20260101T000000Z-0000000-0000000000000001",
        "timestamp_utc": f"{now:%Y-%m-%dT%H:%M:%SZ}", "commit": lab.git("rev-parse", "HEAD"), "description": IDEA,
        "expires_utc": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
    }  # fmt: skip
    return msgspec.convert(fields | said, Claim)


def post(lab: Lab, remote: Lab, content: bytes | str) -> str:
    """Put a board on the remote by force, whatever is on it; its commit."""
    data = content.encode() if isinstance(content, str) else content
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=lab.path, input=data, capture_output=True, check=True
    ).stdout.decode()
    made = lab.git("commit-tree", tree(lab, f"100644 blob {blob.strip()}\tclaims.jsonl"), "-m", "forged")
    lab.git("push", "-q", "--force", str(remote.path), f"{made}:{BOARD}")
    return made


def tree(lab: Lab, entry: str) -> str:
    return subprocess.run(
        ["git", "mktree", "--missing"], cwd=lab.path, input=f"{entry}\n", capture_output=True, text=True, check=True
    ).stdout.strip()


def set_clock(monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + ahead

    monkeypatch.setattr(sessions, "datetime", Clock)


def once(function: Callable[..., Any], before: Callable[[], object]) -> Callable[..., Any]:
    """A function before whose first call something else happens."""
    called: list[bool] = []

    def wrapped(*arguments: Any) -> Any:
        if not called:
            called.append(True)
            before()
        return function(*arguments)

    return wrapped


def race(labs: list[Lab], ideas: list[str]) -> tuple[list[str], list[str]]:
    """All claim at once, as processes: the ids that were won, and those that the others were told."""
    started = [lab.spawn("claim", idea, "--json") for lab, idea in zip(labs, ideas, strict=True)]
    won, told = [], []
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode in (0, 1), err
        found = json.loads(out)
        assert found["settled"] == "remote" and found["ours"] is (process.returncode == 0)
        (told if process.returncode else won).append(found["claim"]["id"])
    return won, told


def sync(*labs: Lab) -> None:
    for lab in labs:
        lab.run("sync")


# -- what others see


def test_a_check_names_the_holder_after_a_sync(pair: tuple[Lab, Lab]) -> None:
    a, b = pair
    made = claim(a)
    assert (made["settled"], made["claim"]["description"], made["attempts"]) == ("remote", IDEA, 1)
    assert about(b) == []
    sync(b)
    holder = {
        "claim_id": made["claim"]["id"], "writer": a.store.writer(), "worktree": "", "description": IDEA,
        "expires_utc": made["claim"]["expires_utc"],
    }  # fmt: skip
    for mode in ("explore", "exploit"):
        judged = check(b, "--description", IDEA, "--mode", mode)
        assert judged["claimed"] == [holder]
        assert judged["policy"] == {
            "mode": mode, "decision": "block", "rationale": "Somebody else is about to try this; take another idea.",
        }  # fmt: skip
        b.run("check", "--description", IDEA, "--mode", mode, "--fail-on-similar", rc=1)
    said = b.run("check", "--description", IDEA).stdout.splitlines()
    assert said[0].startswith("novel -> block (exploit): Somebody else is about to try this")
    until = made["claim"]["expires_utc"][:16].replace("T", " ")
    assert f"  claimed by {a.store.writer()} until {until} UTC: {IDEA}" in said


def test_a_replicate_is_wanted_though_it_is_claimed(pair: tuple[Lab, Lab]) -> None:
    a, b = pair
    log(a, IDEA, "--status", "keep")
    made = claim(a, "rerun MATRIX_LR 0.06")
    sync(a, b)
    judged = check(b, "--description", "rerun MATRIX_LR 0.06", "--mode", "replicate", "--fail-on-similar")
    assert [one["claim_id"] for one in judged["claimed"]] == [made["claim"]["id"]]
    assert judged["policy"]["decision"] == "allow"
    # But who claims it too is told who is at it.
    assert claim(b, "rerun MATRIX_LR 0.06", rc=1)["claim"]["id"] == made["claim"]["id"]


def test_which_words_mean_the_same(claimed: Claimed) -> None:
    a, b, _ = claimed
    sync(b)
    for words in (IDEA, OTHER_WORDS, "MATRIX_LR=0.06", "increase the matrix learning rate from 0.04 to 0.06"):
        assert about(b, words), words
    for words in ("lower MATRIX_LR to 0.02", "raise MATRIX_LR to 0.08", "set DEPTH to 12", "use GELU"):
        assert not about(b, words), words
        assert check(b, "--description", words)["policy"]["decision"] == "caution"


def test_code_is_compared_too(claimed: Claimed) -> None:
    a, b, _ = claimed
    b.run("init")
    sync(b)
    b.edit("MATRIX_LR", 0.06)
    assert len(check(b, rc=0)["claimed"]) == 1
    done = subprocess.run(["git", "commit", "-qam", "try"], cwd=b.path, capture_output=True, text=True, check=True)
    assert re.sub(r" until .* UTC", "", done.stderr) == (
        f"memorylab: novel -> block (exploit): claimed by {a.store.writer()} [MATRIX_LR 0.04 → 0.06]\n"
    )
    (plan,) = b.memory.plans.values()
    assert [one.writer for one in plan.novelty_guard.claimed] == [a.store.writer()]
    b.git("reset", "-q", "--hard", "HEAD~1")
    b.edit("MATRIX_LR", 0.02)
    assert check(b)["claimed"] == []


def test_a_factor_is_of_where_the_subject_stands(pair: tuple[Lab, Lab]) -> None:
    """It was of where the subject stood before the first run."""
    a, b = pair
    log(a, "DEPTH 8 -> 16", "--status", "keep", knob="DEPTH", to=16)
    a.git("push", "-q", "origin", "main")
    claim(a, "double DEPTH")
    sync(b)
    b.git("pull", "-q", "origin", "main")
    assert len(about(b, "DEPTH 16 -> 32")) == 1
    b.edit("DEPTH", 32)
    assert len(check(b)["claimed"]) == 1
    b.commit("deeper")
    assert len(check(b)["claimed"]) == 1
    b.edit("DEPTH", 16)
    b.commit("as it was")
    assert about(b, "DEPTH 8 -> 16") == []


def test_nobody_is_in_their_own_way(claimed: Claimed) -> None:
    a, b, made = claimed
    assert about(a) == []
    assert check(a, "--description", IDEA)["policy"]["decision"] == "caution"
    again = claim(a, OTHER_WORDS, "--minutes", "500")
    assert again["claim"] == made
    assert len(a.memory.claims) == len(posted(Lab(b.path.parent / "remote.git"))) == 1


def test_another_worktree_is_another(pair: tuple[Lab, Lab]) -> None:
    """At once, with or without a remote."""
    a, _ = pair
    a.git("remote", "remove", "origin")
    a.git("worktree", "add", "-q", "-b", "other", str(a.path.parent / "tree"))
    tree = Lab(a.path.parent / "tree")
    made = claim(tree)
    assert (made["settled"], made["claim"]["worktree"]) == ("local", "tree")
    assert about(tree) == []
    assert about(a) == [made["claim"]["id"]]
    told = a.run("claim", OTHER_WORDS, rc=1).stdout
    assert told.startswith(f"claimed by {a.store.writer()}/tree until ")
    a.run("claim", "--withdraw", made["claim"]["id"], rc=3)
    assert about(a) == [made["claim"]["id"]]
    tree.run("claim", "--withdraw", made["claim"]["id"])
    assert about(a) == []


def test_status_and_claim_list_them(pair: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair
    assert a.run("claim").stdout == "No open claims.\n"
    assert listed(a) == []
    set_clock(monkeypatch, -timedelta(seconds=2))
    first = claim(a)["claim"]
    set_clock(monkeypatch, timedelta())
    second = claim(b, "set DEPTH to 12")["claim"]
    sync(a)
    assert listed(a) == [first["id"], second["id"]]
    assert [one["id"] for one in json.loads(a.run("status", "--json").stdout)["claims"]] == listed(a)
    lines = [
        f"claimed by {lab.store.writer()} until {one['expires_utc'][:16].replace('T', ' ')} UTC: {one['description']}"
        for lab, one in ((a, first), (b, second))
    ]
    assert [line for line in a.run("status").stdout.splitlines() if line.startswith("claimed")] == lines
    assert a.run("claim").stdout.splitlines() == [f"{first['id']}  {lines[0]}", f"{second['id']}  {lines[1]}"]


# -- how a claim ends


@pytest.mark.parametrize(
    ("setting", "options", "minutes"),
    [
        (None, (), 60),
        ("5", (), 5),
        ("5", ("--minutes", "7.5"), 7.5),
        (None, ("--minutes", "1"), 1),
        (None, ("--minutes", "10080"), 10080),
    ],
)
def test_how_long_it_stands(
    clone: Callable[[str], Lab], setting: str | None, options: tuple[str, ...], minutes: float
) -> None:
    a = clone("a")
    if setting:
        a.git("config", "memorylab.claimMinutes", setting)
    made = claim(a, IDEA, *options)["claim"]
    begins, ends = (datetime.fromisoformat(made[name]) for name in ("timestamp_utc", "expires_utc"))
    assert ends - begins == timedelta(minutes=minutes)
    assert abs(begins - datetime.now(UTC)) < timedelta(minutes=1)
    assert listed(a) == [made["id"]]


@pytest.mark.parametrize("minutes", ["0", "0.5", "10081", "nan", "-1"])
def test_it_stands_for_a_minute_or_a_week_at_most(lab: Lab, minutes: str) -> None:
    lab.run("claim", IDEA, "--minutes", minutes, rc=2)
    assert lab.memory.claims == ()


def test_expired(pair: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair
    set_clock(monkeypatch, -timedelta(minutes=61))
    old = claim(a)["claim"]
    assert listed(a) == [old["id"]]
    set_clock(monkeypatch, timedelta())
    sync(b)
    assert listed(a) == listed(b) == about(b) == []
    new = claim(b, OTHER_WORDS)["claim"]
    assert [one["id"] for one in posted(Lab(a.path.parent / "remote.git"))] == [new["id"]]
    assert claim(a, rc=1)["claim"]["id"] == new["id"]


def test_withdrawn(claimed: Claimed) -> None:
    a, b, made = claimed[0], claimed[1], claimed[2]["id"]
    sync(b)
    for name in ("", "zzzz", made[:3], "2026"[:3]):
        assert "no open claim of this worktree's" in a.run("claim", "--withdraw", name, rc=3).stderr
    assert "no open claim of this worktree's" in b.run("claim", "--withdraw", made, rc=3).stderr
    a.run("claim", IDEA, "--withdraw", made, rc=2)
    assert listed(a) == [made]
    said = a.run("claim", "--withdraw", made[-6:])
    assert said.stdout == f"withdrawn: {IDEA}\n"
    assert listed(a) == []
    assert [(one.claim_id, one.outcome) for one in a.memory.claims] == [(None, None), (made, "withdrawn")]
    other = claim(b)["claim"]["id"]
    assert about(b) == []
    assert [one["id"] for one in posted(Lab(a.path.parent / "remote.git"))] == [other]
    assert claim(a, rc=1)["claim"]["id"] == other
    assert listed(a) == [other]


def test_a_part_of_two_ids_withdraws_neither(lab: Lab) -> None:
    lab.git("config", "core.hooksPath", "/dev/null")
    one, other = claim(lab)["claim"]["id"], claim(lab, "set DEPTH to 12")["claim"]["id"]
    lab.run("claim", "--withdraw", lab.git("rev-parse", "--short", "HEAD"), rc=3)
    assert len(listed(lab)) == 2
    assert json.loads(lab.run("claim", "--withdraw", other, "--json").stdout)["settled"] == "local"
    assert listed(lab) == [one]


def test_fulfilled_by_the_run_of_the_same_idea(claimed: Claimed) -> None:
    a, b, made = claimed[0], claimed[1], claimed[2]["id"]
    log(a, "deeper", knob="DEPTH", to=9)
    a.git("reset", "-q", "--hard", "HEAD~1")
    sync(a, b)
    assert listed(a) == about(b) == [made]
    run = log(a, "try it")
    assert listed(a) == []
    end = a.memory.claims[-1]
    assert (end.claim_id, end.outcome, end.run_id) == (made, "fulfilled", run["run_id"])
    assert about(b) == [made]
    sync(a, b)
    assert about(b) == listed(b) == []


def test_the_run_of_another_clone_fulfils_nothing(claimed: Claimed) -> None:
    a, b, made = claimed[0], claimed[1], claimed[2]["id"]
    sync(b)
    log(b, IDEA)
    sync(b, a)
    assert listed(a) == listed(b) == [made]
    assert len(b.memory.claims) == 1


def test_fulfilled_by_run(claimed: Claimed) -> None:
    a, *_ = claimed
    a.edit("MATRIX_LR", 0.06)
    a.commit(OTHER_WORDS)
    a.run("run", "--", "sh", "-c", "printf -- '---\\nval_bpb: 1.0\\n'")
    assert listed(a) == []
    assert a.memory.claims[-1].run_id == a.memory.runs[-1].run_id


def test_fulfilled_in_another_worktree(claimed: Claimed) -> None:
    """The idea has been tried by this clone, wherever."""
    a, *_ = claimed
    a.git("worktree", "add", "-q", "-b", "other", str(a.path.parent / "tree"))
    log(Lab(a.path.parent / "tree"), IDEA)
    assert listed(a) == []


# -- who is first


def test_of_two_at_once_the_remote_takes_one(
    pair: tuple[Lab, Lab], remote: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other claims when the board has been read and not yet been written."""
    a, b = pair
    others: list[str] = []
    monkeypatch.setattr(board, "write", once(board.write, lambda: others.append(claim(b, OTHER_WORDS)["claim"]["id"])))
    told = claim(a, rc=1)
    assert (told["claim"]["id"], told["attempts"]) == (others[0], 2)
    assert [one["id"] for one in posted(remote)] == others
    assert a.memory.claims == ()
    said = a.run("claim", IDEA, rc=1)
    assert re.fullmatch(rf"claimed by {b.store.writer()} until .* UTC: {OTHER_WORDS}\n", said.stdout)


def test_two_ideas_at_once_are_both_taken(pair: tuple[Lab, Lab], remote: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair
    others: list[str] = []
    monkeypatch.setattr(board, "write", once(board.write, lambda: others.append(claim(b, "use GELU")["claim"]["id"])))
    made = claim(a)
    assert (made["settled"], made["attempts"]) == ("remote", 2)
    assert [one["id"] for one in posted(remote)] == [*others, made["claim"]["id"]]


def test_the_first_board_is_one_for_all(pair: tuple[Lab, Lab], remote: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both find none, and make one."""
    a, b = pair
    read = board.read

    def too_early(*arguments: Any) -> tuple[None, list[bytes]]:
        monkeypatch.setattr(board, "read", read)
        claim(b)
        return None, []

    monkeypatch.setattr(board, "read", too_early)
    assert claim(a, rc=1)["claim"]["writer"] == b.store.writer()
    assert len(posted(remote)) == 1


@pytest.mark.parametrize("number", [5, pytest.param(16, marks=pytest.mark.long)])
def test_many_claim_one_idea_at_once(clone: Callable[[str], Lab], remote: Lab, number: int) -> None:
    labs = [clone(f"c{n}") for n in range(number)]
    won, told = race(labs, [IDEA] * number)
    assert len(won) == 1
    assert told == won * (number - 1)
    assert [one["id"] for one in posted(remote)] == won
    assert sum(len(lab.memory.claims) for lab in labs if lab.store.writer() == posted(remote)[0]["writer"]) == 1


@pytest.mark.long
def test_eight_claim_one_idea_in_words_of_their_own(clone: Callable[[str], Lab], remote: Lab) -> None:
    words = [
        "raise MATRIX_LR to 0.06", "matrix lr 0.04 -> 0.06", "MATRIX_LR=0.06", "set the matrix learning rate to 0.06",
        "matrix LR 6e-2", "increase matrix lr from 0.04 to 0.06", "Muon LR 0.06", "MATRIX_LR: 0.04 → 0.06",
    ]  # fmt: skip
    won, told = race([clone(f"c{n}") for n in range(8)], words)
    assert told == won * 7
    assert len(posted(remote)) == 1


@pytest.mark.long
def test_twelve_claim_ideas_of_their_own(clone: Callable[[str], Lab], remote: Lab) -> None:
    labs = [clone(f"c{n}") for n in range(12)]
    won, _ = race(labs, [f"set DEPTH to {12 + n}" for n in range(12)])
    assert len(set(won)) == 12
    assert sorted(one["id"] for one in posted(remote)) == sorted(won)
    sync(labs[0])
    assert sorted(listed(labs[0])) == sorted(won)


def test_worktrees_at_once_without_a_remote(lab: Lab) -> None:
    """What the check had read of the claims was believed after the wait for the other's lock."""
    trees = [lab]
    for n in range(3):
        lab.git("worktree", "add", "-q", "-b", f"tree{n}", str(lab.path.parent / f"tree{n}"))
        trees.append(Lab(lab.path.parent / f"tree{n}"))
    started = [tree.spawn("check", "--description", IDEA, "--claim") for tree in trees]
    said = [process.communicate(timeout=60) for process in started]
    assert sorted(process.returncode for process in started) == [0, 1, 1, 1], said
    assert len(lab.memory.claims) == 1


def test_what_the_check_has_read_is_read_again_under_the_lock(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.git("worktree", "add", "-q", "-b", "other", str(lab.path.parent / "tree"))
    tree = Lab(lab.path.parent / "tree")
    monkeypatch.setattr(command, "locked", once(command.locked, lambda: claim(tree)))
    lab.run("check", "--description", IDEA, "--claim", rc=1)
    assert [one.worktree for one in lab.memory.claims] == ["tree"]


# -- check --claim


def test_check_and_claim(pair: tuple[Lab, Lab], remote: Lab) -> None:
    a, b = pair
    done = check(a, "--description", IDEA, "--claim", "--family", "lr", "--tags", "a,b", "--hypothesis", "it is low")
    assert done["verdict"]["policy"]["decision"] == "caution"
    (made,) = posted(remote)
    assert done["claim"]["ours"] and done["claim"]["claim"]["id"] == made["id"]
    assert (made["family"], made["tags"], made["hypothesis"]) == ("lr", ["a", "b"], "it is low")
    said = b.run("check", "--description", OTHER_WORDS, "--claim", rc=1).stdout.splitlines()
    assert said[0].startswith("novel -> block (exploit): Somebody else")
    assert said[-1] == "not claimed"
    said = b.run("check", "--description", "set DEPTH to 12", "--claim").stdout.splitlines()
    assert said[0].startswith("novel -> caution (exploit)")
    assert said[-2].startswith("claimed until ") and said[-1] == posted(remote)[1]["id"]


def test_what_the_history_blocks_is_not_claimed(pair: tuple[Lab, Lab], remote: Lab) -> None:
    """Also by what another has logged since the last sync."""
    a, b = pair
    log(a, IDEA, "--status", "discard")
    sync(a)
    done = check(b, "--description", OTHER_WORDS, "--claim", rc=1)
    assert (done["verdict"]["classification"], done["claim"]) == ("duplicate_run", None)
    assert "not claimed" in b.run("check", "--description", OTHER_WORDS, "--claim", rc=1).stdout
    assert remote.git("for-each-ref", BOARD) == ""
    assert b.memory.claims == ()
    assert check(b, "--description", OTHER_WORDS, "--claim", "--mode", "replicate")["claim"]["ours"]
    assert check(b, "--description", "lower MATRIX_LR to 0.02", "--claim")["claim"]["ours"]


def test_the_code_is_judged_with_its_words(pair: tuple[Lab, Lab]) -> None:
    """Its description alone was judged, which may say nothing, and its family was not claimed."""
    a, b = pair
    log(a, "try", "--status", "discard")
    sync(a)
    b.edit("MATRIX_LR", 0.06)
    b.commit("something else")
    assert check(b, "--claim", rc=1)["verdict"]["classification"] == "duplicate_run"
    b.edit("MATRIX_LR", 0.02)
    b.commit("lower MATRIX_LR to 0.02\n\nFamily: lr\nTags: low\nHypothesis: it diverges")
    made = check(b, "--claim")["claim"]["claim"]
    assert (made["description"], made["family"], made["tags"]) == ("lower MATRIX_LR to 0.02", "lr", ["low"])
    assert made["hypothesis"] == "it diverges"
    b.edit("DEPTH", 12)
    assert check(b, "--claim", "--family", "depth")["claim"]["claim"]["description"].startswith("DEPTH 8 → 12")
    assert about(a, "set DEPTH to 12") == []
    sync(a)
    assert len(about(a, "set DEPTH to 12")) == 1


def test_there_must_be_something_to_claim(lab: Lab) -> None:
    lab.git("config", "core.hooksPath", "/dev/null")
    for empty in ("", " ", "\u2003"):
        assert "The idea is empty" in lab.run("claim", empty, rc=2).stderr
    lab.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
    assert "nothing to claim" in lab.run("check", "--claim", rc=2).stderr
    lab.run("check", "--claim", "--stdin", rc=2, stdin="{}")
    assert lab.memory.claims == ()


# -- remotes that are away, and those that refuse


def test_offline(pair: tuple[Lab, Lab], remote: Lab, pauses: list[float]) -> None:
    a, b = pair
    away = remote.path.rename(remote.path.with_name("away"))
    made = claim(a)
    assert made["settled"] == "offline"
    assert "was not reached" in made["remarks"][-1]
    said = a.run("claim", OTHER_WORDS)
    assert "; offline: whoever claims it before the next sync may be first: " in said.stdout
    assert "note: origin was not reached" in said.stderr
    assert about(a) == [] and listed(a) == [made["claim"]["id"]]
    assert check(a, "--claim", "--description", "use GELU")["claim"]["settled"] == "offline"
    away.rename(remote.path)
    sync(a, b)
    assert about(b) == [made["claim"]["id"]]
    assert claim(b, rc=1)["claim"]["id"] == made["claim"]["id"]
    assert sum(pauses) < 30


def test_two_who_claimed_it_offline_are_told_of_each_other(pair: tuple[Lab, Lab], remote: Lab) -> None:
    a, b = pair
    away = remote.path.rename(remote.path.with_name("away"))
    ids = [claim(lab)["claim"]["id"] for lab in pair]
    away.rename(remote.path)
    sync(a, b, a)
    assert [claim(lab, rc=1)["claim"]["id"] for lab in pair] == ids[::-1]
    assert [about(lab) for lab in pair] == [ids[1:], ids[:1]]
    b.run("claim", "--withdraw", ids[1])
    assert claim(a)["claim"]["id"] == ids[0]


def test_withdrawn_offline(claimed: Claimed, remote: Lab, pauses: list[float]) -> None:
    """It went on for years: thirty pauses, each twice as long as the one before."""
    a, b, made = claimed[0], claimed[1], claimed[2]["id"]
    away = remote.path.rename(remote.path.with_name("away"))
    said = a.run("claim", "--withdraw", made)
    assert said.stdout.startswith("withdrawn: ") and "was not reached" in said.stderr
    assert sum(pauses) < 5
    away.rename(remote.path)
    sync(a)
    assert claim(b)["settled"] == "remote"


def test_a_remote_that_leaves_in_the_middle(
    pair: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    """It was waited for as long as for a busy one."""

    def gone(*arguments: Any) -> Any:
        raise Unreachable("fatal: the remote end hung up unexpectedly.")

    monkeypatch.setattr(board, "read", gone)
    made = claim(pair[0])
    assert (made["settled"], made["ours"]) == ("offline", True)
    assert "hung up" in made["remarks"][0]
    assert sum(pauses) < 5


def test_a_board_that_is_always_busy(
    pair: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    tries: list[str] = []

    def busy(*arguments: Any) -> transport.Answer:
        tries.append("once")
        return transport.Answer(BOARD, "busy", "failed to update ref")

    monkeypatch.setattr(board, "read", lambda *given: (None, []))
    monkeypatch.setattr(board, "write", busy)
    made = claim(pair[0])
    assert (made["settled"], made["ours"]) == ("offline", True)
    assert "busy with other claims for too long" in made["remarks"][0]
    assert len(tries) == 30
    assert sum(pauses) < 30


def test_without_a_remote_it_is_a_matter_of_this_clone(lab: Lab) -> None:
    assert claim(lab)["settled"] == "local"
    assert lab.run("claim", IDEA).stdout.startswith("claimed until ")
    assert ", in this clone: " in lab.run("claim", IDEA).stdout


@pytest.mark.parametrize(
    ("hook", "script"),
    [
        ("update", f'[ "$1" != {BOARD} ] || {{ echo "no \x1b[31m claims here" >&2; exit 1; }}'),
        ("pre-receive", "echo go away >&2; exit 1"),
    ],
)  # fmt: skip
def test_denied_by_the_server(clone: Callable[[str], Lab], remote: Lab, hook: str, script: str) -> None:
    a = clone("a")
    (remote.path / "hooks" / hook).write_text(f"#!/bin/sh\n{script}\n")
    (remote.path / "hooks" / hook).chmod(0o755)
    said = a.run("claim", IDEA, rc=3)
    assert "origin takes no claims: " in said.stderr and "hook declined" in said.stderr
    assert "\x1b" not in said.output
    assert a.memory.claims == ()
    assert remote.git("for-each-ref", BOARD) == ""
    assert a.run("check", "--description", IDEA, "--claim", rc=3).stdout == ""
    assert listed(a) == []


def test_the_hook_of_ours_takes_claims(clone: Callable[[str], Lab], remote: Lab) -> None:
    shutil.copy(Path(__file__).parent.parent / "hooks" / "update", remote.path / "hooks" / "update")
    (remote.path / "hooks" / "update").chmod(0o755)
    a, b = clone("a"), clone("b")
    assert claim(a)["settled"] == claim(b, "set DEPTH to 12")["settled"] == "remote"
    assert len(posted(remote)) == 2


def test_a_ledger_that_is_refused_is_said_to_wait(pair: tuple[Lab, Lab], remote: Lab) -> None:
    a, b = pair
    hook = remote.path / "hooks" / "update"
    hook.write_text(f'#!/bin/sh\n[ "$1" = {BOARD} ]\n')
    hook.chmod(0o755)
    made = claim(a)
    assert "origin refuses what is ours" in made["remarks"][-1]
    assert claim(b, rc=1)["claim"]["id"] == made["claim"]["id"]


# -- killed


def die(lab: Lab, monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
    """Claim in a process that is killed where it would call a function."""
    child = os.fork()
    if child == 0:
        try:
            os.chdir(lab.path)
            monkeypatch.setattr(owner, name, lambda *given, **named: os.kill(os.getpid(), signal.SIGKILL))
            lab.run("claim", IDEA)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def test_killed_before_it_was_recorded(pair: tuple[Lab, Lab], remote: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair
    with monkeypatch.context() as patch:
        die(a, patch, Ledger, "append")
    (made,) = posted(remote)
    assert a.memory.claims == ()
    assert claim(b, rc=1)["claim"]["id"] == made["id"]
    taken_up = claim(a, OTHER_WORDS)
    assert taken_up["claim"]["id"] == made["id"]
    assert taken_up["claim"]["expires_utc"] == made["expires_utc"]
    assert len(posted(remote)) == len(a.memory.claims) == 1
    sync(b)
    assert about(b) == [made["id"]]
    a.run("claim", "--withdraw", made["id"])
    assert claim(b)["ours"]


def test_killed_before_it_was_given(pair: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair
    with monkeypatch.context() as patch:
        die(a, patch, command, "_give")
    (made,) = a.memory.claims
    assert claim(b, rc=1)["claim"]["id"] == made.id
    assert about(b) == []
    assert claim(a)["claim"]["id"] == made.id
    sync(b)
    assert about(b) == [made.id]


def test_a_yes_that_was_not_heard(pair: tuple[Lab, Lab], remote: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection breaks when the board has been written."""
    a, b = pair
    write = board.write

    def cut(*arguments: Any) -> Any:
        monkeypatch.setattr(board, "write", write)
        assert write(*arguments).outcome == "done"
        raise Unreachable("fatal: the remote end hung up unexpectedly.")

    monkeypatch.setattr(board, "write", cut)
    made = claim(a)
    assert (made["settled"], made["attempts"]) == ("remote", 2)
    assert [one["id"] for one in posted(remote)] == [made["claim"]["id"]]
    assert len(a.memory.claims) == 1


def test_a_lock_that_git_left_behind(claimed: Claimed) -> None:
    a, b, _ = claimed
    claim(b, "set DEPTH to 12")
    (lock,) = [
        b.path / ".git" / f"{name}.lock"
        for name in b.git("for-each-ref", "--format=%(refname)").splitlines()
        if name.endswith("/claims")
    ]
    lock.write_text("")
    claim(a, "use GELU")
    assert claim(b, "use GELU", rc=1)["claim"]["writer"] == a.store.writer()
    assert claim(b, "lower MATRIX_LR to 0.02")["attempts"] == 1
    assert not lock.exists()


# -- a board that is anything


def blob_board(lab: Lab) -> str:
    return lab.git("hash-object", "-w", "train.py")


def tag_board(lab: Lab) -> str:
    lab.git("tag", "-am", "x", "garbage", blob_board(lab))
    return lab.git("rev-parse", "refs/tags/garbage")


def without_file(lab: Lab) -> str:
    return lab.git("rev-parse", "HEAD")


def folder_board(lab: Lab) -> str:
    folder = lab.git("rev-parse", "HEAD^{tree}")
    return lab.git("commit-tree", tree(lab, f"040000 tree {folder}\tclaims.jsonl"), "-m", "x")


def link_board(lab: Lab) -> str:
    return lab.git("commit-tree", tree(lab, f"160000 commit {'1' * FORM.digits}\tclaims.jsonl"), "-m", "x")


def _with_lines(content: bytes) -> Callable[[Lab], str]:
    def make(lab: Lab) -> str:
        path = lab.path / "board"
        path.write_bytes(content)
        blob = lab.git("hash-object", "-w", "board")
        return lab.git("commit-tree", tree(lab, f"100644 blob {blob}\tclaims.jsonl"), "-m", "x")

    return make


GARBAGE = {
    "a blob": blob_board, "a tag of a blob": tag_board, "no file": without_file, "a folder": folder_board,
    "a submodule": link_board, "empty": _with_lines(b""), "5 MB": _with_lines(b'{"kind":"claim"}\n' * 300_000),
    "one line of 5 MB": _with_lines(b"x" * 5_000_000), "bytes": _with_lines(bytes(range(256)) * 9),
    "no claims": _with_lines(b'null\n{}\n[]\n{"kind":"run"}\n{"kind":"claim","v":2}\n{"kind":"claim","seq":1'),
    "deep": _with_lines(b"[" * 100_000 + b"\n"),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("kind", GARBAGE)
def test_a_board_that_is_garbage(clone: Callable[[str], Lab], remote: Lab, kind: str) -> None:
    a, b = clone("a"), clone("b")
    a.git("push", "-q", "origin", f"{GARBAGE[kind](a)}:{BOARD}")
    made = claim(a)
    assert (made["settled"], made["attempts"]) == ("remote", 1)
    assert [one["id"] for one in posted(remote)] == [made["claim"]["id"]]
    assert claim(b, rc=1)["claim"]["id"] == made["claim"]["id"]


def test_a_board_with_a_bad_tree(pair: tuple[Lab, Lab], remote: Lab) -> None:
    a, b = pair
    made = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"],
        cwd=remote.path,
        input=b"100644 x\0short",
        capture_output=True,
        check=True,
    ).stdout.decode()
    bad = remote.git("commit-tree", made.strip(), "-m", "x", check=False)
    if bad:
        remote.git("update-ref", BOARD, bad)
    assert claim(a)["ours"]


@pytest.mark.long
def test_a_board_that_is_not_there_any_more(claimed: Claimed, remote: Lab) -> None:
    _, b, made = claimed
    claim(b, "set DEPTH to 12")
    remote.git("update-ref", "-d", BOARD)
    assert claim(b, OTHER_WORDS, rc=1)["claim"]["id"] == made["id"]
    assert claim(b, "use GELU")["settled"] == "remote"
    assert [one["description"] for one in posted(remote)] == ["use GELU"]


@pytest.mark.long
def test_a_board_that_was_rewritten(pair: tuple[Lab, Lab], remote: Lab) -> None:
    """What a ledger has stands, and nobody is told that the board was put back."""
    a, b = pair
    made = claim(a)["claim"]["id"]
    claim(b, "set DEPTH to 12")
    forged = post(a, remote, "")
    assert claim(b, OTHER_WORDS, rc=1)["claim"]["id"] == made
    said = b.run("claim", "use GELU")
    assert said.stderr == ""
    assert remote.git("merge-base", "--is-ancestor", forged, BOARD) == ""
    for lab in pair:
        assert "put back" not in lab.run("status").output


def test_a_board_makes_no_new_views(pair: tuple[Lab, Lab]) -> None:
    """It was among what the views are made of, and every one was kept from gc for ever."""
    a, b = pair
    log(b, "set DEPTH to 12")
    claim(a)
    tips = b.store.tips()
    assert len(board.read(b.store.reader, "origin")[1]) == 1
    assert b.store.tips() == tips


@pytest.mark.parametrize("kind", ["board", "ledger"])
def test_hostile_words_reach_no_terminal(pair: tuple[Lab, Lab], remote: Lab, kind: str) -> None:
    a, b = pair
    claim(b, "use GELU")
    said = stated(
        a, writer=str(b.store.writer()), description=f"{IDEA} {HOSTILE}", worktree=f"w{HOSTILE}", branch=HOSTILE,
        tags=[HOSTILE], family=HOSTILE, hypothesis=HOSTILE,
    )  # fmt: skip
    if kind == "board":
        post(a, remote, encode(said))
    else:
        b.store.state.joinpath("hostile").touch()
        b.ledger.append(datetime.now(UTC), [(said.commit, said)])
        sync(b, a)
    outputs = [a.run("claim", IDEA, rc=1).output]
    assert outputs[0].startswith("claimed by ") and IDEA in outputs[0]
    outputs += [a.run(*words, rc=None).output for words in (
        ["claim"], ["status"], ["sync"], ["check", "--description", IDEA],
        ["check", "--description", IDEA, "--claim"], ["check", "--description", IDEA, "--fail-on-similar"],
    )]  # fmt: skip
    assert not set("".join(outputs)) & set(HOSTILE.replace("31m", "").replace("[", ""))
    assert kind == "board" or sum("claimed by" in output for output in outputs) == 6
    for words in (["claim", IDEA, "--json"], ["claim", "--json"], ["check", "--description", IDEA, "--json"]):
        assert "\x1b" not in a.run(*words, rc=None).output


def test_an_end_on_the_board_ends_nothing(clone: Callable[[str], Lab], remote: Lab) -> None:
    """It did, whoever wrote it in the name of the claim's writer."""
    a, b = clone("a"), clone("b")
    made = stated(a)
    end = stated(a, id="end", claim_id=made.id, outcome="withdrawn", expires_utc=None)
    post(a, remote, encode(made) + b"\n" + encode(end))
    assert claim(b, rc=1)["claim"]["id"] == made.id


def test_the_board_does_not_alter_what_is_in_a_ledger(claimed: Claimed, remote: Lab) -> None:
    """A claim of ours was recorded a second time, as another one."""
    a, _, made = claimed
    post(a, remote, encode(stated(a, writer=made["writer"], id=made["id"], description="use GELU")))
    assert claim(a, "use GELU")["claim"]["id"] != made["id"]
    assert len(a.memory.claims) == 2 and not a.memory.unreadable
    assert [one["description"] for one in posted(remote)] == [IDEA, "use GELU"]


def test_what_the_board_says_in_our_name_is_not_recorded(pair: tuple[Lab, Lab], remote: Lab) -> None:
    """It was, whatever it was, and a commit of that name could not be ended: not even the run was logged."""
    a, _ = pair
    claim(a, "use GELU")
    said = stated(a, writer=str(a.store.writer()), commit="$" * 20, tags=[HOSTILE], family=HOSTILE, branch=HOSTILE)
    post(a, remote, encode(said))
    made = claim(a, OTHER_WORDS)
    assert made["claim"]["id"] == said.id
    record = next(one for one in a.memory.claims if one.id == said.id)
    assert (record.description, record.family, record.tags) == (OTHER_WORDS, "", [])
    assert record.commit == a.git("rev-parse", "HEAD")
    log(a, IDEA)
    assert said.id not in listed(a)


def test_the_board_forgets_what_has_ended(claimed: Claimed, remote: Lab) -> None:
    a, b, _ = claimed
    claim(b, "set DEPTH to 12")
    log(a, IDEA)
    sync(a)
    claim(b, "use GELU")
    assert [one["description"] for one in posted(remote)] == ["set DEPTH to 12", "use GELU"]


def test_many_claims_that_stand(pair: tuple[Lab, Lab], remote: Lab) -> None:
    a, b = pair
    many = [stated(a, id=f"c{n}", description=f"use mechanism number {n}") for n in range(200)]
    post(a, remote, b"\n".join(encode(one) for one in many))
    made = claim(a)["claim"]["id"]
    assert len(posted(remote)) == 201
    assert claim(b, rc=1)["claim"]["id"] == made


# -- clocks


@pytest.mark.parametrize("known", ["a claim", "a run"])
def test_a_clone_whose_clock_is_a_day_behind(
    pair: tuple[Lab, Lab], known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the others had no claims to tell it the time, its own looked expired to them at once."""
    a, b = pair
    if known == "a claim":
        claim(a, "use GELU")
    else:
        log(a, "use GELU", knob="DEPTH", to=9)
        sync(a)
    set_clock(monkeypatch, -DAY)
    made = claim(b)["claim"]
    assert about(b) == [] and made["id"] in listed(b)
    set_clock(monkeypatch, timedelta())
    left = datetime.fromisoformat(made["expires_utc"]) - datetime.now(UTC)
    assert timedelta(minutes=58) < left <= timedelta(minutes=60)
    assert claim(a, rc=1)["claim"]["id"] == made["id"]
    other = claim(a, "set DEPTH to 12")["claim"]["id"]
    set_clock(monkeypatch, -DAY)
    assert claim(b, "set DEPTH to 12", rc=1)["claim"]["id"] == other


def test_a_clone_whose_clock_is_a_day_ahead(pair: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair
    set_clock(monkeypatch, DAY - timedelta(minutes=1))
    made = claim(a)["claim"]
    set_clock(monkeypatch, timedelta())
    assert claim(b, rc=1)["claim"]["id"] == made["id"]
    # From there on all go by the clock that is ahead.
    assert claim(b, "use GELU")["claim"]["timestamp_utc"] >= made["timestamp_utc"]
    set_clock(monkeypatch, DAY)
    assert claim(a, "use GELU", rc=1)["ours"] is False


@pytest.mark.parametrize("year", ["9999-12-31", "2300-01-01"])
def test_a_time_beyond_all_clocks_is_nobodys(pair: tuple[Lab, Lab], remote: Lab, year: str) -> None:
    a, b = pair
    far = stated(a, timestamp_utc=f"{year}T23:59:59.5Z", expires_utc="9999-12-31T23:59:59Z")
    post(a, remote, encode(far))
    made = claim(a)["claim"]
    assert made["expires_utc"] < "2200"
    b.ledger.append(datetime.now(UTC), [(far.commit, far)])
    sync(b)
    assert claim(b, rc=1)["claim"]["id"] == made["id"]


# -- other clones


def test_a_partial_clone(clone: Callable[[str], Lab], remote: Lab, tmp_path: Path) -> None:
    remote.git("config", "uploadpack.allowFilter", "true")
    a, b = clone("a"), clone("b")
    b.git("clone", "-q", "--filter=blob:none", f"file://{remote.path}", str(tmp_path / "part"))
    part = Lab(tmp_path / "part")
    made = claim(a)["claim"]["id"]
    assert claim(part, rc=1)["claim"]["id"] == made
    assert claim(part, "use GELU")["settled"] == "remote"
    assert claim(b, "use GELU", rc=1)["claim"]["writer"] == part.store.writer()


@pytest.mark.parametrize("options", [(), ("--filter=blob:none",)])
def test_a_board_that_is_too_long_is_none(remote: Lab, tmp_path: Path, options: tuple[str, ...]) -> None:
    remote.git("config", "uploadpack.allowFilter", "true")
    remote.git("clone", "-q", *options, f"file://{remote.path}", str(tmp_path / "a"))
    a = Lab(tmp_path / "a")
    post(a, remote, encode(stated(a)) + b"\n" * (1 << 20))
    a.git("gc", "-q", "--prune=now")
    assert claim(a)["attempts"] == 1
    post(a, remote, encode(stated(a, description="use GELU")) + b"\n" * 1000)
    claim(a, "use GELU", rc=1)


def test_a_repository_without_a_commit(remote: Lab, tmp_path: Path) -> None:
    """It has nothing to start from, but may ask."""
    lab = Lab(tmp_path / "empty")
    lab.path.mkdir()
    lab.git("init", "-q")
    lab.git("remote", "add", "origin", str(remote.path))
    lab.run("claim", IDEA, rc=3)
    other = Lab(tmp_path / "other")
    remote.git("clone", "-q", ".", str(other.path))
    claim(other)
    sync(lab)
    assert len(about(lab)) == 1


# -- what it costs


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """The git commands that were started since the last call, those that git itself started left out."""
    trace = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(trace))

    def read() -> list[str]:
        events = [json.loads(line) for line in trace.read_text().splitlines()]
        trace.write_text("")
        started = [event for event in events if event["event"] == "start" and "/" not in event["sid"]]
        plain = (
            [word for word in event["argv"][1:] if not word.startswith(("-", "remote.", "core.", "/"))]
            for event in started
        )
        return [words[0] for words in plain]

    yield read


def test_a_claim_takes_few_processes(pair: tuple[Lab, Lab], processes: Callable[[], list[str]]) -> None:
    """Each connection is a second over ssh: two to take what others have, two for the board, two to give."""
    a, b = pair
    claim(b, "use GELU")
    sync(a)
    processes()
    claim(a)
    talking = ("ls-remote", "fetch", "push")
    counted = processes()
    assert [name for name in counted if name in talking] == ["ls-remote", "fetch", "push", "ls-remote", "push"]
    assert len(counted) <= 41  # three of them for a ref that is not there yet: `a` has no packet
    claim(a)
    processes()
    check(a, "--claim", "--description", "set DEPTH to 12")
    counted = processes()
    assert [name for name in counted if name in talking] == ["ls-remote", "fetch", "push", "ls-remote", "push"]
    assert len(counted) <= 37
