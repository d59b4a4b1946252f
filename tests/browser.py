"""What the tests of the page need: a night that is hostile where it can be, the page's parts, ten thousand runs."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec

from memorylab.core.group import Group
from memorylab.core.knobs import Study
from memorylab.core.noise import floor
from memorylab.core.race import Rules
from memorylab.core.ranking import Registry, Standing
from memorylab.core.record import Run
from memorylab.views.morning import Morning
from memorylab.views.page import data, render
from tests.conftest import Lab
from tests.core.conftest import build

PAGE = Path("results/memorylab/reports/latest.html")
HOSTILE = "<img src=x onerror=document.title='run'> </script><script>document.title='run'</script> javascript:run()"
BIDI = "try \u202ethgir\u202c \u2066b\u2069 \u200bwidth"
PLAIN = "try \ufffdthgir\ufffd \ufffdb\ufffd \ufffdwidth"


def tell(lab: Lab) -> None:
    """A baseline, one behind it whose words are hostile, a crash, and a better one, which is run again."""
    lab.experiment("baseline", 1.5)
    lab.experiment(f"{HOSTILE}\n\nHypothesis: {BIDI}", 1.6, "--family", "<b>bold</b>", knob="DEPTH", to=9)
    lab.git("reset", "-q", "--hard", "HEAD~1")
    lab.edit("DEPTH", 64)
    lab.commit("DEPTH to 64")
    (lab.path / "run.log").write_text("Traceback (most recent call last):\nRuntimeError: CUDA out of memory <i>\n")
    lab.run("log", "--log", "run.log", "--status", "crash")
    lab.git("reset", "-q", "--hard", "HEAD~1")
    lab.experiment("MATRIX_LR to 0.06", 1.2, "--family", "rate", knob="MATRIX_LR", to=0.06)
    lab.experiment("MATRIX_LR to 0.1", 1.21, "--family", "rate", knob="MATRIX_LR", to=0.1)


class Parts(HTMLParser):
    """The elements of a page as a browser finds them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.styles: list[str] = []
        self.words: list[str] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        elif tag == "style":
            self.styles.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif self._in == "style":
            self.styles[-1] += data
        elif data.strip():
            self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        """What there is to read without scripts."""
        return " ".join(self.words)

    @property
    def json(self) -> dict[str, Any]:
        """The data by the ids of its elements."""
        return {str(said["id"]): json.loads(text) for said, text in self.scripts if said.get("type")}


def parts(lab: Lab) -> Parts:
    """The page of a repository, written anew."""
    lab.run("report", "--html")
    return Parts((lab.path / PAGE).read_text())


def many(number: int) -> bytes:
    """The page of so many runs, by the renderer itself."""
    runs = list(_runs(number))
    best = min((run for run in runs if run.status == "keep"), key=lambda run: run.metrics["val_bpb"] or 0.0)
    champion = Standing(
        run_id=best.run_id, commit=best.commit, lineage_root="r", family=best.family, status="keep", metric="val_bpb",
        value=best.metrics["val_bpb"] or 0.0, delta_to_champion=0.0, runs=1, probability=0.97, memory_gb=None,
        description=best.description,
    )  # fmt: skip
    registry = Registry(
        updated_at=runs[-1].timestamp_utc, metric="val_bpb", direction="minimize", num_experiments=number,
        status_counts={}, group=Group(), label=Group().label, noise=floor([[1.0, 1.001]], 0.002), champion=champion,
        leader=champion, challengers=(), best_lineages=(), failure_clusters=(), reopen=(), other_groups=(),
    )  # fmt: skip
    found = Morning(
        as_of=datetime(2026, 1, 2, tzinfo=UTC), hours=16.0, registry=registry, size=number, unreadable=0, first=0,
        night=(), before=None, queue=(),
    )  # fmt: skip
    return render.render(data.page(runs, found, NOTHING, Rules(), lambda oid, most: b"+a patch\n"))


NOTHING = Study(
    metric="val_bpb", direction="minimize", group=None, noise=None, noise_replicates=None, groups={}, knobs=[],
    never={}, without_code=0,
)  # fmt: skip


def _runs(number: int) -> Iterator[Run]:
    parent, start = None, datetime(2026, 1, 1, tzinfo=UTC)
    for at in range(number):
        status = "crash" if at % 23 == 7 else "keep" if at % 7 == 0 else "discard"
        value = 1.0 + 0.4 / (1 + at / 500) + (at * 7919 % 101) / 5000 + (0 if status == "keep" else 0.02)
        when = start + timedelta(minutes=5 * at)
        run = build(f"{when:%Y%m%dT%H%M%SZ}-{at:07x}-{at:016x}", None if status == "crash" else value)
        run = msgspec.structs.replace(
            run, commit=f"{at:040x}", parent_commit=parent, status=status, writer=f"agent{at % 4}",
            family=("width", "rate", "schedule")[at % 3], description=f"idea {at}: MATRIX_LR from 0.04 to {at / 100}",
            timestamp_utc=f"{when:%Y-%m-%dT%H:%M:%SZ}",
        )  # fmt: skip
        parent = run.commit if status == "keep" else parent
        yield run
