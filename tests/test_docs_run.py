"""Every command of the documentation is typed here, page by page; what a page says that they print is true."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import pages
from tests.conftest import FORM, Lab, Templates, _seal
from tests.pages import ROOT, Command, Reader

PAGES = [
    ROOT / "README.md", ROOT / "program.md", *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "examples").glob("*/README.md")),
]  # fmt: skip
SPANS = {"program.md"}  # where commands stand in sentences
UPSTREAM = "https://github.com/karpathy/autoresearch"

pytestmark = pytest.mark.skipif(FORM.name != "sha1", reason="pages tell how many bytes a record has, names and all")

_INSTALLS = "it installs from a registry"
# What cannot be typed in a test, and why.
BENCHMARK = "python -m benchmarks.scale --sizes 100 1000 10000 --repeat 2 --timeout 60 --output PATH"
NOT_RUN: dict[str, dict[str, str]] = {
    "README.md": {
        "pip install '.[train]' && git memorylab demo": _INSTALLS,
        "pip install '.[dev,train]' && python -m pytest": "it is this suite",
    },
    "docs/performance.md": {
        BENCHMARK: "it is the benchmark, and takes minutes",
    },
    "docs/tutorial.md": {"pip install git-memorylab": _INSTALLS},
    "docs/sharing.md": {
        "git memorylab verify --allowed-signers FILE": "it wants a signing key, which tests/test_signing.py makes",
        "git config memorylab.sign true": "it wants a signing key, which tests/test_signing.py makes",
    },
}


def _prepare(page: str, folder: Path, templates: Templates) -> Reader:
    """Where the reader of a page sits: a lab with a run, a claim and a remote; what the page needs besides."""
    if page.startswith("docs/examples/"):
        source = (ROOT / page).parent
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("README.md", "__pycache__"))
        return Reader(folder, {})
    is_new = page == "docs/tutorial.md"
    templates.copy("a new reader's" if is_new else "a reader's", _publish if is_new else _begin, folder)
    lab, hub = Lab(folder / "lab"), folder / "autoresearch.git"
    if is_new:
        shutil.rmtree(lab.path)
    _FURTHER.get(page, lambda lab: None)(lab)
    return Reader(folder if is_new else lab.path, {name: str(hub) for name in ("URL", "/srv/lab.git", UPSTREAM)})


def _publish(folder: Path) -> Lab:
    lab = _repository(folder / "lab")
    hub = folder / "autoresearch.git"
    lab.git("clone", "-q", "--bare", ".", str(hub))
    lab.git("remote", "add", "origin", str(hub))
    return lab


def _begin(folder: Path) -> None:
    lab = _publish(folder)
    lab.git("fetch", "-q", "origin")
    lab.git("branch", "-q", "--set-upstream-to=origin/main")
    lab.run("init", "--writer", "laptop")
    lab.run("run", "--description", "baseline")
    for knob, value in (("DEPTH", 9), ("MATRIX_LR", 0.05)):
        lab.edit(knob, value)
        lab.commit(f"{knob} to {value}")
        lab.run("run", rc=None)
    lab.run("claim", "raise WEIGHT_DECAY to 0.3")


def _repository(path: Path) -> Lab:
    lab = Lab(path)
    path.mkdir()
    lab.git("init", "-q")
    shutil.copy(ROOT / "docs" / "examples" / "night" / "train.py", path)
    lab.git("add", "train.py")
    lab.git("commit", "-q", "-m", "start")
    return lab


TABLE = """commit\tval_bpb\tmemory_gb\tstatus\tdescription
{first}\t0.9968\t39.1\tkeep\tbaseline
{second}\t0.9928\t43.9\tkeep\tDEPTH 9
abc1234\t0.000000\t0.0\tcrash\tdouble the width
"""
# As the predecessor wrote it: one object a line, with what this program derives again.
EARLIER = """{{"run_id": "20260630T120000Z-{first}", "timestamp_utc": "2026-06-30T12:00:00Z", "branch": "main", \
"commit": "{first}", "parent_commit": null, "family": "", "status": "keep", "description": "baseline", \
"hypothesis": "", "tags": [], "notes": "", "metrics": {{"val_bpb": 0.9968, "depth": 8}}, "error": null, \
"artifacts": {{}}, "novelty_guard": {{"classification": "novel"}}, "decision_packet": {{"next_action": "promote"}}}}
{{"run_id": "20260630T121000Z-{second}", "timestamp_utc": "2026-06-30T12:10:00Z", "branch": "main", \
"commit": "{second}", "parent_commit": "{first}", "family": "depth", "status": "keep", "description": "DEPTH 9", \
"hypothesis": "deeper is better", "tags": ["depth"], "notes": "", "metrics": {{"val_bpb": 0.9928, "depth": 9}}, \
"error": null, "artifacts": {{}}, "novelty_guard": null, "decision_packet": null}}
"""


def _migrations(lab: Lab) -> None:
    """Two labs beside this one: of upstream, and of the predecessor."""
    for name, where, text in (
        ("upstream", "results.tsv", TABLE),
        ("predecessor", "results/memorylab/experiments.jsonl", EARLIER),
    ):
        old = _repository(lab.path.parent / name)
        first = old.git("rev-parse", "--short", "HEAD")
        old.edit("DEPTH", 9)
        second = old.commit("DEPTH 9")[:7]
        (old.path / where).parent.mkdir(parents=True, exist_ok=True)
        (old.path / where).write_text(text.format(first=first, second=second))


_FURTHER: dict[str, Callable[[Lab], None]] = {"docs/howto.md": _migrations}


def _commands(page: Path) -> list[Command]:
    return pages.commands(page.read_text(encoding="utf-8"), spans=_name(page) in SPANS)


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _go(page: Path, folder: Path, templates: Templates) -> list[tuple[Command, str | None]]:
    """What each command of a page prints; None of one that is not run."""
    reader = _prepare(_name(page), folder, templates)
    done: list[tuple[Command, str | None]] = []
    for command in _commands(page):
        if command.text in NOT_RUN.get(_name(page), {}):
            done.append((command, None))
            continue
        code, printed = reader.types(command.text)
        assert code in (pages.ENDS if "git memorylab" in command.text else (0,)), (
            f"{_name(page)}:{command.line}: {command.text} ended with {code}:\n{printed}"
        )
        done.append((command, printed))
    return done


TYPED = [
    pytest.param(page, id=_name(page), marks=[] if page.parent == ROOT else [pytest.mark.long])
    for page in PAGES
    if _commands(page)
]  # fmt: skip


@pytest.mark.parametrize("page", TYPED)
def test_every_command_of_a_page_can_be_typed_and_prints_what_it_says(
    page: Path, tmp_path: Path, templates: Templates
) -> None:
    for command, printed in _go(page, tmp_path, templates):
        if printed is not None and command.prints is not None:
            said = pages.masked("\n".join(command.prints))
            assert pages.masked(printed) == said, f"{_name(page)}:{command.line}: {command.text}"


def test_what_is_not_typed_is_there_and_has_a_reason() -> None:
    names = {_name(page): {command.text for command in _commands(page)} for page in PAGES}
    for page, lines in NOT_RUN.items():
        assert set(lines) <= names[page], f"{page}: what is listed is not there (any more)"
        assert all(lines.values())


def rewrite(changed: list[Path]) -> int:
    """Put what the commands print now under them."""
    import tempfile

    for page in changed:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
            _seal(Path(folder) / "home", monkeypatch)
            path = ROOT / page
            (Path(folder) / "reader").mkdir()
            answers = iter(
                "\n".join(command.prints) if printed is None else printed
                for command, printed in _go(path, Path(folder) / "reader", Templates(Path(folder)))
                if command.prints is not None
            )
            path.write_text(pages.rewritten(path.read_text(encoding="utf-8"), answers), encoding="utf-8")
    return 0


PAGE = """Text with `git memorylab status` in it.

    git memorylab init     # an indented line
    refs/notes/x           nothing to type
    X=1 python train.py

```toml
git = "no command"
```

```sh
git commit -qam "x"
```

```console
$ git log
commit 1234567
$ printf 'a
> b'
a
b
```
"""


def test_commands_are_found_where_they_stand() -> None:
    found = [(command.line, command.text, command.prints) for command in pages.commands(PAGE)]
    assert found == [
        (3, "git memorylab init     # an indented line", None),
        (5, "X=1 python train.py", None),
        (12, 'git commit -qam "x"', None),
        (16, "git log", ["commit 1234567"]),
        (18, "printf 'a\nb'", ["a", "b"]),
    ]
    assert pages.commands(PAGE, spans=True)[0] == Command(1, "git memorylab status", None)
    assert not pages.commands("    git memorylab amend [OPTIONS] RUN\n"), "a synopsis"


def test_what_is_another_each_time_is_masked_and_nothing_else() -> None:
    one = "keep: 0.99 at 1a2b3c4 (20261128T120000Z-1a2b3c4-0123456789abcdef) by laptop-01234567 2026-11-28 12:00"
    other = "keep: 0.99 at fedcba9 (20261129T130000Z-fedcba9-fedcba9876543210) by laptop-89abcdef 2026-11-29 13:01"
    assert pages.masked(one) == pages.masked(other)
    assert pages.masked(one) != pages.masked(other.replace("0.99", "0.98"))
    assert pages.masked("made 75512 of 65396") == "made 75512 of 65396"


def test_a_page_is_written_anew_under_its_commands() -> None:
    written = pages.rewritten(PAGE, iter(["commit 7654321\n", "c\n"]))
    assert written == PAGE.replace("commit 1234567", "commit 7654321").replace("a\nb\n```", "c\n```")
