"""Installing the git hooks, beside whatever hooks are there, and taking them out again."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from memorylab import templates
from memorylab.errors import BadInput
from memorylab.store import git
from memorylab.store.files import replace
from memorylab.store.git import Place

NAMES = ("post-commit", "post-rewrite")
CONFIG_HOOKS_SINCE = (2, 54)
_BEGIN = "# >>> git-memorylab >>>\n"
_END = "# <<< git-memorylab <<<\n"
_OWN_FIRST_LINE = "#!/bin/sh\n"
_SHELLS = ("sh", "bash", "dash", "ksh", "zsh")

# The section stands first, because hooks end in `exec` or `exit` as often as not. It leaves no variable behind, and a
# post-rewrite hook behind it still finds git's list on its standard input. For a commit that does not touch the subject
# it starts git once and nothing else (3.2 ms, the median of 250 pairs of commits): the shim asks the same, but is one
# process more.
_SECTIONS = {
    "post-commit": (
        "if { IFS= read -r memorylab && "
        'GIT_LITERAL_PATHSPECS=0 git diff-tree -r --root --no-commit-id --quiet HEAD -- ":(top,literal)$memorylab"; } '
        '2>/dev/null <"${0%/*}/../memorylab/hooks/settings"; then :; else\n'
        '    "${0%/*}/../memorylab/hooks/post-commit" "$@" 2>/dev/null || :\n'
        "fi\n"
        "unset memorylab\n"
    ),
    "post-rewrite": (
        "memorylab_list=$(cat)\n"
        'printf "%s\\n" "$memorylab_list" | "${0%/*}/../memorylab/hooks/post-rewrite" "$@" 2>/dev/null || :\n'
        "exec <<MEMORYLAB\n$memorylab_list\nMEMORYLAB\n"
        "unset memorylab_list\n"
    ),
}


def install(place: Place, subject: str) -> list[str]:
    """Install or renew the hooks; what was done, and what the user has to do, a line each."""
    folder = _shims(place, subject)
    if git.version() >= CONFIG_HOOKS_SINCE and _install_config(place, folder):
        # An older git may have installed files here: both together would do everything twice.
        _remove_files(place)
        return ["hooks: in git's configuration"]
    named = hook_file(place, "post-commit").parent
    if named.resolve() != place.common_dir.resolve() / "hooks":
        added = "\n".join(
            f'    {name}: "$(git rev-parse --git-common-dir)/memorylab/hooks/{name}" "$@" 2>/dev/null || :'
            for name in NAMES
        )
        return [f"hooks: git runs those in {named}, so nothing was written there. Add these lines to them:\n{added}"]
    return [_install_file(place, name) for name in NAMES]


def install_server(place: Place) -> list[str]:
    """Install the update hook of a repository that others push to. Raises BadInput if another one stands there."""
    path = hook_file(place, "update")
    content = templates.path("hooks/update").read_bytes()
    if path.exists() and not path.read_bytes().startswith(content[:100]):
        raise BadInput(
            f"{path} is another hook.", f"Install ours as {path}.memorylab, and have it called as its first lines say."
        )
    replace(path, content)
    path.chmod(0o755)
    return [f"hooks: update installed in {path.parent}: ledgers that are pushed here are only added to"]


def uninstall(place: Place) -> None:
    """Take out what `install` put in, and nothing else."""
    for name in NAMES:
        git.run(place, "config", "--local", "--remove-section", f"hook.memorylab-{name}", check=False)
    _remove_files(place)
    shutil.rmtree(place.state / "hooks", ignore_errors=True)


def _remove_files(place: Place) -> None:
    for name in NAMES:
        # Not where git looks now: core.hooksPath may have been set since.
        path = place.common_dir / "hooks" / name
        text = _read(path)
        if text is None or path.is_symlink() or _BEGIN not in text:
            continue
        without = _without_section(text)
        if without == _OWN_FIRST_LINE:
            path.unlink()
        else:
            _write(path, without)


def _shims(place: Place, subject: str) -> Path:
    """Copies of the shims in the common dir, where they stay when the package moves, and what they need to know."""
    folder = place.state / "hooks"
    for name in NAMES:
        replace(folder / name, templates.path(f"hooks/{name}").read_bytes())
        (folder / name).chmod(0o755)
    replace(folder / "settings", f"{subject}\n{program()}\n".encode(errors="surrogateescape"))
    return folder


def program() -> str:
    """The executable that a hook calls, which need not be on the PATH that a commit is made with."""
    beside = Path(sys.executable).parent / "git-memorylab"
    return str(beside) if beside.exists() else shutil.which("git-memorylab") or "git-memorylab"


def _install_config(place: Place, folder: Path) -> bool:
    """Hooks by configuration, which run beside hook files, whatever core.hooksPath says. False if git ignores them."""
    for name in NAMES:
        key = f"hook.memorylab-{name}"
        # git says so at each commit if a hook is not there, as when all that is local was deleted.
        shim = shlex.quote(str(folder / name))
        git.run(place, "config", "--local", f"{key}.command", f"test ! -x {shim} || exec {shim}")
        git.run(place, "config", "--local", "--", f"{key}.event", name)
    listed = git.run(place, "hook", "list", "post-commit", check=False)
    if b"memorylab-post-commit" in listed:
        return True
    for name in NAMES:
        git.run(place, "config", "--local", "--remove-section", f"hook.memorylab-{name}", check=False)
    return False


def _install_file(place: Place, name: str) -> str:
    path = hook_file(place, name)
    text = _read(path)
    section = _BEGIN + _SECTIONS[name] + _END
    if text is None and not path.is_symlink():
        _write(path, _OWN_FIRST_LINE + section)
        return f"hooks: {name} installed"
    text = text or ""
    without = _without_section(text)
    first, _, rest = without.partition("\n")
    if path.is_symlink() or not _is_shell(first) or not os.access(path, os.X_OK):
        shim = shlex.quote(str(place.state / "hooks" / name))
        what = "a symbolic link" if path.is_symlink() else "not a shell script that git runs"
        return f"hooks: {path} is {what}, so it was left alone. Have it call {shim}."
    renewed = f"{first}\n{section}{rest}"
    if renewed == text:
        return f"hooks: {name} is there"
    _write(path, renewed)
    return f"hooks: {name} {'renewed' if _BEGIN in text else 'added to the hook that was there'}"


def takes_section(path: Path) -> bool:
    """Whether our lines can be added to a hook file: a shell script that git runs, or none that is there."""
    text = _read(path)
    if text is None:
        return not path.is_symlink()
    return not path.is_symlink() and _is_shell(text.partition("\n")[0]) and os.access(path, os.X_OK)


def _is_shell(first: str) -> bool:
    interpreter = first[2:].split("/")[-1].split() if first.startswith("#!") else []
    shell = interpreter[1:2] if interpreter[:1] == ["env"] else interpreter[:1]
    return bool(shell) and shell[0] in _SHELLS


def _without_section(text: str) -> str:
    before, _, after = text.partition(_BEGIN)
    _, ended, rest = after.partition(_END)
    # Without its end, what follows may be the user's.
    return before + rest if ended else text


def are_configured(place: Place) -> bool:
    """Whether git's configuration has the hooks, and git heeds it."""
    return bool(git.config(place, r"^hook\.memorylab-post-commit\.command$")) and git.version() >= CONFIG_HOOKS_SINCE


def has_section(path: Path) -> bool:
    """Whether a hook file has our lines in it."""
    return _BEGIN in (_read(path) or "")


def is_first(path: Path) -> bool:
    """Whether nothing stands before our lines in a hook file, and they are as they are to be."""
    before, _, rest = (_read(path) or "").partition("\n")
    section = _BEGIN + _SECTIONS.get(path.name, "") + _END
    return before.startswith("#!") and rest.startswith(section)


def is_ours_alone(path: Path) -> bool:
    """Whether a hook file has our lines in it, and nothing else."""
    return has_section(path) and _without_section(_read(path) or "") == _OWN_FIRST_LINE


def hook_file(place: Place, name: str) -> Path:
    """The file that git runs as a hook, whether it is there or not."""
    # The folder, not the file: git would follow a link.
    folder = git.run(place, "rev-parse", "--path-format=absolute", "--git-path", "hooks")
    return Path(os.fsdecode(folder).rstrip("\n")) / name


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return None


def _write(path: Path, text: str) -> None:
    mode = path.stat().st_mode | 0o111 if path.exists() else 0o755
    replace(path, text.encode("utf-8", "surrogateescape"))
    path.chmod(mode & 0o7777)
