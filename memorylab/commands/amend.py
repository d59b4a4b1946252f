"""amend: a correction of what was said of a run."""

from typing import Any

from memorylab.commands.session import Session
from memorylab.core.record import Amend, Run
from memorylab.core.text import block, inline
from memorylab.errors import UsageError
from memorylab.ledger import new_id, timestamp


def amend(session: Session, run: Run, said: dict[str, Any]) -> Amend:
    """Store a correction beside the run; the run's own record stays as it is. Raises UsageError if nothing is said."""
    clean: dict[str, Any] = {
        name: value if name in ("status", "tags") else block(value) if name == "notes" else inline(value)
        for name, value in said.items()
        if value is not None
    }
    if not clean:
        options = "--status, --description, --family, --hypothesis, --tags or --notes"
        raise UsageError("Nothing to amend.", f"Give {options}.")
    # An imported run may bear any text as its commit; what it is a note on is one.
    anchor = session.recall.anchor(run.run_id) or run.commit
    record = Amend(
        writer="_", seq=1, id=new_id(session.now, anchor), timestamp_utc=timestamp(session.now), commit=run.commit,
        run_id=run.run_id, **clean,
    )  # fmt: skip
    session.ledger.append(session.now, [(anchor, record)])
    return record
