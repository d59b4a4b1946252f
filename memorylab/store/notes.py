"""Notes trees: blobs named after the commits they annotate, in whatever layout git or we have left them.

git reads a note flat (all hex digits of the commit's name), as 2/38, 2/2/36 and in any mixture, and rewrites the layout
when it likes. By SHA-256 these are 2/62 and 2/2/60.
"""

from collections.abc import Iterator

from memorylab.store import objects
from memorylab.store.objects import FOLDER, Objects


def read(found: Objects, tip: str) -> Iterator[tuple[str, str]]:
    """(annotated commit, blob) of every note in a tree or a notes commit, by name within each folder. Raises ValueError
    at a folder that is in several places, as no note is: a few such name more paths than can be counted."""
    pending, met = [("", tip)], set[str]()
    while pending:
        prefix, oid = pending.pop()
        for rest, (mode, held) in objects.tree(found, oid).items():
            name = prefix + rest
            if mode == FOLDER:
                if found.form.may_begin(name) and held != found.form.empty_tree:
                    if held in met:
                        raise ValueError(f"{held} is in several places")
                    met.add(held)
                    pending.append((name, held))
            elif found.form.is_id(name):
                yield name, held
