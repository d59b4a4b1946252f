"""What comes from outside is never an option of git's: a revision, a ref, a path, a remote, a writer, an object."""

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest

import memorylab
from tests.conftest import Lab, is_refusal

ROOT = Path(memorylab.__file__).parent
STARTERS = {"git.run": 1, "git.succeeds": 1, "run": 1, "succeeds": 1, "_git": 2}  # by how many arguments are not git's
ENDS = ("--", "--end-of-options")
# blame knows no end before a revision: it gets the name of an object, as git has told it. index-pack knows none at all:
# it gets a path from the root on.
ENDLESS = {"'blame'", "'index-pack'"}
TAKING = ("-m", "--cacheinfo", "--create", "--get-regexp", "--shallow-file")  # the next word is theirs, whatever it is


def is_ours(node: ast.expr, ours: set[str]) -> bool:
    """Whether it stands in the source how an argument begins."""
    match node:
        case ast.Constant():
            return True
        case ast.JoinedStr(values=[ast.Constant(), *_]):
            return True
        case ast.JoinedStr(values=[ast.FormattedValue(value=first), *_]):
            return is_ours(first, ours)
        case ast.Starred(value=part) | ast.ListComp(elt=part) | ast.GeneratorExp(elt=part):
            return is_ours(part, ours)
        case ast.Call(func=function):
            return ast.unparse(function).endswith("hardened")
        case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, right=other):
            return is_ours(one, ours) and is_ours(other, ours)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return not foreign(parts, ours)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name.isupper() or name in ours
    return False


def foreign(arguments: list[ast.expr], ours: set[str], closed: Sequence[str] = ()) -> list[ast.expr]:
    """What is given where options are still looked for, though somebody else may have said it."""
    found, before = [], ""
    for given in arguments:
        said = given.value if isinstance(given, ast.Constant) else ""
        if said in ENDS or (isinstance(given, ast.Starred) and ast.unparse(given.value) in closed):
            break
        if before not in TAKING and not is_ours(given, ours):
            found.append(given)
        before = said
    return found


def exposed(source: str) -> list[str]:
    """What the calls of git in a source give it that may be taken for an option."""
    found = []
    for scope in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)):
        ours = {"option", "options", "arguments"}  # as what starts git calls what it is handed
        closed = []  # what ends in the end of options
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign) and is_ours(node.value, ours):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
                ours.update(names)
                closed += names if ast.unparse(node.value).endswith("'--end-of-options')") else []
        for node in ast.walk(scope):
            if isinstance(node, ast.Call) and (skipped := STARTERS.get(ast.unparse(node.func))):
                if ENDLESS.intersection(map(ast.unparse, node.args)):
                    continue
                given = foreign(node.args[skipped:], ours, closed)
                found += [f"{node.lineno}: {ast.unparse(one)}" for one in given]
            if isinstance(node, ast.List) and node.elts and ast.unparse(node.elts[0]) == "'git'":
                found += [f"{node.lineno}: {ast.unparse(one)}" for one in foreign(node.elts[1:], ours, closed)]
    return found


def test_all_that_git_is_given_from_elsewhere_stands_behind_the_end_of_its_options() -> None:
    assert exposed("def f(tip):\n git.run(place, 'log', '-z', tip, '--', tip)") == ["2: tip"]
    assert exposed("def f(tip):\n git.run(place, 'log', *['-z', *tip])") == ["2: *['-z', *tip]"]
    assert exposed("def f(tip):\n command = ['git', 'log', tip, '--', tip]") == ["2: tip"]
    for path in sorted(ROOT.rglob("*.py")):
        assert exposed(path.read_text()) == [], path


# -- said to a command, or in what was fetched

WORDS = ["-o", "--output=owned", "--upload-pack=touch owned"]
REFUSED = [
    ["show", "--", "{}"], ["diff", "--", "{}"], ["diff", "HEAD", "--", "{}"], ["restore", "--", "{}"],
    ["restore", "--branch={}", "HEAD"], ["stack", "--", "{}"], ["stack", "HEAD", "--onto={}"],
    ["stack", "HEAD", "--onto=HEAD~", "--branch={}"], ["blame", "--", "{}"], ["replicate", "--", "{}"],
    ["replicate", "HEAD", "--against={}"], ["sync", "--", "{}"],
    ["compact", "--", "{}"], ["log", "--status=keep", "--commit={}"], ["amend", "--notes=x", "--", "{}"],
    ["claim", "--withdraw={}"], ["mute", "--", "{}"], ["mute", "--undo", "--", "{}"], ["knobs", "--", "{}"],
    ["import", "--", "{}"],
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("word", WORDS)
def test_a_name_that_begins_as_an_option_is_the_name_of_nothing(lab: Lab, word: str) -> None:
    lab.experiment("deeper", 1.2, knob="DEPTH", to=9)
    before = lab.git("for-each-ref"), lab.git("config", "--local", "--list"), sorted(lab.path.iterdir())
    for words in REFUSED:
        done = lab.run(*(part.replace("{}", word) for part in words), rc=3)
        assert is_refusal(done.stderr) and not done.stdout, words
    assert before == (lab.git("for-each-ref"), lab.git("config", "--local", "--list"), sorted(lab.path.iterdir()))


@pytest.mark.long
@pytest.mark.parametrize("word", ["-o", "--upload-pack"])
def test_a_remote_and_a_branch_may_be_called_so(lab: Lab, tmp_path: Path, word: str) -> None:
    """By who edits .git/config and moves refs: git's own commands take no such name."""
    lab.experiment("deeper", 1.2, knob="DEPTH", to=9)
    lab.git("init", "-q", "--bare", str(tmp_path / "hub"))
    lab.git("config", f"remote.{word}.url", str(tmp_path / "hub"))
    lab.git("update-ref", f"refs/heads/{word}", "HEAD")
    lab.git("symbolic-ref", "HEAD", f"refs/heads/{word}")
    assert "went" in lab.run("sync", "--", word).stdout
    for words in (["sync"], ["claim", "wider"], ["status"], ["check"], ["doctor"], ["stack", "HEAD", "--dry-run"]):
        assert lab.run(*words, rc=None).exit_code in (0, 1, 2, 3)
    lab.git("config", f"remote.{word}.url", "--upload-pack=touch owned")
    assert "was not reached" in lab.run("sync", "--", word).stdout
    assert not list(tmp_path.rglob("owned"))


@pytest.mark.long
@pytest.mark.parametrize("word", WORDS)
def test_a_subject_may_be_called_so(lab: Lab, word: str) -> None:
    """In the settings that came with a branch."""
    (lab.path / ".memorylab.toml").write_text(f'subject = "{word}"\n')
    (lab.path / word).write_text("DEPTH = 8\n")
    lab.git("add", "--", ".memorylab.toml", word)
    lab.commit("another subject")
    for depth in (9, 10):
        (lab.path / word).write_text(f"DEPTH = {depth}\n")
        lab.git("commit", "-qam", f"depth {depth}")
        lab.result(1.0 / depth)
        lab.run("log", "--log", "run.log")
    said = [lab.run(*words).stdout for words in (["diff", "HEAD"], ["diff", "HEAD~", "HEAD"], ["show", "--diff"])]
    assert all("+DEPTH = 10" in one for one in said)
    assert "DEPTH = 10" in lab.run("blame").stdout
    lab.run("restore", "HEAD~")
    assert (lab.path / word).read_text() == "DEPTH = 9\n"
    assert not (lab.path / "owned").exists()
