"""Hooks: they remember what is committed, stand beside any other hook, and never make a commit fail."""

import fcntl
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memorylab.commands import hook, hooks
from memorylab.commands.session import Session
from memorylab.store import git
from tests.conftest import FORM, TRAIN, UNSEEN, Lab

SHELLS = [shell for shell in ("dash", "bash", "busybox", "ksh", "zsh") if shutil.which(shell)]
BEGIN = "# >>> git-memorylab >>>"
in_files = pytest.mark.skipif(
    git.version() >= hooks.CONFIG_HOOKS_SINCE,
    reason="`init` puts the hooks into the configuration of this git",
)


def _commit(lab: Lab, *arguments: str, where: Path | None = None, env: dict[str, str] | None = None) -> str:
    """git commit, which must succeed; what the terminal shows."""
    done = subprocess.run(
        ["git", *arguments], cwd=where or lab.path, capture_output=True, text=True, check=False,
        env=os.environ | (env or {}),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def _head(lab: Lab) -> str:
    return lab.git("rev-parse", "HEAD")


def _hook(lab: Lab, name: str, content: str, mode: int = 0o755) -> Path:
    path = lab.path / ".git" / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    path.chmod(mode)
    return path


def _recorder(lab: Lab) -> Path:
    """Have the hooks call a script that notes how it was called, which is enough to see that they do."""
    called = lab.path.parent / "called"
    program = lab.path.parent / "recorder"
    program.write_text(f'#!/bin/sh\n{{ echo "$*"; cat; }} >>{shlex.quote(str(called))}\n')
    program.chmod(0o755)
    (lab.path / ".git" / "memorylab" / "hooks" / "settings").write_text(f"train.py\n{program}\n")
    called.write_text("")
    return called


@contextmanager
def _lock_held(lab: Lab) -> Iterator[None]:
    with (lab.path / ".git" / "memorylab" / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# -- what a commit does


def test_a_commit_that_touches_the_subject_is_judged_and_pinned_at_once(lab: Lab) -> None:
    lab.edit("DEPTH", 9)
    said = _commit(lab, "commit", "-qam", "deeper\n\nFamily: depth\nMode: explore")
    assert said == "memorylab: novel -> allow (explore) [DEPTH 8 → 9]\n"
    plan = lab.memory.plans[_head(lab)]
    assert (plan.description, plan.family, plan.branch) == ("deeper", "depth", "main")
    assert plan.novelty_guard.policy.decision == "allow"
    assert plan.change is not None
    assert plan.change.knobs["DEPTH"].new == "9"
    journal = lab.git("for-each-ref", "--format=%(refname)", "refs/memorylab/journal")
    assert _head(lab) in lab.git("log", "--format=%P", journal).split()


def test_a_commit_of_magit_is_judged_too(lab: Lab) -> None:
    """It has git take all pathspecs literally, and git tells its hooks."""
    lab.edit("DEPTH", 9)
    assert "novel" in _commit(lab, "--literal-pathspecs", "commit", "-qam", "deeper")
    assert lab.memory.plans[_head(lab)].change is not None


def test_a_discarded_commit_survives_gc(lab: Lab) -> None:
    lab.starts_hooks = True
    lab.edit("DEPTH", 9)
    commit = lab.commit("deeper")
    lab.git("reset", "-q", "--hard", "HEAD~1")
    lab.git("reflog", "expire", "--expire=now", "--all")
    lab.git("gc", "-q", "--prune=now")
    assert lab.git("cat-file", "-t", commit) == "commit"


def test_the_line_names_the_closest_earlier_run_safely(lab: Lab) -> None:
    lab.experiment("deeper \x1b[31mmodel", 1.5, "--status", "discard", knob="DEPTH", to=9)
    lab.git("reset", "-q", "--hard", "HEAD~1")
    lab.edit("DEPTH", 9)
    said = _commit(lab, "commit", "-qam", "go deeper")
    assert said.startswith("memorylab: ")
    assert "-> block (exploit): deeper" in said
    assert "\x1b" not in said
    assert said.count("\n") == 1


def test_any_other_commit_starts_no_program(lab: Lab) -> None:
    called = _recorder(lab)
    (lab.path / "notes.txt").write_text("x")
    lab.git("add", "notes.txt")
    assert _commit(lab, "commit", "-qm", "notes") == ""
    assert _commit(lab, "commit", "-q", "--allow-empty", "-m", "nothing") == ""
    assert called.read_text() == ""
    lab.edit("DEPTH", 9)
    _commit(lab, "commit", "-qam", "deeper")
    assert called.read_text() == "hook post-commit\n"


def test_the_first_commit_of_a_repository_counts(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    lab = Lab(tmp_path / "new")
    lab.git("init", "-q")
    lab.run("init")
    (lab.path / "train.py").write_text(TRAIN)
    lab.git("add", "train.py")
    assert "memorylab: novel" in _commit(lab, "commit", "-qm", "baseline")
    assert list(lab.memory.plans) == [_head(lab)]


def test_commits_of_every_kind(lab: Lab) -> None:
    called = _recorder(lab)

    def count() -> int:
        found = called.read_text().count("hook post-commit")
        called.write_text("")
        return found

    (lab.path / "notes.txt").write_text("x")
    lab.git("add", "notes.txt")
    lab.edit("DEPTH", 9)
    _commit(lab, "commit", "-qm", "one path", "--", "train.py")
    assert count() == 1
    lab.edit("DEPTH", 10)
    _commit(lab, "commit", "-qam", "all")
    assert count() == 1
    _commit(lab, "commit", "-q", "--amend", "-m", "amended")
    assert count() == 1
    _commit(lab, "revert", "--no-edit", "HEAD")
    assert count() == 1
    lab.git("switch", "-qc", "side", "HEAD~2")
    lab.edit("MATRIX_LR", 0.05)
    _commit(lab, "commit", "-qam", "faster")
    assert count() == 1
    lab.git("switch", "-q", "main")
    _commit(lab, "merge", "-q", "--no-edit", "side")
    assert count() == 0  # git has no post-commit for a merge, and nobody has measured it as an experiment
    lab.git("switch", "-qc", "third", "HEAD~1")
    _commit(lab, "cherry-pick", "side")
    assert count() == 1


def test_a_conflicted_merge_that_is_committed_by_hand_is_no_experiment(lab: Lab) -> None:
    for branch, depth in (("one", 9), ("two", 10)):
        lab.git("switch", "-qc", branch, "main")
        lab.edit("DEPTH", depth)
        lab.git(*UNSEEN, "commit", "-qam", branch)
    assert lab.git("merge", "-q", "one", check=False) is not None
    (lab.path / "train.py").write_text(TRAIN.replace("DEPTH = 8", "DEPTH = 11"))
    assert _commit(lab, "commit", "-qam", "both") == ""
    assert not lab.memory.plans


def test_commit_from_elsewhere(lab: Lab, tmp_path: Path) -> None:
    called = _recorder(lab)
    lab.edit("DEPTH", 9)
    _commit(lab, "-C", str(lab.path), "commit", "-qam", "by -C", where=tmp_path)
    lab.edit("DEPTH", 10)
    where = [f"--git-dir={lab.path / '.git'}", f"--work-tree={lab.path}"]
    _commit(lab, *where, "commit", "-qam", "by options", where=tmp_path)
    lab.edit("DEPTH", 11)
    env = {"GIT_DIR": str(lab.path / ".git"), "GIT_WORK_TREE": str(lab.path)}
    _commit(lab, "commit", "-qam", "by environment", where=tmp_path, env=env)
    (lab.path / "sub").mkdir()
    lab.edit("DEPTH", 12)
    _commit(lab, "commit", "-qam", "from a subfolder", where=lab.path / "sub")
    assert called.read_text() == "hook post-commit\n" * 4


def test_git_dir_and_work_tree_apart(lab: Lab, tmp_path: Path) -> None:
    """git exports GIT_DIR and GIT_WORK_TREE to the hook then."""
    lab.edit("DEPTH", 9)
    where = [f"--git-dir={lab.path / '.git'}", f"--work-tree={lab.path}"]
    said = _commit(lab, *where, "commit", "-qam", "x", where=tmp_path)
    assert "memorylab: novel" in said
    assert _head(lab) in lab.memory.plans


def test_in_a_linked_worktree(lab: Lab) -> None:
    """git exports GIT_DIR and GIT_INDEX_FILE to hooks there; `commit -- path` has an index file of its own."""
    other = Lab(lab.path.parent / "linked")
    lab.git("worktree", "add", "-q", str(other.path))
    other.edit("DEPTH", 9)
    said = _commit(other, "commit", "-qm", "deeper", "--", "train.py")
    assert "memorylab: novel" in said
    assert lab.memory.plans[_head(other)].branch == "linked"
    assert other.git("status", "--porcelain") == ""
    assert lab.git("status", "--porcelain") == ""


def test_what_git_tells_a_hook_is_for_the_hook_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("DIR", "WORK_TREE", "INDEX_FILE", "COMMON_DIR", "PREFIX", "OBJECT_DIRECTORY", "NAMESPACE", "EDITOR")
    for name in (told := [f"GIT_{name}" for name in (*names, "ALTERNATE_OBJECT_DIRECTORIES", "REFLOG_ACTION")]):
        monkeypatch.setenv(name, "elsewhere")
    assert not git.environment().keys() & set(told)


def test_paths_with_spaces_quotes_and_other_letters(make_lab: Callable[..., Lab], tmp_path: Path) -> None:
    lab = make_lab('it\'s "a" $HOME lab · ü', init=False)
    lab.run("init")
    lab.edit("DEPTH", 9)
    assert "memorylab: novel" in _commit(lab, "commit", "-qam", "deeper")
    assert _head(lab) in lab.memory.plans


@pytest.mark.parametrize("subject", ["models/tiny/train.py", "models/train[1].py", "models/a b.py", "models/größe.py"])
def test_a_subject_in_a_subfolder(lab: Lab, subject: str) -> None:
    lab.git("config", "memorylab.subject", subject)
    lab.run("init")
    called = _recorder(lab)
    settings = lab.path / ".git" / "memorylab" / "hooks" / "settings"
    settings.write_text(settings.read_text().replace("train.py", subject, 1))
    path = lab.path / subject
    path.parent.mkdir(parents=True)
    path.write_text("DEPTH = 8\n")
    (path.parent / "train1.py").write_text("")
    lab.git("add", "models")
    _commit(lab, "commit", "-qm", "new subject", where=path.parent)
    assert called.read_text() == "hook post-commit\n"
    (path.parent / "train1.py").write_text("# a pattern would match this\n")
    lab.edit("DEPTH", 9)
    _commit(lab, "commit", "-qam", "not the subject")
    assert called.read_text() == "hook post-commit\n"


def test_init_tells_the_hook_what_the_subject_is(lab: Lab) -> None:
    lab.git("config", "memorylab.subject", "models/train.py")
    lab.run("init")
    (lab.path / "models").mkdir()
    (lab.path / "models" / "train.py").write_text("DEPTH = 8\n")
    lab.git("add", "models")
    assert "memorylab: novel" in _commit(lab, "commit", "-qm", "new subject", where=lab.path / "models")


# -- rewritten commits


def test_amend_leaves_a_rewrite_and_no_metrics(lab: Lab) -> None:
    old = lab.experiment("deeper", 1.5, knob="DEPTH", to=9)
    _commit(lab, "commit", "-q", "--amend", "-m", "deeper, said better")
    new = _head(lab)
    memory = lab.memory
    assert [(r.old_commit, r.commit, r.command) for r in memory.rewrites] == [(old, new, "amend")]
    assert new in memory.plans
    assert [run.commit for run in memory.runs] == [old]


@pytest.mark.parametrize("backend", ["merge", "apply"])
def test_rebase_judges_nothing_on_the_way_and_notes_what_became_what(lab: Lab, backend: str) -> None:
    lab.git("switch", "-qc", "topic")
    lab.edit("DEPTH", 9)
    first = lab.commit("deeper")
    (lab.path / "other.txt").write_text("x")
    lab.git("add", "other.txt")
    lab.git(*UNSEEN, "commit", "-q", "-m", "nothing remembered")
    lab.git("switch", "-q", "main")
    (lab.path / "notes.txt").write_text("x")
    lab.git("add", "notes.txt")
    lab.commit("notes")
    lab.git("switch", "-q", "topic")
    said = _commit(lab, "rebase", "-q", f"--{backend}", "main")
    assert "memorylab" not in said
    new = lab.git("log", "-1", "--format=%H", "--grep=deeper")
    memory = lab.memory
    assert list(memory.plans) == [first]
    assert [(r.old_commit, r.commit, r.command) for r in memory.rewrites] == [(first, new, "rebase")]


def test_a_rewrite_is_noted_once(lab: Lab) -> None:
    old = lab.experiment("deeper", 1.5, knob="DEPTH", to=9)
    new = lab.commit("other")
    for _ in range(2):
        hook.post_rewrite(Session(lab.path), "amend", [f"{old} {new} extra", "", "nonsense", f"{new} {old[:7]}"])
    assert len(lab.memory.rewrites) == 1


# -- beside other hooks

OTHERS = {
    "exit": '#!/bin/sh\necho "theirs: $*"\nexit 0\n',
    "exec": '#!/bin/sh\nexec echo "theirs: $*"\n',
    "strict": '#!/bin/sh -eu\nset -eu\necho "theirs: $*"\n',
    "failing": '#!/bin/sh\necho "theirs: $*"\nexit 3\n',
    "bash": '#!/bin/bash\nset -euo pipefail\nhere=$(cd "$(dirname "$0")" && pwd)\n'
    '[[ -f $here/post-commit ]] && echo "theirs: $*"\n',
    "env": '#!/usr/bin/env bash\narguments=("$@")\necho "theirs: ${arguments[*]-}"\n',
    # As pre-commit generates it, with its framework not installed.
    "pre-commit": "#!/usr/bin/env bash\n# File generated by pre-commit: https://pre-commit.com\n"
    "# ID: 138fd403232d2ddd5efb44317e38bf03\n\n# start templated\nINSTALL_PYTHON=/bin/echo\n"
    "ARGS=(hook-impl --config=.pre-commit-config.yaml --hook-type=post-commit)\n# end templated\n\n"
    'HERE="$(cd "$(dirname "$0")" && pwd)"\nARGS+=(--hook-dir "$HERE" -- "$@")\n\n'
    'if [ -x "$INSTALL_PYTHON" ]; then\n    exec "$INSTALL_PYTHON" theirs: -mpre_commit "${ARGS[@]}"\nfi\nexit 1\n',
}  # fmt: skip


@in_files
@pytest.mark.parametrize("kind", OTHERS)
def test_beside_a_shell_hook(lab: Lab, kind: str) -> None:
    path = _hook(lab, "post-commit", OTHERS[kind])
    before = path.read_bytes()
    said = lab.run("init").output
    assert "post-commit added to the hook that was there" in said
    assert OTHERS[kind].partition("\n")[2] in path.read_text()
    assert path.read_text().startswith(OTHERS[kind].partition("\n")[0] + "\n" + BEGIN)
    again = path.read_bytes()
    lab.run("init")
    assert path.read_bytes() == again

    called = _recorder(lab)
    lab.edit("DEPTH", 9)
    shown = _commit(lab, "commit", "-qam", "deeper")
    assert called.read_text() == "hook post-commit\n"
    assert "theirs:" in shown

    lab.run("init", "--uninstall")
    assert path.read_bytes() == before
    assert os.access(path, os.X_OK)


@in_files
@pytest.mark.parametrize("shell", SHELLS)
def test_in_every_shell_here(lab: Lab, shell: str) -> None:
    first = f"#!{shutil.which(shell)}" + (" sh" if shell == "busybox" else "")
    body = 'echo "theirs: $1"; while read -r old new; do echo "$old>$new"; done\n'
    path = lab.path / ".git" / "hooks" / "post-rewrite"
    path.write_text(path.read_text().replace("#!/bin/sh", first) + body)
    called = _recorder(lab)
    old, new = "1" * FORM.digits, "2" * FORM.digits
    lines = f"{old} {new}\n{new} {old} $(touch evil) `touch evil` \\n\n"
    done = subprocess.run([path, "amend"], cwd=lab.path, input=lines, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.startswith(f"theirs: amend\n{old}>{new}\n{new}>{old} $(touch evil)")
    assert called.read_text() == f"hook post-rewrite amend\n{lines}"
    assert not (lab.path / "evil").exists()


@in_files
def test_a_long_list_reaches_both(lab: Lab) -> None:
    """More than a pipe holds at once."""
    called = _recorder(lab)
    path = lab.path / ".git" / "hooks" / "post-rewrite"
    path.write_text(path.read_text() + "wc -l\n")
    lines = "".join(f"{n:040x} {n + 1:040x}\n" for n in range(3000))
    done = subprocess.run([path, "rebase"], cwd=lab.path, input=lines, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("3000", "")
    assert called.read_text() == f"hook post-rewrite rebase\n{lines}"


@pytest.mark.long
def test_their_post_rewrite_hook_still_gets_the_list_from_git(lab: Lab) -> None:
    _hook(lab, "post-rewrite", '#!/bin/sh\nset -eu\nwhile read -r old new; do echo "theirs: $1 $old $new"; done\n')
    lab.run("init")
    old = lab.experiment("deeper", 1.5, knob="DEPTH", to=9)
    said = _commit(lab, "commit", "-q", "--amend", "-m", "again")
    assert f"theirs: amend {old} {_head(lab)}\n" in said
    assert len(lab.memory.rewrites) == 1


@in_files
@pytest.mark.parametrize(
    ("content", "mode"),
    [
        ("#!/usr/bin/env python3\nprint('theirs')\n", 0o755),
        ("#!/usr/bin/env -S bash -e\necho theirs\n", 0o755),
        ("#!/bin/sh\necho theirs\n", 0o644),
        ("echo theirs\n", 0o755),
        ("", 0o755),
        ("#!/usr/bin/perl\xff\n", 0o755),
    ],
)
def test_a_hook_that_is_no_shell_script_or_does_not_run_is_left_alone(lab: Lab, content: str, mode: int) -> None:
    path = _hook(lab, "post-commit", content, mode)
    before = path.read_bytes()
    said = lab.run("init").output
    assert f"{path} is not a shell script that git runs, so it was left alone. Have it call " in said
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == mode
    lab.run("init", "--uninstall")
    assert path.read_bytes() == before


@in_files
def test_what_the_message_says_works(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab("it's here", init=False)
    _hook(lab, "post-commit", "#!/usr/bin/python3\n")
    said = lab.run("init").output
    command = said.partition("Have it call ")[2].splitlines()[0].rstrip(".")
    called = _recorder(lab)
    lab.edit("DEPTH", 9)
    lab.git("-c", "core.hooksPath=/dev/null", "commit", "-qam", "deeper")
    subprocess.run(["sh", "-c", command], cwd=lab.path, check=True)
    assert called.read_text() == "hook post-commit\n"


@in_files
def test_a_hook_that_is_a_link_is_left_alone(lab: Lab) -> None:
    """Writing through it would change a file that the repository tracks; replacing it would cut the link."""
    script = lab.path / "tools" / "post-commit"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    path = lab.path / ".git" / "hooks" / "post-commit"
    path.unlink()
    path.symlink_to(script)
    assert "is a symbolic link, so it was left alone" in lab.run("init").output
    assert path.is_symlink()
    assert script.read_text() == "#!/bin/sh\n"
    lab.run("init", "--uninstall")
    assert path.is_symlink()


def test_a_section_without_end_costs_nobody_their_lines(lab: Lab) -> None:
    path = _hook(lab, "post-commit", f"#!/bin/sh\n{BEGIN}\necho theirs\n")
    lab.run("init")
    lab.run("init")
    assert path.read_text().count("echo theirs\n") == 1
    lab.run("init", "--uninstall")
    assert path.read_text() == f"#!/bin/sh\n{BEGIN}\necho theirs\n"


@in_files
def test_an_older_section_is_renewed_in_place(lab: Lab) -> None:
    path = _hook(lab, "post-commit", f"#!/bin/sh\n{BEGIN}\nold\n# <<< git-memorylab <<<\necho theirs\n")
    assert "post-commit renewed" in lab.run("init").output
    assert "old\n" not in path.read_text()
    assert path.read_text().endswith("echo theirs\n")
    assert "post-commit is there" in lab.run("init").output


# -- elsewhere than in hook files


@in_files
@pytest.mark.parametrize("scope", ["--local", "--global"])
def test_nothing_is_written_where_core_hooks_path_points(make_lab: Callable[..., Lab], scope: str) -> None:
    lab = make_lab(init=False)
    folder = lab.path / ".husky" / "_"
    folder.mkdir(parents=True)
    (folder / "post-commit").write_text("#!/bin/sh\necho theirs\n")
    (folder / "post-commit").chmod(0o755)
    lab.git("config", scope, "core.hooksPath", ".husky/_" if scope == "--local" else str(folder))
    said = lab.run("init").output
    assert f"git runs those in {folder}, so nothing was written there" in said
    assert [path.name for path in folder.iterdir()] == ["post-commit"]
    assert (folder / "post-commit").read_text() == "#!/bin/sh\necho theirs\n"
    assert not (lab.path / ".git" / "hooks" / "post-commit").exists()

    # What it says to add works.
    (line,) = [line for line in said.splitlines() if line.startswith("    post-commit: ")]
    (folder / "post-commit").write_text(f"#!/bin/sh -e\n{line.removeprefix('    post-commit: ')}\necho theirs\n")
    called = _recorder(lab)
    lab.edit("DEPTH", 9)
    assert _commit(lab, "commit", "-qam", "deeper") == "theirs\n"
    assert called.read_text() == "hook post-commit\n"
    lab.run("init", "--uninstall")
    assert _commit(lab, "commit", "-q", "--allow-empty", "-m", "still fine") == "theirs\n"


@in_files
def test_core_hooks_path_that_names_the_usual_folder_is_no_obstacle(lab: Lab) -> None:
    lab.git("config", "core.hooksPath", ".git/hooks")
    assert "post-commit is there" in lab.run("init").output


def test_uninstall_finds_its_hooks_after_core_hooks_path_was_set(lab: Lab) -> None:
    lab.git("config", "core.hooksPath", ".husky/_")
    lab.run("init", "--uninstall")
    assert not (lab.path / ".git" / "hooks" / "post-commit").exists()
    assert not (lab.path / ".git" / "hooks" / "post-rewrite").exists()


@pytest.fixture
def new_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git that has hooks in its configuration, as far as we see of it: the rest is the real one."""
    real = shutil.which("git")
    folder = tmp_path / "new-git"
    folder.mkdir()
    wrapper = folder / "git"
    wrapper.write_text(
        f"""#!/bin/sh
case "$*" in
version) echo git version 2.54.0 ;;
*" hook list "*)
    {real} "$1" "$2" config --get-regexp '^hook\\..*\\.event$' | while read -r key event; do
        key=${{key#hook.}}
        [ "$event" != "$5" ] || echo "${{key%.event}}"
    done ;;
*) exec {real} "$@" ;;
esac
"""
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return wrapper


def test_hooks_in_the_configuration_where_git_has_them(make_lab: Callable[..., Lab], new_git: Path) -> None:
    lab = make_lab("it's new", init=False)
    config = lab.path / ".git" / "config"
    before = config.read_bytes()
    lab.git("config", "core.hooksPath", ".husky/_")
    assert "hooks: in git's configuration" in lab.run("init").output
    for name in hooks.NAMES:
        assert lab.git("config", "--get-all", f"hook.memorylab-{name}.event") == name
        command = lab.git("config", "--get-all", f"hook.memorylab-{name}.command")
        shim = str(lab.path / ".git" / "memorylab" / "hooks" / name)
        assert shlex.split(command) == ["test", "!", "-x", shim, "||", "exec", shim]
        assert not (lab.path / ".git" / "hooks" / name).exists()
    once = config.read_bytes()
    lab.run("init")
    assert config.read_bytes() == once

    # git runs the command in a shell.
    called = _recorder(lab)
    lab.edit("DEPTH", 9)
    lab.commit("deeper")
    called.write_text("")  # where this git has them, it was called
    command = lab.git("config", "hook.memorylab-post-commit.command")
    subprocess.run(["sh", "-c", command], cwd=lab.path, check=True)
    assert called.read_text() == "hook post-commit\n"

    lab.run("init", "--uninstall")
    lab.git("config", "--unset", "core.hooksPath")
    assert config.read_bytes() == before


@in_files
def test_an_upgrade_of_git_moves_the_hooks(lab: Lab, new_git: Path) -> None:
    """Both at once would judge every commit twice."""
    _hook(lab, "post-rewrite", (lab.path / ".git" / "hooks" / "post-rewrite").read_text() + "echo theirs\n")
    lab.run("init")
    assert not (lab.path / ".git" / "hooks" / "post-commit").exists()
    assert (lab.path / ".git" / "hooks" / "post-rewrite").read_text() == "#!/bin/sh\necho theirs\n"


@in_files
def test_a_git_that_says_so_but_ignores_configured_hooks_gets_files(lab: Lab, new_git: Path) -> None:
    new_git.write_text(new_git.read_text().replace('|| echo "${key', '|| : "${key'))
    config = (lab.path / ".git" / "config").read_bytes()
    assert "post-commit is there" in lab.run("init").output
    assert (lab.path / ".git" / "config").read_bytes() == config


# -- whatever goes wrong, the commit stands


def test_without_the_program_the_hook_is_silent(lab: Lab) -> None:
    settings = lab.path / ".git" / "memorylab" / "hooks" / "settings"
    settings.write_text("train.py\n/nowhere/git-memorylab\n")
    real = Path(shutil.which("git") or "").parent
    for env in ({"PATH": f"{real}:/usr/bin:/bin"}, {"PATH": str(real)}):
        lab.edit("DEPTH", 9 + len(env["PATH"]))
        assert _commit(lab, "commit", "-qam", "deeper", env=env) == ""
    assert _commit(lab, "commit", "-q", "--amend", "-m", "amended", env={"PATH": f"{real}:/usr/bin:/bin"}) == ""
    assert not lab.memory.plans


@pytest.mark.parametrize("missing", ["settings", ""])
def test_without_the_local_state_the_hook_is_silent(lab: Lab, missing: str) -> None:
    if missing:
        (lab.path / ".git" / "memorylab" / "hooks" / missing).unlink()
    else:
        shutil.rmtree(lab.path / ".git" / "memorylab")
    lab.edit("DEPTH", 9)
    assert _commit(lab, "commit", "-qam", "deeper") == ""
    assert _commit(lab, "commit", "-q", "--amend", "-m", "amended") == ""


def test_a_program_that_fails_loudly_is_not_heard(lab: Lab) -> None:
    _recorder(lab)
    (lab.path.parent / "recorder").write_text('#!/bin/sh\necho "Traceback (most recent call last):" >&2\nkill -9 $$\n')
    lab.edit("DEPTH", 9)
    assert _commit(lab, "commit", "-qam", "deeper") == ""
    assert _commit(lab, "commit", "-q", "--amend", "-m", "amended") == ""


def test_on_a_full_disk_the_commit_stands(lab: Lab) -> None:
    """Of the hook alone: no file may grow. (Permissions would say nothing here, root has them all.)"""
    program = lab.path.parent / "full"
    program.write_text(f'#!/bin/sh\nulimit -f 0\nexec {shlex.quote(hooks.program())} "$@"\n')
    program.chmod(0o755)
    (lab.path / ".git" / "memorylab" / "hooks" / "settings").write_text(f"train.py\n{program}\n")
    lab.edit("DEPTH", 9)
    said = _commit(lab, "commit", "-qam", "deeper")
    assert said.startswith("memorylab: the hook did nothing: ")
    assert said.count("\n") == 1
    assert not lab.memory.plans
    assert lab.git("fsck", "--strict") == ""


def test_with_a_common_dir_that_cannot_be_written_the_commit_stands(lab: Lab) -> None:
    lock = lab.path / ".git" / "memorylab" / "lock"
    lock.unlink()
    lock.mkdir()
    lab.edit("DEPTH", 9)
    said = _commit(lab, "commit", "-qam", "deeper")
    assert said.startswith("memorylab: the hook did nothing: ")
    lock.rmdir()
    lab.run("check", "--record")
    assert _head(lab) in lab.memory.plans


def test_with_a_setting_that_cannot_be_read_the_commit_stands(lab: Lab) -> None:
    (lab.path / "pyproject.toml").write_text("[[[ memorylab")
    lab.edit("DEPTH", 9)
    assert "memorylab: the hook did nothing: pyproject.toml cannot be read" in _commit(lab, "commit", "-qam", "deeper")


def _commit_unseen(lab: Lab, depth: int) -> str:
    lab.edit("DEPTH", depth)
    lab.git(*UNSEEN, "commit", "-qam", f"depth {depth}")
    return _head(lab)


def test_what_could_not_be_pinned_is_pinned_by_the_next_command(lab: Lab) -> None:
    old = lab.experiment("deeper", 1.5, knob="DEPTH", to=9)
    spool = lab.path / ".git" / "memorylab" / hook.SPOOL
    with _lock_held(lab):
        commits = []
        for depth in (10, 11):
            commits.append(_commit_unseen(lab, depth))
            said = hook.post_commit(Session(lab.path), patience=0.0)
            assert said == f"memorylab: busy; {commits[-1][:7]} will be remembered by the next command"
        hook.post_rewrite(Session(lab.path), "amend", [f"{old} {commits[0]}"], patience=0.0)
        # Whoever finds the lock held still leaves the list as it is.
        before = spool.read_text()
        hook.drain(Session(lab.path), patience=0.0)
        assert spool.read_text() == before
    assert not set(commits) & set(lab.memory.plans)
    lab.run("status")
    assert set(commits) <= set(lab.memory.plans)
    assert [(r.old_commit, r.commit, r.command) for r in lab.memory.rewrites] == [(old, commits[0], "amend")]
    assert not spool.exists()


def test_a_run_takes_the_verdict_of_a_plan_that_was_pinned_late(lab: Lab) -> None:
    with _lock_held(lab):
        commit = _commit_unseen(lab, 10)
        hook.post_commit(Session(lab.path), patience=0.0)
    lab.result(1.5)
    lab.run("log", "--log", "run.log")
    memory = lab.memory
    assert memory.runs[-1].novelty_guard == memory.plans[commit].novelty_guard


def test_a_spool_with_nonsense_is_forgotten(lab: Lab) -> None:
    spool = lab.path / ".git" / "memorylab" / hook.SPOOL
    spool.write_text(f"nonsense\n{'1' * FORM.digits}\n{'1' * FORM.digits} {'2' * FORM.digits} amend\n\n")
    lab.run("status")
    assert not spool.exists()
    assert not lab.memory.plans


def test_the_hook_commands_have_no_exit_code_to_fail_with(lab: Lab, tmp_path: Path) -> None:
    for arguments in (["post-rewrite", "amend"], ["post-rewrite"]):
        assert lab.run("hook", *arguments).output == ""
    assert lab.run("hook", "post-commit").output.startswith("memorylab: novel")
    assert lab.run("hook", "post-commit").output == ""
    outside = Lab(tmp_path)
    assert outside.run("hook", "post-commit").output.startswith("memorylab: the hook did nothing: ")


def test_the_shims_are_plain_shell() -> None:
    for name in hooks.NAMES:
        path = Path(hooks.__file__).parents[2] / "hooks" / name
        for shell in ("dash", "bash"):
            if shutil.which(shell):
                subprocess.run([shell, "-n", path], check=True)
    assert git.version() >= (2, 30)
