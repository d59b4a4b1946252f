"""Labs that measure something else than val_bpb, on something else than train.py, from end to end."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Lab
from tests.pages import ROOT


def _lab(where: Path, settings: str = "", **files: str) -> Lab:
    """A repository with its settings and files, in which `init` was run."""
    lab = Lab(where)
    where.mkdir(parents=True, exist_ok=True)
    if settings:
        (where / ".memorylab.toml").write_text(settings)
    for name, text in files.items():
        (where / name.replace("_", ".")).write_text(text)
    lab.git("init", "-q")
    lab.git("add", ".")
    lab.git("commit", "-qm", "start")
    lab.run("init")
    return lab


@pytest.fixture
def example(tmp_path: Path) -> Callable[[str], Lab]:
    """A scratch copy of an example."""

    def copy(name: str) -> Lab:
        source = ROOT / "docs" / "examples" / name
        shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        return _lab(tmp_path / name)

    return copy


def _tries(lab: Lab, old: str, new: str, words: str, rc: int) -> str:
    """Edit the subject, commit, run; what the run prints."""
    subject = lab.path / {"sort": "sort.py", "pack": "pack.toml"}[lab.path.name]
    text = subject.read_text()
    assert old in text
    subject.write_text(text.replace(old, new, 1))
    lab.commit(words)
    printed = lab.run("run", rc=rc).output
    if rc:
        lab.git("reset", "-q", "--hard", "HEAD~1")
    return printed


@pytest.mark.long
def test_a_night_of_counted_comparisons(example: Callable[[str], Lab]) -> None:
    lab = example("sort")
    assert "comparisons 75512, the first champion" in lab.run("run", "--description", "baseline").output
    kept = _tries(lab, '"first"', '"median"', "PIVOT first -> median", 0)
    assert "comparisons 70922, -4590 to the champion before it; better with probability >0.99" in kept
    discarded = _tries(lab, "CUTOFF = 32", "CUTOFF = 64", "CUTOFF 32 -> 64", 10)
    assert "comparisons 84781, +13859 to the champion's 70922" in discarded
    crashed = _tries(lab, "insert(at, item)", "insert(at + 1, item)", "insert one further", 11)
    assert "error: AssertionError: 100 numbers are not in order" in crashed
    assert "CUTOFF before: 64 discard 84781" in lab.run("check", "--description", "raise CUTOFF to 64").output
    assert lab.run("check", "--description", "CUTOFF 32 -> 64", "--fail-on-similar", rc=1).output.startswith("dupl")

    runs = lab.memory.runs
    assert [(run.status, run.value("comparisons")) for run in runs] == [
        ("keep", 75512), ("keep", 70922), ("discard", 84781), ("crash", None),
    ]  # fmt: skip
    assert runs[-1].metrics == {"comparisons": None}, "and none of upstream's"
    assert runs[1].change is not None and list(runs[1].change.knobs) == ["PIVOT"]
    assert set(runs[1].artifacts) == {"run.log", "sort.patch"} | {"decision_packet.json", "decision_packet.md"}
    table = (lab.path / "results.tsv").read_text().splitlines()
    assert table[0] == "commit\tcomparisons\tmemory_gb\tstatus\tdescription"
    assert [row.split("\t")[1:4] for row in table[1:]] == [
        ["75512", "", "keep"], ["70922", "", "keep"], ["84781", "", "discard"], ["0.000000", "0.0", "crash"],
    ]  # fmt: skip

    (lab.path / "run.log").write_text("made 60000 comparisons\nmade 60001 comparisons\n")
    lab.run("log", "--log", "run.log", "--description", "by hand", "--status", "discard")
    assert lab.memory.runs[-1].value("comparisons") == 60001
    lab.run("report")
    report = (lab.path / "results" / "memorylab" / "reports" / "latest.md").read_text()
    assert "comparisons of each run of the night, oldest first; lower is better" in report
    for text in (report, *(path.read_text() for path in lab.path.glob("results/memorylab/*.json*"))):
        assert "bpb" not in text and "train.py" not in text
    knobs = lab.run("knobs").output
    assert knobs.startswith("comparisons (less is better)") and "CUTOFF 32: " in knobs


def test_a_count_is_replicated_and_says_that_there_is_no_seed(example: Callable[[str], Lab]) -> None:
    lab = example("sort")
    lab.run("run", "--description", "baseline")
    done = lab.run("replicate", "HEAD", "--seeds", "1")
    assert "sort.py does not state the seed" in done.stderr
    assert "seed 1: 75512; 1 of at most 1" in done.stderr
    assert [run.value("comparisons") for run in lab.memory.runs] == [75512, 75512]


@pytest.mark.long
def test_a_share_is_maximised_and_toml_has_knobs(example: Callable[[str], Lab]) -> None:
    lab = example("pack")
    lab.run("run", "--description", "baseline")
    assert "+0.145034 to the champion before it" in _tries(lab, "open = 1 ", "open = 4 ", "boxes.open 1 -> 4", 0)
    assert "-0.170038 to the champion's" in _tries(lab, '"given"', '"largest"', "items.order given -> largest", 10)
    assert "AssertionError: no such choice" in _tries(lab, 'choice = "first"', 'choice = "best"', "the best box", 11)
    runs = lab.memory.runs
    assert [run.status for run in runs] == ["keep", "keep", "discard", "crash"]
    assert runs[1].metrics == {"filled": runs[1].value("filled")}, "what the key leads through is no metric"
    assert runs[1].change is not None and set(runs[1].change.knobs) == {"boxes.open"}
    assert lab.run("check", "--description", "raise boxes.open to 4", "--fail-on-similar", rc=1)
    assert "boxes.open 4: up helps" in lab.run("knobs").output
    assert (
        "higher is better" in lab.run("report", "--output", "report.md").output + (lab.path / "report.md").read_text()
    )
    board = json.loads((lab.path / "results" / "memorylab" / "champion_challenger.json").read_text())
    assert (board["direction"], board["champion"]["run_id"]) == ("maximize", runs[1].run_id)


C = "#define N {n}\nint main(void) {{ return N; }}\n"
LABEL = "subject = 'solve.c'\nmetric = 'seconds'\nmetric_pattern = 'N ([0-9]+)'\n"


def test_another_language_is_judged_by_its_lines_and_words(tmp_path: Path) -> None:
    lab = _lab(tmp_path / "c", LABEL + "command = 'cat solve.c'\n", solve_c=C.format(n=9))
    lab.run("run", "--description", "baseline")
    (lab.path / "solve.c").write_text(C.format(n=12))
    lab.commit("unroll the loop further")
    lab.run("run", rc=10)
    lab.git("reset", "-q", "--hard", "HEAD~1")
    run = lab.memory.runs[-1]
    assert (run.value("seconds"), set(run.artifacts) & {"solve.patch"}) == (12, {"solve.patch"})
    assert run.change is not None and run.change.fingerprint and not run.change.knobs
    (lab.path / "solve.c").write_text(C.format(n=12).replace("    ", "  "))
    assert lab.run("check", "--fail-on-similar", rc=1).output.startswith("duplicate_run -> block")
    assert lab.run("check", "--description", "unroll the loop more", "--json").output.count(run.run_id)
    assert "solve.c has no constants at HEAD." in lab.run("knobs").output


def test_what_is_no_python_wants_a_command(tmp_path: Path) -> None:
    lab = _lab(tmp_path / "c", LABEL, solve_c=C.format(n=9))
    for arguments in (["run"], ["replicate", "HEAD"]):
        if arguments[0] == "replicate":
            lab.run("run", "--", "cat", "solve.c")
        said = lab.run(*arguments, rc=3).stderr
        assert "solve.c is no Python, and nothing says how it is run." in said and "Set memorylab.command" in said


def test_an_output_without_the_metric_says_where_it_was_sought(tmp_path: Path) -> None:
    settings = (
        "subject = 'solve.c'\nmetric = 'seconds'\nmetric_key = 'stats.seconds'\nmetric_pattern = 'took ([0-9.]+)'\n"
    )
    lab = _lab(tmp_path / "c", settings + "command = 'echo seconds: 3'\n", solve_c=C.format(n=9))
    where = "seconds (stats.seconds of the summary, took ([0-9.]+) in the log)"
    assert f"It ended without a {where}." in lab.run("run", rc=11).output
    (lab.path / "run.log").write_text("---\nseconds: 3\n")
    assert f"There is no {where} to log" in lab.run("log", "--log", "run.log", rc=3).stderr
    (lab.path / "summary.json").write_text('{"seconds": 1, "stats": {"seconds": 2}}')
    lab.run("log", "--log", "run.log", "--summary", "summary.json")
    assert lab.memory.runs[-1].value("seconds") == 2


@pytest.mark.parametrize(
    ("direction", "values", "best"),
    [("minimize", (3, 0, 5), 0), ("maximize", (-21.5, -20, -30), -20), ("minimize", (3.2e-7, 3.0e-7, 4e-7), 3.0e-7)],
)
def test_a_metric_may_be_zero_negative_or_tiny(
    tmp_path: Path, direction: str, values: tuple[float, ...], best: float
) -> None:
    lab = _lab(tmp_path / "x", f"metric = 'x'\nnoise = 1e-6\ndirection = '{direction}'\n", train_py="A = 0\n")
    for at, value in enumerate(values):
        (lab.path / "train.py").write_text(f"A = {at}\n")
        lab.commit(f"A to {at}")
        (lab.path / "run.log").write_text(f"x: {value}\n")
        lab.run("log", "--log", "run.log")
    assert [run.status for run in lab.memory.runs] == ["keep", "keep", "discard"]
    lab.run("status")
    board = json.loads((lab.path / "results" / "memorylab" / "champion_challenger.json").read_text())
    assert board["champion"]["value"] == best
    shown = [float(row.split("\t")[1]) for row in (lab.path / "results.tsv").read_text().splitlines()[1:]]
    assert shown == list(values), "and nothing is cut off"


def test_a_table_of_another_metric_is_taken_in_without_the_values_of_its_crashes(tmp_path: Path) -> None:
    lab = _lab(tmp_path / "x", "metric = 'seconds'\n", train_py="A = 0\n")
    rows = "abc1234\t12.5\t\tkeep\tas it is\nabc1235\t0.000000\t0.0\tcrash\tzero\nabc1236\t9999\t\tcrash\thangs\n"
    (lab.path / "other.tsv").write_text(f"commit\tseconds\tmemory_gb\tstatus\tdescription\n{rows}")
    lab.run("import", "other.tsv")
    assert [run.metrics["seconds"] for run in lab.memory.runs] == [12.5, None, None]
    assert [run.notes for run in lab.memory.runs] == ["", "", "seconds: 9999"]
    assert "12.500000" in lab.run("status").output
