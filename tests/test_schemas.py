"""What every command prints with --json, in many states of a lab, is what docs/schemas says of it; errors too."""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from memorylab.cli import cli
from memorylab.commands import inspect, replicate
from memorylab.outputs import ON_STDERR, OUTPUTS
from tests.conftest import Hub, Lab, Templates
from tests.schemas import SCHEMAS, read, validate

WITH_JSON = {name for name, made in cli.commands.items() if any("--json" in option.opts for option in made.params)}


class Caller:
    """Calls commands with --json, and holds what they answer against its schema."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.answered: dict[str, list[Any]] = {}

    def __call__(self, command: str, *arguments: str, rc: int | None = 0, stdin: str | None = None) -> Any:
        done = self.lab.run(command, "--json", *arguments, rc=rc, stdin=stdin)
        assert done.stdout.count("\n") == 1, done.output
        value = json.loads(done.stdout)
        validate(command, value)
        for line in done.stderr.splitlines():
            validate("note", json.loads(line))
        self.answered.setdefault(command, []).append(value)
        return value


def _reading(call: Caller) -> None:
    """What asks, and changes nothing."""
    call("status")
    call("knobs")
    call("history")
    call("search", "deeper", "-zebra")
    call("report")
    call("claim")
    call("check", "--description", "MATRIX_LR 0.04 -> 0.06")
    call("check", "--stdin", stdin='"deeper"\n{"description": "raise matrix lr", "id": 7}\n"deeper"\n')
    call("verify")
    call("doctor")


def test_there_is_one_for_every_command_that_has_json() -> None:
    assert set(OUTPUTS) == WITH_JSON
    assert {path.name for path in SCHEMAS.iterdir()} == {
        "README.md", *(f"{name}.schema.json" for name in [*OUTPUTS, *ON_STDERR]),
    }  # fmt: skip


def test_they_are_generated_from_the_types_and_are_schemas() -> None:
    generated = runpy.run_path(str(SCHEMAS.parent / "generate.py"))["GENERATED"]
    for name in [*OUTPUTS, *ON_STDERR]:
        path = f"schemas/{name}.schema.json"
        assert (SCHEMAS.parent / path).read_text() == generated[path](), "run docs/generate.py"
        jsonschema.Draft202012Validator.check_schema(read(name))


def test_every_type_says_what_it_means() -> None:
    for name in [*OUTPUTS, *ON_STDERR]:
        for title, part in read(name)["$defs"].items():
            said = part.get("description", "")
            assert said and not said.startswith(f"{title}("), f"{title} in {name} has no docstring"


def test_readers_are_told_to_leave_room() -> None:
    """A field that is added breaks nobody who validates with what is published."""
    value = {"run_id": "a", "commit": "b", "done": "c", "added": 1}
    jsonschema.Draft202012Validator(read("restore")).validate(value)
    with pytest.raises(jsonschema.ValidationError):
        validate("restore", value)


def test_a_field_that_is_missing_or_of_another_type_is_noticed() -> None:
    for value in ({"run_id": "a", "commit": "b"}, {"run_id": "a", "commit": None, "done": "c"}, []):
        with pytest.raises(jsonschema.ValidationError):
            validate("restore", value)


# -- real output


def test_before_init(make_lab: Callable[..., Lab]) -> None:
    call = Caller(make_lab(init=False))
    assert call("status")["writer"] is None
    _reading(call)
    call("skill")
    assert call("init")["done"]


def test_an_empty_lab(lab: Lab) -> None:
    call = Caller(lab)
    _reading(call)
    call("knobs", "DEPTH")
    call("check", rc=None)
    call("init")


@pytest.mark.long
def test_one_run_and_a_crash(lab: Lab) -> None:
    call = Caller(lab)
    lab.edit("DEPTH", 9)
    lab.commit("deeper\n\nFamily: size\nTags: a, b")
    call("check")
    lab.result(1.5)
    one = call("log", "--log", "run.log")["run_id"]
    _reading(call)
    call("show", one)
    call("diff", one)
    assert call("knobs", "DEPTH")["knob"]["groups"]
    lab.edit("DEPTH", 12)
    lab.commit("deeper still")
    lab.git("config", "memorylab.command", "echo 'RuntimeError: out of memory'; false")
    crashed = call("run", rc=11)["run_id"]
    lab.edit("DEPTH", 8)
    lab.commit("as it was")
    lab.result(1.6)
    call("log", "--log", "run.log")
    _reading(call)
    assert call("show", crashed)["error"]
    assert call("check", "--description", "deeper", "--claim", rc=None)["verdict"]
    assert call("check", "--description", "WARMDOWN_RATIO 0.5 -> 0.3", "--claim")["claim"]["ours"]
    call("claim", "--withdraw", call("claim")[0]["id"])
    assert call("claim", "MATRIX_LR to 0.05")["ours"]
    call("diff", one, crashed)
    call("blame", one)
    assert call("brief")["left_out"] == {}
    call("restore", one)
    assert call("restore", one, "--branch", "again", "--force")["done"]
    lab.git("checkout", "-q", "train.py")
    assert call("stack", crashed, "--onto", one, "--branch", "stacked")["commit"]
    lab.git("switch", "-q", "-")
    assert call("amend", crashed, "--notes", "x")["notes"] == "x"
    assert call("report")["written"]
    assert call("report", "--output", "mine.md")["written"]
    (lab.path / "theirs.tsv").write_text(
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabc1234\t1.9\t1\tkeep\tb\nno row\n"
    )
    (found,) = call("import", "theirs.tsv")
    assert found["added"] == 1 and found["rejected"]
    assert call("init", "--uninstall")["done"]
    assert call("skill", "--output", "SKILL.md")["written"] == "SKILL.md"


@pytest.mark.long
def test_a_replicated_run(lab: Lab) -> None:
    call = Caller(lab)
    lab.git("config", "memorylab.command", "echo val_bpb: 1.4")
    lab.edit("DEPTH", 9)
    lab.commit("deeper")
    one = call("run")["run_id"]
    assert call("replicate", one, "--seeds", "1")["outcome"] == "measured"
    lab.git("config", "memorylab.command", "echo val_bpb: 1.5")
    lab.edit("DEPTH", 10)
    lab.commit("deeper still")
    two = call("run", rc=10)["run_id"]
    assert call("replicate", two, "--seeds", "1", "--against", one, rc=None)["packet"]
    _reading(call)


@pytest.mark.long
def test_several_writers(templates: Templates, tmp_path: Path) -> None:
    hub = Hub(templates, tmp_path / "hub")
    ann, bob = Caller(hub.join("ann")), Caller(hub.join("bob"))
    ann.lab.experiment("raise matrix lr", 1.0, knob="MATRIX_LR", to=0.06)
    assert ann("sync")["went"]
    assert ann("claim", "DEPTH 8 -> 12")["settled"] == "remote"
    assert bob("sync")["came"]
    assert not bob("claim", "DEPTH 8 -> 12", rc=1)["ours"]
    assert bob("check", "--description", "DEPTH 8 -> 12")["claimed"]
    bob.lab.experiment("raise warmdown", 1.1, knob="WARMDOWN_RATIO", to=0.6)
    assert bob("status")["waiting"] == {"origin": 2}
    _reading(bob)
    assert len(bob("sync", "--relay")) == 1
    assert bob("verify")[0]["journal"]
    assert bob("compact", "--days", "0", "--dry-run")["dry_run"]
    assert bob("compact", "--days", "0")["folded"]
    bob.lab.git("remote", "set-url", "origin", "../nowhere")
    assert bob("sync", rc=None)["reached"] is False


def test_other_groups_and_what_cannot_be_read(lab: Lab) -> None:
    call = Caller(lab)
    for device in ("cpu", "cuda"):
        sidecar = {"val_bpb": 1.5, "device": device, "budget_kind": "cpu_seconds", "budget": 3.0, "seed": 1}
        (lab.path / "summary.json").write_text(json.dumps(sidecar))
        lab.edit("DEPTH", 9 + len(device))
        lab.commit(f"on {device}")
        call("log", "--summary", "summary.json")
    anchor = lab.git("rev-parse", "HEAD")
    ref = f"memorylab/ledger/{lab.store.writer()}"
    lab.git("notes", f"--ref={ref}", "append", "-m", '{"kind": "of tomorrow"}', anchor)
    value = call("status")
    assert value["unreadable"] == 1 and value["registry"]["other_groups"]
    _reading(call) if call("verify", rc=3) is None else None
    assert any(one["problems"] for one in call("verify", rc=3))


def test_every_shape_is_a_real_one(lab: Lab) -> None:
    """A command that answers in several shapes is asked for each of them above; here is which of them is which."""
    call = Caller(lab)
    lab.experiment("raise matrix lr", 1.0, knob="MATRIX_LR", to=0.06)
    shapes: dict[str, list[Any]] = {
        "check": [
            call("check", "--description", "x"),
            call("check", "--description", "x", "--claim"),
            call("check", "--stdin", stdin='"x"'),
        ],
        "claim": [call("claim", "DEPTH to 9"), call("claim")],
        "knobs": [call("knobs"), call("knobs", "MATRIX")],
    }
    lab.git("init", "-q", "--bare", "../remote.git")
    lab.git("remote", "add", "origin", "../remote.git")
    shapes["sync"] = [call("sync"), call("sync", "--relay")]
    for name, types in OUTPUTS.items():
        if len(types) > 1:
            for value, kind in zip(shapes[name], types, strict=True):
                msgspec.convert(value, kind)


def test_what_the_demo_prints_has_the_shape_of_the_others(lab: Lab) -> None:
    """The demo itself takes minutes; tests/test_demo.py holds its output against the schema."""
    value = Caller(lab)("report")
    validate("demo", {"folder": "x", "registry": value["registry"]})
    assert replicate.Replication in OUTPUTS["replicate"]


# -- errors


def _failed(lab: Lab, *arguments: str, rc: int) -> dict[str, Any]:
    done = lab.run(*arguments, rc=rc)
    assert done.stdout == ""
    *notes, last = done.stderr.splitlines()
    for line in notes:
        validate("note", json.loads(line))
    value = json.loads(last)
    validate("error", value)
    assert value["error"]["exit_code"] == rc
    return value["error"]  # type: ignore[no-any-return]


def test_an_expected_error(lab: Lab) -> None:
    assert _failed(lab, "show", "nobody", "--json", rc=3) == {
        "message": "No run is called 'nobody'.", "hint": "`git memorylab status` names the latest ones.",
        "exit_code": 3, "kind": "expected",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("log --status good --json", "'good' is not one of"),
        ("--json", "No such option '--json'"),
        ("nonsense --json", "No such command 'nonsense'"),
        ("--nonsense check --json", "No such option '--nonsense'"),
        ("restore --json", "Missing argument 'RUN'"),
        ("check --json --stdin --record", "--stdin takes the ideas from the input"),
        ("export --json", "No such option '--json'"),
    ],
)
def test_a_wrong_call(lab: Lab, call: str, said: str) -> None:
    error = _failed(lab, *call.split(), rc=2)
    assert said in error["message"] and error["kind"] == "usage"
    assert error["hint"].startswith("`git memorylab") and error["hint"].endswith(" -h` explains it.")


def test_a_wrong_call_that_only_the_command_notices(lab: Lab) -> None:
    error = _failed(lab, "knobs", "", "--json", rc=2)
    assert error["kind"] == "usage" and error["hint"].startswith("Give a name")


def test_a_bug(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object) -> str:
        raise ZeroDivisionError("really\x1b")

    monkeypatch.setattr(inspect, "find", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    error = _failed(lab, "show", "x", "--json", rc=70)
    (kept,) = tmp_path.glob("git-memorylab-*.traceback")
    assert error["message"].startswith("ZeroDivisionError: really") and error["kind"] == "bug"
    assert error["hint"] == f"Please report it with {kept}."


def test_an_interrupt(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(inspect, "find", interrupted)
    assert _failed(lab, "show", "x", "--json", rc=130)["kind"] == "interrupted"


def test_outside_of_a_repository(tmp_path: Path) -> None:
    assert _failed(Lab(tmp_path), "status", "--json", rc=3)["message"] == "This is not a git repository."


def test_names_that_are_no_text(lab: Lab) -> None:
    for call in (["import", b"caf\xe9.tsv", "--json"], ["show", b"\xff", "--json"], ["check", "--json", b"--\xff"]):
        command: list[str | bytes] = [sys.executable, "-m", "memorylab", *call]
        done = subprocess.run(command, cwd=lab.path, capture_output=True, check=False)
        assert done.returncode in (2, 3) and done.stdout == b""
        validate("error", json.loads(done.stderr))
    (lab.path / os.fsdecode(b"caf\xe9.tsv")).write_text("commit\tval_bpb\tmemory_gb\tstatus\tdescription\n")
    command = [sys.executable, "-m", "memorylab", "import", b"caf\xe9.tsv", "--json"]
    done = subprocess.run(command, cwd=lab.path, capture_output=True, check=True)
    validate("import", json.loads(done.stdout))


def test_what_is_asked_of_the_subject_is_not_asked_of_us(lab: Lab) -> None:
    done = lab.run("run", "--", "no-such-program", "--json", rc=3)
    assert done.stderr.startswith("error: no-such-program cannot be run")


def test_remarks_are_lines_of_json_too(lab: Lab) -> None:
    lab.git("remote", "add", "origin", "../nowhere")
    lab.git("config", "memorylab.autosync", "true")
    done = lab.run("check", "--description", "x", "--json")
    (note,) = map(json.loads, done.stderr.splitlines())
    validate("note", note)
    assert note["note"].startswith("origin was not reached")
    assert lab.run("check", "--description", "x").stderr.startswith("note: origin was not reached")
