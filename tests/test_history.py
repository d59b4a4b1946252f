"""history, search: the runs that are asked for, as text for programs and as a table on a terminal."""

import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path

import pytest

from memorylab.commands import history
from memorylab.commands.session import Session
from memorylab.core.text import inline
from tests.conftest import Lab, Templates

HOSTILE = "raise\u202e LR \x1b[31mred\x07 [bold]to[/bold] :smile: 0.05"
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def told(templates: Templates, tmp_path: Path) -> Lab:
    """Six runs: first (kept), hostile (discarded on it), oom (crashed on it), deeper (kept on it), deeper again (which
    is kept as that is), wider (discarded on deeper)."""

    def tell(lab: Lab) -> None:
        lab.git("config", "core.hooksPath", "/dev/null")
        lab.experiment("first", 1.5, "--family", "start", "--tags", "a,b", "--hypothesis", "it begins")
        lab.experiment(HOSTILE, 1.6, "--family", "rate", knob="MATRIX_LR", to=0.05)
        lab.git("reset", "-q", "--hard", "HEAD~1")
        lab.edit("DEPTH", 99)
        lab.commit("oom")
        lab.run("log", "--status", "crash", "--error", "CUDA out of memory", "--family", "depth")
        lab.git("reset", "-q", "--hard", "HEAD~1")
        lab.experiment("deeper", 1.0, "--family", "depth", "--notes", "twice as deep", knob="DEPTH", to=16)
        lab.result(1.2)
        lab.run("log", "--log", "run.log", "--description", "deeper again")
        lab.experiment(
            "wider, and a long account of why it is that wide and of nothing else",
            2.0,
            "--tags",
            "wide",
            knob="WARMDOWN_RATIO",
            to=0.9,
        )

    return templates.told("six runs to look at", tell, tmp_path)


def _rows(lab: Lab, *arguments: str) -> list[list[str]]:
    return [row.split("\t") for row in lab.run(*arguments).stdout.splitlines()]


def _ideas(lab: Lab, *arguments: str) -> list[str]:
    return [row[-1].partition(",")[0] for row in _rows(lab, *arguments)]


RAISE = inline(HOSTILE)
ALL = ["wider", "deeper again", "deeper", "oom", RAISE, "first"]


# -- which runs -----------------------------------------------------------------------------------------------------


def test_a_row_has_what_is_to_be_known_of_a_run(told: Lab) -> None:
    runs = list(told.memory.runs)
    rows = _rows(told, "history")
    assert [row[0] for row in rows] == [run.timestamp_utc for run in reversed(runs)]
    assert [row[1:4] for row in rows] == [
        ["discard", "2.000000", "+0.900000"],  # the mean of deeper's two runs is 1.1
        ["keep", "1.200000", "-0.300000"],
        ["keep", "1.000000", "-0.500000"],
        ["crash", "-", "-"],
        ["discard", "1.600000", "+0.100000"],
        ["keep", "1.500000", "-"],
    ]
    assert [row[4:] for row in rows] == [
        [run.commit[:7], run.writer, run.family or "-", run.decision_packet.next_action, inline(run.description)]
        for run in reversed(runs)
    ]


def test_what_changes_nothing_has_nothing_to_be_compared_with(told: Lab) -> None:
    told.experiment("the same again", 2.5, "--status", "discard")
    assert _rows(told, "history", "-n", "1")[0][1:4] == ["discard", "2.500000", "-"]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], ALL),
        (["-n", "2"], ALL[:2]),
        (["-n2", "--reverse"], ALL[1::-1]),
        (["--limit", "0"], []),
        (["--reverse"], ALL[::-1]),
        (["--status", "keep"], ["deeper again", "deeper", "first"]),
        (["--family", "DEP*"], ["deeper", "oom"]),
        (["--family", ""], ["wider", "deeper again"]),
        (["--knob", "depth"], ["deeper again", "deeper", "oom"]),
        (["--knob", "*"], ALL[:-1]),
        (["--knob", "nothing"], []),
        (["--status", "discard", "--knob", "*_LR"], [RAISE]),
        (["--since", "yesterday"], ALL),
        (["--until", "yesterday"], []),
        (["--since", "2001-01-01", "--until", "2001-12-31"], []),
    ],
)
def test_the_filters(told: Lab, arguments: list[str], found: list[str]) -> None:
    assert _ideas(told, "history", *arguments) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (["deeper"], ["deeper again", "deeper"]),
        (["deeper", "-again"], ["deeper"]),
        (["deeper -again"], ["deeper"]),
        (['"out of memory"'], ["oom"]),
        (["-status:keep", "-n", "2"], ["wider", "oom"]),
        (["metric<1.5"], ["deeper again", "deeper"]),
        (["val_bpb>=1.5", "-wider"], [RAISE, "first"]),
        (["mfu_percent>1", "-deeper", "-n1"], ["wider"]),
        (["tag:a"], ["first"]),
        (["begins"], ["first"]),
        (["twice", "as"], ["deeper"]),
        (["action:promote"], ["deeper", "first"]),
        (["class:duplicate_run"], ["deeper again"]),
        (["--", "-deeper", "-wider", "-oom"], [RAISE, "first"]),
        (["family:rate", "knob:MATRIX_LR", "since:yesterday"], [RAISE]),
        (["-h1", "-n", "1"], ["wider"]),
    ],
)
def test_queries(told: Lab, query: list[str], found: list[str]) -> None:
    assert _ideas(told, "search", *query) == found


def test_writers_and_commits(told: Lab) -> None:
    run = told.memory.runs[3]
    assert _ideas(told, "search", f"commit:{run.commit[:9]}") == ["deeper again", "deeper"]
    assert _ideas(told, "history", "--writer", run.writer.upper()) == ALL
    assert _ideas(told, "history", "--writer", "somebody") == []


def test_an_amendment_is_what_counts(told: Lab) -> None:
    first = told.memory.runs[0]
    told.run("amend", first.run_id, "--status", "crash", "--family", "elsewhere", "--notes", "not believed")
    assert _ideas(told, "history", "--status", "crash") == ["oom", "first"]
    assert _ideas(told, "search", "family:elsewhere believed") == ["first"]


def test_json(told: Lab) -> None:
    value = json.loads(told.run("history", "--json", "-n", "2", "--reverse").stdout)
    assert (value["metric"], value["direction"]) == ("val_bpb", "minimize")
    again, wider = value["runs"]
    assert list(wider) == sorted(history.Entry.__struct_fields__)
    assert wider["run_id"] == told.memory.runs[-1].run_id
    assert wider["delta"] == pytest.approx(0.9) and wider["base_commit"] == again["commit"]
    assert json.loads(told.run("search", "--json", "oom").stdout)["runs"][0]["value"] is None
    assert json.loads(told.run("search", "--json", "zebra").stdout)["runs"] == []


def test_what_is_not_found_is_no_error(told: Lab, make_lab) -> None:
    found = told.run("search", "zebra")
    assert (found.stdout, found.stderr) == ("", "note: No run matches.\n")
    found = told.run("history", "--writer", "nobody")
    assert (found.stdout, found.stderr) == ("", "note: No run matches.\n")
    empty = make_lab(name="empty").run("history")
    assert (empty.stdout, empty.stderr) == ("", "note: No run yet: `git memorylab run` makes the first.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["search", "status:good"],
            "status:good names no status that there is.\nhint: It is one of keep, discard, crash.",
        ),
        (["search", "since:nonsense"], "git sees no date in 'nonsense'.\nhint: Say it as in 2026-11-01"),
        (["history", "--until", "whenever"], "git sees no date in 'whenever'."),
        (["search", '"open'], 'The quote in "open is not closed.'),
        (["search", "--graph", "--reverse", "x"], "--reverse and --graph cannot be used together."),
        (["search"], "Missing argument 'QUERY...'."),
        (["search", "--nonsense"], "No such option"),
    ],
)
def test_what_is_no_query_is_wrong_usage(told: Lab, arguments: list[str], said: str) -> None:
    found = told.run(*arguments, rc=2)
    assert said in found.stderr and found.stdout == ""


def test_dates_are_gits(told: Lab) -> None:
    """A day is meant whole; hours are in the zone of the user."""
    first = told.memory.runs[0]
    assert first.timestamp_utc is not None
    day = first.timestamp_utc[:10]
    assert _ideas(told, "search", f"since:{day}", f"until:{day}")[-1] == "first"
    minute = f"{first.timestamp_utc[:16]}:00"
    found = told.run("search", f"until:{minute}Z", "first")
    assert (found.stdout == "") == (first.timestamp_utc > f"{minute}Z")
    os.environ["TZ"] = "Etc/GMT+5"  # set by the fixture that seals, which puts it back
    assert _ideas(told, "search", f'since:"{minute}"', "first") == []


def test_as_much_is_read_as_is_shown(told: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(told.path)
    read: list[str] = []
    run = type(session.recall._timeline).run

    def counted(self: object, *arguments: object) -> object:
        found = run(self, *arguments)  # type: ignore[arg-type]
        read.append(found.description)
        return found

    monkeypatch.setattr(type(session.recall._timeline), "run", counted)
    assert len(list(history.find(session, (), 2))) == 2
    assert len(read) == 2
    read.clear()
    assert len(list(history.find(session, history.parsed("status:crash knob:DEPTH"), None))) == 1
    assert len(read) == 1


# -- the graph ------------------------------------------------------------------------------------------------------


def _graph(lab: Lab, *arguments: str) -> list[str]:
    return [row[0] for row in _rows(lab, "history", "--graph", *arguments)]


def test_kept_runs_are_the_trunk_and_others_leaves(told: Lab) -> None:
    assert _graph(told) == ["|-o", "|-*", "*", "|-x", "|-o", "*"]
    assert _graph(told, "-n", "1") == ["|-o"]


def test_lineages_stand_side_by_side(told: Lab) -> None:
    first = told.memory.runs[0].commit
    told.git("checkout", "-qb", "other", first)
    (told.path / "README").write_text("a commit that nobody runs\n")
    told.git("add", "README")
    told.git("commit", "-qm", "in between")
    told.experiment("apart", 0.5, knob="WARMDOWN_RATIO", to=0.9)
    told.git("checkout", "-q", "main", "--")
    told.experiment("back", 0.4, knob="MATRIX_LR", to=0.9)
    assert _graph(told) == ["*", "| *", "o |", "|-+-*", "* |", "|/", "|-x", "|-o", "*"]
    assert _graph(told, "--status", "keep") == ["*", "| *", "|-+-*", "* |", "|/", "*"]


# -- on a terminal --------------------------------------------------------------------------------------------------


def _terminal(lab: Lab, *arguments: str, size: int = 0, code: str = "", **environment: str) -> str:
    """What a terminal shows of a command, or of some code; so many columns wide, or as COLUMNS says."""
    ours, theirs = pty.openpty()
    if size:
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, size, 0, 0))
    env = os.environ | {"TERM": "xterm", "LC_ALL": "C.UTF-8", "COLUMNS": "" if size else "80"} | environment
    program = ["-c", code] if code else ["-m", "memorylab", *arguments]
    with subprocess.Popen([sys.executable, *program], cwd=lab.path, env=env, stdout=theirs) as done:
        os.close(theirs)
        shown = b"".join(_read(ours))
    os.close(ours)
    assert done.returncode == 0
    return shown.decode().replace("\r\n", "\n")


def _read(terminal: int) -> Iterator[bytes]:
    with suppress(OSError):  # as Linux says that it was closed
        while part := os.read(terminal, 4096):
            yield part


def test_a_table_fits_the_terminal(told: Lab) -> None:
    shown = ESCAPE.sub("", _terminal(told, "history")).splitlines()
    assert shown[0].split() == ["AGE", "STATUS", "VAL_BPB", "DELTA", "COMMIT", "NEXT", "IDEA"]
    assert len(shown) == 7 and max(map(len, shown)) <= 80
    assert " abandon   wider, and a long account" in shown[1] and shown[1].endswith("…")
    assert max(map(len, ESCAPE.sub("", _terminal(told, "history", size=60)).splitlines())) <= 60
    wide = ESCAPE.sub("", _terminal(told, "history", size=150)).splitlines()
    assert "TIME (UTC)" in wide[0] and "FAMILY" in wide[0] and "of nothing else" in wide[1]


@pytest.mark.parametrize("command", ["status", "show", "knobs"])
def test_lines_fit_the_terminal(told: Lab, command: str) -> None:
    shown = ESCAPE.sub("", _terminal(told, command)).splitlines()
    assert len(shown) > 1 and max(map(len, shown)) <= 80


def test_nothing_that_was_recorded_reaches_the_terminal_but_as_text(told: Lab) -> None:
    shown = _terminal(told, "search", "red", size=200)
    assert "[bold]to[/bold] :smile:" in shown and "raise\ufffd LR \ufffd[31mred" in shown
    assert not {"\x07", "\u202e", "\x1b[31m"} & {*re.findall(r"\x1b\[31m|[\x07\u202e]", shown)}
    assert "\x1b" not in told.run("search", "red").stdout


@pytest.mark.parametrize(
    ("settings", "environment", "is_coloured"),
    [
        ({}, {}, True),
        ({"color.ui": "false"}, {}, False),
        ({"color.ui": "false", "color.memorylab": "auto"}, {}, True),
        ({"color.memorylab": "never"}, {}, False),
        ({}, {"NO_COLOR": "1"}, False),
        ({}, {"NO_COLOR": ""}, True),
        ({"color.memorylab": "always"}, {"NO_COLOR": "1"}, True),
        ({}, {"TERM": "dumb"}, False),
        ({}, {"TERM": "dumb", "FORCE_COLOR": "1"}, False),
    ],
)
def test_colours_are_as_git_has_them(
    told: Lab, settings: dict[str, str], environment: dict[str, str], is_coloured: bool
) -> None:
    for name, value in settings.items():
        told.git("config", name, value)
    shown = _terminal(told, "history", "-n", "3", **environment)
    assert bool(ESCAPE.search(shown)) == is_coloured
    assert ("\x1b[32mkeep" in shown) == is_coloured


def test_a_diff_is_coloured_and_its_code_is_as_it_stands(told: Lab) -> None:
    with (told.path / "train.py").open("a") as subject:
        subject.write('    mark = "\x1b[31m  red\\u202e"  #  two\tand a tab\n')
    told.experiment("code", 0.5, "--status", "keep")
    shown = _terminal(told, "diff", "HEAD", size=200)
    assert "\x1b[32m+WARMDOWN" not in shown and '\x1b[32m+    mark = "\ufffd[31m  red' in shown
    assert "\x1b[36m@@ " in shown and "\ufffd[3" not in shown.replace("\ufffd[31m  red", "")
    assert "\x1b[32m" not in _terminal(told, "diff", "HEAD", NO_COLOR="1")
    assert '    mark = "\ufffd[31m  red\\u202e"  #  two\tand a tab' in told.run("blame", "HEAD").stdout


def test_what_is_no_terminal_gets_no_colours(told: Lab) -> None:
    told.git("config", "color.ui", "always")
    command = [sys.executable, "-m", "memorylab", "history"]
    env = os.environ | {"FORCE_COLOR": "1"}
    done = subprocess.run(command, cwd=told.path, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == told.run("history").stdout and "\x1b" not in done.stdout


@pytest.mark.long
def test_the_pager_is_gits(told: Lab) -> None:
    mark = "sed s/^/seen:/"
    told.git("config", "core.pager", mark)
    for command in ("history", "show", "knobs"):
        shown = _terminal(told, command, GIT_PAGER="").splitlines()
        assert not any(line.startswith("seen:") for line in shown), "an empty GIT_PAGER is none"
    del os.environ["GIT_PAGER"]  # put back by the fixture that seals
    for command in ("history", "show", "knobs"):
        assert all(line.startswith("seen:") for line in _terminal(told, command).splitlines())
    assert "seen:" not in _terminal(told, "status")
    assert "seen:" not in told.run("history").stdout
    assert "seen:" not in _terminal(told, "history", GIT_PAGER="cat")
    assert "less FRX" in _terminal(told, "history", GIT_PAGER="echo less $LESS; cat", LESS="FRX")
    assert "less FRX" in _terminal(told, "history", GIT_PAGER="echo less $LESS; cat")
    assert "wider" in _terminal(told, "history", GIT_PAGER="there-is-no-such-pager")


def test_a_pager_that_has_seen_enough_ends_it(told: Lab) -> None:
    assert len(_terminal(told, "history", GIT_PAGER="head -1").splitlines()) == 1
    endless = """
        from itertools import repeat
        from memorylab import console
        with console.opened() as out:
            out.table([console.Column("")], repeat(["y"]))
        with console.opened() as out:
            out.lines(repeat(console.line("y")))
    """
    assert _terminal(told, code=textwrap.dedent(endless), GIT_PAGER="echo enough") == "enough\nenough\n"


def test_a_pager_that_git_has_started_is_a_terminal(told: Lab) -> None:
    told.git("config", "color.ui", "always")
    command = [sys.executable, "-m", "memorylab", "history"]
    env = os.environ | {"GIT_PAGER_IN_USE": "true", "COLUMNS": "70", "TERM": "xterm"}
    done = subprocess.run(command, cwd=told.path, env=env, capture_output=True, text=True, check=True)
    shown = ESCAPE.sub("", done.stdout).splitlines()
    assert shown[0].startswith("AGE") and max(map(len, shown)) <= 70
    assert ESCAPE.search(done.stdout)


def test_a_terminal_that_lacks_characters_shows_others(told: Lab) -> None:
    shown = _terminal(told, "history", LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert re.search(r"wider, and a long account.*\?\n", ESCAPE.sub("", shown))
