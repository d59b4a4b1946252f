"""mcp: the memory as tools for an agent, over stdio. Each call is the command line's own, in a process of its own.

Imported only by the command: the SDK takes longer to be imported than any other command takes to run.
"""

import os
import subprocess
import sys
from typing import Annotated, Any, TypedDict

import msgspec
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from memorylab import __version__
from memorylab.core.brief import LEAST
from memorylab.core.failure import Failed, Note
from memorylab.core.record import Mode, Status
from memorylab.core.text import inline, verbatim

_INSTRUCTIONS = (
    "The memory of the experiments in this git repository. Before you edit the subject, call check with your idea in "
    "one line; if it is blocked take another. After a run call log, and follow the packet's next_action."
)
_ANSWERS = (0, 1)  # exit codes: fine, somebody else has it

Description = Annotated[str, Field(description="The idea in one line, as 'MATRIX_LR 0.04 -> 0.06'.")]
Family = Annotated[str, Field(description="The line of work it belongs to.")]
Hypothesis = Annotated[str, Field(description="Why it should help.")]
Tags = Annotated[list[str], Field(description="Single words.")]
Named = Annotated[str, Field(description="A run id, a part of one, or a commit.")]
NONE: list[str] = []


class Answer(TypedDict):
    """`answer` is what the command prints with --json, but for what nobody sees; `notes` what else there is to know."""

    answer: Any
    notes: list[str]


def call(command: str, options: dict[str, Any], *values: str) -> Answer:
    """Run a command in the server's folder. What is given as an option's value or after `--` is never an option itself.

    Raises ToolError with the command's own sentence and hint.
    """
    given = [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value not in (None, "", [])]
    words = [command, "--json", *given, *(["--", *values] if values else [])]
    if any("\0" in word for word in words):
        raise ToolError("An argument has a NUL character in it. Leave it out.")
    # -P: the folder may have a package of our name, which is not to be started.
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "memorylab", *words],
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        )  # fmt: skip
    except OSError as problem:
        raise ToolError(f"git memorylab {command} cannot be started: {problem.strerror}.") from None
    said = done.stderr.decode("utf-8", "replace").splitlines()
    if done.returncode not in _ANSWERS or not done.stdout:
        raise ToolError(_error(said, command, done.returncode))
    return {"answer": _visible(msgspec.json.decode(done.stdout)), "notes": _visible(_notes(said))}


def _visible(value: Any) -> Any:
    """A value of JSON whose texts have no character that nobody sees: a model reads those too, and what is hidden in a
    record by somebody else is not to be heard by it alone."""
    if isinstance(value, str):
        return verbatim(value)
    if isinstance(value, dict):
        return {verbatim(name): _visible(one) for name, one in value.items()}
    return [_visible(one) for one in value] if isinstance(value, list) else value


def _error(said: list[str], command: str, code: int) -> str:
    try:
        error = msgspec.json.decode(said[-1], type=Failed).error
    except (IndexError, ValueError, RecursionError):
        return f"git memorylab {command} ended with exit code {code}."
    return inline(f"{error.message} {error.hint}")


def _notes(said: list[str]) -> list[str]:
    notes = []
    for line in said:
        try:
            notes.append(msgspec.json.decode(line, type=Note).note)
        except (ValueError, RecursionError):
            continue  # git's own words
    return notes


def check(
    description: Description,
    hypothesis: Hypothesis = "",
    family: Family = "",
    tags: Tags = NONE,
    mode: Annotated[
        Mode | None, Field(description="explore: only new ground; exploit: what works; replicate: repeat a run.")
    ] = None,
    limit: Annotated[int, Field(description="Matches to show.", ge=0, le=1000)] = 3,
) -> Answer:
    """Has this been tried? Call it before you edit anything. Gives the policy decision (allow, caution or block), why,
    the closest earlier runs, and what each value of the knobs gave so far."""
    options = {"description": description, "hypothesis": hypothesis, "family": family, "tags": ",".join(tags)}
    # An empty description would make it judge the working tree.
    return call("check", _stated(options, "description") | {"mode": mode, "limit": limit})


def log(
    status: Annotated[
        Status | None, Field(description="Leave it out: keep if it beats the champion, discard if not.")
    ] = None,
    log: Annotated[str, Field(description="Path of the run's output; otherwise run.log.")] = "",
    summary: Annotated[str, Field(description="Path of the JSON that the run wrote.")] = "",
    description: Annotated[str, Field(description="What was tried; otherwise the commit's subject line.")] = "",
    hypothesis: Hypothesis = "",
    family: Family = "",
    tags: Tags = NONE,
    notes: Annotated[str, Field(description="Anything else worth keeping.")] = "",
    error: Annotated[str, Field(description="Why it crashed, if no log says so; with status crash.")] = "",
    commit: Annotated[str, Field(description="The commit that was run; otherwise HEAD.")] = "",
) -> Answer:
    """Record a finished run of the subject at a commit. Gives the record; its decision_packet says what to do next.
    `git memorylab run` trains and logs at once: use it from a shell where you can."""
    options = {
        "status": status, "log": log, "summary": summary, "description": description, "hypothesis": hypothesis,
        "family": family, "tags": ",".join(tags), "notes": notes, "error": error, "commit": commit,
    }  # fmt: skip
    return call("log", options)


def brief(
    words: Annotated[int | None, Field(description="How long it may be at most, in words.", ge=LEAST)] = None,
) -> Answer:
    """What to know before the next experiment: who leads, what was tried and failed, what is worth trying."""
    return call("brief", {"words": words})


def search(query: Annotated[str, Field(description="Words, or the query syntax of git memorylab search.")]) -> Answer:
    """Find earlier runs by what is said of them."""
    return call("search", {}, query)


def show(run: Named) -> Answer:
    """One run whole: what was tried, its metrics, its error, its decision packet."""
    return call("show", {}, run)


def claim(
    description: Annotated[str, Field(description="The idea in one line; leave it out to list open claims.")] = "",
    hypothesis: Hypothesis = "",
    family: Family = "",
    tags: Tags = NONE,
    minutes: Annotated[float | None, Field(description="How long it stands; 60 unless set.", ge=1, le=10080)] = None,
    withdraw: Annotated[str, Field(description="Instead: the id of a claim of yours to end.")] = "",
) -> Answer:
    """Say that an idea is about to be tried here, so that no colleague does. `ours` tells whether you have it; if not,
    take another idea."""
    options = {"hypothesis": hypothesis, "family": family, "tags": ",".join(tags), "minutes": minutes}
    return call("claim", options | {"withdraw": withdraw}, *([description] if description else []))


def status() -> Answer:
    """Where the lab stands: counts, champion and leader, open claims, the latest runs."""
    return call("status", {})


def _stated(options: dict[str, Any], name: str) -> dict[str, Any]:
    if not options[name].strip():
        raise ToolError(f"The {name} is empty. Say in one line what is to be tried.")
    return options


_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=False)
_TOOLS = ((check, _READS), (log, _WRITES), (brief, _READS), (search, _READS), (show, _READS), (claim, _WRITES),
          (status, _READS))  # fmt: skip


def serve() -> None:
    """Serve until the client closes stdin."""
    server = MCPServer("git-memorylab", version=__version__, instructions=_INSTRUCTIONS, log_level="WARNING")
    for tool, annotations in _TOOLS:
        server.add_tool(tool, annotations=annotations)
    server.run("stdio")
