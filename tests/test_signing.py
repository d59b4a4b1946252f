"""Signatures: with memorylab.sign each transaction is signed once, and verify says what no signature covers."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from memorylab.commands.session import Session
from memorylab.core.record import Amend
from memorylab.ledger import timestamp
from memorylab.store import refs
from tests.conftest import FORM, Lab, is_refusal

pytestmark = pytest.mark.long  # for their length alone

WHO = "tester@example.org"
TABLE = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n" + "".join(
    f"abcde{n:02}\t0.{n:02}\t44.0\tkeep\tidea {n}\n" for n in range(10, 40)
)


class Keys:
    """ssh keys, and the file of those that are allowed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def make(self, name: str) -> Path:
        key = self.folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)], check=True)
        return key

    def allow(self, *keys: Path, options: str = "") -> Path:
        """The file of allowed signers: all of them are `WHO`."""
        path = self.folder / "allowed_signers"
        path.write_text("".join(f"{WHO} {options}{key.with_suffix('.pub').read_text()}" for key in keys))
        return path


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    if not shutil.which("ssh-keygen"):
        pytest.skip("ssh-keygen is not installed")
    return Keys(tmp_path / "keys")


def sign_with(lab: Lab, key: Path) -> None:
    for name, value in (("gpg.format", "ssh"), ("user.signingKey", str(key)), ("memorylab.sign", "true")):
        lab.git("config", name, value)


@pytest.fixture
def signing(lab: Lab, keys: Keys) -> tuple[Lab, Path]:
    """A lab that signs, and the file that allows its key."""
    key = keys.make("key")
    sign_with(lab, key)
    return lab, keys.allow(key)


def experiment(lab: Lab, depth: int) -> None:
    """One logged run, without the hook."""
    lab.edit("DEPTH", depth)
    lab.git("-c", "core.hooksPath=/dev/null", "commit", "-q", "-am", f"depth {depth}")
    lab.result(1 + depth / 100)
    lab.run("log", "--log", "run.log")


def journal(lab: Lab) -> str:
    return f"{refs.JOURNAL}{lab.store.writer()}"


def states(lab: Lab, *config: str) -> list[str]:
    """What git says of the signature on each entry, the latest first; N where there is none."""
    listed = lab.git(*config, "log", "--first-parent", "--format=%G?", journal(lab))
    return listed.split("\n")[:-1]  # without the root


def verify(lab: Lab, *arguments: str | Path, rc: int = 0) -> dict[str, object]:
    (found,) = json.loads(lab.run("verify", "--json", *map(str, arguments), rc=rc).stdout)
    return dict(found)


def remembered(lab: Lab) -> str:
    return lab.git("for-each-ref", refs.NOTES, "refs/memorylab/journal")


# -- with ssh


def test_log_signs_and_git_and_verify_say_that_it_is_good(signing: tuple[Lab, Path]) -> None:
    lab, allowed = signing
    lab.git("config", "memorylab.sign", "false")
    experiment(lab, 9)
    lab.git("config", "memorylab.sign", "true")
    experiment(lab, 10)
    config = ("-c", f"gpg.ssh.allowedSignersFile={allowed}")
    lab.git(*config, "verify-commit", journal(lab))
    assert states(lab, *config) == ["G", "N"]
    found = verify(lab, "--allowed-signers", allowed)
    # The latest signature vouches for what was not signed before it.
    assert (found["records"], found["signed"], found["signers"], found["problems"]) == (2, 2, [WHO], [])
    said = lab.run("verify", "--allowed-signers", str(allowed)).stdout
    assert said == f"{lab.store.writer()}: 2 records, whole, 2 signed by {WHO}\n"
    lab.git("fsck", "--strict", "--no-dangling")


def test_the_signature_is_all_that_is_new(signing: tuple[Lab, Path], sealed: Path) -> None:
    """Author, date, parents, tree and message are as they are without one."""
    lab, _ = signing
    experiment(lab, 9)
    run = lab.memory.runs[0].run_id
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))
    # git itself knows nobody here.
    (sealed / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    record = Amend(writer="_", seq=1, id="amended", timestamp_utc=timestamp(when), commit="", run_id=run, notes="seen")
    Session(lab.path, when).ledger.append(when, [(lab.git("rev-parse", "HEAD"), record)])
    head, _, message = lab.git("cat-file", "commit", journal(lab)).partition("\n\n")
    kinds = [line.split(" ")[0] for line in head.split("\n") if not line.startswith(" ")]
    signature = "gpgsig" if FORM.name == "sha1" else "gpgsig-sha256"
    assert kinds == ["tree", "parent", "parent", "author", "committer", signature]
    assert message == f"amend: {run}\n\nSeq: 2"
    name = lab.store.writer()
    said = f"{name} <{name}@memorylab> {int(when.timestamp())} -0330"
    assert f"\nauthor {said}\ncommitter {said}\n" in head


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "no-such-thing"])
def test_the_encoding_of_commits_is_not_that_of_entries(signing: tuple[Lab, Path], encoding: str) -> None:
    """The text is UTF-8, and git said that it was not; libgit2 then took it for something else, or raised."""
    lab, allowed = signing
    lab.git("config", "i18n.commitEncoding", encoding)
    lab.edit("DEPTH", 9)
    lab.git("-c", "core.hooksPath=/dev/null", "-c", "i18n.commitEncoding=UTF-8", "commit", "-q", "-am", "größer")
    lab.result(1.0)
    lab.run("log", "--log", "run.log")
    assert lab.git("cat-file", "commit", journal(lab)).endswith("keep: größer\n\nSeq: 1")
    assert "encoding" not in lab.git("cat-file", "commit", journal(lab))
    experiment(lab, 10)
    assert verify(lab, "--allowed-signers", allowed)["signed"] == 2


def test_a_key_that_is_not_allowed_is_refused(signing: tuple[Lab, Path], keys: Keys) -> None:
    lab, _ = signing
    experiment(lab, 9)
    found = verify(lab, "--allowed-signers", keys.allow(keys.make("another")), rc=3)
    assert found["problems"] == [
        "a signature is not good (of a key that is not allowed)",
        "nothing that can be trusted signs the latest 1 of its entries",
    ]
    assert found["signed"] == 0 and found["signers"] == []


def test_a_file_of_signers_that_is_not_there(signing: tuple[Lab, Path]) -> None:
    lab, _ = signing
    experiment(lab, 9)
    done = lab.run("verify", "--allowed-signers", "nowhere", rc=3)
    assert done.stderr == "error: nowhere is not there.\nhint: Give the path of a file of allowed signers.\n"


def test_where_nobody_is_allowed_it_says_how(signing: tuple[Lab, Path], keys: Keys) -> None:
    """With memorylab.sign and no file of signers git can check nothing, which is no word on the signature."""
    lab, allowed = signing
    experiment(lab, 9)
    (said,) = lab.run("verify", rc=3).stdout.splitlines()[1:]
    assert said == "  its signatures cannot be checked without a file of allowed signers (--allowed-signers)"
    lab.git("config", "gpg.ssh.allowedSignersFile", str(allowed))
    assert verify(lab)["signed"] == 1
    lab.git("config", "memorylab.sign", "false")
    assert verify(lab)["signed"] == 1
    # Only who asks is told: to remember needs no signatures.
    lab.git("config", "--unset", "gpg.ssh.allowedSignersFile")
    assert verify(lab)["signed"] == 0


def test_an_entry_after_the_last_signature_is_found(signing: tuple[Lab, Path]) -> None:
    lab, allowed = signing
    experiment(lab, 9)
    experiment(lab, 10)
    lab.git("config", "memorylab.sign", "false")
    lab.run("amend", lab.memory.runs[0].run_id, "--notes", "added by hand")
    found = verify(lab, "--allowed-signers", allowed, rc=3)
    assert found["problems"] == ["nothing that can be trusted signs the latest 1 of its entries"]
    assert found["signed"] == 2
    lab.git("config", "memorylab.sign", "true")
    lab.run("amend", lab.memory.runs[0].run_id, "--notes", "and signed")
    assert verify(lab, "--allowed-signers", allowed)["signed"] == 4


@pytest.mark.parametrize("signature", ["kept", "left out", "another's"])
def test_a_forged_record_is_found(
    signing: tuple[Lab, Path], keys: Keys, make_lab: Callable[..., Lab], signature: str
) -> None:
    """Rewritten with the same message, under the old signature, none, or one of a stranger's."""
    lab, allowed = signing
    for depth in (9, 10):
        experiment(lab, depth)
    first = lab.git("rev-parse", f"{journal(lab)}^")
    record = lab.git("show", f"{first}:record.json").replace('"val_bpb":1.09', '"val_bpb":0.5')
    assert '"val_bpb":0.5' in record
    (lab.path / "record.json").write_text(record + "\n")
    blob = lab.git("hash-object", "-w", "record.json")
    (lab.path / "record.json").unlink()
    listed = lab.git("ls-tree", first).replace(lab.git("rev-parse", f"{first}:record.json"), blob)
    tree = subprocess.run(
        ["git", "mktree"], cwd=lab.path, input=listed, capture_output=True, text=True, check=True
    ).stdout.strip()  # fmt: skip
    if signature == "another's":
        lab.git("config", "user.signingKey", str(keys.make("stranger")))
        forged = commit(lab, first, tree, lab.git("rev-parse", f"{first}^"), "-S")
        tip = commit(lab, journal(lab), f"{journal(lab)}^{{tree}}", forged, "-S")
    else:
        forged = raw(lab, first, signature, {lab.git("rev-parse", f"{first}^{{tree}}"): tree})
        tip = raw(lab, journal(lab), signature, {first: forged})
    reader = make_lab("reader", init=False)
    reader.git("fetch", "-q", str(lab.path), "refs/memorylab/*:refs/memorylab/*", "refs/notes/*:refs/notes/*")
    pushed = refs.fetched_as("origin", journal(lab))
    lab.git("push", "-q", str(reader.path), f"{tip}:{pushed}")
    reader.git("update-ref", "-d", journal(lab))
    found = verify(reader, "--allowed-signers", allowed, rc=3)
    problems = list(found["problems"])  # type: ignore[call-overload]
    state = {"kept": ["(bad)"] * 2, "left out": [], "another's": ["(of a key that is not allowed)"] * 2}[signature]
    assert [problem for problem in problems if problem.startswith("a signature")] == [
        f"a signature is not good {one}" for one in state
    ]
    assert problems[-1] == "nothing that can be trusted signs the latest 2 of its entries"
    assert found["signed"] == 0


def commit(lab: Lab, like: str, tree: str, parent: str, *options: str) -> str:
    """An entry like another one, with git's own means."""
    anchor, message = lab.git("rev-parse", f"{like}^2"), lab.git("log", "-1", "--format=%B", like)
    tree = lab.git("rev-parse", tree)
    return lab.git("commit-tree", *options, tree, "-p", parent, "-p", anchor, "-m", message)


def raw(lab: Lab, like: str, signature: str, replaced: dict[str, str]) -> str:
    """The same entry with other objects in it; its signature stays, or goes."""
    text = lab.git("cat-file", "commit", like) + "\n"
    for old, new in replaced.items():
        text = text.replace(old, new)
    if signature == "left out":
        head, _, message = text.partition("\n\n")
        kept = [line for line in head.split("\n") if not line.startswith(("gpgsig", " "))]
        text = "\n".join(kept) + "\n\n" + message
    done = subprocess.run(
        ["git", "hash-object", "-w", "-t", "commit", "--stdin"], cwd=lab.path, input=text, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_a_key_that_was_allowed_until_then(signing: tuple[Lab, Path], keys: Keys) -> None:
    lab, _ = signing
    experiment(lab, 9)
    key = keys.folder / "key"
    assert verify(lab, "--allowed-signers", keys.allow(key, options='valid-after="20200101" '))["signed"] == 1
    for options in ('valid-before="20200101" ', 'valid-after="21000101" ', 'namespaces="file" '):
        found = verify(lab, "--allowed-signers", keys.allow(key, options=options), rc=3)
        assert found["signed"] == 0 and len(list(found["problems"])) == 2  # type: ignore[call-overload]


def test_a_key_that_was_revoked(signing: tuple[Lab, Path], keys: Keys) -> None:
    lab, allowed = signing
    experiment(lab, 9)
    lab.git("config", "gpg.ssh.revocationFile", str(keys.folder / "key.pub"))
    found = verify(lab, "--allowed-signers", allowed, rc=3)
    assert found["signed"] == 0 and len(list(found["problems"])) == 2  # type: ignore[call-overload]


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "value"), [("log.showSignature", "true"), ("format.pretty", "fuller"), ("color.ui", "always"),
                        ("log.follow", "true"), ("core.quotePath", "false"), ("log.showRoot", "false")]
)  # fmt: skip
def test_however_the_user_likes_his_log(signing: tuple[Lab, Path], name: str, value: str) -> None:
    """log.showSignature mixed gpg's words into what was read: a bug's traceback."""
    lab, allowed = signing
    experiment(lab, 9)
    lab.git("config", name, value)
    assert verify(lab, "--allowed-signers", allowed)["signed"] == 1


@pytest.mark.parametrize("lacking", ["key", "any", "program"])
def test_what_cannot_be_signed_is_not_written(lab: Lab, keys: Keys, lacking: str) -> None:
    experiment(lab, 9)
    run = lab.memory.runs[0].run_id
    sign_with(lab, keys.folder / "missing" if lacking == "key" else keys.make("key"))
    if lacking == "program":
        lab.git("config", "gpg.ssh.program", "no-such-program")
    if lacking == "any":
        lab.git("config", "--unset", "user.signingKey")
    before = remembered(lab)
    (lab.path / "table.tsv").write_text(TABLE)
    lab.result(1.1)
    for command in (["log", "--log", "run.log"], ["amend", run, "--notes", "x"], ["import", "table.tsv"]):
        done = lab.run(*command, rc=3)
        error = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
        assert len(error) == 2 and error[0].startswith("error: The journal cannot be signed: ")
        assert error[1].startswith("hint: ") and error[1].endswith("or memorylab.sign to false; nothing was written.")
        assert remembered(lab) == before
    # Reading needs no key.
    lab.run("status")
    lab.run("verify", rc=None)
    lab.git("config", "memorylab.sign", "false")
    lab.run("log", "--log", "run.log")
    assert len(lab.memory.runs) == 2


def test_many_records_are_signed_once(signing: tuple[Lab, Path]) -> None:
    lab, allowed = signing
    (lab.path / "table.tsv").write_text(TABLE)
    lab.run("import", "table.tsv")
    assert states(lab, "-c", f"gpg.ssh.allowedSignersFile={allowed}") == ["G"] + ["N"] * 29
    assert verify(lab, "--allowed-signers", allowed)["signed"] == 30


def test_in_a_worktree(signing: tuple[Lab, Path]) -> None:
    lab, allowed = signing
    lab.git("worktree", "add", "-q", "-b", "other", str(lab.path.parent / "tree"))
    tree = Lab(lab.path.parent / "tree")
    experiment(tree, 9)
    assert states(tree, "-c", f"gpg.ssh.allowedSignersFile={allowed}") == ["G"]
    assert verify(lab, "--allowed-signers", allowed)["signed"] == 1


def test_the_hook_signs(signing: tuple[Lab, Path]) -> None:
    lab, allowed = signing
    lab.edit("DEPTH", 9)
    lab.commit("by the hook")
    assert len(lab.memory.plans) == 1
    assert states(lab, "-c", f"gpg.ssh.allowedSignersFile={allowed}") == ["G"]


def test_a_hook_that_cannot_sign_lets_the_commit_be(lab: Lab, keys: Keys) -> None:
    """The run is remembered by the next command that can sign; the plan is not."""
    sign_with(lab, keys.folder / "missing")
    lab.edit("DEPTH", 9)
    commit = lab.commit("by the hook")
    assert lab.git("rev-parse", "HEAD") == commit and not lab.memory.plans
    lab.git("config", "user.signingKey", str(keys.make("key")))
    lab.result(1.0)
    lab.run("log", "--log", "run.log")
    assert lab.memory.runs[0].commit == commit


def test_what_a_team_has_set_signs(lab: Lab, keys: Keys) -> None:
    key = keys.make("key")
    sign_with(lab, key)
    lab.git("config", "--unset", "memorylab.sign")
    (lab.path / ".memorylab.toml").write_text("sign = true\n")
    experiment(lab, 9)
    assert verify(lab, "--allowed-signers", keys.allow(key))["signed"] == 1


def test_signatures_go_where_the_journal_goes(signing: tuple[Lab, Path], tmp_path: Path) -> None:
    lab, allowed = signing
    lab.git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    lab.git("remote", "add", "origin", str(tmp_path / "bare.git"))
    lab.git("push", "-q", "origin", "HEAD:main")
    experiment(lab, 9)
    lab.run("sync")
    lab.git("clone", "-q", str(tmp_path / "bare.git"), str(tmp_path / "clone"))
    clone = Lab(tmp_path / "clone")
    clone.run("init")
    assert verify(clone, "--allowed-signers", allowed)["signed"] == 1
    # Folded by another, whose archive needs no signature: it vouches for nothing.
    clone.run("compact", "--writer", str(lab.store.writer()))
    assert verify(clone, "--allowed-signers", allowed)["signed"] == 1


# -- with gpg


@pytest.fixture
def gpg(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Make keys in a home of their own; the fingerprint of the new one."""
    if not shutil.which("gpg"):
        pytest.skip("gpg is not installed")
    home = tempfile.mkdtemp(prefix="gpg-", dir="/tmp")  # a socket's path has at most 107 characters
    monkeypatch.setenv("GNUPGHOME", home)

    def make(name: str) -> str:
        options = ["--batch", "--quiet", "--no-tty", "--passphrase", "", "--quick-generate-key"]
        subprocess.run(["gpg", *options, f"{name} <{WHO}>", "ed25519", "sign", "0"], check=True, capture_output=True)
        listed = subprocess.run(["gpg", "--list-keys", "--with-colons", name], check=True, capture_output=True)
        return next(line.split(":")[9] for line in listed.stdout.decode().splitlines() if line.startswith("fpr"))

    yield make
    subprocess.run(["gpgconf", "--kill", "all"], check=False, env=os.environ | {"GNUPGHOME": home})
    shutil.rmtree(home, ignore_errors=True)


def test_with_gpg(lab: Lab, gpg: Callable[[str], str], keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.git("config", "user.signingKey", gpg("Tester"))
    lab.git("config", "memorylab.sign", "true")
    experiment(lab, 9)
    experiment(lab, 10)
    lab.git("verify-commit", journal(lab))
    assert states(lab) == ["G", "G"]
    found = verify(lab)
    assert (found["signed"], found["signers"], found["problems"]) == (2, [f"Tester <{WHO}>"], [])
    # In somebody's key ring who has not the key, and of one that was revoked.
    there = os.environ["GNUPGHOME"]
    (lab.path.parent / "g").mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(lab.path.parent / "g"))
    found = verify(lab, rc=3)
    assert found["problems"] == [
        "a signature is not good (cannot be checked)", "a signature is not good (cannot be checked)",
        "nothing that can be trusted signs the latest 2 of its entries",
    ]  # fmt: skip
    monkeypatch.setenv("GNUPGHOME", there)
    revocation = next(Path(there, "openpgp-revocs.d").glob("*.rev"))
    text = revocation.read_text().replace(":-----BEGIN", "-----BEGIN")
    subprocess.run(["gpg", "--batch", "--quiet", "--import"], input=text.encode(), check=True, capture_output=True)
    found = verify(lab, rc=3)
    assert list(found["problems"])[0] == "a signature is not good (of a revoked key)"  # type: ignore[call-overload]
    # Where there is no secret key at all.
    before = remembered(lab)
    lab.git("config", "user.signingKey", "nobody@example.org")
    done = lab.run("amend", lab.memory.runs[0].run_id, "--notes", "x", rc=3)
    assert done.stderr.startswith("error: The journal cannot be signed: ") and is_refusal(done.stderr)
    assert remembered(lab) == before
