"""What goes to stderr with --json: one line of JSON for an error, and one for each remark."""

from typing import Literal

from msgspec import Struct

Kind = Literal["usage", "expected", "bug", "interrupted"]


class Failure(Struct, frozen=True, kw_only=True):
    """Why a command did nothing. `message` is one sentence, `hint` says what to do next (may be empty), `exit_code` is
    that of the process. `kind`: called wrongly (usage), something is not as it must be (expected), the program's own
    fault (bug), or it was told to stop (interrupted)."""

    message: str
    hint: str
    exit_code: int
    kind: Kind


class Failed(Struct, frozen=True, kw_only=True):
    """The last line on stderr of a command that failed; its stdout is empty."""

    error: Failure


class Note(Struct, frozen=True, kw_only=True):
    """A line on stderr besides the answer: what the user should know, which is no error."""

    note: str
