"""The server's update hook: what one writer has pushed, nobody rewrites, truncates, deletes, or buries."""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from memorylab import templates
from tests.conftest import FORM, Lab

pytestmark = pytest.mark.long  # for their length alone

NOTES = "refs/notes/memorylab"
REFS = "refs/memorylab"
MEMORY = (f"{NOTES}/*", f"{REFS}/journal/*")
KINDS = [
    *(f"{NOTES}/{kind}/a" for kind in ("ledger", "decisions", "archive")),
    *(f"{REFS}/{ref}" for ref in ("journal/a", "journal/archive/a", "claims")),
]
NOTHING = FORM.null
SHELLS = [shell for shell in ("dash", "bash", "busybox", "ksh") if shutil.which(shell)]
# What git lets a ref be called, and a careless script runs, splits, expands or prints.
HOSTILE = [
    "$(touch${IFS}run)",
    "`id`",
    "a;id",
    "a'b",
    'a"b',
    "a&b",
    "a|b",
    "$HOME",
    "%s%n",
    "-d",
    "é",
    "a\u202eb",
    "{a,b}",
]


class Server(Lab):
    """A bare repository with the hook, and what others make of it."""

    def __init__(self, path: Path, *options: str) -> None:
        super().__init__(path)
        path.mkdir()
        self.git("init", "-q", "--bare", *options)
        shutil.copy(templates.path("hooks/update"), path / "hooks" / "update")
        (path / "hooks" / "update").chmod(0o755)

    def use(self, shell: str) -> None:
        """Have the hook run by another shell."""
        hook = self.path / "hooks" / "update"
        found = shutil.which(shell)
        hook.write_text(hook.read_text().replace("#!/bin/sh", f"#!{found}{' sh' * (shell == 'busybox')}", 1))

    def refs(self, *patterns: str) -> dict[str, str]:
        """What it has: commit by ref."""
        return dict(
            reversed(line.split(" ", 1))
            for line in self.git("for-each-ref", "--format=%(objectname) %(refname)", *patterns).splitlines()
        )

    def owner(self, writer: str) -> str:
        return self.git("config", "--file", "memorylab-owners", "--get-all", f"writer.{writer}.owner", check=False)

    def hook(self, *arguments: str, user: str = "") -> str:
        """Call the hook as git does; why it refused, empty if it did not."""
        done = subprocess.run(
            ["hooks/update", *arguments], cwd=self.path, stderr=subprocess.PIPE, text=True, check=False,
            env=os.environ | {"GIT_DIR": ".", "MEMORYLAB_USER": user},
        )  # fmt: skip
        assert (done.returncode == 0) == (done.stderr == ""), done
        return done.stderr


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path / "lab.git")


@pytest.fixture
def plain(make_lab: Callable[..., Lab], server: Server) -> Lab:
    """A clone that git-memorylab was never run in."""
    made = make_lab("plain", init=False)
    made.git("remote", "add", "origin", str(server.path))
    return made


@pytest.fixture
def writer(lab: Lab, server: Server) -> Lab:
    """A clone with one experiment, nothing pushed yet."""
    lab.git("remote", "add", "origin", str(server.path))
    lab.experiment("deeper", 1.2, knob="DEPTH", to=12)
    return lab


def _push(lab: Lab, *arguments: str, user: str = "") -> str:
    """Push what must be taken; what the server said."""
    done = _pushed(lab, *arguments, user=user)
    assert done.returncode == 0, done.stderr
    return done.stderr


def _refused(lab: Lab, *arguments: str, user: str = "") -> str:
    """Push what must be refused; the sentences that say why, each of which must name a ref and a remedy."""
    done = _pushed(lab, *arguments, user=user)
    assert done.returncode == 1, done.stderr
    assert "hook declined" in done.stderr
    heard = [line.removeprefix("remote: ").strip() for line in done.stderr.split("\n") if line.startswith("remote: ")]
    said = [line for line in heard if not line.startswith("error: hook declined to update ")]
    for line in said:
        assert line.startswith("memorylab: refs/") and " is refused, because " in line and "; " in line, line
        assert line.endswith(".")
    return "\n".join(said)


def _pushed(lab: Lab, *arguments: str, user: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "push", "origin", *arguments], cwd=lab.path, capture_output=True, text=True, check=False,
        env=os.environ | ({"MEMORYLAB_USER": user} if user else {}),
    )  # fmt: skip


def _own(lab: Lab) -> dict[str, str]:
    """A lab's own refs, by the last folder of their name: ledger, decisions, journal."""
    listed = lab.git("for-each-ref", "--format=%(refname)", f"{NOTES}/ledger", f"{NOTES}/decisions", f"{REFS}/journal")
    return {ref.split("/")[-2]: ref for ref in listed.splitlines()}


def _entry(lab: Lab, *parents: str, blob: bytes = b"", tree: str = "", text: str = "") -> str:
    """A commit with the parents, that no ref holds. It goes on from the first as an entry of a journal does."""
    empty = lab.git("hash-object", "-w", "-t", "tree", "/dev/null")
    files = {"record.json": b"{}", **({"run.log": blob} if blob else {})}
    for name, content in files.items():
        (lab.path / name).write_bytes(content)
    tree = tree or _tree(lab, *(f"100644 blob {lab.git('hash-object', '-w', name)}\t{name}" for name in files))
    if len(parents) == 1:
        parents = *parents, lab.git("commit-tree", "-m", "an experiment", empty)
    if not text:
        number = lab.git("log", "-1", "--format=%(trailers:key=Seq,valueonly)", parents[0]) if parents else ""
        text = os.urandom(4).hex() + (f"\n\nSeq: {int(number or 0) + 1}" if parents else "")
    return lab.git("commit-tree", *(word for parent in parents for word in ("-p", parent)), "-m", text, tree)


def _tree(lab: Lab, *lines: str) -> str:
    """A tree of lines as of `git ls-tree`, which may name folders."""
    index = {"GIT_INDEX_FILE": str(lab.path / "index")}
    (lab.path / "index").unlink(missing_ok=True)
    subprocess.run(
        ["git", "update-index", "--add", "--index-info"], cwd=lab.path, env=os.environ | index,
        input="".join(f"{line}\n" for line in lines), text=True, check=True,
    )  # fmt: skip
    return lab.git("write-tree", "--missing-ok", env=index)


def _archive(lab: Lab, archive: str, *folded: str, user: str = "") -> None:
    """Push an archive that holds the refs, as they are in the lab; a commit as all that the writer `a` has."""
    held = []
    for one in folded:
        names = one.split("/")[-2:] if "/" in one else ()
        held += [
            f"160000 commit {lab.git('rev-parse', one)}\t{path}"
            for path in (["/".join(names)] if names else ["ledger/a", "decisions/a", "journal/a"])
        ]
    _push(lab, f"{_entry(lab, *folded, tree=_tree(lab, *held))}:{archive}", user=user)


# -- what is nobody's memory


def test_branches_and_tags_pass_whatever_is_done_to_them(plain: Lab, server: Server) -> None:
    server.git("config", "memorylab.server.maxPushBytes", "0")
    server.git("config", "memorylab.server.owners", "true")
    plain.commit("more")
    plain.git("tag", "-am", "one", "v1")
    names = [
        "main",
        "v1:refs/tags/v1",
        "HEAD:refs/memorylab-not/a",
        "HEAD:refs/notes/commits",
        *(f"HEAD:refs/heads/{name}" for name in HOSTILE if name != "-d"),
    ]
    assert "memorylab:" not in _push(plain, *names, user="$(id)")
    plain.git("reset", "-q", "--hard", "HEAD~1")
    _push(plain, "+main", "HEAD:refs/heads/gone")
    _push(plain, "--delete", "gone", "v1")
    assert server.refs("refs/heads/main", "refs/heads/gone", "refs/tags") == {
        "refs/heads/main": plain.git("rev-parse", "HEAD")
    }
    assert not (server.path / "memorylab-owners").exists()


def test_nothing_but_the_shell_is_started_for_a_branch(server: Server) -> None:
    done = subprocess.run(
        ["/bin/sh", "hooks/update", "refs/heads/main", NOTHING, "1" * FORM.digits],
        cwd=server.path,
        env={"PATH": ""},
        check=False,
    )
    assert done.returncode == 0


# -- what refs there may be


def test_a_writers_own_refs_are_taken_and_added_to(writer: Lab, server: Server) -> None:
    _push(writer, *MEMORY)
    writer.experiment("less", 1.1, knob="DEPTH", to=6)
    assert "memorylab:" not in _push(writer, *MEMORY)
    own = _own(writer)
    assert set(own) == {"ledger", "decisions", "journal"}
    assert server.refs() == {ref: writer.git("rev-parse", ref) for ref in own.values()}


def test_every_shape_that_there_is(plain: Lab, server: Server) -> None:
    ids = ["a", "_x", "A-9.b-c.-d", "writer", "a" * 120]
    names = [
        f"{folder}/{id_}"
        for folder in (
            f"{NOTES}/ledger",
            f"{NOTES}/decisions",
            f"{NOTES}/archive",
            f"{REFS}/journal",
            f"{REFS}/journal/archive",
        )
        for id_ in ids
    ]
    names.append(f"{REFS}/claims")
    _push(plain, *(f"HEAD:{name}" for name in names))
    assert sorted(server.refs()) == sorted(names)


def test_refs_of_no_shape_are_refused(plain: Lab, server: Server) -> None:
    names = [
        NOTES, f"{NOTES}/a", f"{NOTES}/ledger", f"{NOTES}/ledgers/a", f"{NOTES}/ledger/a/b", f"{NOTES}/archive/a/b",
        f"{NOTES}/ledger/archive", f"{REFS}/display", f"{REFS}/remotes/origin/journal/a", f"{REFS}/claims/a",
        f"{REFS}/ledger/a", f"{REFS}/journal/archive", f"{REFS}/journal/archive/a/b", f"{REFS}/journal/a/archive",
        f"{NOTES}/ledger/{'a' * 121}", f"{REFS}/journal/a@b", f"{REFS}/journal/a+b",
    ]  # fmt: skip
    for name in names:  # one after the other: some cannot be there together
        assert "it is no ref that MemoryLab shares" in _refused(plain, f"HEAD:{name}")
    assert server.refs() == {}


@pytest.mark.parametrize("shell", SHELLS)
def test_hostile_names_are_refused_and_do_nothing(shell: str, plain: Lab, server: Server) -> None:
    server.use(shell)
    names = [
        f"{folder}/{name}"
        for folder in (f"{NOTES}/ledger", f"{REFS}/journal", f"{REFS}/journal/archive")
        for name in HOSTILE
    ]
    said = _refused(plain, *(f"HEAD:{name}" for name in names))
    assert said.count("it is no ref that MemoryLab shares") == len(names)
    assert all(f"memorylab: {name} is refused" in said for name in names)
    commit = plain.git("rev-parse", "HEAD")
    _push(plain, "main", f"HEAD:{NOTES}/ledger/a")
    for name in [
        "",
        "a b",
        "*",
        "?",
        "[a-z]",
        "a\nb",
        "a\n",
        "\\",
        "..",
        "a..b",
        ".a",
        "a.",
        "a~",
        "a/",
        "/a",
        "~",
        "ａ",
    ]:
        for folder in (f"{NOTES}/ledger", f"{NOTES}/archive", f"{REFS}/journal", f"{REFS}/journal/archive"):
            assert "it is no ref that MemoryLab shares" in server.hook(f"{folder}/{name}", NOTHING, commit), name
    assert set(server.refs()) == {"refs/heads/main", f"{NOTES}/ledger/a"}
    assert not list(server.path.glob("**/run")) and not list(plain.path.glob("**/run"))


def test_only_commits(plain: Lab, server: Server) -> None:
    plain.git("tag", "-am", "one", "v1")
    for what in ("HEAD:train.py", "HEAD^{tree}", "v1"):
        plain.git("update-ref", "refs/wrong", plain.git("rev-parse", what))
        said = _refused(plain, *(f"refs/wrong:{ref}" for ref in KINDS))
        assert said.count("is not a commit") == len(KINDS)
    _push(plain, *(f"HEAD:{ref}" for ref in KINDS))
    assert _refused(plain, *(f"+refs/wrong:{ref}" for ref in KINDS)).count("is not a commit") == len(KINDS)
    assert server.refs() == dict.fromkeys(KINDS, plain.git("rev-parse", "HEAD"))


# -- only ever added to


def test_a_ledger_that_is_rewritten_or_cut_short_is_refused(writer: Lab, server: Server) -> None:
    _push(writer, "main", *MEMORY)
    before = server.refs()
    ledger = _own(writer)["ledger"]
    writer.git("update-ref", ledger, _entry(writer, tree=f"{ledger}^{{tree}}"))
    for force in ("--force", f"--force-with-lease={ledger}:{before[ledger]}"):
        said = _refused(writer, force, ledger)
        assert f"memorylab: {ledger} is refused" in said
        assert f"does not contain {before[ledger]}" in said
    assert server.refs() == before
    journal = _own(writer)["journal"]
    assert "records are only ever added" in _refused(writer, f"+{journal}~1:{journal}")
    assert server.refs() == before


def test_refs_of_every_kind_only_grow(plain: Lab, server: Server) -> None:
    first, other = _entry(plain), _entry(plain)
    second = _entry(plain, first)
    _push(plain, *(f"{first}:{ref}" for ref in KINDS))
    _push(plain, *(f"{second}:{ref}" for ref in KINDS))
    for worse in (first, other):
        said = _refused(plain, *(f"+{worse}:{ref}" for ref in KINDS))
        assert said.count("records are only ever added") == len(KINDS)
    assert server.refs() == dict.fromkeys(KINDS, second)


def _grown(lab: Lab, ref: str, *lines: str) -> str:
    """A commit of a tree on top of a ref."""
    return f"{_entry(lab, ref, tree=_tree(lab, *lines))}:{ref}"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_ledger_that_a_commit_on_top_has_cut_is_refused(shell: str, writer: Lab, server: Server) -> None:
    """git takes it for an addition."""
    server.use(shell)
    writer.experiment("less", 1.1, knob="DEPTH", to=6)
    _push(writer, *MEMORY)
    ledger = _own(writer)["ledger"]
    notes = writer.git("ls-tree", "-r", ledger).splitlines()
    (writer.path / "edited").write_text(writer.git("cat-file", "-p", notes[0].split()[2]).replace("1.", "9."))
    edited = writer.git("hash-object", "-w", "edited")
    empty = writer.git("hash-object", "-w", "-t", "blob", "/dev/null")
    for left in (
        [], notes[1:], [notes[0].replace(notes[0].split()[2], edited), *notes[1:]],
        [notes[0].replace(notes[0].split()[2], empty), *notes[1:]], [notes[0].replace("\t", "\tx/"), *notes[1:]],
    ):  # fmt: skip
        assert "lacks what was noted" in _refused(writer, _grown(writer, ledger, *left))
    # Elsewhere in the tree, on another commit, or with more behind it nothing is lost.
    name = notes[0].split("\t")[1]
    folded = notes[0].replace(name, f"{name[:2]}/{name[2:]}")
    moved = notes[0].replace(name, writer.git("rev-parse", "HEAD~2"))
    (writer.path / "more").write_text(writer.git("cat-file", "-p", notes[0].split()[2]) + "\n\n{}\n")
    longer = notes[0].replace(notes[0].split()[2], writer.git("hash-object", "-w", "more"))
    for kept in (folded, moved, longer):
        grown = _grown(writer, ledger, kept, *notes[1:])
        _push(writer, grown)
        writer.git("update-ref", ledger, grown.split(":")[0])


def test_a_ledger_that_names_more_notes_than_can_be_listed_is_refused(plain: Lab, server: Server) -> None:
    ref = f"{NOTES}/ledger/a"
    _push(plain, f"HEAD:{ref}")
    folder = _tree(plain, f"100644 blob {plain.git('rev-parse', 'HEAD:train.py')}\taa")
    for _ in range(8):
        with (plain.path / "list").open("w") as made:
            made.writelines(f"040000 tree {folder}\t{at:02x}\n" for at in range(16))
        with (plain.path / "list").open() as listed:
            done = subprocess.run(["git", "mktree"], cwd=plain.path, stdin=listed, capture_output=True, check=True)
        folder = done.stdout.decode().strip()
    began = time.monotonic()
    assert "lacks what was noted" in _refused(plain, f"{_entry(plain, 'HEAD', tree=folder)}:{ref}")
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("shell", SHELLS)
def test_a_journal_that_is_none_any_more_is_refused(shell: str, writer: Lab, server: Server) -> None:
    """Its writer could not go on from it."""
    server.use(shell)
    _push(writer, *MEMORY)
    journal = _own(writer)["journal"]
    main, tip = writer.git("rev-parse", "main"), writer.git("rev-parse", journal)
    number = int(writer.git("log", "-1", "--format=%(trailers:key=Seq,valueonly)", tip))
    tree = f"{tip}^{{tree}}"
    right = f"x\n\nSeq: {number + 1}"
    for entry in (
        _entry(writer, tip, main, text="x", tree=tree), _entry(writer, tip, main, text="x\n\nSeq: 9007199254740992"),
        _entry(writer, tip, main, text=f"x\n\nSeq: {number}"), _entry(writer, tip, main, text=f"{right}|"),
        _entry(writer, main, tip, text=right), _entry(writer, tip, main, _entry(writer), text=right),
        _entry(writer, tip, main, text=right, tree=_tree(writer)),
        _entry(writer, _entry(writer, tip, main, text="x"), main, text=f"x\n\nSeq: {number + 2}"),
        writer.git("commit-tree", "-p", tip, "-m", right, tree),
    ):  # fmt: skip
        assert "is no journal" in _refused(writer, f"{entry}:{journal}")
    two = _entry(writer, _entry(writer, tip, main, text=right), main, text=f"x\n\nSeq: {number + 2}")
    _push(writer, f"{two}:{journal}")


@pytest.mark.parametrize("shell", SHELLS)
def test_an_archive_that_has_lost_a_writer_is_refused(shell: str, writer: Lab, server: Server) -> None:
    server.use(shell)
    own, archive = _own(writer), f"{NOTES}/archive/b"
    ledger = writer.git("rev-parse", own["ledger"])
    other = _entry(writer)
    held = [f"160000 commit {ledger}\tledger/a", f"160000 commit {other}\tdecisions/b"]
    _push(writer, f"{_entry(writer, ledger, other, tree=_tree(writer, *held))}:{archive}")
    writer.git("fetch", "-q", "origin", f"+{archive}:{archive}")
    cut = _entry(writer, ledger, tree=_tree(writer))
    for left in ([], held[1:], held[:1], [held[0] + " b", held[1]], [held[0].replace(ledger, other), held[1]],
                 [held[0].replace(ledger, cut), held[1]]):  # fmt: skip
        made = _entry(writer, archive, cut, tree=_tree(writer, *left))
        assert "lacks what was noted" in _refused(writer, f"{made}:{archive}")
    writer.experiment("less", 1.1, knob="DEPTH", to=6)
    later = writer.git("rev-parse", own["ledger"])
    more = [held[0].replace(ledger, later), held[1], f"160000 commit {other}\tledger/c"]
    _push(writer, f"{_entry(writer, archive, later, tree=_tree(writer, *more))}:{archive}")


def test_a_replacement_does_not_make_a_rewrite_look_like_an_addition(plain: Lab, server: Server) -> None:
    ref = f"{NOTES}/ledger/a"
    first, rewritten = _entry(plain), _entry(plain)
    _push(plain, f"{first}:{ref}")
    _push(plain, f"{_entry(plain, first)}:refs/replace/{rewritten}")
    assert server.git("merge-base", first, rewritten) == first  # so git is taken in
    assert "records are only ever added" in _refused(plain, f"+{rewritten}:{ref}")
    assert server.refs(ref) == {ref: first}


def test_a_mirror_may_not_take_away_what_it_lacks(writer: Lab, plain: Lab, server: Server) -> None:
    _push(plain, "HEAD:refs/heads/theirs", f"HEAD:{NOTES}/ledger/a", f"HEAD:{REFS}/journal/a", f"HEAD:{REFS}/claims")
    writer.git("update-ref", f"{REFS}/display", "HEAD")
    writer.git("update-ref", f"{REFS}/remotes/origin/notes/ledger/b", "HEAD")
    said = _refused(writer, "--mirror")
    kept = {f"{NOTES}/ledger/a", f"{REFS}/journal/a", f"{REFS}/claims"}
    local = {f"{REFS}/display", f"{REFS}/remotes/origin/notes/ledger/b"}
    assert {line.split()[1] for line in said.splitlines()} >= kept | local
    assert set(server.refs()) == kept | set(_own(writer).values()) | {"refs/heads/main"}


def test_an_atomic_push_of_one_bad_ref_changes_nothing(plain: Lab, server: Server) -> None:
    first = _entry(plain)
    _push(plain, "main", f"{first}:{NOTES}/ledger/a", f"{first}:{REFS}/journal/a")
    before = server.refs()
    plain.commit("more")
    second = _entry(plain, first)
    _refused(plain, "--atomic", "main", f"{second}:{REFS}/journal/a", f"+{_entry(plain)}:{NOTES}/ledger/a")
    assert server.refs() == before
    _push(plain, "--atomic", "main", f"{second}:{REFS}/journal/a", f"{second}:{NOTES}/ledger/a")
    assert server.refs() == {"refs/heads/main": plain.git("rev-parse", "main")} | dict.fromkeys(
        list(before)[1:], second
    )


# -- deletions


def test_nothing_is_deleted_that_no_archive_holds(writer: Lab, server: Server) -> None:
    _push(writer, "main", "main:other", *MEMORY)
    own = _own(writer)
    said = _refused(writer, "--delete", "other", *own.values())
    assert said.count("no archive here holds all of it; push one that does") == 3
    assert set(server.refs()) == {"refs/heads/main", *own.values()}


def test_a_writer_that_is_archived_may_go(writer: Lab, server: Server) -> None:
    _push(writer, *MEMORY)
    own = _own(writer)
    notes, journals = f"{NOTES}/archive/b", f"{REFS}/journal/archive/c.d"
    _archive(writer, notes, own["ledger"], own["decisions"])
    assert "no archive here" in _refused(writer, "--delete", own["journal"])
    _archive(writer, journals, own["journal"])
    _archive(writer, f"{NOTES}/archive/a")  # any archive will do, also not the first
    _push(writer, "--delete", *own.values())
    assert set(server.refs()) == {notes, journals, f"{NOTES}/archive/a"}
    _push(writer, *MEMORY)  # and come back
    for shared in (notes, journals):
        assert "never deleted" in _refused(writer, "--delete", shared)


def test_an_archive_that_does_not_name_what_it_holds_is_none(plain: Lab, server: Server) -> None:
    """Nobody reads it there."""
    first, other = _entry(plain), _entry(plain)
    ref, archive = f"{NOTES}/ledger/a", f"{NOTES}/archive/b"
    _push(plain, f"{first}:{ref}")
    for number, held in enumerate(("", f"{first}\tledger/b", f"{first}\tdecisions/a", f"{other}\tledger/a")):
        tree = _tree(plain, *([f"160000 commit {held}"] if held else []))
        _push(plain, f"{_entry(plain, first, tree=tree)}:{archive}{number}")
        assert "no archive here" in _refused(plain, "--delete", ref)
    _archive(plain, archive, first)
    _push(plain, "--delete", ref)


def test_each_kind_of_ref_is_held_by_its_own_kind_of_archive(plain: Lab, server: Server) -> None:
    note, entry = _entry(plain), _entry(plain)
    _push(plain, f"{note}:{NOTES}/ledger/a", f"{note}:{NOTES}/decisions/a", f"{entry}:{REFS}/journal/a")
    _archive(plain, f"{REFS}/journal/archive/b", note)
    _archive(plain, f"{NOTES}/archive/b", entry)
    _archive(plain, "refs/heads/archive", note, entry)
    before = server.refs()
    said = _refused(plain, "--delete", f"{NOTES}/ledger/a", f"{NOTES}/decisions/a", f"{REFS}/journal/a")
    assert said.count("no archive here") == 3
    assert server.refs() == before


def test_a_writer_that_went_on_after_it_was_archived_may_not_go(plain: Lab, server: Server) -> None:
    first = _entry(plain)
    refs = (f"{NOTES}/ledger/a", f"{NOTES}/decisions/a", f"{REFS}/journal/a")
    _push(plain, *(f"{first}:{ref}" for ref in refs))
    _archive(plain, f"{NOTES}/archive/b", first)
    _archive(plain, f"{REFS}/journal/archive/b", first)
    second = _entry(plain, first)
    _push(plain, *(f"{second}:{ref}" for ref in refs))
    before = server.refs()
    assert _refused(plain, "--delete", *refs).count("no archive here") == 3
    # A replacement of the archive does not hold it either.
    _push(plain, f"{_entry(plain, second)}:refs/replace/{before[f'{NOTES}/archive/b']}")
    assert "no archive here" in _refused(plain, "--delete", refs[0])
    assert server.refs(NOTES, REFS) == before


@pytest.mark.parametrize("lie", ["nothing", "unknown", "archived"])
@pytest.mark.parametrize("what", ["delete", "move"])
def test_a_client_that_lies_about_what_a_ref_was(lie: str, what: str, plain: Lab, server: Server) -> None:
    """git compares, but not if it deletes and the old value is no object that it has."""
    ref = f"{NOTES}/ledger/a"
    first = _entry(plain)
    other = _entry(plain, first)
    _push(plain, f"{first}:{ref}")
    _archive(plain, f"{NOTES}/archive/a", first)
    _push(plain, f"{_entry(plain, first)}:{ref}", "HEAD:refs/heads/gone", f"{other}:refs/heads/other")
    before = server.refs()
    old = {"nothing": NOTHING, "unknown": "1" * FORM.digits, "archived": first}[lie]
    new = {"delete": NOTHING, "move": other}[what]
    commands = [
        f"{old} {new} {ref}\0 report-status delete-refs object-format={FORM.name}",
        f"{'1' * FORM.digits} {NOTHING} refs/heads/gone",
    ]
    lines = "".join(f"{len(command) + 4:04x}{command}" for command in commands) + "0000"
    pack = b"PACK" + bytes([0, 0, 0, 2, 0, 0, 0, 0])
    done = subprocess.run(
        ["git", "receive-pack", str(server.path)], capture_output=True, check=False,
        input=lines.encode() + (pack + FORM.checksum(pack)) * (what == "move"),
    )  # fmt: skip
    assert f"ng {ref} ".encode() in done.stdout
    assert b"ok refs/heads/gone" in done.stdout  # so that lie works where nobody looks
    assert server.refs() == {name: commit for name, commit in before.items() if name != "refs/heads/gone"}


# -- size


def test_an_object_that_is_too_large(plain: Lab, server: Server) -> None:
    bomb = _entry(plain, blob=bytes(16 * 1024**2 + 1))
    said = _refused(plain, f"{bomb}:{REFS}/journal/a")
    assert "has 16777217 bytes, with memorylab.server.maxObjectBytes at 16777216" in said
    assert plain.git("rev-parse", f"{bomb}:run.log") in said
    assert server.refs() == {}
    server.git("config", "memorylab.server.maxObjectBytes", "17m")
    _push(plain, f"{bomb}:{REFS}/journal/a")


def test_a_large_object_below_the_tip_or_pinned_counts_too(plain: Lab, server: Server) -> None:
    server.git("config", "memorylab.server.maxObjectBytes", "2999")
    bomb = _entry(plain, blob=bytes(3000))
    for tip in (_entry(plain, bomb), _entry(plain, _entry(plain), bomb)):
        assert "has 3000 bytes" in _refused(plain, f"{tip}:{REFS}/journal/a")
        assert "has 3000 bytes" in _refused(plain, f"{tip}:{REFS}/claims")
    _push(plain, f"{bomb}:refs/heads/pinned", f"{_entry(plain)}:{REFS}/journal/a")
    # What a branch has here is nothing that this push brings.
    _push(plain, f"{_entry(plain, bomb)}:{REFS}/journal/b")
    server.git("config", "memorylab.server.maxObjectBytes", "3001")
    _push(plain, f"{_entry(plain, blob=bytes(3001))}:{REFS}/journal/c")


def test_more_than_a_push_may_bring(plain: Lab, server: Server) -> None:
    server.git("config", "memorylab.server.maxPushBytes", "5k")
    at = _entry(plain, blob=b"0" * 3000)
    _push(plain, f"{at}:{REFS}/journal/a")
    two = _entry(plain, _entry(plain, at, blob=b"1" * 3000), blob=b"2" * 3000)
    assert "bytes, with memorylab.server.maxPushBytes at 5120" in _refused(plain, f"{two}:{REFS}/journal/a")
    _push(plain, f"{two}~1:{REFS}/journal/a")
    _push(plain, f"{two}:{REFS}/journal/a")


def test_limits_beyond_four_gigabytes(plain: Lab, server: Server) -> None:
    """Numbers of 32 bits are found in some awks still."""
    server.git("config", "memorylab.server.maxObjectBytes", "20g")
    server.git("config", "memorylab.server.maxPushBytes", "-1")
    assert "with memorylab.server.maxPushBytes at -1;" in _refused(plain, f"HEAD:{NOTES}/ledger/a")
    server.git("config", "memorylab.server.maxPushBytes", "20g")
    _push(plain, f"HEAD:{NOTES}/ledger/a")


@pytest.mark.parametrize("name", ["maxObjectBytes", "maxPushBytes", "owners"])
def test_a_setting_that_cannot_be_read_lets_nothing_through(name: str, plain: Lab, server: Server) -> None:
    server.git("config", f"memorylab.server.{name}", "plenty")
    said = _refused(plain, f"HEAD:{NOTES}/ledger/a", "HEAD:main")
    assert (
        said.count("is refused")
        == said.count(f"memorylab.server.{name} in the server's git config cannot be read")
        == 1
    )
    assert set(server.refs()) == {"refs/heads/main"}


def test_what_cannot_be_counted_is_refused(plain: Lab, server: Server) -> None:
    _push(plain, "main", "HEAD:gone")
    (server.path / "refs" / "heads" / "gone").write_text(f"{'1' * FORM.digits}\n")
    done = server.hook(f"{NOTES}/ledger/a", NOTHING, plain.git("rev-parse", "HEAD"))
    assert f"memorylab: {NOTES}/ledger/a is refused, because what it brings cannot be read here" in done


# -- owners


@pytest.fixture
def owned(server: Server) -> Server:
    server.git("config", "memorylab.server.owners", "yes")
    return server


def test_without_owners_anybody_moves_a_ref(plain: Lab, server: Server) -> None:
    ref = f"{NOTES}/ledger/a"
    _push(plain, f"HEAD:{ref}", user="alice")
    _push(plain, f"{_entry(plain, 'HEAD')}:{ref}", user="$(id)")
    assert not (server.path / "memorylab-owners").exists()


def test_who_pushes_first_is_the_owner_of_all_a_writer_has(writer: Lab, owned: Server) -> None:
    own = _own(writer)
    id_ = own["ledger"].split("/")[-1]
    _push(writer, own["journal"], user="alice")
    assert owned.owner(id_) == "alice"
    assert f'[writer "{id_}"]\n\towner = alice\n' in (owned.path / "memorylab-owners").read_text()
    writer.experiment("less", 1.1, knob="DEPTH", to=6)
    said = _refused(writer, *own.values(), "main", user="bob")
    assert said.count("it belongs to alice and you are bob") == 3
    assert set(owned.refs()) == {own["journal"], "refs/heads/main"}
    _push(writer, *MEMORY, user="alice")
    assert owned.refs(NOTES, REFS) == {ref: writer.git("rev-parse", ref) for ref in own.values()}
    assert owned.owner(id_) == "alice"


def test_ids_that_begin_alike_have_owners_of_their_own(plain: Lab, owned: Server) -> None:
    for id_, user in (
        ("a.b", "alice"),
        ("a", "bob"),
        ("a.b.c", "carol"),
        ("A.b", "-x"),
        ("b", "--unset"),
        ("owner", "a@b.c+d_e"),
    ):
        _push(plain, f"HEAD:{NOTES}/ledger/{id_}", user=user)
        assert owned.owner(id_) == user
        assert f"belongs to {user} and you" in _refused(plain, f"HEAD:{REFS}/journal/{id_}", user="x")


def test_the_user_is_whom_the_server_says(plain: Lab, owned: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEMORYLAB_USER", raising=False)
    monkeypatch.delenv("REMOTE_USER", raising=False)
    _push(plain, f"HEAD:{NOTES}/ledger/a")
    assert owned.owner("a") == subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    monkeypatch.setenv("REMOTE_USER", "alice")
    _push(plain, f"HEAD:{NOTES}/ledger/b")
    assert owned.owner("b") == "alice"
    _push(plain, f"HEAD:{NOTES}/ledger/c", user="bob")
    assert owned.owner("c") == "bob"


def test_a_hostile_user_name_is_refused(plain: Lab, owned: Server) -> None:
    commit = plain.git("rev-parse", "HEAD")
    _push(plain, f"HEAD:{NOTES}/ledger/a", user="alice")
    before = (owned.path / "memorylab-owners").read_text()
    said = _refused(plain, f"HEAD:{NOTES}/ledger/b", f"HEAD:{REFS}/journal/a", user="$(touch run)")
    for user in ("a b", "a\nowner = b", "a]", '"', "a;b", "é", "a/b", "\x1b[2J", " alice", "*", "alice\n"):
        said += owned.hook(f"{NOTES}/ledger/b", NOTHING, commit, user=user)
        assert user not in said
    assert said.count("your user name on this server is empty or has other characters") == 13
    assert (owned.path / "memorylab-owners").read_text() == before
    assert set(owned.refs()) == {f"{NOTES}/ledger/a"}


def test_a_push_that_is_refused_makes_nobody_an_owner(plain: Lab, owned: Server) -> None:
    owned.git("config", "memorylab.server.maxObjectBytes", "2k")
    _refused(plain, f"{_entry(plain, blob=bytes(3000))}:{NOTES}/ledger/a", f"HEAD:{NOTES}/ledger/b/c", user="mallory")
    assert not (owned.path / "memorylab-owners").exists()


def test_claims_are_everybodys(plain: Lab, owned: Server) -> None:
    owned.git("config", "memorylab.server.archiver", "carol")
    ref = f"{REFS}/claims"
    _push(plain, f"HEAD:{ref}", user="alice")
    _push(plain, f"{_entry(plain, 'HEAD')}:{ref}", user="bob")
    for user in ("alice", "carol"):
        assert "never deleted" in _refused(plain, "--delete", ref, user=user)


def test_an_archive_has_an_owner_too(plain: Lab, owned: Server) -> None:
    ref = f"{NOTES}/archive/a"
    _push(plain, f"HEAD:{ref}", user="alice")
    assert owned.owner("a") == "alice"
    more = f"{_entry(plain, 'HEAD')}:{ref}"
    assert "it belongs to alice and you are bob" in _refused(plain, more, user="bob")
    _push(plain, more, user="alice")


def test_only_archivers_archive_once_there_are_some(plain: Lab, owned: Server) -> None:
    owned.git("config", "--add", "memorylab.server.archiver", "carol")
    owned.git("config", "--add", "memorylab.server.archiver", "d.n")
    refs = (f"HEAD:{NOTES}/archive/a", f"HEAD:{REFS}/journal/archive/a")
    for user in ("alice", "dan", "caro", "carolx"):
        assert _refused(plain, *refs, user=user).count(f"{user} is not a memorylab.server.archiver") == 2
    assert owned.refs() == {}
    assert owned.owner("a") == ""
    _push(plain, *refs, user="carol")
    assert "it belongs to carol and you are d.n" in _refused(
        plain, f"{_entry(plain, 'HEAD')}:{NOTES}/archive/a", user="d.n"
    )
    _push(plain, f"HEAD:{NOTES}/archive/d", user="d.n")


def test_an_archived_writer_is_deleted_by_its_owner_or_an_archiver(writer: Lab, owned: Server) -> None:
    owned.git("config", "memorylab.server.archiver", "carol")
    _push(writer, *MEMORY, user="alice")
    own = _own(writer)
    assert "no archive here holds all of it" in _refused(writer, "--delete", own["ledger"], user="carol")
    _archive(writer, f"{NOTES}/archive/c", own["ledger"], own["decisions"], user="carol")
    _archive(writer, f"{REFS}/journal/archive/c", own["journal"], user="carol")
    said = _refused(writer, "--delete", *own.values(), user="bob")
    assert said.count("it belongs to alice and you are bob") == 3
    _push(writer, "--delete", own["ledger"], user="alice")
    _push(writer, "--delete", own["decisions"], own["journal"], user="carol")
    assert set(owned.refs()) == {f"{NOTES}/archive/c", f"{REFS}/journal/archive/c"}
    # What is gone is still alice's.
    assert "it belongs to alice and you are carol" in _refused(writer, own["ledger"], user="carol")


def test_a_deletion_makes_nobody_an_owner(plain: Lab, server: Server) -> None:
    ref = f"{NOTES}/ledger/a"
    _push(plain, f"HEAD:{ref}")
    _archive(plain, f"{NOTES}/archive/c", "HEAD")
    server.git("config", "memorylab.server.owners", "true")
    assert "it belongs to nobody yet and you are bob" in _refused(plain, "--delete", ref, user="bob")
    server.git("config", "memorylab.server.archiver", "carol")
    _push(plain, "--delete", ref, user="carol")
    assert server.owner("a") == ""


def test_owners_who_arrive_together(plain: Lab, owned: Server) -> None:
    """Every one is written down, and of those that want the same id one gets it."""
    commit = plain.git("rev-parse", "HEAD")
    _push(plain, "main")
    wanted = [(f"w{n}", f"u{n}") for n in range(8)] + [("same", f"u{n}") for n in range(8)]
    running = [
        subprocess.Popen(
            ["hooks/update", f"{NOTES}/ledger/{id_}", NOTHING, commit], cwd=owned.path, stderr=subprocess.PIPE,
            env=os.environ | {"GIT_DIR": ".", "MEMORYLAB_USER": user},
        )
        for id_, user in wanted
    ]  # fmt: skip
    codes = [process.wait() for process in running]
    for process in running:
        assert process.stderr
        process.stderr.close()
    assert codes[:8] == [0] * 8
    assert sorted(codes[8:]) == [0] + [1] * 7
    assert [owned.owner(f"w{n}") for n in range(8)] == [f"u{n}" for n in range(8)]
    assert owned.owner("same").splitlines()[0] == f"u{codes[8:].index(0)}"


def test_of_two_owners_the_first_stays(plain: Lab, owned: Server) -> None:
    for user in ("alice", "bob"):
        owned.git("config", "--file", "memorylab-owners", "--add", "writer.a.owner", user)
    assert "it belongs to alice and you are bob" in _refused(plain, f"HEAD:{NOTES}/ledger/a", user="bob")
    _push(plain, f"HEAD:{NOTES}/ledger/a", user="alice")


def test_a_lock_that_stays_refuses_and_does_not_hang(plain: Lab, owned: Server) -> None:
    _push(plain, f"HEAD:{NOTES}/ledger/a", user="alice")
    lock = owned.path / "memorylab-owners.lock"
    lock.touch()
    began = time.monotonic()
    assert "is locked or cannot be written" in _refused(plain, f"HEAD:{NOTES}/ledger/b", user="bob")
    assert time.monotonic() - began < 8
    _push(plain, f"{_entry(plain, 'HEAD')}:{NOTES}/ledger/a", user="alice")  # who is known waits for nothing
    lock.unlink()
    _push(plain, f"HEAD:{NOTES}/ledger/b", user="bob")


# -- where it stands


def test_beside_a_hook_that_is_there(plain: Lab, server: Server) -> None:
    hook = server.path / "hooks" / "update"
    hook.rename(f"{hook}.memorylab")
    called = server.path / "called"
    hook.write_text(f'#!/bin/sh\n"$0.memorylab" "$@" || exit 1\necho "$1" >>{shlex.quote(str(called))}\n')
    hook.chmod(0o755)
    assert "no ref that MemoryLab shares" in _refused(plain, "main", f"HEAD:{REFS}/display", f"HEAD:{REFS}/claims")
    assert called.read_text().split() == ["refs/heads/main", f"{REFS}/claims"]


def test_a_repository_with_longer_object_names(tmp_path: Path) -> None:
    server = Server(tmp_path / "long.git", "--object-format=sha256")
    clone = Lab(tmp_path / "long")
    clone.path.mkdir()
    clone.git("init", "-q", "--object-format=sha256")
    clone.git("remote", "add", "origin", str(server.path))
    ref = f"{REFS}/journal/a"
    first = _entry(clone)
    _push(clone, f"{first}:{ref}")
    assert "no archive here" in _refused(clone, "--delete", ref)
    assert "only ever added" in _refused(clone, f"+{_entry(clone)}:{ref}")
    _archive(clone, f"{REFS}/journal/archive/b", first)
    _push(clone, "--delete", ref)
    assert set(server.refs()) == {f"{REFS}/journal/archive/b"}
