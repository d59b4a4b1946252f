"""The threat model: what it promises is held by tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text()


def test_every_promise_names_a_test_that_is_there() -> None:
    promised = PAGE.split("## What is promised")[1].split("## What is not promised")[0]
    items = re.split(r"\n- ", promised)[1:]
    assert items
    for item in items:
        assert "`tests/" in item or ".md)" in item, item
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE):
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.MULTILINE), f"{path}::{name}"
