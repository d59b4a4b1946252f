"""Files that come with the package: hooks, and the train.py and program.md that a fresh lab starts from."""

from pathlib import Path

from memorylab.errors import NotFound

_PACKAGE = Path(__file__).parent


def path(name: str) -> Path:
    """Where a template is: in the installed wheel, or at the top of the checkout. Raises NotFound."""
    for folder in (_PACKAGE / "_templates", _PACKAGE.parent):
        if (folder / name).exists():
            return folder / name
    raise NotFound(f"{name} did not come with this installation.", "Install git-memorylab again.")
