"""The two ways a run ends without a result, and the exit code of each."""


class LabError(Exception):
    """A run that must end now. `code` is the exit status of the process."""

    code = 1


class SettingError(LabError):
    """The run was asked for something that cannot be done: bad corpus, bad setting."""

    code = 2


class RunRefused(LabError):
    """The run happened and has no valid result: diverged, overspent, or saw the future."""

    code = 3
