"""export: what is given out is the ledger, whole, in every format; what was there before stays until it is."""

import csv
import io
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memorylab.commands import export
from memorylab.core.record import Change, Environment, Knob, Run
from memorylab.core.text import inline, unquoted
from memorylab.errors import BadInput
from memorylab.views import table
from tests.conftest import Lab, Templates, is_refusal
from tests.core.conftest import build
from tests.test_hostile import attack, unsafe

HOSTILE = [
    '=HYPERLINK("http://x")',
    'a "quoted", comma',
    "tab\there",
    "größer → tiefer \U0001f40d",
    "'",
    '"',
    ",",
    ";\\",
]


def needs(*modules: str) -> pytest.MarkDecorator:
    """Skip where a library is missing, before a repository is made."""
    missing = [name for name in modules if find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"without {', '.join(missing)}")


NEEDS_PARQUET = needs("pyarrow")
NEEDS_MLFLOW = needs("mlflow", "sqlalchemy", "alembic")


def append(lab: Lab, *runs: Run) -> None:
    """Store runs as they are, whatever a command would have made of them."""
    head = lab.git("rev-parse", "HEAD")
    lab.ledger.append(datetime.now(UTC), [(head, run) for run in runs])
    lab.run("status")


@pytest.fixture
def night(templates: Templates, tmp_path: Path) -> Lab:
    def tell(lab: Lab) -> None:
        lab.experiment("deeper", 1.2, knob="DEPTH", to=12)
        hostile = [build(f"h{i}", 1.0 + i, at=i, description=text, tags=["a", "b c"]) for i, text in enumerate(HOSTILE)]
        other = build(
            "other", None, at=30, status="crash", metrics={"status": 3, "val_bpb": None, "loss, final": 1e-30}
        )
        append(lab, *hostile, other, build("undated", 0.5, timestamp_utc=None, branch=None))
        lab.run(
            "amend", "h1", "--description", "not what it was", "--status", "discard", "--notes", "=1\nover two lines"
        )

    return templates.told("a night to be exported", tell, tmp_path)


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


# -- the formats


def test_the_lines_are_those_of_the_view(night: Lab) -> None:
    assert len(night.memory.runs) == 11
    for form, view in (("jsonl", "results/memorylab/experiments.jsonl"), ("tsv", "results.tsv")):
        expected = (night.path / view).read_bytes()
        assert expected.count(b"\n") >= 11
        assert night.run("export", "--format", form).stdout_bytes == expected
        assert night.run("export", "--format", form, "--output", "-").stdout_bytes == expected
        assert night.run("export", "--output", f"mine.{form}").output == f"wrote mine.{form}\n"
        assert (night.path / f"mine.{form}").read_bytes() == expected


def test_jsonl_goes_to_stdout_unless_told_otherwise(night: Lab) -> None:
    expected = (night.path / "results" / "memorylab" / "experiments.jsonl").read_bytes()
    assert night.run("export").stdout_bytes == expected
    night.run("export", "--output", "mine")
    assert (night.path / "mine").read_bytes() == expected
    night.run("export", "--format", "tsv", "--output", "mine.CSV")
    assert (night.path / "mine.CSV").read_bytes() == (night.path / "results.tsv").read_bytes()
    night.run("export", "--output", "mine.CSV")
    assert len(rows((night.path / "mine.CSV").read_bytes())) == 11


def test_csv_holds_what_was_said(night: Lab) -> None:
    data = night.run("export", "--format", "csv").stdout_bytes
    header = data.partition(b"\r\n")[0].decode()
    assert header.startswith(
        "run_id,timestamp_utc,writer,branch,commit,parent_commit,status,family,description,hypothesis,tags,metrics."
    )
    assert '"metrics.loss, final"' in header
    found = rows(data)
    assert [row["run_id"] for row in found] == [run.run_id for run in night.memory.runs]
    for row, run in zip(found, night.memory.runs, strict=True):
        assert unquoted(row["description"]) == inline(run.description)
        assert row["tags"] == ",".join(run.tags)
        assert row["timestamp_utc"] == (run.timestamp_utc or "")
        assert row["branch"] == (run.branch or "")
        measured = {name: float(text) for name, text in row.items() if name.startswith("metrics.") and text}
        assert measured == {f"metrics.{name}": value for name, value in run.metrics.items() if value is not None}
    by_name = {row["run_id"]: row for row in found}
    assert (by_name["h1"]["description"], by_name["h1"]["status"]) == ("not what it was", "discard")
    assert (by_name["other"]["status"], by_name["other"]["metrics.status"]) == ("crash", "3")
    assert by_name["h0"]["description"] == f"'{HOSTILE[0]}"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(HOSTILE)
NUMBER = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53) | st.none()
RUNS = st.builds(
    build,
    name=st.just("r"),
    description=TEXT,
    hypothesis=TEXT,
    family=TEXT,
    branch=TEXT,
    tags=st.lists(TEXT, max_size=3),
    metrics=st.dictionaries(TEXT, NUMBER, max_size=3),
)


@given(st.lists(RUNS, max_size=6))
def test_csv_can_be_read_back_whatever_it_says(runs: list[Run]) -> None:
    data = b"".join(export.csv_lines(lambda: [(run, b"") for run in runs]))
    header, *found = csv.reader(io.StringIO(data.decode(), newline=""))
    names = header[len(export.COLUMNS) :]
    measured = sorted({name for run in runs for name in run.metrics})
    assert names == [inline(f"metrics.{name}") for name in measured]
    assert len(found) == len(runs)
    for cells, run in zip(found, runs, strict=True):
        row = dict(zip(header, cells, strict=True))
        for name in ("description", "hypothesis", "family", "branch"):
            assert unquoted(row[name]) == inline(getattr(run, name))
        assert unquoted(row["tags"]) == inline(",".join(run.tags))
        for name, cell in zip(measured, cells[len(export.COLUMNS) :], strict=True):
            assert (float(cell) if cell else None) == run.metrics.get(name)


def test_a_run_that_needs_a_column_more_than_were_counted_is_not_cut() -> None:
    """Another process may log while this one writes."""
    passes = iter([[build("a")], [build("a"), build("b", metrics={"new": 1.0})]])
    with pytest.raises(BadInput, match="grew"):
        list(export.csv_lines(lambda: [(run, b"") for run in next(passes)]))


def test_a_record_of_several_lines_is_one_row() -> None:
    """No command writes one; another program may."""
    assert table.row(build("a", description="a\nb\r\nc\td"), "val_bpb").endswith("\tkeep\ta b c d\n")


@NEEDS_PARQUET
def test_parquet_holds_the_same_typed(night: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyarrow import parquet

    monkeypatch.setattr(export, "GROUP", 5)
    night.run("export", "--output", "mine.parquet")
    night.run("export", "--format", "parquet", "--output", "again")
    assert (night.path / "again").read_bytes() == (night.path / "mine.parquet").read_bytes()
    assert (
        night.run("export", "--format", "parquet", "--output", "-").stdout_bytes == (night.path / "again").read_bytes()
    )
    read = parquet.ParquetFile(night.path / "mine.parquet")
    assert read.num_row_groups == 3
    found = read.read().to_pylist()
    header = rows(night.run("export", "--format", "csv").stdout_bytes)[0]
    assert list(found[0]) == list(header)
    for row, run in zip(found, night.memory.runs, strict=True):
        assert row["tags"] == run.tags
        at = run.timestamp_utc and datetime.fromisoformat(run.timestamp_utc)
        assert row["timestamp_utc"] == at
        assert {name: row[name] for name in ("run_id", "branch", "description", "status", "commit")} == {
            name: getattr(run, name) for name in ("run_id", "branch", "description", "status", "commit")
        }
        numbers = {name.removeprefix("metrics."): value for name, value in row.items() if name.startswith("metrics.")}
        assert {name: value for name, value in numbers.items() if value is not None} == {
            name: value for name, value in run.metrics.items() if value is not None
        }


def test_nothing_is_remembered_yet(lab: Lab) -> None:
    assert lab.run("export").stdout_bytes == b""
    assert lab.run("export", "--format", "tsv").stdout_bytes == table.header("val_bpb").encode()
    assert lab.run("export", "--format", "csv").stdout_bytes == ",".join(export.COLUMNS).encode() + b"\r\n"


@NEEDS_PARQUET
def test_parquet_of_nothing_has_its_columns(lab: Lab) -> None:
    from pyarrow import parquet

    lab.run("export", "--output", "mine.parquet")
    read = parquet.read_table(lab.path / "mine.parquet")
    assert (read.num_rows, read.column_names) == (0, list(export.COLUMNS))


# -- MLflow


def tracked(uri: str) -> dict[str, object]:
    """The MLflow runs of the experiment by our run ids."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    at = client.get_experiment_by_name("memorylab").experiment_id
    found = client.search_runs([at])
    by_name = {run.data.tags["memorylab.run_id"]: run for run in found}
    assert len(by_name) == len(found)
    return by_name


@pytest.fixture(params=["sqlite", "folder"])
def store(request: pytest.FixtureRequest, night: Lab, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """What is given to --output, and its tracking URI."""
    for name in ("MLFLOW_ALLOW_FILE_STORE", "MLFLOW_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")  # so that it is taken back afterwards
        monkeypatch.delenv(name)
    if request.param == "folder":
        (night.path / "my runs").mkdir()
        return "my runs", (night.path / "my runs").as_uri()
    return "runs.db", f"sqlite:///{night.path}/runs.db"


@NEEDS_MLFLOW
def test_mlflow_has_a_run_for_each_of_ours(night: Lab, store: tuple[str, str]) -> None:
    many = Change(subject="train.py", knobs={f"K{i}": Knob(old=None, new=str(i)) for i in range(205)})
    where = Environment(device="TPU", seed=7)
    metrics = {f"m{i}": i for i in range(150)} | {"../up": 1, "a/b": 2, "x:y": 3, "x;y": 4, "": 5}
    append(night, build("many", at=40, change=many, environment=where, metrics=metrics))
    append(night, build("big", description="x" * 15_000))
    output, uri = store
    said = night.run("export", "--format", "mlflow", "--output", output)
    assert (said.stdout, said.stderr) == (f"wrote {output}: 13 added, 0 amended, 0 already there\n", "")
    assert not (night.path / "mlruns").exists()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    found = tracked(uri)
    assert found.keys() == {run.run_id for run in night.memory.runs}
    logged = found[night.memory.find(night.git("rev-parse", "HEAD")).run_id]
    assert logged.data.params == {"DEPTH": "12"}
    assert logged.data.metrics["val_bpb"] == 1.2
    assert logged.info.end_time - logged.info.start_time == 325_900
    assert logged.data.tags["mlflow.source.git.commit"] == night.git("rev-parse", "HEAD")
    assert found["h3"].info.run_name == HOSTILE[3]
    assert found["h3"].data.tags["memorylab.tags"] == "a,b c"
    assert found["other"].info.status == "FAILED" and found["h3"].info.status == "FINISHED"
    assert found["other"].data.metrics == {"status": 3.0, "loss_ final": 1e-30}
    assert found["h1"].data.tags["memorylab.status"] == "discard"
    assert found["h1"].data.tags["mlflow.note.content"] == "=1\nover two lines"
    assert found["undated"].info.start_time == found["undated"].info.end_time == 1
    assert found["big"].data.tags["memorylab.description"] == "x" * 5_000
    assert found["many"].data.params == {f"K{i}": str(i) for i in range(205)}
    assert sorted(found["many"].data.metrics.values()) == sorted(float(value) for value in metrics.values())
    assert (found["many"].data.tags["memorylab.device"], found["many"].data.tags["memorylab.seed"]) == ("TPU", "7")


@NEEDS_MLFLOW
def test_mlflow_a_second_time_adds_what_is_new(night: Lab, store: tuple[str, str]) -> None:
    from mlflow import MlflowClient

    output, uri = store
    arguments = ("export", "--format", "mlflow", "--output", output)
    assert "11 added, 0 amended, 0 already" in night.run(*arguments).output
    assert "0 added, 0 amended, 11 already" in night.run(*arguments).output
    append(night, build("later", 0.9, at=50))
    night.run("amend", "h3", "--status", "crash", "--description", "something else")
    client = MlflowClient(tracking_uri=uri)
    before = tracked(uri)
    client.delete_run(before["h2"].info.run_id)
    client.delete_tag(before["h0"].info.run_id, "memorylab.digest")  # as if it had been cut short
    assert "2 added, 1 amended, 9 already" in night.run(*arguments).output
    after = tracked(uri)
    assert after.keys() == before.keys() - {"h2"} | {"later"}
    assert (after["h3"].info.status, after["h3"].info.run_name) == ("FAILED", "something else")
    assert after["h3"].info.run_id == before["h3"].info.run_id
    assert after["h3"].data.tags["memorylab.description"] == "something else"
    assert len(client.get_metric_history(after["h3"].info.run_id, "val_bpb")) == 1
    assert "memorylab.digest" in after["h0"].data.tags
    assert "0 added, 0 amended, 12 already" in night.run(*arguments).output


@NEEDS_MLFLOW
def test_mlflow_is_not_given_a_file_of_another_kind(night: Lab) -> None:
    before = (night.path / "results.tsv").read_bytes()
    for output in ("results.tsv", "nowhere/runs.db", "what?.db"):
        said = night.run("export", "--format", "mlflow", "--output", output, rc=3).stderr
        assert said.startswith(f"error: {output} ") and is_refusal(said)
    assert (night.path / "results.tsv").read_bytes() == before
    assert not (night.path / "nowhere").exists()
    said = night.run("export", "--format", "mlflow", "--output", "gopher://x", rc=3).stderr
    assert said.startswith("error: MLflow refuses gopher://x: ") and is_refusal(said)


# -- what others have written


@pytest.fixture
def hostile(templates: Templates, tmp_path: Path) -> Lab:
    def tell(lab: Lab) -> None:
        attack(lab)
        lab.run("status")

    return templates.told("an attack to be exported", tell, tmp_path)


@NEEDS_PARQUET
def test_parquet_takes_whatever_others_have_written(hostile: Lab) -> None:
    """It is for programs: each value is there as it is."""
    from pyarrow import parquet

    hostile.run("export", "--output", "mine.parquet")
    found = parquet.read_table(hostile.path / "mine.parquet").to_pylist()
    told = [(run.run_id, run.commit, run.description, run.tags, run.family) for run in hostile.memory.runs]
    assert [tuple(row[name] for name in ("run_id", "commit", "description", "tags", "family")) for row in found] == told


@pytest.mark.long
@NEEDS_MLFLOW
@pytest.mark.parametrize("folder", [True, False])
def test_mlflow_takes_whatever_others_have_written(hostile: Lab, folder: bool) -> None:
    if folder:
        (hostile.path / "runs").mkdir()
    outside = sorted(hostile.path.parent.iterdir())
    said = hostile.run("export", "--format", "mlflow", "--output", "runs")
    count = len(hostile.memory.runs)
    assert f"{count} added" in said.stdout and not unsafe(said.output)
    assert f"{count} already there" in hostile.run("export", "--format", "mlflow", "--output", "runs").stdout
    uri = (hostile.path / "runs").as_uri() if folder else f"sqlite:///{hostile.path}/runs"
    found = tracked(uri)
    assert found.keys() == {run.run_id for run in hostile.memory.runs}
    assert sorted(hostile.path.parent.iterdir()) == outside and not list(hostile.path.rglob("escaped"))


# -- where it goes


@pytest.mark.parametrize(("form", "module"), [("parquet", "pyarrow"), ("mlflow", "mlflow")])
def test_a_library_that_is_missing_is_named(
    night: Lab, monkeypatch: pytest.MonkeyPatch, form: str, module: str
) -> None:  # fmt: skip
    monkeypatch.setitem(sys.modules, module, None)
    (night.path / "mine").write_text("before")
    said = night.run("export", "--format", form, "--output", "mine", rc=3)
    assert said.output == f"error: {module} is not installed.\nhint: `pip install 'git-memorylab[{form}]'` brings it.\n"
    assert (night.path / "mine").read_text() == "before"
    assert not list(night.path.glob(".mine*"))


def test_what_is_no_text_is_not_for_a_terminal(night: Lab) -> None:
    for form in ("parquet", "mlflow"):
        said = night.run("export", "--format", form, rc=2)
        assert said.stdout_bytes == b"" and "Give --output PATH" in said.stderr
    assert "no stream" in night.run("export", "--format", "mlflow", "--output", "-", rc=2).stderr
    leader, follower = os.openpty()
    command = [sys.executable, "-m", "memorylab", "export", "--format", "parquet", "--output", "-"]
    done = subprocess.run(command, cwd=night.path, stdout=follower, stderr=subprocess.PIPE, check=False)
    os.close(follower)
    os.close(leader)
    assert (done.returncode, done.stderr) == (2, b"error: Parquet is not for a terminal.\nhint: Give --output PATH.\n")


def test_it_is_the_same_everywhere_and_leaves_no_trace(night: Lab) -> None:
    expected = night.run("export").stdout_bytes
    bare = Lab(night.path.with_name("bare.git"))
    night.git("clone", "-q", "--mirror", str(night.path), str(bare.path))
    (night.path / "sub").mkdir()
    before = [set(lab.path.rglob("*")) for lab in (night, bare)]
    for lab in (Lab(night.path / "sub"), bare):
        assert lab.run("export").stdout_bytes == expected
    assert [set(lab.path.rglob("*")) ^ known for lab, known in zip((night, bare), before, strict=True)] == [
        set(),
        set(),
    ]
    Lab(night.path / "sub").run("export", "--output", "mine")
    assert (night.path / "sub" / "mine").read_bytes() == expected


def test_the_views_are_not_asked(night: Lab) -> None:
    expected = night.run("export").stdout_bytes
    (night.path / "results" / "memorylab" / "experiments.jsonl").write_text("forged\n")
    assert night.run("export").stdout_bytes == expected


def test_what_plain_git_took_is_in_it(night: Lab) -> None:
    expected = night.run("export").stdout_bytes
    (ledger,) = night.git("for-each-ref", "--format=%(refname)", "refs/notes/memorylab/ledger").splitlines()
    night.git("update-ref", "-d", ledger)
    done = night.run("export")
    assert done.stdout_bytes == expected
    assert "was put back" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.long
def test_what_was_there_stays_if_writing_fails(night: Lab) -> None:
    """A file may not grow beyond a limit here, as on a disk that is full or a quota that is used up."""
    target = night.path / "mine.csv"
    target.write_text("before")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))

    for form in ("jsonl", "tsv", "csv"):
        command = [sys.executable, "-m", "memorylab", "export", "--format", form, "--output", "mine.csv"]
        done = subprocess.run(command, cwd=night.path, capture_output=True, text=True, check=False, preexec_fn=limit)
        assert done.returncode == 3, done.stderr
        assert done.stderr == "error: mine.csv cannot be written: File too large.\nhint: Give another --output PATH.\n"
        assert target.read_text() == "before"
        assert not list(night.path.glob(".mine*"))
    night.run("export", "--output", "mine.csv")
    assert len(rows(target.read_bytes())) == 11
    assert not list(night.path.glob(".mine*"))


def test_where_nothing_can_be_written(night: Lab) -> None:
    for output in ("nowhere/mine.csv", "results", "", "train.py/mine", "x" * 300):
        said = night.run("export", "--output", output, rc=3).stderr
        assert said.startswith(f"error: {output or '.'} cannot be written: ") and is_refusal(said)
    assert not (night.path / "nowhere").exists()


def test_a_link_stays_and_a_pipe_is_written_to(night: Lab) -> None:
    expected = night.run("export").stdout_bytes
    (night.path / "link").symlink_to("target")
    night.run("export", "--output", "link")
    assert (night.path / "link").is_symlink() and (night.path / "target").read_bytes() == expected
    os.mkfifo(night.path / "pipe")
    reader = subprocess.Popen(["cat", "pipe"], cwd=night.path, stdout=subprocess.PIPE)
    try:
        assert night.run("export", "--output", "pipe").output == "wrote pipe\n"
        assert (night.path / "pipe").is_fifo()
        assert reader.communicate()[0] == expected
    finally:
        reader.kill()


def test_the_permissions_are_those_of_any_new_file(night: Lab) -> None:
    night.run("export", "--output", "mine")
    (night.path / "other").write_text("")
    assert (night.path / "mine").stat().st_mode == (night.path / "other").stat().st_mode


def test_a_reader_that_goes_away_ends_it_quietly(night: Lab) -> None:
    for form in ("jsonl", "tsv", "csv"):
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "-m", "memorylab", "export", "--format", form]
        done = subprocess.run(command, cwd=night.path, stdout=writing, stderr=subprocess.PIPE, check=False)
        os.close(writing)
        assert (done.returncode, done.stderr) == (141, b"")


def test_a_device_that_is_full(night: Lab) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "memorylab", "export", "--format", "tsv"]
        done = subprocess.run(command, cwd=night.path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("error: There is no space left on the device.") and is_refusal(done.stderr)


def test_stdout_that_is_closed(night: Lab) -> None:
    shell = f"exec {sys.executable} -m memorylab export >&-"
    done = subprocess.run(["sh", "-c", shell], cwd=night.path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: stdout is closed.\nhint: Give --output PATH.\n")
