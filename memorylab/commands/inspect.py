"""The run that a name stands for, and text through git's pager."""

from memorylab import console
from memorylab.commands.session import Session
from memorylab.console import line
from memorylab.core.record import Run
from memorylab.core.text import inline
from memorylab.errors import NotFound

_NAMED = 3  # commits


def find(session: Session, name: str) -> Run:
    """The run that a name stands for: as in `Recall.find`, else the latest run on the commit that git knows by it, or
    on what that was before it was rewritten with the same subject."""
    recall = session.recall
    try:
        return recall.find(name)
    except NotFound:
        try:
            oid = session.reader.resolve(name).oid
        except NotFound:
            oid = ""
        if oid and (measured := recall.measured(oid)) is not None:
            return recall.find(measured)
        if oid and (former := sorted(recall.rewritten(oid))):
            raise NotFound(
                f"{oid[:7]} was not run; it is what became of {', '.join(one[:7] for one in former[:_NAMED])}, with "
                f"another {inline(session.settings.subject)}.",
                f"`git memorylab run` runs it; `git memorylab show {former[0][:7]}` shows what it was.",
            ) from None
        raise


def latest(session: Session) -> Run:
    """The run that was recorded last. Raises NotFound."""
    for _, run, _ in session.recall.runs(max(0, session.recall.size - 1)):
        return run
    raise NotFound("No run was recorded yet.", "`git memorylab run` makes the first.")


def page(text: str) -> None:
    """Print on a terminal through git's pager, elsewhere as it is."""
    with console.opened() as out:
        out.lines(line(part, hang=None) for part in text.split("\n"))
