"""The morning report: what needs a decision first, a link to each run, readable as it stands."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from memorylab.core.text import short_id
from tests.conftest import Lab, Templates, is_refusal
from tests.test_evidence import log, turn

LATEST = Path("results/memorylab/reports/latest.md")


@pytest.fixture
def night(templates: Templates, tmp_path: Path) -> Lab:
    """A champion, one behind it, a crash, and a better one."""

    def tell(lab: Lab) -> None:
        lab.experiment("baseline", 1.5)
        lab.experiment("DEPTH to 9", 1.6, knob="DEPTH", to=9)
        lab.git("reset", "-q", "--hard", "HEAD~1")
        lab.edit("DEPTH", 64)
        lab.commit("DEPTH to 64")
        (lab.path / "run.log").write_text("Traceback (most recent call last):\nRuntimeError: CUDA out of memory\n")
        lab.run("log", "--log", "run.log", "--status", "crash")
        lab.git("reset", "-q", "--hard", "HEAD~1")
        lab.experiment("MATRIX_LR to 0.06", 1.2, knob="MATRIX_LR", to=0.06)
        lab.run("report")

    return templates.told("a night to report", tell, tmp_path)


def report(lab: Lab) -> str:
    return (lab.path / LATEST).read_text()


def section(text: str, title: str) -> str:
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_what_needs_a_decision_comes_first(night: Lab) -> None:
    text = report(night)
    assert re.findall(r"^## (.*)$", text, re.M) == [
        "Decision queue", "Champion board", "Dead ends worth reopening", "Failure clusters", "Best lineages",
        "Recent runs",
    ]  # fmt: skip
    queue = section(text, "Decision queue")
    assert [line.split("**")[1] for line in queue.splitlines() if line[:1].isdigit()] == ["promote", "fix_and_retry"]
    assert "It seems to have run out of memory: make it smaller. RuntimeError: CUDA out of memory" in queue


def test_the_night_is_a_line_of_bars(night: Lab) -> None:
    text = report(night)
    assert "\n    1.500000 ▆█×▁ 1.200000\n" in text
    assert "val_bpb of each run of the night, oldest first; lower is better, × a crash." in text
    night.git("config", "memorylab.direction", "maximize")
    night.run("report")
    assert "higher is better" in report(night)


def test_every_link_leads_to_the_run_that_its_name_names(night: Lab) -> None:
    text = report(night)
    links = dict(re.findall(r"^\[([^]]+)\]: (.*)$", text, re.M))
    assert set(links) == {short_id(run.run_id) for run in night.memory.runs}
    assert set(re.findall(r"\[([0-9a-f]{7}-[0-9a-f]{4})\]", text)) == set(links)
    for name, link in links.items():
        assert (night.path / LATEST.parent / link).is_file()
        assert json.loads(night.run("show", name, "--json").stdout)["run_id"] == Path(link).parent.name


def test_links_hold_from_wherever_the_report_is(night: Lab) -> None:
    (night.path / "mail" / "today").mkdir(parents=True)
    night.run("report", "--output", "mail/today/report.md")
    path = night.path / "mail" / "today" / "report.md"
    links = re.findall(r"^\[[^]]+\]: (.*)$", path.read_text(), re.M)
    assert len(links) == 4 and all((path.parent / link).is_file() for link in links)


def test_a_run_without_a_packet_leads_to_its_record(lab: Lab) -> None:
    (lab.path / "old.tsv").write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabc1234\t1.5\t1.0\tkeep\told\n")
    lab.run("import", "old.tsv")
    lab.run("report")
    (link,) = set(re.findall(r"^\[[^]]+\]: (.*)$", report(lab), re.M))
    assert link.endswith("/record.json") and (lab.path / LATEST.parent / link).is_file()


def test_what_a_run_says_is_no_markup(lab: Lab) -> None:
    lab.experiment("x | y <b>`z`\x1b[31m", 1.5)
    lab.run("report")
    text = report(lab)
    assert "\x1b" not in text and "<b>" not in text.replace("\\<b>", "")
    assert text.count("x \\| y \\<b>\\`z\\`\ufffd\\[31m") == 4  # champion, queue, board, recent runs
    assert "x \\| y \\<b>\\`z\\`\ufffd\\[31m" in text


def test_a_table_is_one_in_a_terminal_too(night: Lab) -> None:
    for title in ("Champion board", "Recent runs"):
        rows = [line for line in section(report(night), title).splitlines() if line.startswith("|")]
        assert len({len(row) for row in rows}) == 1 and len(rows) > 2
        assert max(map(len, rows)) < 160


@pytest.mark.parametrize("command", ["report", "report --html", "skill"])
def test_an_output_that_is_no_file_is_written_to(night: Lab, command: str) -> None:
    """`report --output /dev/null` of root put a file in the place of the device, and the machine was without one."""
    os.mkfifo(night.path / "pipe")
    reader = subprocess.Popen(["cat", "pipe"], cwd=night.path, stdout=subprocess.PIPE)
    try:
        night.run(*command.split(), "--output", "pipe")
        assert (night.path / "pipe").is_fifo()
        assert len(reader.communicate()[0]) > 500
    finally:
        reader.kill()


@pytest.mark.parametrize("command", ["report", "report --html", "skill"])
def test_an_output_that_is_a_link_stays_one(night: Lab, command: str) -> None:
    (night.path / "link").symlink_to("target")
    night.run(*command.split(), "--output", "link")
    assert (night.path / "link").is_symlink() and len((night.path / "target").read_bytes()) > 500


def test_an_output_that_cannot_be_written(night: Lab) -> None:
    for output in ("results", "train.py/mine", "x" * 300):
        said = night.run("report", "--output", output, rc=3).stderr
        assert "cannot be written: " in said and is_refusal(said)


def test_nothing_was_run_yet(lab: Lab) -> None:
    lab.run("report")
    text = report(lab)
    assert "Nothing has been run yet. `git memorylab run` makes the first run." in text
    assert "Nothing waits for a decision." in text


@pytest.mark.long
def test_the_queue_knows_what_came_after_a_packet(lab: Lab) -> None:
    """What was worth a replicate beside an old champion is not so beside the new one; a champion has been promoted."""
    lab.commit("baseline")
    for seed, value in enumerate((1.5, 1.51, 1.492, 1.503)):
        log(lab, value, seed=seed)
    turn(lab, "DEPTH", 9)
    close = log(lab, 1.495)
    assert close["decision_packet"]["next_action"] == "replicate"
    lab.run("report")
    assert short_id(close["run_id"]) in section(report(lab), "Decision queue")
    turn(lab, "DEPTH", 10)
    better = log(lab, 1.2)
    lab.run("report")
    queue = section(report(lab), "Decision queue")
    assert short_id(close["run_id"]) not in queue
    assert f"**promote** (high) [{short_id(better['run_id'])}] DEPTH to 10" in queue


def test_the_line_has_what_can_be_compared(lab: Lab) -> None:
    lab.commit("baseline")
    for device, value in (("h100", 0.9), ("cpu", 1.5), ("cpu", 1.4)):
        log(lab, value, device=device)
    lab.run("report")
    assert "\n    1.500000 █▁ 1.400000\n" in report(lab)
    assert " GB |" not in report(lab)  # nothing said how much memory it took


@pytest.mark.long
def test_what_leads_without_being_proven_is_named(lab: Lab) -> None:
    lab.commit("baseline")
    for seed, value in enumerate((1.5, 1.51, 1.492, 1.503)):
        log(lab, value, seed=seed)
    turn(lab, "DEPTH", 9)
    ahead = log(lab, 1.49)
    assert ahead["status"] == "keep"
    lab.run("report")
    opening = report(lab).partition("\n## ")[0]
    name = short_id(ahead["run_id"])
    assert f"- Build on 1.490000 at `{ahead['commit'][:7]}`, DEPTH to 9 [{name}]: -0.011250 to the champion" in opening
    assert section(report(lab), "Champion board").count(f"[{name}]") == 1


def test_of_two_that_are_alike_the_latest_comes_first(lab: Lab) -> None:
    for depth in (9, 10):
        lab.edit("DEPTH", depth)
        lab.commit(f"DEPTH to {depth}")
        lab.run("log", "--status", "crash", "--error", "it fell over")
    lab.run("report")
    queue = section(report(lab), "Decision queue")
    assert queue.index("DEPTH to 10") < queue.index("DEPTH to 9")


@pytest.mark.long
def test_a_crash_waits_until_its_change_is_run_again(lab: Lab) -> None:
    lab.edit("DEPTH", 9)
    lab.commit("DEPTH to 9")
    lab.run("log", "--status", "crash", "--error", "it fell over")
    lab.git("reset", "-q", "--hard", "HEAD~1")
    lab.experiment("MATRIX_LR to 0.06", 1.5, knob="MATRIX_LR", to=0.06)
    lab.run("report")
    assert "**investigate_crash**" in section(report(lab), "Decision queue")
    lab.experiment("DEPTH to 9 again", 1.4, knob="DEPTH", to=9)
    lab.run("report")
    assert "**investigate_crash**" not in section(report(lab), "Decision queue")


@pytest.mark.long
def test_what_did_not_crash_waits_though_its_change_was_run_again(lab: Lab) -> None:
    lab.commit("baseline")
    log(lab, 1.5)
    turn(lab, "DEPTH", 9)
    first = log(lab, 1.499)
    lab.git("reset", "-q", "--hard", "HEAD~1")
    turn(lab, "MATRIX_LR", 0.05)
    log(lab, 1.5001)
    turn(lab, "DEPTH", 9)
    second = log(lab, 1.52)
    assert first["change"]["fingerprint"] == second["change"]["fingerprint"]
    lab.run("report")
    assert f"[{short_id(first['run_id'])}]" in section(report(lab), "Decision queue")
