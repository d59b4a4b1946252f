"""What is installed with the package: locked by hashes, and listed, as pyproject.toml asks for it."""

import hashlib
import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
UNLOCKED = "train"  # torch comes from wherever a machine has it


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def _locked(name: str) -> dict[str, tuple[str, list[str]]]:
    """package -> version and hashes."""
    lines = (ROOT / ".ci" / name).read_text().replace("\\\n", "").splitlines()
    found = (re.fullmatch(r"([a-z0-9-]+)(?:\[[^\]]*\])?==([^ ;]+)([^#]*)", line.strip()) for line in lines)
    assert all(found := list(found)), "a line that pins nothing"
    return {one[1]: (one[2], re.findall(r"--hash=sha256:([0-9a-f]{64})", one[3])) for one in found if one is not None}


@pytest.mark.parametrize("name", ["locked.txt", "locked-extras.txt"])
def test_all_that_pyproject_asks_for_is_locked_with_hashes(name: str) -> None:
    asked = list(PROJECT["dependencies"])
    if name == "locked-extras.txt":
        extras = PROJECT["optional-dependencies"]
        asked += [one for extra in extras if extra != UNLOCKED for one in extras[extra]]
    locked = _locked(name)
    assert {_name(one) for one in asked} <= locked.keys(), "run .ci/lock"
    assert all(hashes for _, hashes in locked.values())
    for one in asked:
        least = re.search(r">=([0-9.]+)", one)
        assert least is None or _number(locked[_name(one)][0]) >= _number(least[1]), "run .ci/lock"


def _number(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def test_the_bill_of_materials_lists_what_is_locked_and_what_lies_here() -> None:
    found = json.loads((ROOT / "docs" / "sbom.cdx.json").read_text())
    listed = {_name(one["name"]): one for one in found["components"]}
    here = sorted((ROOT / "memorylab" / "_vendor").glob("*/*.js"))
    vendored = {_name(path.parent.name.rsplit("-", 1)[0]): path for path in here}
    locked = _locked("locked.txt")
    assert listed.keys() == locked.keys() | vendored.keys() and vendored, "run .ci/lock"
    assert all(listed[name]["version"] == version for name, (version, _) in locked.items()), "run .ci/lock"
    for name, path in vendored.items():
        assert [one["content"] for one in listed[name]["hashes"]] == [hashlib.sha256(path.read_bytes()).hexdigest()]
