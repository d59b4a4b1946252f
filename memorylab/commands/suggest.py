"""What a shell may complete a word with: runs, knobs, claims, remotes, branches. It only reads, and says nothing."""

import re
from collections.abc import Callable, Iterator

from memorylab import index
from memorylab.commands import check, experiment, sync
from memorylab.commands.session import Session
from memorylab.core.text import inline, shorten
from memorylab.store import git, refs

Suggestion = tuple[str, str]  # a word, and what it stands for
_LATEST = 200  # runs that are offered
_ENOUGH = 2  # characters of a commit, after which commits are offered too
_WIDTH = 60
_WORD = re.compile(r"\w[\w./@+-]*")  # what a shell takes as it is: the rest comes from records and from others


def runs(begun: str) -> Iterator[Suggestion]:
    """The latest runs by id, the last one first; by commit too, once one is begun."""
    session = _session()
    size = session.recall.size
    for _, run, _ in reversed(list(session.recall.runs(max(0, size - _LATEST)))):
        said = shorten(f"{run.status}: {inline(run.description)}", _WIDTH)
        yield run.run_id, said
        if len(begun) >= _ENOUGH and run.commit.startswith(begun):
            yield run.commit[: max(7, len(begun))], said


def knobs(begun: str) -> Iterator[Suggestion]:
    """The constants of HEAD's subject, with their values."""
    for name, value in (experiment.constants_now(Session()) or {}).items():
        yield name, shorten(inline(value), _WIDTH)


def claims(begun: str) -> Iterator[Suggestion]:
    """This working tree's open claims."""
    session = _session()
    for one in check.open_claims(session):
        if check.is_ours(session, one):
            yield one.id, shorten(inline(one.description), _WIDTH)


def remotes(begun: str) -> Iterator[Suggestion]:
    """The names of all remotes."""
    for name in sync.remotes(Session()):
        yield name, ""


def revisions(begun: str) -> Iterator[Suggestion]:
    """HEAD, branches and tags."""
    yield "HEAD", ""
    listed = git.run(Session().place, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags")
    for name in listed.decode("utf-8", "replace").splitlines():
        yield name, ""


def writers(begun: str) -> Iterator[Suggestion]:
    """Everybody who has written, as far as it is here."""
    session = Session()
    for ref in refs.tips(session.place):
        _, name = refs.kind_of(refs.local_name(ref)) or ("", "")
        if name and name != session.writer:
            yield name, ""


def _session() -> Session:
    session = Session()
    if not (session.place.state / index.FILE).exists():
        raise LookupError("to read a whole ledger takes longer than whoever presses TAB waits")
    return session


def suggestions(kind: str, begun: str) -> list[Suggestion]:
    """What goes on from what has been typed. Nothing, whatever is wrong: an error message would end up in the line."""
    try:
        found = dict(_KINDS[kind](begun))
    except Exception:
        return []
    return [(word, said) for word, said in found.items() if word.startswith(begun) and _WORD.fullmatch(word)]


_KINDS: dict[str, Callable[[str], Iterator[Suggestion]]] = {
    "run": runs, "knob": knobs, "claim": claims, "remote": remotes, "revision": revisions, "writer": writers,
}  # fmt: skip
