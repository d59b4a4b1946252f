"""What can go wrong in a way the user can act on: one sentence, one remedy, one exit code."""


class MemoryLabError(Exception):
    """An expected failure. The command line prints `message` and `hint` on stderr and exits with `exit_code`.

    Anything else that reaches the command line is a bug: exit code 70, traceback kept in a file.
    """

    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(MemoryLabError):
    """The command was called wrongly."""

    exit_code = 2


class NotARepository(MemoryLabError):
    """There is no git repository here, which `is_elsewhere` says, or one that cannot be opened."""

    is_elsewhere = False


class StoreBusy(MemoryLabError):
    """Another process holds the store for longer than we wait; nothing was written."""


class NotFound(MemoryLabError):
    """No run, commit or file answers to the name that was given."""


class Killed(MemoryLabError):
    """git was ended by a signal, so that what it has said or done by then is no answer."""


class BadInput(MemoryLabError):
    """A file, record or setting cannot be understood."""


class DirtySubject(MemoryLabError):
    """The subject in the working tree is not what the commit holds, so the run is not the commit's."""


class Unreachable(MemoryLabError):
    """A remote could not be reached, or the connection broke. What was to go there waits here."""


class Denied(MemoryLabError):
    """A remote does not let us in, or refuses what we bring."""
