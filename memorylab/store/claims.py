"""The board of open claims on a remote: one ref that all may extend, by compare-and-swap, so that of two who claim at
the same moment one is first. It holds lines and knows no record."""

from memorylab.store import git, refs, transport
from memorylab.store.git import Place
from memorylab.store.transport import Answer, Update

_FILE = "claims.jsonl"
_LONGEST = 1 << 20


def read(place: Place, remote: str) -> tuple[str | None, list[bytes]]:
    """(tip, lines) of a remote's board; None and no lines where there is none. Raises Unreachable, or Denied."""
    tip = transport.listing(place, remote, [refs.CLAIMS]).get(refs.CLAIMS)
    if tip is None:
        return None, []
    # The board is no truth, only the order of claims: what the remote has is followed, whatever was here.
    transport.fetch(place, remote, [f"+{refs.CLAIMS}:{refs.tracking(remote)}claims"], None)
    size = git.run(place, "cat-file", "-s", f"{tip}:{_FILE}", check=False).strip()
    if not size.isdigit() or int(size) > _LONGEST:
        return tip, []
    return tip, git.run(place, "cat-file", "blob", f"{tip}:{_FILE}").splitlines()


def write(place: Place, remote: str, before: str | None, lines: list[bytes], writer: str) -> Answer:
    """Put a board in the place of the one at `before`. Raises Unreachable, or Denied."""
    blob = (
        git.run(place, "hash-object", "-w", "--stdin", input=b"".join(line + b"\n" for line in lines)).decode().strip()
    )
    tree = git.run(place, "mktree", input=f"100644 blob {blob}\t{_FILE}\n".encode()).decode().strip()
    parents = ["-p", before] if before else []
    identity = ["-c", f"user.name={writer}", "-c", f"user.email={writer}@memorylab"]
    made = git.run(place, *identity, "commit-tree", tree, *parents, "-m", f"Claims, by {writer}").decode().strip()
    # A new board must not be there yet; one that follows another is refused unless it fast-forwards.
    update = Update(refs.CLAIMS, made, None if before else "")
    return transport.push(place, remote, [update], None, atomic=False)[0]
