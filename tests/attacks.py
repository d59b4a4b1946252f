"""What somebody hostile may put into a ledger, a log, a table, a commit or a setting: one corpus for all tests."""

import hashlib
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from memorylab.core.record import (
    Amend,
    Artifact,
    Change,
    Claim,
    Comparison,
    Environment,
    Error,
    Knob,
    Match,
    Packet,
    PacketNovelty,
    PacketRun,
    Policy,
    Run,
    Verdict,
)  # fmt: skip

# Each with what tells it: moves a cursor, writes over lines, turns text around, hides it, ends a line or a cell.
CONTROL = "\x1b]0;owned\x07\x1b[2J\x9b31m\x00\x08\x7f\x85"
HIDDEN = "\u202eabc\u202c\u2066x\u2069\u200b\u200d\ufeff\u2028\u2029\u00ad\U000e0041"
LINES = "a\r\nb\nc\rd\te\x0bf\x0cg"
HTML = "<img src=x onerror=alert(1)></script><script>alert(1)</script><!--\"'>&lt;"
MARKDOWN = "| x |\n\n# Title\n\n- [link](http://evil.example) ![i](http://evil.example/i.png) `a` **b** <b>c</b> [r]: x"
LINKS = "https://evil.example/a www.evil.example <http://evil.example>"
SHELL = "$(touch owned)`touch owned`;touch owned|touch owned\n"
FORMULAS = ['=HYPERLINK("http://evil.example")', "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "'=1", "''=1"]
TEXTS = [CONTROL, HIDDEN, LINES, HTML, MARKDOWN, LINKS, SHELL, *FORMULAS, "[red]a[/red]:smile:", "{{ 7*7 }}", "$x$ $y$"]
STARTS = [
    "# a",
    "> a",
    "- a",
    "+ a",
    "1. a",
    "1) a",
    "--- ",
    "===",
    "~~~",
    "```",
    "    a",
    "***",
    "\\",
    "|",
    ":--|",
    "&#60;",
]

# Of files: artifacts, run folders.
NAMES = [
    "../escaped", "../../escaped", "/tmp/escaped", "..", ".", "", "a/b", "a\\b", "C:x", "~", "~root", "-o", "a\0b",
    "con", "CON.log", "nul.", "aux.txt", "com1", "trailing.", "trailing ", " leading", ".git", ".hidden", "x" * 300,
    "\u202egnp.exe", "\x1b[31m", "new\nline", "record.json", "Record.JSON", "run.log", "RUN.LOG", "a:b", "a*b", "a?b",
]  # fmt: skip
# Of refs and commits, where a record names one.
REVISIONS = [
    "HEAD", "HEAD~1", "@{-1}", ":/try", "main", "-o", "--output=owned", "--upload-pack=touch owned", "a..b", "../x",
    "$(touch owned)", "a\nb", "\x1b[31m", "0" * 40, "f" * 41, "HEAD:train.py", "^main", "\u202e",
]  # fmt: skip

# Lines of a ledger that are no records, each of another kind of wrong.
GARBAGE: list[bytes] = [
    b"[" * 100_000,
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b'{"seq":' + b"9" * 1_000_000 + b"}",
    b'{"kind":"run","metrics":{"a":NaN}}',
    b'{"kind":"run","metrics":{"a":1e999}}',
    b'{"kind":"run","kind":"plan"}',
    b'{"kind":"run","description":"\\ud800"}',
    b"\xff\xfe\x00",
    b'"' + b"x" * (2 << 20) + b'"',
    b"{}",
    b"null",
    b'{"kind":"\x1b[31m"}',
    "\u202e".encode(),
]


def run(text: str, number: int, **changed: Any) -> Run:
    """A run each of whose texts is the same."""
    long = text[:900]
    policy = Policy(mode="exploit", decision="block", rationale=text)
    match = Match(
        category="repeat_failure", score=0.9, run_id=f"h{number}", commit=long, family=text, status="discard",
        value=1.0, description=text, tags=[long], why=text,
    )  # fmt: skip
    guard = Verdict(
        classification="repeat_failure", probe_text=text, threshold=0.5, effective_threshold=0.5, match_count=1,
        counts={long: 1}, top_matches=[match], mode="exploit", policy=policy, why=text, stale=text,
    )  # fmt: skip
    error = Error(summary=text, tail=[text, text], source=long)
    packet = Packet(
        summary=text, next_action="promote", priority="high", rationale=text, hypothesis_status="supported",
        run=PacketRun(
            run_id=f"h{number}", commit=long, status="keep", family=text, description=text, hypothesis=text,
            metric=long, value=1.0, memory_gb=1.0,
        ),
        novelty=PacketNovelty(
            classification="novel", mode="exploit", policy_decision="allow", policy_rationale=text, top_match=match
        ),
        comparison=Comparison(
            metric=long, is_new_champion=True, prior_champion_run_id=None, prior_champion_value=None,
            current_champion_run_id=None, current_champion_value=None, delta_to_prior_champion=None,
            delta_to_current_champion=None, group=text,
        ),
        error=error,
    )  # fmt: skip
    made = Run(
        writer="_", seq=1, run_id=f"h{number}", timestamp_utc=f"2026-01-01T00:{number:02}:00Z", branch=long,
        commit=long or "x", parent_commit=long, family=text, status="keep", description=text or "x", hypothesis=text,
        tags=[long], notes=text, metrics={"val_bpb": 0.9 - number / 1000, long or "x": 1.0}, error=error, artifacts={},
        novelty_guard=guard, decision_packet=packet,
        change=Change(
            subject=long or "x", knobs={"DEPTH": Knob(old="8", new=text), long or "x": Knob(old="1", new="2")}
        ),
        environment=Environment(device=long, evaluator=long, budget_kind=long, libraries={long or "x": long}),
    )  # fmt: skip
    return replace(made, **changed)


def runs(blob: str) -> Iterator[Run]:
    """Runs of every attack. `blob` is an object for their artifacts."""
    texts = [*TEXTS, *STARTS]
    for number, text in enumerate(texts):
        yield run(text, number)
    for number, name in enumerate(REVISIONS, len(texts)):
        yield run("a revision", number, commit=name, parent_commit=name, branch=name)
    named = {name: Artifact(blob=blob, size=3) for name in NAMES}
    yield run("names", 58, artifacts=named)
    # Without a knob, and without words, failures are called by all that was said.
    yield run(
        "![](//)", 59, status="crash", change=None,
        error=Error(summary=CONTROL + HIDDEN, tail=[CONTROL, LINES], source=LINES),
    )  # fmt: skip


def others(text: str) -> Iterator[Amend | Claim]:
    """An amendment and a claim of the same words."""
    commit = "0" * 40
    yield Amend(
        writer="_", seq=1, id="amend", timestamp_utc="2026-01-02T00:00:00Z", commit=commit, run_id="h0", notes=text,
        hypothesis=text, tags=[text[:900]],
    )  # fmt: skip
    yield Claim(
        writer="_", seq=1, id="claim", timestamp_utc="2099-01-01T00:00:00Z", commit=commit, branch=text[:900],
        worktree=text[:900], description=text, family=text, tags=[text[:900]], expires_utc="2099-01-01T01:00:00Z",
    )  # fmt: skip


def loose(git_dir: Path, kind: str, content: bytes) -> str:
    """Put an object into a repository that git itself would not make; its name."""
    whole = f"{kind} {len(content)}".encode() + b"\0" + content
    is_long = "sha256" in (git_dir / "config").read_text()
    oid = (hashlib.sha256 if is_long else hashlib.sha1)(whole).hexdigest()
    path = git_dir / "objects" / oid[:2] / oid[2:]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(whole))
    return oid


def tree(git_dir: Path, entries: list[tuple[str, str, str]]) -> str:
    """A tree of (mode, name, object), whatever they are."""
    content = b"".join(f"{mode} {name}".encode() + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    return loose(git_dir, "tree", content)


def commit(git_dir: Path, made_of: str, message: bytes = b"x\n", parents: tuple[str, ...] = ()) -> str:
    """A commit of a tree."""
    head = f"tree {made_of}\n" + "".join(f"parent {one}\n" for one in parents)
    return loose(git_dir, "commit", head.encode() + b"author x <x> 0 +0000\ncommitter x <x> 0 +0000\n\n" + message)


def zeros(git_dir: Path, size: int) -> str:
    """A blob of so many zeros, made without having them in memory."""
    blob = ["hash-object", "-w", "--stdin"]
    command = f"head -c {size} /dev/zero | git --git-dir='{git_dir}' -c core.bigFileThreshold=1m {' '.join(blob)}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    return done.stdout.strip()
