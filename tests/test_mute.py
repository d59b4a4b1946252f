"""mute: what somebody has recorded is left out of everything, and comes back when that is undone."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from memorylab.store import refs
from tests.conftest import Hub, Lab, Templates


@pytest.fixture
def pair(templates: Templates, tmp_path: Path) -> tuple[Lab, Lab]:
    """A clone of ours, and one of a bot whose every run wins."""
    hub = Hub(templates, tmp_path / "hub")
    ours, bot = hub.join("ann"), hub.join("bot-7")
    ours.experiment("raise matrix lr", 1.2, knob="MATRIX_LR", to=0.05)
    bot.experiment("junk that wins", 0.1, knob="DEPTH", to=9)
    bot.run("claim", "widen the warmdown")
    for lab in (ours, bot, ours):
        lab.run("sync")
    return ours, bot


_TIME = re.compile(r"\w+\.md|\d\d:\d\d UTC")  # of asking, which goes on


def _files(lab: Lab) -> str:
    """All that the views say, but for reports of former times."""
    paths = [lab.path / "results.tsv", *(lab.path / "results").rglob("*")]
    return _TIME.sub(
        "", "\n".join(path.read_text() for path in sorted(paths) if path.is_file() and "Z.md" not in path.name)
    )


def _told(lab: Lab) -> str:
    """What commands say of the memory, in words and as JSON."""
    asked = [
        ["status"], ["report"], ["history"], ["search", "junk"], ["knobs"], ["knobs", "DEPTH"], ["brief"], ["claim"],
        ["verify"], ["export"], ["check", "--description", "junk that wins: depth 9"],
    ]  # fmt: skip
    asked += [[*words, "--json"] for words in asked if words[0] != "export"]
    said = "".join(lab.run(*words, rc=None).output for words in asked) + lab.git("log")
    return _TIME.sub("", said)


def test_nothing_of_the_muted_is_anywhere(pair: tuple[Lab, Lab]) -> None:
    ours, bot = pair
    name = str(bot.store.writer())
    before, files = _told(ours), _files(ours)
    words = ("junk", "warmdown", name)
    assert all(word in before for word in words) and "junk" in files
    said = ours.run("mute", name).stdout
    assert said == f"{name}: {name}, 3 records\n"
    during = _told(ours)
    assert not [word for word in words[1:] if word in during] and "junk that wins" not in _files(ours)
    assert "junk that wins" not in during.replace("depth 9", "").replace('"probe_text":"junk that wins', "")
    assert json.loads(ours.run("status", "--json").stdout)["registry"]["champion"]["value"] == 1.2
    assert ours.run("mute", "--undo", name).stdout == "Nobody is muted.\n"
    assert _told(ours) == before and _files(ours) == files


@pytest.mark.long
def test_a_pattern_is_no_other_name_and_never_ours(pair: tuple[Lab, Lab]) -> None:
    ours, bot = pair
    name = str(bot.store.writer())
    ours.run("mute", "bot-*")
    assert len(ours.run("export").stdout.splitlines()) == 1
    ours.run("mute", "--undo", "bot-*")
    ours.run("mute", "BOT-*", "bot")
    assert len(ours.run("export").stdout.splitlines()) == 2
    ours.run("mute", "*")
    assert [json.loads(line)["description"] for line in ours.run("export").stdout.splitlines()] == ["raise matrix lr"]
    found = json.loads(ours.run("mute", "--json").stdout)
    assert found["muted"][-1] == {"pattern": "*", "writers": {name: 3}}
    assert found["muted"][0]["writers"] == {}
    # What is ours goes and comes as ever.
    ours.experiment("deeper", 1.1, knob="DEPTH", to=10)
    assert "went" in ours.run("sync").stdout
    bot.run("sync")
    assert "deeper" in bot.run("history").stdout


@pytest.mark.parametrize("name", ["", "a b", "**", "../x", "-x", "-x\n", "a;b", "a\x1b[31m", "a" * 3 + "\u202e"])
def test_what_is_no_name_is_refused(lab: Lab, name: str) -> None:
    said = lab.run("mute", "--", name, rc=3).stderr
    assert "cannot be a writer's name" in said and "\x1b" not in said and "\u202e" not in said
    assert lab.git("config", "--get-all", "memorylab.mute", check=False) == ""


def test_who_is_ours_or_not_muted(lab: Lab) -> None:
    assert "own writer" in lab.run("mute", str(lab.store.writer()), rc=3).stderr
    assert "is not muted" in lab.run("mute", "--undo", "x", rc=3).stderr
    lab.run("mute", "--undo", rc=2)
    lab.run("mute", "--undo", "--forget", "x", rc=2)
    lab.run("mute", "x", "x")
    assert lab.git("config", "--get-all", "memorylab.mute") == "x"


def test_a_mute_in_a_file_for_all_is_refused(lab: Lab) -> None:
    """A fetched branch must not silence anybody."""
    (lab.path / ".memorylab.toml").write_text('mute = ["*"]\n')
    assert "is for one clone, not for all" in lab.run("status", rc=3).stderr


@pytest.mark.long
@pytest.mark.parametrize("many", [False, True])
def test_no_more_of_the_muted_is_fetched(pair: tuple[Lab, Lab], many: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, bot = pair
    monkeypatch.setattr("memorylab.store.exchange._BY_NAME", 0 if many else 100)
    name = str(bot.store.writer())
    ours.run("mute", name)
    tips = {ref: tip for ref, tip in ours.store.tips().items() if name in ref}
    bot.experiment("more junk", 0.05, knob="DEPTH", to=11)
    bot.run("sync")
    done = ours.run("sync")  # nor is it missed
    assert (done.stdout, done.stderr) == ("origin: nothing new\n", "")
    other = Lab(ours.path.parent / "carl")
    ours.git("clone", "-q", "--template=", str(ours.path.parent / "hub"), str(other.path))
    other.run("init", "--writer", "carl")
    other.experiment("wider", 1.3, knob="DEPTH", to=10)
    other.run("sync")
    assert "of 1 writer came" in ours.run("sync").stdout
    assert {ref: tip for ref, tip in ours.store.tips().items() if name in ref} == tips
    ours.run("mute", "--undo", name)
    assert "of 1 writer came" in ours.run("sync").stdout
    assert "more junk" in ours.run("history").stdout


@pytest.mark.long
def test_what_is_forgotten_gives_its_room_back_and_comes_again(pair: tuple[Lab, Lab]) -> None:
    ours, bot = pair
    name = str(bot.store.writer())
    commit = bot.git("rev-parse", "HEAD")
    assert ours.git("cat-file", "-t", commit) == "commit"
    assert "3 refs deleted here" in ours.run("mute", name, "--forget").stdout
    assert not [ref for ref in ours.store.tips() if name in ref]
    for command in ("status", "sync", "report"):
        ours.run(command)
    ours.git("gc", "-q", "--prune=now")
    assert ours.git("cat-file", "-t", commit, check=False) == ""
    assert not [ref for ref in ours.store.tips() if name in ref]
    assert ours.git("rev-parse", refs.SEEN)
    ours.run("mute", "--undo", name)
    ours.run("sync")
    assert "junk that wins" in ours.run("history").stdout
    assert ours.git("cat-file", "-t", commit) == "commit"


@pytest.mark.long
def test_what_is_seen_is_kept_after_forgetting(pair: tuple[Lab, Lab]) -> None:
    """Who is not muted is put back as ever."""
    ours, bot = pair
    ours.run("mute", "nobody-else", "--forget")
    name = str(bot.store.writer())
    gone = [ref for ref in ours.store.tips() if name in ref]
    for ref in gone:
        ours.git("update-ref", "-d", ref)
    ours.git("gc", "-q", "--prune=now")
    assert "was put back" in ours.run("status").stderr
    assert [ref for ref in ours.store.tips() if name in ref] == gone


@pytest.mark.long
def test_a_claim_of_the_muted_stops_nobody_and_stays_on_the_board(pair: tuple[Lab, Lab]) -> None:
    ours, bot = pair
    ours.run("claim", "widen the warmdown", rc=1)
    ours.run("mute", "bot-*")
    ours.run("claim", "widen the warmdown")
    board = Lab(bot.path.parent / "hub").git("show", f"{refs.CLAIMS}:claims.jsonl")
    assert str(bot.store.writer()) in board and str(ours.store.writer()) in board


@pytest.mark.long
def test_a_relay_does_not_pass_the_muted_on(
    pair: tuple[Lab, Lab], make_lab: Callable[..., Lab], tmp_path: Path
) -> None:
    ours, bot = pair
    ours.git("init", "-q", "--bare", str(tmp_path / "second"))
    ours.git("remote", "add", "second", str(tmp_path / "second"))
    ours.run("mute", "bot-*")
    ours.run("sync", "--relay")
    listed = ours.git("ls-remote", "second")
    assert str(ours.store.writer()) in listed and str(bot.store.writer()) not in listed


@pytest.mark.long
def test_the_muted_of_an_archive_are_left_out(pair: tuple[Lab, Lab]) -> None:
    ours, bot = pair
    name = str(bot.store.writer())
    ours.run("compact", "--writer", name)
    ours.run("mute", name)
    assert "junk" not in ours.run("history").stdout + ours.git("log")
    ours.run("mute", "--undo", name)
    assert "junk" in ours.run("history").stdout
