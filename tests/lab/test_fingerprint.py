import re
import shutil
from pathlib import Path

from memorylab.lab import fingerprint

LAB = Path(fingerprint.__file__).parent


def test_same_in_another_place_with_other_line_endings(tmp_path):
    here = fingerprint.evaluator("c0ffee")
    for file in LAB.glob("*.py"):
        (tmp_path / file.name).write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "run.pyc").write_bytes(b"compiled")
    assert re.fullmatch(r"[0-9a-f]{16}", here)
    assert fingerprint.evaluator("c0ffee", tmp_path) == here


def test_another_corpus_or_another_line_of_code_changes_it(tmp_path):
    here = fingerprint.evaluator("c0ffee")
    assert fingerprint.evaluator("beef") != here
    copy = shutil.copytree(LAB, tmp_path / "lab")
    (copy / "evaluate.py").write_text((copy / "evaluate.py").read_text().replace("CONTEXT = 128", "CONTEXT = 256"))
    assert fingerprint.evaluator("c0ffee", copy) != here
