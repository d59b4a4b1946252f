"""What a notebook has: the runs as records, as a frame, and results.tsv as upstream's analysis reads it."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

import memorylab
from memorylab.commands import frames
from memorylab.core.record import Run
from memorylab.errors import NotARepository
from tests.conftest import Lab, Templates

CELLS = '"quoted" and 5" more', "use $HOME_{ and $PATH^^ {", 'halve "it"', "NA", "=1+1, \\frac{ % #"


def _night(lab: Lab) -> None:
    """A crash first, then what a notebook may trip over."""
    lab.commit("first of all a crash")
    lab.run("log", "--status", "crash", "--error", "out of memory")
    for at, words in enumerate(CELLS):
        lab.experiment(words, 1.2 - at / 10, "--status", "discard" if at == 2 else "keep", knob="DEPTH", to=9 + at)
    lab.run("amend", lab.memory.runs[-1].run_id, "--family", "depth", "--tags", "a,b")


@pytest.fixture
def night(templates: Templates, tmp_path: Path) -> Lab:
    return templates.told("notebook", _night, tmp_path)


def test_runs_come_amended_in_the_order_of_the_views(night: Lab) -> None:
    night.run("status")
    found = memorylab.read(night.path)
    assert all(isinstance(run, Run) for run in found)
    assert [run.description for run in found] == ["first of all a crash", *CELLS]
    assert (found[-1].family, found[-1].tags) == ("depth", ["a", "b"])
    lines = (night.path / "results" / "memorylab" / "experiments.jsonl").read_bytes().splitlines()
    assert [run.run_id for run in found] == [msgspec.json.decode(line)["run_id"] for line in lines]


def test_they_are_read_from_a_folder_below_and_from_where_we_are(night: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    below = night.path / "a" / "b"
    below.mkdir(parents=True)
    assert len(memorylab.read(str(below))) == 6
    monkeypatch.chdir(below)
    assert len(memorylab.read()) == 6


def test_they_are_read_where_nothing_can_be_written(night: Lab) -> None:
    """No index, and a file where its folder would be."""
    state = night.path / ".git" / "memorylab"
    subprocess.run(["rm", "-r", str(state), str(night.path / "results"), str(night.path / "results.tsv")], check=True)
    state.write_text("")
    before = night.git("for-each-ref")
    assert len(memorylab.read(night.path)) == 6
    assert (state.read_text(), night.git("for-each-ref"), night.git("status", "--porcelain")) == ("", before, "")


def test_a_clone_without_init_reads_what_it_has_fetched(night: Lab, tmp_path: Path) -> None:
    clone = Lab(tmp_path / "clone")
    night.git("clone", "-q", ".", str(clone.path))
    assert memorylab.read(clone.path) == []
    clone.git("fetch", "-q", "origin", "refs/notes/memorylab/*:refs/notes/memorylab/*")
    assert len(memorylab.read(clone.path)) == 6


def test_without_a_repository_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotARepository):
        memorylab.read(tmp_path)


def test_importing_the_package_alone_imports_nothing_else() -> None:
    program = "import sys; before = set(sys.modules); import memorylab; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"memorylab", "__future__"}


def test_a_library_that_is_missing_is_named_with_what_to_type(night: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ImportError) as problem:
            memorylab.read(night.path, frame=name)  # type: ignore[call-overload]
        assert str(problem.value) == f"{name} is not installed: `pip install 'git-memorylab[notebook]'` brings it."


def test_another_frame_is_refused(night: Lab) -> None:
    with pytest.raises(ValueError, match="no frame 'arrow'"):
        memorylab.read(night.path, frame="arrow")  # type: ignore[call-overload]


def _exported(lab: Lab) -> list[str]:
    return lab.run("export", "--format", "csv").stdout.splitlines()[0].split(",")


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_frame_has_the_columns_of_the_export_typed(night: Lab, kind: Any) -> None:
    pytest.importorskip(kind)
    found, runs = memorylab.read(night.path, frame=kind), memorylab.read(night.path)
    assert list(found.columns) == _exported(night)
    assert list(found["run_id"]) == [run.run_id for run in runs]
    assert found["tags"].to_list()[-1] == ["a", "b"]
    stamp = list(found["timestamp_utc"])[0]
    assert datetime.fromisoformat(str(stamp)).astimezone(UTC) == datetime.fromisoformat(str(runs[0].timestamp_utc))
    values = list(found["metrics.val_bpb"])
    assert values[1:] == [run.value("val_bpb") for run in runs[1:]]
    assert values[0] is None or values[0] != values[0]
    kinds = {"pandas": "float64 category datetime64[us, UTC]", "polars": None}[kind]
    names = ("metrics.num_steps", "status", "timestamp_utc")
    if kinds is not None:
        assert " ".join(str(found[name].dtype) for name in names) == kinds
        assert list(found["status"].cat.categories) == frames.STATUSES
    else:
        import polars

        of = (polars.Float64(), polars.Enum(frames.STATUSES), polars.Datetime("us", "UTC"))
        assert tuple(found[name].dtype for name in names) == of


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_frame_of_no_runs_has_its_columns(lab: Lab, kind: Any) -> None:
    pytest.importorskip(kind)
    found = memorylab.read(lab.path, frame=kind)
    assert (len(found), list(found.columns)) == (0, _exported(lab))


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_run_without_a_time_has_none(lab: Lab, kind: Any) -> None:
    pytest.importorskip(kind)
    (lab.path / "other.tsv").write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabc1234\t1.5\t1\tkeep\tx\n")
    lab.run("import", "other.tsv")
    (stamp,) = memorylab.read(lab.path, frame=kind)["timestamp_utc"]
    assert str(stamp) in ("NaT", "None")


def test_a_metric_that_nobody_has_measured_is_a_number_all_the_same(lab: Lab) -> None:
    pytest.importorskip("pandas")
    lab.commit("it crashes")
    lab.run("log", "--status", "crash", "--error", "out of memory")
    found = memorylab.read(lab.path, frame="pandas")
    assert {str(found[name].dtype) for name in found if name.startswith("metrics.")} == {"float64"}


def test_results_tsv_is_read_as_upstreams_analysis_reads_it(night: Lab) -> None:
    """In words of our own what analysis.ipynb of karpathy/autoresearch does to the table."""
    pandas = pytest.importorskip("pandas")
    night.run("status")
    table = pandas.read_csv(night.path / "results.tsv", sep="\t")
    assert list(table.columns) == ["commit", "val_bpb", "memory_gb", "status", "description"]
    for name in ("val_bpb", "memory_gb"):
        table[name] = pandas.to_numeric(table[name], errors="coerce")
    table["status"] = table["status"].str.strip().str.upper()
    assert table["status"].value_counts().to_dict() == {"KEEP": 4, "DISCARD": 1, "CRASH": 1}
    measured = table[table["status"] != "CRASH"].reset_index(drop=True)
    kept = measured.loc[measured["status"] == "KEEP", "val_bpb"]
    assert measured.loc[0, "val_bpb"] == 1.2
    assert kept.cummin().tolist() == pytest.approx([1.2, 1.1, 0.9, 0.8])
    assert measured.loc[kept.idxmin(), "description"] == CELLS[-1]
    assert kept.shift(1).sub(kept).iloc[1:].sum() == pytest.approx(0.4)
    # Two dollars would be mathematics in the labels of its chart.
    assert table.loc[2, "description"] == r"use \$HOME_{ and \$PATH^^ {"


def test_its_chart_is_drawn(night: Lab, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    night.run("status")
    figure, axes = pyplot.subplots()
    for row in (night.path / "results.tsv").read_text().splitlines()[1:]:
        axes.annotate(row.split("\t")[4], (0, 0))
    figure.savefig(tmp_path / "progress.png")
