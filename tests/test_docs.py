"""What is written is true: what is generated is what would be, the man page says all that --help says, the README's
command is CI's."""

import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import jsonschema
import pytest

from memorylab import terminal
from memorylab.cli import base, cli
from memorylab.commands import run as running
from memorylab.errors import MemoryLabError, UsageError
from memorylab.settings import Settings
from tests.conftest import Lab

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
COMMANDS = {name: command for name, command in cli.commands.items() if not command.hidden}
GENERATED: dict[str, Callable[[], str]] = runpy.run_path(str(DOCS / "generate.py"))["GENERATED"]
SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "NAMING THINGS", "QUERY SYNTAX", "JSON OUTPUT",
            "EXIT STATUS", "ADVICE", "CONFIGURATION", "FILES AND REFS", "ENVIRONMENT", "SEE ALSO"]  # fmt: skip


def _page() -> str:
    return (DOCS / "git-memorylab.1").read_text()


def _plain(roff: str) -> str:
    """A page's words, without what makes it one."""
    text = re.sub(r"\\f[BR]|\\&|^\.(TP|PP|SS|SH|TH)\b ?", "", roff, flags=re.MULTILINE)
    return " ".join(text.replace("\\-", "-").replace("\\e", "\\").split())


def _together(text: str) -> str:
    """Without white space, for --help breaks its lines within words too."""
    return "".join(text.split())


def _section(page: str, name: str) -> str:
    _, _, rest = page.partition(f".SH {name}\n")
    return rest.partition("\n.SH ")[0]


@pytest.mark.parametrize("name", GENERATED)
def test_what_is_generated_is_as_it_would_be(name: str) -> None:
    assert (DOCS / name).read_text() == GENERATED[name](), "run docs/generate.py"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_man_page_says_all_that_help_says(lab: Lab, name: str) -> None:
    """The whole of --help is taken apart, and each piece is looked for in the command's section, in its order."""
    _, found, section = _page().partition(f".SS \\fBgit memorylab {name}\\fR")
    assert found
    section = _together(name + _plain(re.split(r"^\.S[SH] ", section, flags=re.MULTILINE)[0]))
    usage, *blocks = re.split(r"\n\n", lab.run(name, "--help").stdout.strip())
    at = 0
    pieces = [" ".join(usage.split()).removeprefix("Usage: git memorylab ")]
    for block in blocks:
        title, _, rest = block.partition("\n")
        if title in ("Options:", "Positional arguments:", "Arguments:"):
            # An entry begins two spaces in; what goes on from it is further in.
            entries = [" ".join(one.split()) for one in re.split(r"\n  (?=\S)", "\n" + rest)[1:]]
            pieces += [one for one in entries if not re.match("(-h, )?--help", one) and " " in one]
        else:
            pieces.append(" ".join(block.split()))
    assert len(pieces) >= 2
    for piece in map(_together, pieces):
        found_at = section.find(piece, at)
        assert found_at >= 0, f"run docs/generate.py: {piece!r} is not in {section[at:]!r}"
        at = found_at + len(piece)


def test_the_man_page_has_all_that_a_man_page_has() -> None:
    titles = re.findall(r"^\.SH (.*)$", _page(), re.MULTILINE)
    assert titles == [title for title in SECTIONS if title != "QUERY SYNTAX" or "search" in COMMANDS]
    for name in COMMANDS:
        for parameter in COMMANDS[name].params:
            assert not isinstance(parameter, click.Option) or parameter.help, f"{name} {parameter.opts[0]}"


@pytest.mark.parametrize("command", [["groff", "-man", "-ww", "-Tutf8"], ["mandoc", "-T", "lint", "-W", "warning"]])
def test_the_man_page_renders_without_a_warning(command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run([*command, DOCS / "git-memorylab.1"], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    if command[0] == "groff":
        text = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", done.stdout)
        assert "git memorylab check" in text and "--fail-on-similar" in text and "\\" not in text


@pytest.mark.parametrize("where", ["git-memorylab.1", "reference.md"])
def test_every_exit_code_is_explained(where: str) -> None:
    whole = (DOCS / where).read_text()
    codes = {0, click.UsageError.exit_code, MemoryLabError.exit_code, UsageError.exit_code, base.EXIT_BLOCKED,
             base.EXIT_REFUSED, terminal.EXIT_BUG, terminal.EXIT_INTERRUPTED, terminal.EXIT_PIPE_CLOSED,
             *running.EXIT.values()}  # fmt: skip
    section = _section(whole, "EXIT STATUS") if where.endswith("1") else whole.partition("## Exit codes")[2]
    pattern = r"^\\fB(\d+)\\fR$" if where.endswith("1") else r"^\| `(\d+)` \|"
    assert {int(code) for code in re.findall(pattern, section, re.MULTILINE)} == codes


@pytest.mark.parametrize("where", ["git-memorylab.1", "reference.md"])
def test_every_setting_is_explained(where: str) -> None:
    whole = (DOCS / where).read_text()
    section = _plain(_section(whole, "CONFIGURATION")) if where.endswith("1") else whole.partition("## Settings")[2]
    for name in Settings.__struct_fields__:
        assert re.search(rf"\b{name}\b", section), name


def test_the_reference_has_every_command_with_its_schema() -> None:
    text = (DOCS / "reference.md").read_text()
    for name, command in COMMANDS.items():
        _, found, section = text.partition(f"\n### {name}\n")
        assert found, name
        section = section.partition("\n##")[0]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert f"`{parameter.opts[0]}" in section
        if any("--json" in option.opts for option in command.params):
            assert f"(schemas/{name}.schema.json)" in section


@pytest.mark.parametrize("where", ["reference.md", "schemas/README.md"])
def test_links_lead_somewhere(where: str) -> None:
    path = DOCS / where
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_every_command_is_in_the_readme_and_explained() -> None:
    readme = (ROOT / "README.md").read_text()
    for name, command in COMMANDS.items():
        assert f"`{name}`" in readme
        assert command.help


def test_records_of_every_kind_satisfy_the_schema(lab: Lab) -> None:
    schema = json.loads((DOCS / "record.schema.json").read_text())
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
