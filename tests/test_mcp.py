"""The memory as tools: the SDK's own client starts the server as an agent's does, and works with it."""

import asyncio
import importlib.util
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Lab
from tests.schemas import validate
from tests.test_hostile import WORD, attack, unsafe

WITH_SDK = pytest.mark.skipif(
    importlib.util.find_spec("mcp") is None, reason="the SDK is not installed: pip install 'git-memorylab[mcp]'"
)
TOOLS = ["brief", "check", "claim", "log", "search", "show", "status"]
HOSTILE = ["--json", "-h", "--", "$(touch owned)\nb", "--description=x"]


def work(folder: Path, script: Callable[[Any], Awaitable[None]], *options: str) -> None:
    """Start the server in a folder, and do with the client what a script says."""
    from mcp import Client, StdioServerParameters

    async def session() -> None:
        # With all of the environment: what of it the SDK passes on would start the package that is installed.
        command = StdioServerParameters(
            command=sys.executable, args=[*options, "-m", "memorylab", "mcp"], cwd=folder, env=dict(os.environ)
        )
        async with Client(command) as client:
            await script(client)

    asyncio.run(asyncio.wait_for(session(), 120))


async def ask(client: Any, tool: str, **arguments: Any) -> Any:
    """What a tool answers."""
    done = await client.call_tool(tool, arguments)
    assert not done.is_error, done.content
    assert json.loads(done.content[0].text) == done.structured_content
    assert set(done.structured_content) == {"answer", "notes"}
    return done.structured_content["answer"]


async def refused(client: Any, tool: str, **arguments: Any) -> str:
    """The sentence of a tool that failed."""
    done = await client.call_tool(tool, arguments)
    assert done.is_error and done.structured_content is None
    return str(done.content[0].text)


@pytest.mark.long
@WITH_SDK
def test_the_tools_explain_themselves(lab: Lab) -> None:
    async def script(client: Any) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert sorted(tools) == TOOLS
        for tool in tools.values():
            assert 20 < len(tool.description) < 300
            assert set(tool.output_schema["required"]) == {"answer", "notes"}
            for name, one in tool.input_schema["properties"].items():
                assert one.get("description"), f"{name} of {tool.name} is not explained"
        assert tools["check"].input_schema["required"] == ["description"]
        assert {"enum": ["explore", "exploit", "replicate"], "type": "string"} in (
            tools["check"].input_schema["properties"]["mode"]["anyOf"]
        )
        assert tools["check"].annotations.read_only_hint and not tools["log"].annotations.read_only_hint

    work(lab.path, script)


@pytest.mark.long
@WITH_SDK
def test_a_turn_of_the_loop(lab: Lab) -> None:
    async def script(client: Any) -> None:
        verdict = await ask(client, "check", description="MATRIX_LR 0.04 -> 0.06", tags=["optimizer"], mode="explore")
        validate("check", verdict)
        assert verdict["policy"]["decision"] == "allow" and verdict["mode"] == "explore"
        claim = await ask(client, "claim", description="MATRIX_LR 0.04 -> 0.06", minutes=5)
        assert claim["ours"]
        (known,) = await ask(client, "claim")
        assert known["id"] == claim["claim"]["id"]
        lab.edit("MATRIX_LR", 0.06)
        lab.commit("MATRIX_LR 0.04 -> 0.06")
        lab.result(1.5)
        run = await ask(client, "log", log="run.log", notes="over\ntwo lines", family="rate")
        validate("log", run)
        assert (run["status"], run["family"], run["notes"]) == ("keep", "rate", "over\ntwo lines")
        assert run["decision_packet"]["next_action"] == "promote"
        assert await ask(client, "claim") == []
        assert await ask(client, "show", run=run["run_id"][:-3]) == await ask(client, "show", run="HEAD")
        assert (await ask(client, "status"))["latest"] == [run["run_id"]]
        again = await ask(client, "check", description="raise the matrix learning rate to 0.06", limit=1)
        assert again["policy"]["decision"] != "allow" and len(again["top_matches"]) == 1

    work(lab.path, script)
    assert lab.memory.runs[0].description == "MATRIX_LR 0.04 -> 0.06"


@pytest.mark.long
@WITH_SDK
def test_errors_are_the_commands_own_sentences(lab: Lab) -> None:
    async def script(client: Any) -> None:
        said = await refused(client, "show", run="nobody")
        assert said.endswith("No run is called 'nobody'. `git memorylab status` names the latest ones.")
        said = await refused(client, "log", log="nowhere.log")
        assert "--log nowhere.log: No such file or directory." in said and "Give the path of the file" in said
        assert "is empty" in await refused(client, "check", description=" \n")
        assert "no open claim" in await refused(client, "claim", withdraw="mine")
        assert "NUL" in await refused(client, "show", run="a\0b")
        assert "'explore', 'exploit' or 'replicate'" in await refused(client, "check", description="x", mode="--json")
        assert await ask(client, "status")  # the server goes on

    work(lab.path, script)


@pytest.mark.long
@WITH_SDK
def test_what_is_said_is_never_an_option(lab: Lab) -> None:
    async def script(client: Any) -> None:
        for said in HOSTILE:
            verdict = await ask(client, "check", description=said, family=said, hypothesis=said, tags=[said])
            assert verdict["probe_text"].startswith(" ".join(said.split()))
            assert "No run is called" in await refused(client, "show", run=said)
        claim = await ask(client, "claim", description="--withdraw=x")
        assert claim["claim"]["description"] == "--withdraw=x"

    work(lab.path, script)
    assert not (lab.path / "owned").exists()


@pytest.mark.long
@WITH_SDK
def test_nothing_is_hidden_from_who_reads_over_the_shoulder(lab: Lab) -> None:
    """What others have recorded reaches a model as text that people see, too."""
    attack(lab)
    calls = [("show", {"run": f"h{at}"}) for at in (0, 1, 2, 58, 59)]
    calls += [(tool, {}) for tool in ("status", "brief", "claim")]
    calls += [("search", {"query": "owned"}), ("check", {"description": "owned"}), ("check", {"description": WORD})]
    calls += [("show", {"run": WORD}), ("log", {"commit": WORD}), ("claim", {"withdraw": WORD})]

    async def script(client: Any) -> None:
        for tool, given in calls:
            done = await client.call_tool(tool, given)
            assert done.is_error == (WORD in given.values() and tool != "check"), (tool, given)
            told = [*leaves(done.structured_content), done.content[0].text]
            assert not set().union(*map(unsafe, told)), (tool, given)

    work(lab.path, script)
    assert not (lab.path / "owned").exists()


def leaves(value: Any) -> list[str]:
    """All texts of a value of JSON."""
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in leaves(one)]
    return [text for one in value for text in leaves(one)] if isinstance(value, list) else [str(value)]


@pytest.mark.long
@WITH_SDK
def test_what_there_is_to_know_besides(lab: Lab) -> None:
    lab.git("remote", "add", "origin", "../nowhere")

    async def script(client: Any) -> None:
        done = await client.call_tool("claim", {"description": "DEPTH to 9"})
        assert done.structured_content["answer"]["settled"] == "offline"
        assert any(line.startswith("origin was not reached") for line in done.structured_content["notes"])

    work(lab.path, script)


@pytest.mark.long
@WITH_SDK
def test_a_package_of_our_name_in_the_folder_is_not_started(lab: Lab) -> None:
    (lab.path / "memorylab.py").write_text("raise SystemExit('not this one')\n")

    async def script(client: Any) -> None:
        assert (await ask(client, "status"))["writer"]

    work(lab.path, script, "-P")  # as the console script has it, without the folder


@pytest.mark.long
@WITH_SDK
def test_outside_of_a_repository(tmp_path: Path) -> None:
    async def script(client: Any) -> None:
        assert "This is not a git repository. Run `git init`" in await refused(client, "status")

    work(tmp_path, script)


@WITH_SDK
def test_brief_and_search(lab: Lab) -> None:
    lab.experiment("raise matrix lr", 1.0, knob="MATRIX_LR", to=0.06)

    async def script(client: Any) -> None:
        validate("brief", await ask(client, "brief", words=200))
        (tool,) = [one for one in (await client.list_tools()).tools if one.name == "brief"]
        assert tool.input_schema["properties"]["words"]["anyOf"][0]["minimum"] == 20
        assert "20" in await refused(client, "brief", words=19)
        validate("search", await ask(client, "search", query="matrix"))

    work(lab.path, script)


def test_without_the_sdk_one_sentence_says_what_to_install(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    for name in [name for name in sys.modules if name.startswith("mcp.")]:
        monkeypatch.delitem(sys.modules, name)
    done = lab.run("mcp", rc=3)
    assert done.output == "error: mcp is not installed.\nhint: `pip install 'git-memorylab[mcp]'` brings it.\n"
