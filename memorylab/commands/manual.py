"""help: the manual page, whole or of one command, by the program that shows manual pages."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import memorylab

PAGE = "git-memorylab.1"


def page() -> Path | None:
    """Where the manual page is: in the checkout, or with the installed package."""
    for folder in (Path(memorylab.__file__).parent.parent / "docs", Path(sys.prefix) / "share" / "man" / "man1"):
        if (folder / PAGE).is_file():
            return folder / PAGE
    return None


def of_command(page: str, name: str) -> str:
    """The page of one command: its section under the page's own head, empty if it has none."""
    head, _, rest = page.partition("\n")
    begin = f".SS \\fBgit memorylab {name}\\fR"
    lines: list[str] = []
    for line in rest.splitlines():
        if line.startswith(begin):
            lines = [line]
        elif lines and line.startswith((".SS", ".SH")):
            break
        elif lines:
            lines.append(line)
    return "\n".join([head, ".SH COMMAND", *lines, ""]) if lines else ""


def show(name: str | None) -> bool:
    """Show the page, as `git help` does; False if there is none, or nothing to show it with."""
    found, program = page(), shutil.which("man")
    if found is None or program is None:
        return False
    if name is None:
        return subprocess.run([program, str(found)], check=False).returncode == 0
    section = of_command(found.read_text(encoding="utf-8"), name)
    if not section:
        return False
    # By a file, since not every man reads its standard input.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / PAGE
        path.write_text(section, encoding="utf-8")
        return subprocess.run([program, str(path)], check=False).returncode == 0
