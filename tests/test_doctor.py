"""doctor: what the memory takes in git, and when to gc."""

import json

from memorylab import index
from tests.conftest import Lab


def test_what_the_memory_takes(lab: Lab) -> None:
    lab.experiment("raise matrix lr", 1.0)
    found = json.loads(lab.run("doctor", "--json").stdout)
    counted = dict(line.split(": ") for line in lab.git("count-objects", "-v").splitlines())
    assert (found["runs"], found["loose_objects"], found["packs"]) == (1, int(counted["count"]), 0)
    assert found["objects_bytes"] == int(counted["size"]) * 1024 == found["bytes_per_1000_runs"] // 1000
    assert found["index_bytes"] >= (lab.store.state / index.FILE).stat().st_size and found["advice"] == []
    assert lab.run("doctor").stdout.endswith("Nothing to be done.\n")


def test_when_to_gc(lab: Lab) -> None:
    lab.experiment("raise matrix lr", 1.0)
    lab.git("config", "gc.auto", "10")
    assert "loose objects slow git down: run `git gc`" in lab.run("doctor").stdout
    lab.git("gc", "-q")
    assert lab.run("doctor").stdout.endswith("Nothing to be done.\n")
    lab.git("config", "gc.auto", "0")
    (lab.path / ".git/objects/pack/tmp_pack_x").write_text("x")
    assert "1 file in .git/objects" in lab.run("doctor").stdout


def test_a_log_adds_as_many_loose_objects_as_is_said(lab: Lab) -> None:
    """docs/performance.md says how many; each is a file of at least a block."""
    lab.experiment("first", 1.0)
    lab.edit("DEPTH", 9)
    lab.commit("second")
    before = int(lab.git("count-objects").split()[0])
    lab.result(1.1)
    lab.run("log", "--log", "run.log")
    assert int(lab.git("count-objects").split()[0]) - before <= 20
