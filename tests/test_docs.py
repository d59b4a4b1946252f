"""What is written is true: the man page has every option, the schema is the records', the README's command is CI's."""

import json
import runpy
from pathlib import Path

import click
import jsonschema
import pytest

from memorylab.cli import cli
from tests.conftest import Lab

ROOT = Path(__file__).parent.parent
COMMANDS = {name: command for name, command in cli.commands.items() if not command.hidden}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_man_page_has_every_command_and_option(name: str) -> None:
    page = (ROOT / "docs" / "git-memorylab.1").read_text().replace("\\-", "-")
    _, found, section = page.partition(f".SS \\fBgit memorylab {name}\\fR")
    assert found
    section = section.partition(".SS ")[0]
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]} has no help"
            assert parameter.opts[0] in section, f"run docs/generate.py: {name} {parameter.opts[0]} is missing"


def test_every_command_is_in_the_readme_and_explained() -> None:
    readme = (ROOT / "README.md").read_text()
    for name, command in COMMANDS.items():
        assert f"`{name}`" in readme
        assert command.help


def test_the_schema_is_that_of_the_records() -> None:
    generated = runpy.run_path(str(ROOT / "docs" / "generate.py"))
    assert (ROOT / "docs" / "record.schema.json").read_text() == generated["schema"](), "run docs/generate.py"


def test_records_of_every_kind_satisfy_the_schema(lab: Lab) -> None:
    schema = json.loads((ROOT / "docs" / "record.schema.json").read_text())
    lab.experiment("raise MATRIX_LR to 0.06", 1.0, knob="MATRIX_LR", to=0.06)
    run_id = lab.memory.runs[-1].run_id
    lab.run("amend", run_id, "--family", "lr")
    lab.git("commit", "-q", "--amend", "-m", "raise it")
    kinds = set()
    for entry in lab.store.entries():
        record = json.loads(entry.line)
        kinds.add(record["kind"])
        jsonschema.validate(record, schema)
    assert kinds == {"plan", "run", "amend", "rewrite"}


def test_ci_runs_the_readmes_test_command() -> None:
    command = "pip install '.[dev,train]' && python -m pytest"
    assert f"    {command}\n" in (ROOT / "README.md").read_text()
    assert f"\n{command}\n" in (ROOT / ".ci" / "run").read_text()
