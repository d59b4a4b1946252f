"""How the command behaves among git's, and towards coding agents: help, completion, skill, mcp."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from memorylab.cli.base import FILE, as_json, cli
from memorylab.terminal import emit

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def _commands(ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    from click.shell_completion import CompletionItem

    known = ((name, cli.commands[name]) for name in cli.list_commands(ctx))
    shown = [(name, made.get_short_help_str()) for name, made in known if not made.hidden]
    return [CompletionItem(name, help=said) for name, said in shown if name.startswith(incomplete)]


@cli.command("help")
@click.argument("command", required=False, shell_complete=_commands)
@click.pass_context
def help_(ctx: click.Context, command: str | None) -> None:
    """Show the manual page, or what it says of COMMAND; without one that is installed, the help."""
    from memorylab.commands import inspect, manual

    group = ctx.find_root()
    asked = None
    if command is not None:
        asked = cli.get_command(group, command)
        if asked is None:
            raise click.UsageError(f"No such command {command!r}.")
    if manual.show(command):
        return
    shown = group if asked is None else click.Context(asked, info_name=command, parent=group)
    inspect.page(shown.get_help())


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh"]))
def completion(shell: str) -> None:
    """Print what makes a shell complete this command: eval "$(git memorylab completion bash)" in ~/.bashrc.

    It goes on from git's own completion, which must be loaded. An installation has it in share/bash-completion and
    share/zsh/site-functions, where it is found without that if the installation is the system's.
    """
    from memorylab.commands.completion import SCRIPTS

    click.echo(SCRIPTS[shell], nl=False)


@cli.command()
@click.option("--output", type=FILE, help="Write to this file, as .claude/skills/git-memorylab/SKILL.md.")
@as_json
def skill(output: Path | None, as_json: bool) -> None:
    """Print the agent's instructions as a skill file: program.md, with the name and the description that agents look
    for."""
    from memorylab.commands import skill as command

    made = command.make(output)
    emit(made, lambda: f"wrote {made.written}" if made.written is not None else made.text.rstrip("\n"), as_json)


@cli.command()
def mcp() -> None:
    """Serve the memory of this repository to an agent by the Model Context Protocol, on stdin and stdout.

    Tools: check, log, brief, search, show, claim, status. Each does what the command of its name does here, and answers
    with what that prints with --json, but for characters that nobody sees. It needs the extra mcp:
    pip install 'git-memorylab[mcp]'.
    """
    from memorylab.commands.extras import library

    library("mcp.server.mcpserver", "mcp")
    from memorylab.commands import mcp as command

    command.serve()
