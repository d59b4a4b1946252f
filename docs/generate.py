"""Write what is generated: the man page from the command line's own help, the JSON Schema from the record types.

    python docs/generate.py

A test compares the schema with what this would write, and looks for every command and option in the man page.
"""

import json
from pathlib import Path

import click
import msgspec

from memorylab import __version__
from memorylab.cli import cli
from memorylab.core.record import Record

HERE = Path(__file__).parent

EXIT_CODES = (
    ("0", "Fine. check: allow or caution. run, replicate: the run was kept."),
    ("1", "check --fail-on-similar: the mode blocks the idea. claim, check --claim: it is not ours."),
    ("2", "The command was called wrongly."),
    ("3", "Something is not as it must be; one sentence on stderr says what, and what to do."),
    ("10", "run, replicate: the run was discarded."),
    ("11", "run, replicate: the run crashed."),
    (
        "130",
        "Interrupted. run: the subject was stopped, and nothing was logged. replicate: the same command continues.",
    ),
    ("141", "The reader of the output went away."),
    ("70", "A bug. The traceback is in the file that is named."),
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
)
SETTINGS = (
    ("subject", "The file under experiment. Default train.py."),
    ("metric, direction", "What is judged, and minimize or maximize. Default val_bpb, minimize."),
    ("command", "How run executes the subject, a shell command."),
    ("mode", "explore, exploit (the default) or replicate."),
    ("threshold", "How alike an earlier run must be to count as a match, 0 to 1. Default 0.5."),
    ("time_limit", "Seconds of wall time for run. Default 600."),
    ("since_hours", "The length of the night in the report. Default 16."),
    ("artifact_limit", "Bytes kept of each artifact. Default 1048576."),
    ("autosync", "Share after every log and run, and know what others do before a check. Default false."),
    ("claim_minutes", "How long a claim stands. Default 60."),
    ("promote", "The probability of being better that a new champion needs. Default 0.95."),
    ("noise", "Luck before replicates tell, as a share of the metric; 0, the default, takes it from the results."),
    ("sign", "Sign the journal as git commit -S does. Default false."),
    ("remote", "Where to share; git config only. Default where git pushes to."),
    ("notes_only", "Share without code and artifacts; git config only. Default false."),
)


def _roff(text: str) -> str:
    return "\n".join(
        ("\\&" if line.startswith((".", "'")) else "") + line.replace("\\", "\\e").replace("-", "\\-")
        for line in text.splitlines()
    )


def _terms(pairs: tuple[tuple[str, str], ...]) -> list[str]:
    return [line for term, text in pairs for line in (".TP", f"\\fB{_roff(term)}\\fR", _roff(text))]


def _help(command: click.Command) -> str:
    return " ".join((command.help or "").replace("\b", "").split())


def man_page() -> str:
    """git-memorylab(1), from the commands' own options and help."""
    lines = [
        f'.TH "GIT\\-MEMORYLAB" "1" "" "git\\-memorylab {__version__}" "Git Manual"',
        ".SH NAME",
        "git\\-memorylab \\- a memory for autoresearch loops, kept in git",
        ".SH SYNOPSIS",
        "\\fBgit memorylab\\fR <command> [<options>]",
        ".SH DESCRIPTION",
        _roff(
            "An autoresearch loop edits a file, commits, trains for a fixed budget, reads a metric, keeps or discards "
            "the commit, and repeats. git-memorylab remembers every experiment, kept or not, in git notes and refs; "
            "tells a repeated idea from a new one; and says what to do next."
        ),
        ".SH COMMANDS",
    ]
    context = click.Context(cli, info_name="git memorylab")
    for name in cli.list_commands(context):
        command = cli.commands[name]
        if command.hidden:
            continue
        arguments = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
        synopsis = " ".join(["[<options>]", *arguments])
        lines += [f".SS \\fBgit memorylab {_roff(name)}\\fR {_roff(synopsis)}", _roff(_help(command))]
        for parameter in command.params:
            record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
            if record:
                lines += [".TP", f"\\fB{_roff(record[0])}\\fR", _roff(record[1])]
    lines += [".SH EXIT STATUS", *_terms(EXIT_CODES)]
    lines += [
        ".SH CONFIGURATION",
        _roff(
            "[tool.memorylab] in pyproject.toml, or .memorylab.toml, for what a team shares; git config "
            "memorylab.<name> (without underscores) for what is local, which wins."
        ),
        *_terms(SETTINGS),
    ]
    lines += [".SH FILES AND REFS", *_terms(REFS)]
    lines += [
        ".SH ENVIRONMENT",
        _roff(
            "run sets AUTORESEARCH_SUMMARY_PATH for the subject, and passes the rest of its environment on. replicate "
            "sets AUTORESEARCH_SEED too, and AUTORESEARCH_TIME_BUDGET, AUTORESEARCH_TOKENS and AUTORESEARCH_THREADS "
            "as they were for the run."
        ),
        ".SH SEE ALSO",
        "\\fBgit\\fR(1), \\fBgit\\-notes\\fR(1), \\fBgithooks\\fR(5)",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def schema() -> str:
    """JSON Schema of one line of the ledger."""
    return json.dumps(msgspec.json.schema(Record), indent=2, sort_keys=True) + "\n"


GENERATED = {"git-memorylab.1": man_page, "record.schema.json": schema}

if __name__ == "__main__":
    for name, make in GENERATED.items():
        (HERE / name).write_text(make(), encoding="utf-8")
