"""sync --relay: one clone between two remotes brings each what the other has of everyone, and what it has lost."""

import json
import shutil
from pathlib import Path

import pytest

from memorylab.store import refs
from tests.conftest import Lab, Templates
from tests.test_compact import (
    LONG_AGO,
    Swarm,
    archives,
    arrange,
    compact,
    experiment,
    own,
    remembered,
    runs,
    views,
    writer,
)

pytestmark = pytest.mark.long  # for their length alone


class Hubs(Swarm):
    """A hub that local clones share, another remote, and a clone that knows both."""

    def __init__(self, templates: Templates, folder: Path) -> None:
        super().__init__(templates, folder)
        self.away, self.relay = Lab(folder / "away.git"), Lab(folder / "relay")
        shutil.rmtree(self.bare.path)
        templates.copy("two remotes and a relay", self._make, folder)

    def _make(self, folder: Path) -> None:
        hub = Swarm(self.templates, folder).bare
        hub.git("clone", "-q", "--bare", ".", str(folder / "away.git"))
        hub.git("clone", "-q", "-o", "hub", str(hub.path), str(folder / "relay"))
        relay = Lab(folder / "relay")
        relay.git("remote", "add", "away", str(folder / "away.git"))
        relay.run("init")

    def far(self, name: str) -> Lab:
        """A clone of the other remote."""
        made = self.clone(name)
        made.git("remote", "set-url", "origin", str(self.away.path))
        return made

    @property
    def both(self) -> tuple[dict[str, str], dict[str, str]]:
        return self.refs(), self.refs(self.away)

    def pass_on(self, rc: int = 0) -> dict[str, dict[str, object]]:
        """Relay once; what was done with each remote."""
        done = json.loads(self.relay.run("sync", "--relay", "--json", rc=rc).stdout)
        return {one["remote"]: one for one in done}


@pytest.fixture
def hub(tmp_path: Path, templates: Templates, monkeypatch: pytest.MonkeyPatch) -> Hubs:
    monkeypatch.setattr("memorylab.store.transport.time.sleep", lambda seconds: None)
    return Hubs(templates, tmp_path / "swarm")


@pytest.fixture
def pair(hub: Hubs) -> tuple[Lab, Lab]:
    """A clone of each remote with a run that it has shared, long ago."""

    def make(folder: Path) -> None:
        made = Hubs(hub.templates, folder)
        for n, lab in enumerate((made.clone("near"), made.far("far"))):
            experiment(lab, 10 + n, LONG_AGO)
            lab.run("sync")

    for path in hub.folder.iterdir():
        shutil.rmtree(path)
    hub.templates.copy("two remotes, a relay and a clone of each", make, hub.folder)
    return Lab(hub.folder / "near"), Lab(hub.folder / "far")


@pytest.mark.long
def test_everything_of_everyone_is_on_both(hub: Hubs, pair: tuple[Lab, Lab]) -> None:
    near, far = pair
    second = hub.clone("second")
    experiment(second, 12)
    second.run("sync")
    experiment(hub.relay, 13)
    done = hub.pass_on()
    here, there = hub.both
    assert here == there and here.keys() == {ref for lab in (near, far, second, hub.relay) for ref in own(writer(lab))}
    assert {name: (one["came"], one["went"], one["remarks"]) for name, one in done.items()} == {
        "hub": (2, 2, []), "away": (1, 3, []),
    }  # fmt: skip
    for lab in (near, far, second):
        lab.run("sync")
    whole = views(hub.relay)
    assert len(runs(hub.relay)) == 4
    assert all(views(lab) == whole for lab in (near, far, second))
    for lab in (hub.bare, hub.away):
        lab.git("fsck", "--strict", "--no-dangling")
    assert hub.relay.run("sync", "--relay").output == "hub: nothing new\naway: nothing new\n"
    assert hub.both == (here, there)


def test_many_refs_go_in_batches(hub: Hubs, pair: tuple[Lab, Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memorylab.store.exchange._BY_NAME", 2)
    hub.pass_on()
    here, there = hub.both
    assert here == there and len(here) == 6


def test_a_clone_that_writes_nothing_relays_too(hub: Hubs, pair: tuple[Lab, Lab]) -> None:
    relay = Lab(hub.folder / "bystander")
    hub.bare.git("clone", "-q", str(hub.bare.path), str(relay.path))
    relay.git("remote", "add", "away", str(hub.away.path))
    relay.run("sync", "--relay")
    here, there = hub.both
    assert here == there and len(here) == 6 and relay.store.writer() is None


@pytest.mark.parametrize("lost", ["deleted", "truncated"])
def test_what_a_remote_has_lost_of_another_is_put_back(hub: Hubs, pair: tuple[Lab, Lab], lost: str) -> None:
    near, far = pair
    then = {ref: tip for ref, tip in hub.refs().items() if ref in own(writer(near))}
    experiment(near, 14)
    near.run("sync")
    hub.pass_on()
    whole = hub.refs()
    for ref, tip in then.items():
        if lost == "deleted":
            hub.bare.git("update-ref", "-d", ref)
        else:
            hub.bare.git("update-ref", ref, tip)
    done = hub.pass_on()
    assert hub.both == (whole, whole)
    said = {"deleted": "was deleted there; the copy", "truncated": "was cut short there; refused, the copy"}[lost]
    assert done["hub"]["remarks"] == [f"hub: the ledger of {writer(near)} {said} here is whole"]
    assert done["away"]["remarks"] == []
    assert hub.pass_on()["hub"]["remarks"] == []


def test_copies_that_have_parted_are_left_alone(hub: Hubs, pair: tuple[Lab, Lab]) -> None:
    near, far = pair
    hub.pass_on()
    name = writer(near)
    forged = hub.away.git("commit-tree", "-m", "x", hub.away.git("rev-parse", "main^{tree}"))
    for ref in own(name):
        hub.away.git("update-ref", ref, forged)
    before = hub.both
    done = hub.pass_on()
    assert hub.both == before
    assert done["away"]["remarks"] == [
        f"away: the ledger of {name} was rewritten there; refused, the copy here is as it was"
    ]
    assert (done["away"]["went"], done["hub"]["went"], done["hub"]["remarks"]) == (0, 0, [])
    # A relay that has never seen it otherwise cannot know which of them is right: where there is none it brings none.
    relay, third = Lab(hub.folder / "bystander"), Lab(hub.folder / "third.git")
    hub.bare.git("clone", "-q", str(hub.bare.path), str(relay.path))
    hub.bare.git("init", "-q", "--bare", str(third.path))
    relay.git("remote", "add", "away", str(hub.away.path))
    relay.git("remote", "add", "third", str(third.path))
    relay.run("sync", "--relay")
    assert hub.both == before
    assert remembered(third).keys() == own(writer(far))


def test_what_is_no_ledger_is_not_passed_on(hub: Hubs, pair: tuple[Lab, Lab]) -> None:
    """A plain `git fetch` takes a blob for a journal; the relay then spread it."""
    blob = hub.away.git("hash-object", "-w", "-t", "blob", "/dev/null")
    hub.away.git("update-ref", f"{refs.JOURNAL}mallory", blob)
    hub.away.git("tag", "-a", "-m", "x", "tag", "main")
    hub.away.git("update-ref", f"{refs.LEDGER}mallory", hub.away.git("rev-parse", "tag"))
    hub.relay.git("fetch", "-q", "away")
    hub.pass_on()
    here, there = hub.both
    assert there.keys() - here.keys() == {f"{refs.JOURNAL}mallory", f"{refs.LEDGER}mallory"} and len(here) == 6


@pytest.mark.long
def test_the_folded_do_not_come_back(hub: Hubs, pair: tuple[Lab, Lab]) -> None:
    near, far = pair
    archiver = hub.clone("archiver")
    hub.pass_on()
    compact(archiver)
    folded = own(writer(near)) | own(writer(far))
    for _ in range(2):
        done = hub.pass_on()
        assert not folded & hub.refs().keys() and folded <= hub.refs(hub.away).keys()
        assert archives(writer(archiver)) <= hub.refs(hub.away).keys()
        assert done["hub"]["remarks"] == done["away"]["remarks"] == []
    # One of them writes again, on the other side; what was folded comes with it.
    experiment(far, 20)
    far.run("sync")
    done = hub.pass_on()
    assert done["away"]["came"] == 1
    assert own(writer(far)) <= hub.refs().keys() and not own(writer(near)) & hub.refs().keys()
    whole = views(hub.relay)
    assert len(runs(hub.relay)) == 3
    for lab in (near, far, archiver, hub.clone("fresh")):
        lab.run("sync")
        assert views(lab) == whole
    # The relay itself folds them on the other side.
    assert compact(hub.relay, "away")["folded"] == sorted([writer(near)])
    hub.pass_on()
    assert not own(writer(near)) & {*hub.refs(), *hub.refs(hub.away)}
    assert hub.relay.run("verify").exit_code == 0


def test_of_two_archives_the_later_counts(hub: Hubs, pair: tuple[Lab, Lab]) -> None:
    """The earlier one counted where its archiver's name came later, and the writer's refs were pushed again."""
    near, far = pair
    first, second = hub.clone("zoe"), hub.clone("adam")
    compact(first, "--writer", writer(near))
    hub.pass_on()
    experiment(near, 20)
    near.run("sync")
    hub.pass_on()
    compact(second, "--writer", writer(near))
    for _ in range(2):
        hub.pass_on()
        assert not own(writer(near)) & hub.refs().keys()


def test_one_remote_that_is_away_does_not_keep_the_other_waiting(hub: Hubs, pair: tuple[Lab, Lab]) -> None:
    near, far = pair
    hub.pass_on()
    experiment(near, 20)
    experiment(hub.relay, 21)
    near.run("sync")
    hub.away.path.rename(hub.folder / "gone.git")
    done = hub.pass_on()
    assert (done["hub"]["reached"], done["away"]["reached"], done["away"]["waiting"]) == (True, False, 1)
    assert own(writer(hub.relay)) <= hub.refs().keys()
    (hub.folder / "gone.git").rename(hub.away.path)
    hub.pass_on()
    here, there = hub.both
    assert here == there


def test_one_remote_that_lets_nobody_in_does_not_either(hub: Hubs, pair: tuple[Lab, Lab]) -> None:
    """Nothing was passed on to any remote."""
    door = hub.folder / "door"
    door.write_text("#!/bin/sh\necho 'fatal: permission denied' >&2\nexit 1\n")
    door.chmod(0o755)
    hub.relay.git("remote", "add", "0", f"ext::{door}")
    hub.relay.git("config", "protocol.ext.allow", "always")
    done = hub.pass_on(rc=3)
    here, there = hub.both
    assert here == there and len(here) == 6
    assert done["0"]["reached"] is False and "lets nobody in" in str(done["0"]["reason"])


def test_what_a_remote_refuses_is_said(hub: Hubs, pair: tuple[Lab, Lab]) -> None:
    arrange(hub, "update", 'case $1 in */ledger/*) echo "no ledgers here" >&2; exit 1 ;; esac')
    done = hub.pass_on(rc=3)
    (said,) = done["hub"]["remarks"]  # type: ignore[misc]
    assert said.startswith("hub does not take 1 ref: no ledgers here")
    assert done["hub"]["refused"] and not done["away"]["refused"]
    assert own(writer(pair[0])) <= hub.refs(hub.away).keys()


def test_a_writer_who_is_faster_is_no_refusal(hub: Hubs, pair: tuple[Lab, Lab]) -> None:
    """While one remote was given to, the writer pushed to the other: what is older was called refused there."""
    near, far = pair
    hub.pass_on()
    experiment(far, 20)
    moved = {ref: tip for ref, tip in remembered(far).items() if ref in own(writer(far))}
    for ref, tip in moved.items():
        far.git("push", "-q", "origin", f"{tip}:refs/later/{ref[len('refs/') :]}")
    update = "".join(f"update {ref} {tip}\n" for ref, tip in moved.items())
    # The hub is given a record of the near one's that only the other remote has, and meanwhile...
    experiment(near, 21)
    near.git("push", "-q", str(hub.away.path), *(f"{ref}:{ref}" for ref in own(writer(near))))
    arrange(hub, "post-receive", f"unset GIT_DIR; git -C {hub.away.path} update-ref --stdin <<end\n{update}end")
    done = hub.pass_on()
    assert moved.items() <= hub.refs(hub.away).items()
    assert done["away"]["remarks"] == [] and not done["away"]["refused"]
    (hub.bare.path / "hooks" / "post-receive").unlink()
    hub.pass_on()
    here, there = hub.both
    assert here == there and moved.items() <= here.items()


@pytest.mark.parametrize("arguments", [["hub"], ["--no-push"], ["--notes-only"], ["hub", "--no-push"]])
def test_all_remotes_and_both_ways_or_not_at_all(hub: Hubs, arguments: list[str]) -> None:
    said = hub.relay.run("sync", "--relay", *arguments, rc=2).stderr
    assert "--relay is with all remotes, both ways, and whole: leave the rest out." in said


def test_a_clone_that_leaves_out_journals_is_no_relay(hub: Hubs, pair: tuple[Lab, Lab]) -> None:
    before = hub.both
    hub.relay.git("config", "memorylab.notesOnly", "true")
    assert "memorylab.notesOnly" in hub.relay.run("sync", "--relay", rc=3).stderr
    assert hub.both == before


def test_without_a_remote_there_is_nothing_to_relay(lab: Lab) -> None:
    said = lab.run("sync", "--relay", rc=3).stderr
    assert said == "error: This clone has no remote to share with.\nhint: `git remote add origin URL` names one.\n"


def test_one_remote_alone_is_synced(hub: Hubs, pair: tuple[Lab, Lab]) -> None:
    near, _ = pair
    done = json.loads(near.run("sync", "--relay", "--json").stdout)
    assert [one["remote"] for one in done] == ["origin"] and done[0]["remarks"] == []
