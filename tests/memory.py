"""The memory, read whole and straight from git: what tests compare with what the index tells."""

import msgspec

from memorylab import index
from memorylab.commands.session import Session
from memorylab.core.record import (
    Amend,
    Claim,
    Plan,
    Record,
    Rewrite,
    Run,
    Unreadable,
    amended,
    decode,
    same_but_for_writer,
    to_json,
)
from memorylab.errors import NotFound
from memorylab.store.objects import FILE, FOLDER
from memorylab.store.pack import Pack
from memorylab.store.refs import Entry
from memorylab.store.repo import Store


class Memory(msgspec.Struct, frozen=True):
    """Everything that is known, at one moment.

    `runs` is in the order of the views (time, writer, sequence; imported rows without a time first), amendments
    applied; `lines` holds the canonical line of each, `anchors` the commit that each is a note on; `plans` is
    by commit.
    """

    runs: tuple[Run, ...] = ()
    lines: dict[str, bytes] = {}
    anchors: dict[str, str] = {}
    plans: dict[str, Plan] = {}
    rewrites: tuple[Rewrite, ...] = ()
    claims: tuple[Claim, ...] = ()
    unreadable: tuple[tuple[str, Unreadable], ...] = ()

    def find(self, name: str) -> Run:
        """The run that a run id, a unique part of one, or a commit (the latest run on it) names. Raises NotFound."""
        wanted = name.strip()
        exact = [run for run in self.runs if run.run_id == wanted]
        on_commit = [run for run in self.runs if len(wanted) >= 4 and run.commit.startswith(wanted)]
        partly = [run for run in self.runs if len(wanted) >= 4 and wanted in run.run_id]
        for found in (exact, on_commit[-1:], partly):
            if len(found) == 1:
                return found[0]
        if partly:
            raise NotFound(f"{wanted!r} is part of {len(partly)} run ids.", "Give more of it.")
        raise NotFound(f"No run is called {wanted!r}.", "`git memorylab status` names the latest ones.")


def read(store: Store) -> Memory:
    """The union of all ledgers. Lines that cannot be read are kept where they are and counted here."""
    records: dict[str, tuple[Record, bytes, str]] = {}
    unreadable: dict[bytes, tuple[str, Unreadable]] = {}
    for entry in store.entries():
        record = decode(entry.line)
        if not isinstance(record, Unreadable) and record.writer != entry.writer:
            record = Unreadable(entry.line, f"it says it is by {record.writer}")
        if isinstance(record, Unreadable):
            # The same line may stand in several ledgers, on several commits; no order of reading must decide.
            unreadable[entry.line] = (min(entry.writer, unreadable.get(entry.line, (entry.writer,))[0]), record)
            continue
        known = records.get(record.id)
        if known is not None and known[1] == entry.line:
            records[record.id] = (record, entry.line, min(known[2], entry.anchor))
            continue
        # Two records of one id can only be a mistake or an attack; every clone must settle on the same one.
        if known is not None:
            if same_but_for_writer(known[0], record):
                # A writer who had to part from a namesake has written it anew.
                if known[1] < entry.line:
                    continue
                records[record.id] = (record, entry.line, entry.anchor)
                continue
            loser = max(known[1], entry.line)
            unreadable[loser] = (entry.writer, Unreadable(loser, f"another record has its id {record.id}"))
            if loser == entry.line:
                continue
        records[record.id] = (record, entry.line, entry.anchor)
    return _memory(records, tuple(unreadable[line] for line in sorted(unreadable)))


def _order(record: Record) -> tuple[str, str, int, str]:
    # A writer that forked has two records of one number: their ids keep equal ledgers in one order.
    return record.timestamp_utc or "", record.writer, record.seq, record.id


def _memory(records: dict[str, tuple[Record, bytes, str]], unreadable: tuple[tuple[str, Unreadable], ...]) -> Memory:
    runs: dict[str, Run] = {}
    lines: dict[str, bytes] = {}
    anchors = {}
    plans: dict[str, Plan] = {}
    rewrites = []
    claims = []
    ordered = sorted(records.values(), key=lambda item: _order(item[0]))
    for record, line, anchor in ordered:
        anchors[record.id] = anchor
        if isinstance(record, Run):
            runs[record.run_id] = record
            lines[record.run_id] = line
        elif isinstance(record, Plan):
            plans[record.commit] = record
        elif isinstance(record, Rewrite):
            rewrites.append(record)
        elif isinstance(record, Claim):
            claims.append(record)
    for record, _, _ in ordered:
        if isinstance(record, Amend) and record.run_id in runs:
            runs[record.run_id] = amended(runs[record.run_id], record)
            lines[record.run_id] = to_json(runs[record.run_id])
    return Memory(tuple(runs.values()), lines, anchors, plans, tuple(rewrites), tuple(claims), unreadable)


def entries(store: Store) -> list[Entry]:
    """Every line of every ledger, as the index has it, brought up to date. Of one that is no record that is
    its digest, for which it is taken from git."""
    recall = Session(place=store.place).recall
    database = recall._database
    said = {index._digest(*one): one.line for one in store.entries()}
    rows = database.execute("SELECT writer, anchor, digest, CASE WHEN packed != x'' THEN line(packed) END FROM entries")
    found = [Entry(writer, anchor, said.get(key, key) if line is None else line) for writer, anchor, key, line in rows]
    return found + list(store.entries_of(index.lacking(database)))


def laid_out(pack: Pack, found: dict[str, tuple[int, bytes]]) -> str:
    """A notes tree, (commit: depth, content), with each note as many folders deep as it says."""
    root: dict = {}
    for commit, (depth, content) in found.items():
        at = root
        for level in range(depth):
            at = at.setdefault(commit[2 * level : 2 * level + 2], {})
        at[commit[2 * depth :]] = content

    def write(node: dict) -> str:
        made = {
            name: (FOLDER, write(child)) if isinstance(child, dict) else (FILE, pack.blob(child))
            for name, child in node.items()
        }
        return pack.tree(made)

    return write(root)
