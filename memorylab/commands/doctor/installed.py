"""What `init` has set up: refspecs, hooks that are proved to run, and what a hook has left to be done."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator

from memorylab.commands import hook, hooks, init
from memorylab.commands.doctor import canary
from memorylab.commands.doctor.findings import Examination, Finding, Patient, advice, error, warning
from memorylab.core.text import count, inline
from memorylab.store import git, refs


def is_set_up(patient: Patient) -> bool:
    """Whether `init` was ever run here: whatever is left of what it sets."""
    if (patient.place.state / "hooks").exists() or (patient.place.state / "writer.json").exists():
        return True
    shown = git.run(patient.place, "config", "--get-all", "notes.displayRef", check=False).decode().splitlines()
    return refs.DISPLAY in shown


def _config(patient: Patient) -> Iterator[Finding]:
    if patient.place.top is None:
        return
    if not is_set_up(patient):
        yield advice("not-set-up", "This clone was not set up: it has no hooks and fetches nobody's memory.",
                     "`git memorylab init` does it.")  # fmt: skip
        return
    lacking = init.lacking(patient.session)
    if lacking:
        named = ", ".join(dict.fromkeys(inline(key) for key, _ in lacking))
        yield warning(
            "refspec-missing" if any(key.startswith("remote.") for key, _ in lacking) else "config-missing",
            f"{count(len(lacking), 'setting')} of git that `init` makes {'is' if len(lacking) == 1 else 'are'} gone: "
            f"{named}", "adds what is missing.", True,
        )  # fmt: skip


def _configure(patient: Patient) -> list[str]:
    init.configure(patient.session)
    return []


# -- hooks ------------------------------------------------------------------------------------------------------------


def _hooks(patient: Patient) -> Iterator[Finding]:
    place, settings = patient.place, patient.session.settings
    if place.top is None or not is_set_up(patient):
        return
    subject, program = _told(patient)
    if program is not None and not os.access(program, os.X_OK) and shutil.which(program) is None:
        yield error(
            "hooks-program-gone", f"The hooks call {inline(program)}, which is not there any more",
            f"has them call {inline(hooks.program())}.", True,
        )  # fmt: skip
    if subject is not None and subject != settings.subject and patient.unusable is None:
        yield warning(
            "hooks-subject", f"The hooks look for {inline(subject)}, and the subject is {inline(settings.subject)}",
            "tells them.", True,
        )  # fmt: skip
    inert = [name for name in hooks.NAMES if not canary.comes_through(place, name, subject or settings.subject)]
    if inert:
        why, remedy = _why(patient, inert[0])
        yield error("hooks-inert", f"{' and '.join(inert)} never {'come' if len(inert) > 1 else 'comes'} through to "
                    f"git-memorylab: {why}", remedy or "installs them again.", not remedy)  # fmt: skip


def _told(patient: Patient) -> tuple[str | None, str | None]:
    """(subject, program) that the shims know."""
    try:
        lines = (patient.place.state / "hooks" / "settings").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None, None
    return (lines[0], lines[1]) if len(lines) >= 2 else (None, None)


def _why(patient: Patient, name: str) -> tuple[str, str]:
    """Why a hook is inert, and what a person has to do, "" if installing it again is enough."""
    place = patient.place
    shims = place.state / "hooks"
    path = hooks.hook_file(place, name)
    if path.parent.resolve() != place.common_dir.resolve() / "hooks" and not hooks.are_configured(place):
        call = f'"$(git rev-parse --git-common-dir)/memorylab/hooks/{name}" "$@" 2>/dev/null || :'
        return (
            f"core.hooksPath has git run the hooks in {inline(str(path.parent))}, which do not call it",
            f"Add to the hook there, before anything that ends it, or unset core.hooksPath: {inline(call)}",
        )
    if not all(os.access(shims / one, os.X_OK) for one in hooks.NAMES) or None in _told(patient):
        return f"what `init` put into {inline(str(shims))} is gone, or not as it was", ""
    if not path.exists() and not hooks.are_configured(place):
        return "there is no such hook", ""
    if path.exists() and not os.access(path, os.X_OK):
        remedy = "" if hooks.is_ours_alone(path) else f"`chmod +x {inline(str(path))}`, if what else is in it may run."
        return "the file is not executable", remedy
    if not hooks.has_section(path) and not hooks.are_configured(place):
        call = inline(shlex.quote(str(shims / name)))
        remedy = "" if hooks.takes_section(path) else f"It is no shell script that git runs: have it call {call}."
        return "the hook that is there does not call it", remedy
    program = _told(patient)[1]
    if program != hooks.program():
        return f"they call {inline(program or '')}, which does not answer", ""
    if hooks.is_first(path):
        return (
            f"git runs {inline(str(path))}, and it ends before it gets there",
            "Look at what it does: it may be on a file system that is mounted noexec, or the program may fail: "
            f"`{inline(_told(patient)[1] or hooks.program())} --version`.",
        )
    return "what stands before our lines in the hook ends it", ""


def _install(patient: Patient) -> list[str]:
    for name in hooks.NAMES:
        path = hooks.hook_file(patient.place, name)
        if path.exists() and not path.is_symlink() and hooks.is_ours_alone(path):
            path.chmod(path.stat().st_mode | 0o111)
    done = hooks.install(patient.place, patient.session.settings.subject)
    return [inline(line) for line in done if "left alone" in line]


# -- what a hook has left ---------------------------------------------------------------------------------------------


def _spool(patient: Patient) -> Iterator[Finding]:
    path = patient.place.state / hook.SPOOL
    if path.is_file():
        number = len(path.read_bytes().splitlines())
        yield warning("spool-left", f"{count(number, 'commit')} that a hook could not remember, as another was writing",
                      "remembers them; so does the next command.", True)  # fmt: skip


def _drain(patient: Patient) -> list[str]:
    hook.drain(patient.session)
    return []


EXAMINATIONS = (
    Examination("git's configuration", _config, {"refspec-missing": _configure, "config-missing": _configure}),
    Examination("the hooks", _hooks, dict.fromkeys(("hooks-program-gone", "hooks-subject", "hooks-inert"), _install)),
    Examination("the spool", _spool, {"spool-left": _drain}),
)
