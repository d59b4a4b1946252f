"""report --html: one file that holds all, whatever records say, and needs nothing else."""

import base64
import hashlib
import json
import re
import webbrowser
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

import memorylab
from memorylab.commands import knobs
from memorylab.commands.session import Session
from memorylab.core.knobs import InGroup, KnobStudy, Tried, Turned, study
from memorylab.core.race import Rules
from memorylab.core.record import (
    Artifact,
    Change,
    Environment,
    Error,
    Knob,
    KnobHistory,
    Match,
    Policy,
    Run,
    Trial,
    Verdict,
)
from memorylab.core.text import short_id
from memorylab.store.git import locate
from memorylab.views.page import maps, runs, tree
from memorylab.views.page.runs import Runs
from tests import attacks
from tests.browser import HOSTILE, NOTHING, PAGE, PLAIN, Parts, many, parts, tell
from tests.conftest import Lab, Templates
from tests.core.conftest import build
from tests.test_evidence import log, turn

ROOT = Path(memorylab.__file__).parent
VENDOR = ROOT / "_vendor" / "uplot-1.6.32"


@pytest.fixture
def night(templates: Templates, tmp_path: Path) -> Lab:
    return templates.told("a night for the page", tell, tmp_path)


# -- what may run -----------------------------------------------------------------------------------------------------


def test_what_is_vendored_is_as_it_was_published() -> None:
    told = (ROOT.parent / "docs" / "dependencies.md").read_text()
    for name in ("uPlot.iife.min.js", "uPlot.min.css"):
        content = (VENDOR / name).read_bytes()
        assert f"{len(content):,} | `{hashlib.sha256(content).hexdigest()}`" in told, name
    assert "MIT License" in (VENDOR / "LICENSE").read_text()


def test_only_what_has_a_known_hash_may_run(night: Lab) -> None:
    page = parts(night)
    (policy,) = [said["content"] for tag, said in page.tags if said.get("http-equiv") == "Content-Security-Policy"]
    allowed = dict(part.split(" ", 1) for part in str(policy).split("; "))

    def hashes(texts: list[str]) -> str:
        return " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts
        )

    assert allowed == {
        "default-src": "'none'", "connect-src": "'none'", "base-uri": "'none'", "form-action": "'none'",
        "img-src": "data:", "style-src": hashes(page.styles),
        "script-src": hashes([text for said, text in page.scripts if not said.get("type")]),
    }  # fmt: skip
    assert len(page.styles) == 2 and len([1 for said, _ in page.scripts if not said]) == 6


def test_nothing_leads_elsewhere_and_nothing_is_inline(night: Lab) -> None:
    for tag, said in parts(night).tags:
        assert not [name for name in said if name.startswith("on") or name in ("style", "src", "action", "formaction")]
        link = said.get("href")
        assert link is None or link.startswith("#") or (tag == "link" and link.startswith("data:")), link


def test_the_scripts_never_make_markup_of_text() -> None:
    for path in (ROOT / "views" / "page").glob("*.js"):
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", path.read_text()
        )
        assert not found, path


def test_what_a_run_says_stays_text(night: Lab) -> None:
    page = parts(night)
    assert not {"img", "i"} & {tag for tag, _ in page.tags}
    assert page.json["rows"][1][-1] == HOSTILE and page.json["d0"][1]["hypothesis"] == PLAIN
    assert page.json["head"]["families"][1] == "<b>bold</b>"
    raw = (night.path / PAGE).read_text()
    assert "<img" not in raw and "\u202e" not in raw and raw.count("</script>") == len(page.scripts)
    night.run("amend", night.memory.runs[-1].run_id, "--description", HOSTILE)  # and where it stands without scripts
    assert HOSTILE in parts(night).text


# -- what is on it ----------------------------------------------------------------------------------------------------


def test_who_leads_and_what_waits_read_without_scripts(night: Lab) -> None:
    page = parts(night)
    best = next(run for run in night.memory.runs if run.description == "MATRIX_LR to 0.06")
    name = short_id(best.run_id)
    start = page.text[: page.text.index("Progress kept")]
    assert f"Champion val_bpb 1.200000 MATRIX_LR to 0.06 {name} · 1 run · 44.0 GB · lower is better" in start
    assert "How sure >0.99 better than the one before" in start and "there was no champion before" in start
    assert "for one run, assumed, since nothing was run twice" in start
    assert "5 runs 2 kept 2 discarded 1 crashed" in start
    queue = page.text.partition("Decide 3 ")[2]
    order = [queue.index(action) for action in (f"promote {name} high", "retry ", "fix and retry ")]
    assert order[0] < order[2]
    assert "It seems to have run out of memory: make it smaller. RuntimeError: CUDA out of memory <i>" in queue
    assert f"git memorylab restore {name} git memorylab show {name} --diff" in queue
    assert "champion 1.200000 1 44.0" in page.text.partition("Champion board")[2]


def test_the_table_has_every_run_and_its_details(night: Lab) -> None:
    page, all_runs = parts(night), night.memory.runs
    head, rows, details = page.json["head"], page.json["rows"], page.json["d0"]
    assert [row[0] for row in rows] == [run.run_id for run in all_runs]
    assert [row[1] for row in rows] == [short_id(run.run_id) for run in all_runs]
    assert [head["statuses"][row[3]] for row in rows] == ["keep", "discard", "crash", "keep", "discard"]
    assert [row[4] for row in rows] == [1.5, 1.6, None, 1.2, 1.21]
    assert [row[8] for row in rows] == [-1, 0, 0, 0, 3]  # what each was built on
    assert (head["champion"], head["metric"], head["direction"]) == (3, "val_bpb", "minimize")
    assert head["band"][0] < 1.2 < head["band"][1]
    assert details[3]["knobs"] == [["MATRIX_LR", "0.04", "0.06"]] and ["val_bpb", 1.2] in details[3]["metrics"]
    assert details[3]["packet"]["action"] == "promote" and details[3]["packet"]["before"] == 0
    assert details[4]["guard"]["matches"][0][0] in (0, 3)
    assert details[2]["error"] == "RuntimeError: CUDA out of memory <i>"


def test_patch_and_log_are_there(night: Lab) -> None:
    found = parts(night).json
    assert "-MATRIX_LR = 0.04\n+MATRIX_LR = 0.06" in found["t3"]["patch"]
    assert found["t3"]["log"].endswith("depth:            8") and "step 00953 (100.0%)" in found["t3"]["log"]
    assert "step 00001" not in found["t3"]["log"]  # the progress bar went over it
    assert "RuntimeError: CUDA out of memory <i>" in found["t2"]["log"]


def test_the_same_memory_gives_the_same_bytes(night: Lab) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)

    def write(name: str) -> bytes:
        session = Session(now=now, place=locate(night.path))
        path = night.path.parent / name
        session.views.write_page(session.recall, now, 16.0, knobs.study(session), path)
        return path.read_bytes()

    first = write("one.html")
    (night.path / ".git" / "memorylab" / "index.sqlite").unlink()
    assert write("other.html") == first


def test_nothing_was_run_yet(lab: Lab) -> None:
    page = parts(lab)
    assert "Nothing has been run yet. git memorylab run makes the first run." in page.text
    assert "Nothing waits for a decision." in page.text and page.json["rows"] == []


def test_one_run(lab: Lab) -> None:
    lab.experiment("baseline", 1.5)
    page = parts(lab)
    assert "Champion val_bpb 1.500000 baseline" in page.text and "the first that was measured" in page.text
    assert "1 run 1 kept 0 discarded 0 crashed 1 in all" in page.text


def test_what_was_imported_has_no_code_and_no_time(lab: Lab) -> None:
    rows = "abc1234\t1.5\t1.0\tkeep\told\nabc1235\t1.4\t1.0\tkeep\tolder\n"
    (lab.path / "old.tsv").write_text(f"commit\tval_bpb\tmemory_gb\tstatus\tdescription\n{rows}")
    lab.run("import", "old.tsv")
    page = parts(lab)
    assert [row[2] for row in page.json["rows"]] == [None, None]
    assert all(one["imported"] for one in page.json["d0"]) and not [name for name in page.json if name.startswith("t")]
    assert "Champion val_bpb" in page.text and "Lineage" not in page.text


def test_other_groups_have_a_table_of_their_own(lab: Lab) -> None:
    lab.commit("baseline")
    for device, value in (("h100", 0.9), ("cpu", 1.5), ("cpu", 1.4)):
        log(lab, value, device=device)
    page = parts(lab)
    assert len(page.json["head"]["groups"]) == 2 and len({row[7] for row in page.json["rows"]}) == 2
    board = page.text.partition("Other comparison groups")[2]
    assert "h100, 15 cpu_seconds, evaluator eeeeeeeeeeee 1 0.900000" in board


@pytest.mark.long
def test_more_may_be_better(lab: Lab) -> None:
    lab.git("config", "memorylab.direction", "maximize")
    lab.git("config", "memorylab.metric", "accuracy")
    for at, value in enumerate((0.5, 0.9, 0.7)):
        turn(lab, "DEPTH", 9 + at)
        path = lab.path.parent / "summary.json"
        path.write_text(f'{{"accuracy": {value}}}')
        lab.run("log", "--summary", str(path))
    page = parts(lab)
    assert "Champion accuracy 0.900000" in page.text and "higher is better" in page.text
    assert "val_bpb" not in page.text and page.json["head"]["champion"] == 1
    assert ("td", {"class": "n bad"}) in page.tags and ("td", {"class": "n good"}) not in page.tags


@pytest.mark.long
def test_a_difference_within_the_noise_is_neither_good_nor_bad(lab: Lab) -> None:
    lab.commit("baseline")
    for seed, value in enumerate((1.5, 1.51, 1.492, 1.503)):
        log(lab, value, seed=seed)
    turn(lab, "DEPTH", 9)
    log(lab, 1.4993)
    page = parts(lab)
    assert "1.499300 -0.001950" in page.text and ("td", {"class": "n even"}) in page.tags
    assert ("td", {"class": "n good"}) not in page.tags


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_page_may_stand_anywhere(night: Lab) -> None:
    assert night.run("report", "--html", "--output", "../mine.html").output == "wrote ../mine.html\n"
    assert (night.path.parent / "mine.html").read_text().startswith("<!doctype html>")
    assert not (night.path / PAGE).exists()


def test_open_writes_it_and_opens_it(night: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(opened.append(url)))
    said = night.run("report", "--open").output
    assert opened == [(night.path / PAGE).resolve().as_uri()] and (night.path / PAGE).exists()
    assert "no browser was found" in said and "latest.html" in said


def test_a_bare_repository_is_asked_where(night: Lab) -> None:
    night.git("clone", "-q", "--mirror", ".", "../bare.git")
    bare = Lab(night.path.parent / "bare.git")
    assert "Give --output FILE." in bare.run("report", "--html", rc=3).output
    bare.run("report", "--html", "--output", "../bare.html")
    assert len(Parts((night.path.parent / "bare.html").read_text()).json["rows"]) == 5


def test_it_goes_with_the_other_views(night: Lab) -> None:
    parts(night)
    night.run("init", "--uninstall")
    assert not (night.path / PAGE).exists()


# -- values -----------------------------------------------------------------------------------------------------------


def told(*found: Run) -> Runs:
    known = Runs("val_bpb")
    for run in found:
        known.add(run)
    known.close()
    return known


def chained(*said: tuple[str, str, str]) -> Runs:
    """Runs of (name, parent, status), each a little better than the one before."""
    found = []
    for at, (name, parent, status) in enumerate(said):
        run = build(name, 1.0 - at / 10)
        over = build(parent).commit if parent else None
        found.append(msgspec.structs.replace(run, parent_commit=over, status=status))
    return told(*found)


def test_records_of_others_hold_anything() -> None:
    """What is logged here was cleaned then; what comes from elsewhere may never have been."""
    bad = "a\u202eb\x1b[1m\u2028c"
    match = Match(
        category="novel", score=0.5, run_id="elsewhere", commit=bad, status="keep", description=bad, tags=[bad], why=bad
    )
    policy = Policy(mode="explore", decision="allow", rationale=bad)
    verdict = Verdict(
        classification="novel", probe_text=bad, threshold=0.5, effective_threshold=0.5, match_count=1, counts={},
        top_matches=[match], mode="explore", policy=policy, why=bad, stale=bad,
        known=[KnobHistory(knob=bad, trials=[Trial(value=bad, run_id="elsewhere", status="keep")])],
    )  # fmt: skip
    known = told(msgspec.structs.replace(
        build("r"), description=bad, hypothesis=bad, family=bad, commit=bad, parent_commit=bad, branch=bad, tags=[bad],
        notes=bad, metrics={bad: 1.0}, error=Error(summary=bad, tail=[bad], source=bad), novelty_guard=verdict,
        artifacts={bad: Artifact(blob=bad, size=1)}, environment=Environment(device=bad, libraries={bad: bad}),
        change=Change(subject=bad, knobs={bad: Knob(old=bad, new=bad)}),
    ))  # fmt: skip
    texts = [known.families.texts, known.groups.texts, msgspec.to_builtins(known.rows), *map(json.loads, known.bundles)]
    said = json.dumps(texts, ensure_ascii=False)
    assert said.count("a\ufffdb\ufffd[1m") > 20
    assert "\u202e" not in said and "\x1b" not in said and "\\u001b" not in said and "\u2028" not in said


def test_texts_are_those_that_matter_first_within_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        msgspec.structs.replace(build(name), artifacts={"train.patch": Artifact(blob=name * 40, size=9)})
        for name in "abcd"
    ]
    known = told(*found)
    asked: list[str] = []

    def read(oid: str, most: int) -> bytes | None:
        asked.append(oid[0])
        return None if oid[0] == "d" else b"+x\xff\x1b[1m\n" * 10

    everything = dict(runs.texts(["b"], known.kept, read))
    assert list(everything) == [1, 3, 2, 0] and asked == ["b", "d", "c", "a"]
    assert msgspec.json.decode(everything[3]) == {"away": ["patch"]}
    assert msgspec.json.decode(everything[1])["patch"] == "\n".join(["+x\ufffd\ufffd[1m"] * 10)
    monkeypatch.setattr(runs, "BUDGET", len(everything[1]) + len(everything[3]))
    assert list(dict(runs.texts(["b"], known.kept, read))) == [1, 3]


def test_patch_and_log_of_others_hold_anything() -> None:
    artifacts = {"train.patch": Artifact(blob="a" * 40, size=9), "run.log": Artifact(blob="b" * 40, size=9)}
    known = told(msgspec.structs.replace(build("a"), artifacts=artifacts))
    said = f"+{attacks.CONTROL}{attacks.HIDDEN}".encode()
    ((_, found),) = runs.texts([], known.kept, lambda oid, most: said)
    text = msgspec.json.decode(found)
    assert text["patch"].isprintable() and text["log"].isprintable() and "abc" in text["log"]


def test_what_is_long_is_cut_and_says_so() -> None:
    artifacts = {"train.patch": Artifact(blob="a" * 40, size=9), "run.log": Artifact(blob="b" * 40, size=9)}
    known = told(msgspec.structs.replace(build("a"), artifacts=artifacts))
    asked: list[int] = []

    def read(oid: str, most: int) -> bytes:
        asked.append(most)
        return b"+line\n" * 9000 if oid[0] == "a" else b"l\n" * 99

    ((_, found),) = runs.texts([], known.kept, read)
    assert asked == [1 << 20] * 2
    text = msgspec.json.decode(found)
    assert text["cut"] == ["patch", "log"] and len(text["patch"]) == 40_000 and text["log"] == "\n".join(["l"] * 40)


def test_of_a_long_ledger_the_latest_have_their_texts() -> None:
    one = msgspec.structs.replace(build("a"), artifacts={"train.patch": Artifact(blob="a" * 40, size=9)})
    kept = dict.fromkeys(map(str, range(1_000)), told(one).kept["a"])
    assert len(list(runs.texts([], kept, lambda oid, most: b"+x\n"))) == 800


def test_a_blob_that_is_too_long_is_not_read(night: Lab) -> None:
    """What a record says of its size may be wrong."""
    run = night.memory.runs[3]
    blob = run.artifacts["train.patch"].blob
    content = night.store.blob(blob)
    assert content is not None and night.store.blob(blob, longest=len(content)) == content
    assert night.store.blob(blob, longest=len(content) - 1) is None and night.store.blob(blob) == content


def test_details_come_in_bundles() -> None:
    known = told(*(build(f"r{at}") for at in range(runs.BUNDLE + 1)))
    assert [len(msgspec.json.decode(found)) for found in known.bundles] == [runs.BUNDLE, 1]


def test_a_name_that_two_runs_share_names_neither() -> None:
    ids = [f"2026010{day}T000000Z-aaaaaaa-0000{day:012x}" for day in (1, 2, 3)]
    assert {short_id(run_id) for run_id in ids} == {"aaaaaaa-0000"}
    assert [row.name for row in told(*map(build, ids)).rows] == ["", "", ""]
    assert [row.name for row in told(build(ids[0])).rows] == ["aaaaaaa-0000"]


def test_the_tree_has_what_was_kept_on_what_it_was_built_on() -> None:
    known = chained(
        ("root", "", "keep"), ("fail", "root", "discard"), ("main", "root", "keep"), ("side", "root", "keep"),
        ("twig", "side", "keep"), ("burst", "main", "crash"), ("tip", "main", "keep"),
    )  # fmt: skip
    found = tree.tree(known, 0, lambda delta: f"{delta:.1f}" if delta else "", [], {6: "champion"})
    said = [(node.run_id, node.lane, node.lines, node.joins, node.tried, node.crashed) for node in found.nodes]
    assert said == [
        ("tip", 0, (), False, 0, 0), ("main", 0, (), False, 1, 1), ("twig", 1, (0,), False, 0, 0),
        ("side", 1, (0,), True, 0, 0), ("root", 0, (), False, 1, 0),
    ]  # fmt: skip
    assert [node.tone for node in found.nodes] == ["-0.4", "-0.2", "-0.1", "-0.3", ""]
    assert [node.role for node in found.nodes] == ["champion", "", "", "", ""]
    assert [node.grows for node in found.nodes] == [False, True, False, True, True] and found.lanes == 2


def test_a_long_tree_is_that_of_the_leaders_and_the_latest() -> None:
    known = chained(*((f"n{at}", f"n{at - 1}" if at else "", "keep") for at in range(2 * tree.MOST)))
    found = tree.tree(known, 0, lambda delta: "", [], {5: "champion"})
    assert len(found.nodes) == tree.MOST and found.left_out == tree.MOST
    shown = [node.at for node in found.nodes]
    assert shown[-6:] == [5, 4, 3, 2, 1, 0] and shown[0] == 2 * tree.MOST - 1
    assert [node.skipped for node in found.nodes if node.skipped] == [tree.MOST]


def test_the_lineage_of_the_champion_comes_first() -> None:
    known = chained(("one", "", "keep"), ("two", "", "keep"), ("three", "", "keep"))
    found = tree.tree(known, 0, lambda delta: "", [], {1: "champion"})
    assert [node.run_id for node in found.nodes] == ["two", "three", "one"] and all(n.is_root for n in found.nodes)
    assert [node.run_id for node in tree.tree(known, 0, lambda delta: "", [1], {1: "champion"}).nodes] == [
        "three",
        "one",
    ]


def test_a_map_shows_effects_and_what_is_untried(night: Lab) -> None:
    session = Session(place=locate(night.path))
    found = {one.name: one for one in maps.maps(knobs.study(session), session.settings.rules).maps}
    rate = found["MATRIX_LR"]
    low, high = rate.points
    assert low.x < high.x and rate.now == "0.1" and rate.now_x == high.x
    assert low.y < rate.zero and low.tone == "good" and "0.06: helped -0.3" in low.title  # less is better, up is good
    assert rate.gaps and "above 0.1" in rate.untried
    assert {label.text for label in rate.labels} == {"0.04", "0.06", "0.1"}
    depth = {point.mark for point in found["DEPTH"].points}
    assert depth == {"dot", "cross"}
    assert [name for name, _ in maps.maps(knobs.study(session), session.settings.rules).never] == ["WARMDOWN_RATIO"]
    more = maps.maps(knobs.study(session), Rules(direction="maximize"))
    assert next(one for one in more.maps if one.name == "MATRIX_LR").points[0].y > rate.zero


def test_what_diverged_stands_at_the_edge_of_a_map() -> None:
    effects = {"0.001": 0.02, "0.01": -0.01, "0.1": 0.015, "1.0": 7.0}
    tried = [
        Tried(
            value=value, outcome="hurt", effect=effect, error=0.005, probability=0.0, result=1.0, reference=1.0,
            against="base", programs=1, others=0, others_most=0, starts=["0.1"], runs=1, kept=0, discarded=1, crashed=0,
            run_ids=["r"],
        )
        for value, effect in effects.items()
    ]  # fmt: skip
    here = InGroup(
        group="g", noise=0.005, noise_replicates=1, tried=tried, trend="up hurts", has_best=False, best=None,
        untried=["above 1.0", "between 0.01 and 0.1"],
    )  # fmt: skip
    whole = msgspec.structs.replace(NOTHING, group="g", knobs=[KnobStudy(name="LR", now="0.1", groups=[here])])
    (found,) = maps.maps(whole, Rules()).maps
    assert [point.edge for point in found.points] == ["", "", "", "down"]
    heights = [point.y - found.zero for point in found.points]
    assert heights[1] < 0 < heights[2] < heights[0] < heights[3] <= maps.HEIGHT / 2
    steps = [b.x - a.x for a, b in zip(found.points, found.points[1:], strict=False)]
    assert max(steps) - min(steps) < 0.2  # by the logarithm
    between, above = found.gaps
    assert found.points[1].x < between[0] < between[0] + between[1] < found.points[2].x < found.points[3].x < above[0]


def test_no_knobs_make_no_map() -> None:
    nothing = Turned(
        names=[], current=None, groups={}, turns=lambda name: [], measured=lambda group: [], without_code=0
    )
    found = maps.maps(study(nothing, {"DEPTH": "8"}, Rules()), Rules())
    assert found.maps == [] and found.never == [("DEPTH", "8")]


def test_a_long_ledger_is_one_page_of_bounded_size() -> None:
    found = many(2000)
    assert len(found) < 2_000_000
    assert len(Parts(found.decode()).json["rows"]) == 2000
