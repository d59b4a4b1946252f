"""Objects by the git program, for repositories that libgit2 cannot open."""

from memorylab.store import git
from memorylab.store.git import Place
from memorylab.store.reader import Reader, all_here


class Plumbing:
    """The objects of one repository."""

    def __init__(self, place: Place, reader: Reader) -> None:
        self.form = place.form
        self._place = place
        self._reader = Reader(place, fetches=False) if git.is_partial(place) else reader

    def read(self, oid: str) -> tuple[str, bytes]:
        found = self._reader.read(oid) if self.form.is_id(oid) else None
        if found is None:
            raise KeyError(oid)
        kind, content = found
        # git takes what it has packed at its word.
        if self.form.object_id(kind, content) != oid:
            raise ValueError(f"{oid} is damaged")
        return kind, content

    def __contains__(self, oid: str) -> bool:
        return self.form.is_id(oid) and self._reader.kind(oid) is not None

    def missing(self, oids: list[str]) -> list[str]:
        # Asked for one that is missing, an older git fetches it, or ends: all that are here are listed instead.
        here = all_here(self._place)
        return [oid for oid in oids if oid not in here]

    def descends(self, tip: str, earlier: str) -> bool:
        if tip not in self or earlier not in self:
            raise KeyError(tip if tip not in self else earlier)
        return tip != earlier and git.succeeds(self._place, "merge-base", "--is-ancestor", "--", earlier, tip)
