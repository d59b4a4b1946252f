"""Every ref that MemoryLab uses, and who may move it."""

LEDGER = "refs/notes/memorylab/ledger/"  # + writer: notes on experiment commits, one record per line. Truth.
DECISIONS = "refs/notes/memorylab/decisions/"  # + writer: notes on experiment commits, packets as Markdown. Derived.
JOURNAL = "refs/memorylab/journal/"  # + writer: one commit per record; pins the experiment, holds artifacts. Truth.
REMOTES = "refs/memorylab/remotes/"  # + remote: what was fetched from others. Moved by `git fetch` alone.
DISPLAY = "refs/memorylab/display"  # local: all decisions in one notes tree, for `git log`. Never pushed.


def tracking(remote: str) -> str:
    """The namespace that holds what was fetched from a remote."""
    return f"{REMOTES}{remote}/"


def fetch_refspecs(remote: str) -> list[str]:
    """How others' memory arrives: beside our own refs, and without a `+`, so that a rewritten ledger is refused."""
    return [
        f"refs/notes/memorylab/*:{tracking(remote)}notes/*",
        f"refs/memorylab/journal/*:{tracking(remote)}journal/*",
    ]


def writer_of(ref: str, kind: str) -> str | None:
    """The writer whose `ledger`, `decisions` or `journal` a ref is, own or fetched; None if it is something else."""
    own = {"ledger": LEDGER, "decisions": DECISIONS, "journal": JOURNAL}[kind]
    if ref.startswith(own):
        return ref[len(own) :]
    fetched = "journal/" if kind == "journal" else f"notes/{kind}/"
    if ref.startswith(REMOTES):
        _, found, writer = ref[len(REMOTES) :].partition("/" + fetched)
        return writer if found and "/" not in writer else None
    return None
