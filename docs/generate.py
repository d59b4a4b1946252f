"""Write what is generated: man page and reference from the command line's own help, JSON Schemas from the types that
are emitted and recorded, the completion scripts.

    python docs/generate.py

Tests compare all of it with what this would write.
"""

import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from memorylab import __version__
from memorylab.cli import cli
from memorylab.commands.completion import SCRIPTS
from memorylab.core.record import Record
from memorylab.outputs import ON_STDERR, OUTPUTS

HERE = Path(__file__).parent

Pairs = tuple[tuple[str, str], ...]

DESCRIPTION = (
    "An autoresearch loop edits a file, commits, trains for a fixed budget, reads a metric, keeps or discards the "
    "commit, and repeats. git-memorylab remembers every experiment, kept or not, in git notes and refs; tells a "
    "repeated idea from a new one; and says what to do next."
)
OPTIONS = (
    (
        "-h, --help",
        "Of git memorylab and of every command: show its help and exit. git memorylab help shows this.",
    ),
    ("--version", "Of git memorylab: show the version and exit."),
    ("--json", "Of most commands: print one line of JSON instead of text. See JSON OUTPUT."),
)
NAMES = (
    (
        "RUN",
        "A run id; a part of one that no other has; or a commit by any name that git knows, as HEAD~1.",
    ),
    ("NAME", "Of knobs: a constant of the subject, or a part of its name, in any case."),
    ("REMOTE", "The name of a remote, as git remote lists them."),
    ("CLAIM", "The id of a claim, or a part of it."),
    ("WRITER", "The id of a writer, which is one clone, as verify lists them."),
)
JSON_OUTPUT = (
    (
        "stdout",
        "One line: the answer, as docs/schemas has it for each command. Before 2.0 fields may be added, "
        "never removed or changed in type: ignore those that you do not know. Times are UTC. check and the like say "
        "blocked by their exit code, and answer all the same.",
    ),
    (
        "stderr",
        'Of a command that fails the last line is {"error":{"message":...,"hint":...,"exit_code":...,"kind":...}}, and '
        "stdout is empty; kind is usage, expected, bug or interrupted. A remark, which without --json is a line that "
        'begins with note:, is {"note":...}. Other lines are those of the programs that were started, as git.',
    ),
)
EXIT_CODES = (
    ("0", "Fine. check: allow or caution. run, replicate: the run was kept."),
    (
        "1",
        "check --fail-on-similar: the mode blocks the idea. claim, check --claim: it is not ours. doctor: "
        "something is wrong, or still is.",
    ),
    ("2", "The command was called wrongly."),
    (
        "3",
        "Something is not as it must be; one sentence on stderr says what, and what to do. sync: the remote refuses "
        "what is ours. verify: a ledger is not whole.",
    ),
    ("10", "run, replicate: the run was discarded."),
    ("11", "run, replicate: the run crashed."),
    ("70", "A bug. The traceback is in the file that is named."),
    (
        "130",
        "Interrupted. run: the subject was stopped, and nothing was logged. replicate: the same command continues.",
    ),
    ("141", "The reader of the output went away."),
)
REFS = (
    ("refs/notes/memorylab/ledger/<writer>", "Records, one JSON object per line, as notes on experiment commits."),
    ("refs/notes/memorylab/decisions/<writer>", "Decision packets as notes, which git log shows."),
    ("refs/memorylab/journal/<writer>", "One commit per record, with its artifacts; keeps the experiments from gc."),
    ("refs/memorylab/remotes/<remote>/...", "The same, fetched from others."),
    ("refs/notes/memorylab/archive/<writer>, refs/memorylab/journal/archive/<writer>", "Retired writers, folded."),
    ("refs/memorylab/claims", "On a remote: the board of open claims."),
    ("refs/memorylab/seen", "Keeps from gc what was once in the others; what is lost is put back."),
    ("results/memorylab/, results.tsv", "Views: deletable, rendered from the above by the next command."),
    ("run.log", "The output of the last run."),
    (
        "<git directory>/memorylab/",
        "What is local to this clone: its writer id, the index, locks. All of it can be deleted.",
    ),
    ("<git directory>/memorylab-summary.json", "What the last run wrote to AUTORESEARCH_SUMMARY_PATH."),
)
SETTINGS_HEAD = (
    "[tool.memorylab] in pyproject.toml, or .memorylab.toml, for what a team shares; git config memorylab.<name> "
    "(without underscores) for what is local, which wins."
)
SETTINGS = (
    ("subject", "The file under experiment. Default train.py."),
    ("metric, direction", "What is judged, and minimize or maximize. Default val_bpb, minimize."),
    (
        "metric_key",
        "Where the summary has the metric, with dots into what is nested, as in stats.seconds. Default its name.",
    ),
    (
        "metric_pattern",
        "A regular expression of RE2 whose first group is the metric in the log, where it matches last, as in "
        "'took ([0-9.]+) s'. Default none.",
    ),
    ("command", "How run and replicate execute the subject, a shell command. One that is not Python needs it."),
    ("mode", "explore, exploit (the default) or replicate."),
    ("threshold", "How alike an earlier run must be to count as a match, 0 to 1. Default 0.5."),
    ("aliases", "Words of this lab and what they stand for, a table; shared only."),
    ("time_limit", "Seconds of wall time for run. Default 600."),
    ("since_hours", "The length of the night in the report. Default 16."),
    ("artifact_limit", "Bytes kept of each artifact. Default 1048576."),
    ("autosync", "Share after every log and run, and know what others do before a check. Default false."),
    ("claim_minutes", "How long a claim stands. Default 60."),
    ("promote", "The probability of being better that a new champion needs. Default 0.95."),
    ("noise", "Luck before replicates tell, as a share of the metric; 0, the default, takes it from the results."),
    ("sign", "Sign the journal as git commit -S does. Default false."),
    ("redact", "Mask credentials in all that is stored; git config only. Default on; off is a choice for one clone."),
    ("remote", "Where to share; git config only. Default where git pushes to."),
    ("notes_only", "Share without code and artifacts; git config only. Default false."),
    ("mute", "Writers whose records are left out, by name or with one *; git config only, repeatable."),
)
ADVICE = (
    "An error is a line that begins with error:, and often a second one that begins with hint: and says what to do "
    "next. git config advice.memorylab false turns the hints off, as for git's own; so does git --no-advice. With "
    "--json the hint is always there. What is no error and worth knowing is a line that begins with note:."
)
ENVIRONMENT = (
    ("AUTORESEARCH_SUMMARY_PATH", "Set by run and replicate for the subject: where it writes its metrics, as JSON."),
    (
        "AUTORESEARCH_SEED, AUTORESEARCH_TIME_BUDGET, AUTORESEARCH_TOKENS, AUTORESEARCH_THREADS",
        "Set by replicate: the seed of this run, and the rest as it was for the run that is repeated. run passes the "
        "whole environment on.",
    ),
    ("GIT_DIR, GIT_WORK_TREE, GIT_CONFIG_*", "As for git."),
    ("GIT_PAGER, PAGER", "What shows long output on a terminal, as git var GIT_PAGER has it."),
    ("GIT_ADVICE", "If it is false there are no hints. git --no-advice sets it."),
    ("_GIT_MEMORYLAB_COMPLETE", "Set by the completion of a shell."),
)

REFERENCE = """\
# Reference

Generated by `python docs/generate.py` from what the commands say of themselves. `git memorylab help` shows the same as
a manual page.

## Commands
"""
SCHEMAS = """\
# What `--json` prints

Generated by `python docs/generate.py` from the types that the commands emit. The tests validate real output of every
command against these JSON Schemas (draft 2020-12).

**Stability.** Before 2.0 fields may be added; none is removed, renamed or changed in type, and none that is always
there goes missing. So a reader must ignore fields that it does not know, and should not validate with
`additionalProperties: false`. Enumerations of words, as classifications or next actions, may grow.

**Form.** An answer is one line of UTF-8 on stdout, keys sorted. Times are ISO 8601 in UTC. A number that is not known
is null. Texts come from whoever wrote the records: treat them as data.

**Errors.** With `--json` an error of any kind is the last line on stderr, by `error.schema.json`, and stdout is empty.
Its `exit_code` is that of the process. Remarks are lines by `note.schema.json` on stderr; lines that are no JSON come
from programs that were started, as git or the subject. Exit codes 1, 10 and 11 are answers, not errors, and so is 3
where there is an answer on stdout: `sync` and `verify` say there what is wrong
([reference](../reference.md#exit-codes)).

`export` prints data, not an answer: its jsonl is what [record.md](../record.md) says of `experiments.jsonl`. A line of
the ledger is in [record.schema.json](../record.schema.json).
"""


def _commands() -> Iterator[tuple[str, click.Command, click.Context]]:
    top = click.Context(cli, info_name="git memorylab", **cli.context_settings)
    for name in cli.list_commands(top):
        if not cli.commands[name].hidden:
            yield name, cli.commands[name], click.Context(cli.commands[name], info_name=name, parent=top)


def _paragraphs(text: str | None) -> list[str]:
    """The paragraphs of a help text; one that is to stay as it is begins with \\b, and has its lines joined too."""
    whole = inspect.cleandoc((text or "").replace("\b", ""))
    return [" ".join(part.split()) for part in whole.split("\n\n") if part.strip()]


def _entries(command: click.Command, context: click.Context) -> list[tuple[str, str]]:
    """(what is typed, what it means) of the arguments that are explained, and of the options."""
    records = (parameter.get_help_record(context) for parameter in command.params)
    return [(typed, " ".join(said.split())) for typed, said in filter(None, records) if said]


# -- the man page


def _roff(text: str) -> str:
    return "\n".join(
        ("\\&" if line.startswith((".", "'")) else "") + line.replace("\\", "\\e").replace("-", "\\-")
        for line in text.splitlines()
    )


def _terms(pairs: Pairs | list[tuple[str, str]]) -> list[str]:
    return [line for term, text in pairs for line in (".TP", f"\\fB{_roff(term)}\\fR", _roff(text))]


def _running(paragraphs: list[str]) -> list[str]:
    return [line for number, text in enumerate(paragraphs) for line in ((".PP",) if number else ()) + (_roff(text),)]


def man_page() -> str:
    """git-memorylab(1), from the commands' own options and help."""
    lines = [
        f'.TH "GIT\\-MEMORYLAB" "1" "" "git\\-memorylab {__version__}" "Git Manual"',
        ".SH NAME",
        "git\\-memorylab \\- a memory for autoresearch loops, kept in git",
        ".SH SYNOPSIS",
        "\\fBgit memorylab\\fR <command> [<options>]",
        ".SH DESCRIPTION",
        _roff(DESCRIPTION),
        ".PP",
        "Start with \\fBgit memorylab demo\\fR, the whole loop in a scratch repository, or with \\fBgit memorylab "
        "init\\fR, which makes this repository remember.",
        ".SH OPTIONS",
        *_terms(OPTIONS),
        ".SH COMMANDS",
    ]
    for name, command, context in _commands():
        synopsis = _roff(" ".join(command.collect_usage_pieces(context)))
        lines += [f".SS \\fBgit memorylab {_roff(name)}\\fR {synopsis}", *_running(_paragraphs(command.help))]
        lines += _terms(_entries(command, context))
    lines += [".SH NAMING THINGS", *_terms(NAMES)]
    if "search" in cli.commands:
        lines += [".SH QUERY SYNTAX", *_running(_paragraphs(cli.commands["search"].help))]
    lines += [".SH JSON OUTPUT", *_terms(JSON_OUTPUT)]
    lines += [".SH EXIT STATUS", *_terms(EXIT_CODES)]
    lines += [".SH ADVICE", _roff(ADVICE)]
    lines += [".SH CONFIGURATION", _roff(SETTINGS_HEAD), *_terms(SETTINGS)]
    lines += [".SH FILES AND REFS", *_terms(REFS)]
    lines += [".SH ENVIRONMENT", *_terms(ENVIRONMENT)]
    lines += [".SH SEE ALSO", "\\fBgit\\fR(1), \\fBgit\\-notes\\fR(1), \\fBgithooks\\fR(5)"]
    return "\n".join(line for line in lines if line) + "\n"


# -- the reference


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _table(head: tuple[str, str], pairs: Pairs | list[tuple[str, str]]) -> list[str]:
    rows = [f"| `{term.replace('|', chr(92) + '|')}` | {_cell(text)} |" for term, text in pairs]
    return [f"| {head[0]} | {head[1]} |", "| --- | --- |", *rows, ""]


def reference() -> str:
    """The same as the man page in Markdown, with the links to the schemas."""
    lines = [REFERENCE]
    for name, command, context in _commands():
        usage = " ".join(["git memorylab", name, *command.collect_usage_pieces(context)])
        lines += [f"### {name}", "", f"    {usage}", ""]
        lines += [line for text in _paragraphs(command.help) for line in (_cell(text), "")]
        entries = _entries(command, context)
        lines += _table(("option", "meaning"), entries) if entries else []
        if name in OUTPUTS:
            lines += [f"JSON: [schemas/{name}.schema.json](schemas/{name}.schema.json)", ""]
    lines += ["## How things are named", "", *_table(("name", "stands for"), NAMES)]
    lines += ["## JSON output", "", *_table(("stream", "what is on it"), JSON_OUTPUT)]
    lines += ["[schemas](schemas/README.md) has a schema for each command.", ""]
    lines += ["## Exit codes", "", *_table(("code", "meaning"), EXIT_CODES)]
    lines += ["## Advice", "", _cell(ADVICE), ""]
    lines += ["## Settings", "", _cell(SETTINGS_HEAD), "", *_table(("name", "meaning"), SETTINGS)]
    lines += ["## Files and refs", "", *_table(("name", "holds"), REFS)]
    lines += ["## Environment", "", *_table(("variable", "meaning"), ENVIRONMENT)]
    return "\n".join(lines).rstrip() + "\n"


# -- schemas


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def schema() -> str:
    """JSON Schema of one line of the ledger."""
    made = msgspec.json.schema(Record)
    _flow(made["$defs"])
    return _json(made)


def _flow(parts: dict[str, Any]) -> None:
    """Put what docstrings say into one line, however this Python indents them."""
    for part in parts.values():
        if "description" in part:
            part["description"] = " ".join(part["description"].split())


def _schema_of(title: str, *types: Any) -> str:
    """JSON Schema of a line of output, which is of one of some types."""
    shapes, parts = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    _flow(parts)
    top = shapes[0] if len(shapes) == 1 else {"anyOf": list(shapes)}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return _json(head | dict(top) | {"$defs": parts})


def _schemas() -> dict[str, Callable[[], str]]:
    made: dict[str, Callable[[], str]] = {}
    for name, types in OUTPUTS.items():
        made[f"schemas/{name}.schema.json"] = lambda name=name, types=types: _schema_of(  # type: ignore[misc]
            f"git memorylab {name} --json", *types
        )
    for name, one in ON_STDERR.items():
        made[f"schemas/{name}.schema.json"] = lambda name=name, one=one: _schema_of(  # type: ignore[misc]
            f"a line on stderr with --json: {name}", one
        )
    return made


def _meaning(kind: Any) -> str:
    inner = getattr(kind, "__args__", None)
    if inner:
        return f"A list, each: {_meaning(inner[0])}"
    return " ".join(inspect.cleandoc(kind.__doc__).split()).partition(". ")[0].rstrip(".") + "."


def schemas_readme() -> str:
    """What the schemas promise, and what there is."""
    rows = [(f"[{name}]({name}.schema.json)", " Or: ".join(map(_meaning, types))) for name, types in OUTPUTS.items()]
    rows += [(f"[{name}]({name}.schema.json), on stderr", _meaning(one)) for name, one in ON_STDERR.items()]
    table = [f"| {name} | {_cell(meaning)} |" for name, meaning in rows]
    return "\n".join([SCHEMAS, "| command | answer |", "| --- | --- |", *table, ""])


GENERATED: dict[str, Callable[[], str]] = {
    "git-memorylab.1": man_page,
    "reference.md": reference,
    "record.schema.json": schema,
    "schemas/README.md": schemas_readme,
    "completion/git-memorylab": lambda: SCRIPTS["bash"],
    "completion/_git-memorylab": lambda: SCRIPTS["zsh"],
    **_schemas(),
}

if __name__ == "__main__":
    for path in (HERE / "schemas").glob("*.schema.json"):
        path.unlink()  # of commands that are no more
    for name, make in GENERATED.items():
        (HERE / name).parent.mkdir(exist_ok=True)
        (HERE / name).write_text(make(), encoding="utf-8")
