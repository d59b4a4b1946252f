"""The run that a name stands for, and text through git's pager."""

from memorylab import console
from memorylab.commands.session import Session
from memorylab.console import line
from memorylab.core.record import Run
from memorylab.errors import NotFound


def find(session: Session, name: str) -> Run:
    """The run that a name stands for: as in `Recall.find`, else the latest run on the commit that git knows by it."""
    try:
        return session.recall.find(name)
    except NotFound:
        try:
            oid = session.reader.resolve(name).oid
        except NotFound:
            oid = ""
        if not session.recall.on_commit(oid):
            raise
        return session.recall.find(oid)


def latest(session: Session) -> Run:
    """The run that was recorded last. Raises NotFound."""
    for _, run, _ in session.recall.runs(max(0, session.recall.size - 1)):
        return run
    raise NotFound("No run was recorded yet.", "`git memorylab run` makes the first.")


def page(text: str) -> None:
    """Print on a terminal through git's pager, elsewhere as it is."""
    with console.opened() as out:
        out.lines(line(part, hang=None) for part in text.split("\n"))
