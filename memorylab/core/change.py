"""What a commit did to the subject: the constants it set, and an identity for the change itself.

In real histories a repeated idea hardly ever repeats the whole file, because the base has moved; it repeats the change.
So the identity is a hash over the set of statements that the change adds, each in a normal form taken from the syntax
tree: no comments, no layout, no docstrings, one notation for a number. It does not depend on the base otherwise.

Of TOML and JSON every value is a constant, by its dotted name; layout, comments and order count as little. Any other
language is compared by its lines, of which white space is folded: it has a fingerprint, and no constants.
"""

import ast
import copy
import hashlib
import math
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from memorylab.core.record import Change, Knob
from memorylab.core.text import utf8

MAX_SOURCE = (
    100_000  # characters, some two seconds at worst; a longer subject is compared by its lines (upstream has 26,000)
)
MAX_VALUE = 500  # characters of a knob's value that are kept; beyond, a hash stands for the rest
MAX_KNOBS = 200
MAX_BITS = 256  # of a folded integer: 2**15 is worth folding, 9**9**9 is not
_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")
_DIGITS = 32  # of the fingerprint: 128 bits
_NAME = 80  # characters of a function's name in a scope, which stands before each of its statements


class _Program(Struct, frozen=True):
    """A subject, read. `units` counts its statements, `order` is those whose order matters, `knobs` its constants,
    `settings` other names that are set in one place only, to a literal: fields of a configuration, `softcap = 15`."""

    units: Counter[str]
    order: list[str]
    knobs: dict[str, str]
    settings: dict[str, str] = {}


def read_change(old: str | None, new: str | None, subject: str, blob: str | None = None, dirty: bool = False) -> Change:
    """The change from one text of the subject to another; None means that there is no such file.

    A file that was not there before sets no knobs: it is where they start (`constants`). `subject` is its
    path, whose suffix tells the language; what cannot be parsed is compared by its lines. Never raises.
    """
    before, after = _parsed(old, subject), _parsed(new, subject)
    if before is None or after is None:
        before, after = _lines(old), _lines(new)
    knobs = {
        name: Knob(old=before.knobs.get(name), new=after.knobs.get(name))
        for name in sorted(before.knobs.keys() | after.knobs.keys())
        if old is not None and before.knobs.get(name) != after.knobs.get(name)
    } | {
        name: Knob(old=before.settings[name], new=after.settings[name])
        for name in sorted(before.settings.keys() & after.settings.keys())
        if before.settings[name] != after.settings[name]
    }
    return Change(
        subject=subject[:1_000],
        blob=blob,
        fingerprint=_fingerprint(before, after),
        knobs=dict(list(knobs.items())[:MAX_KNOBS]),
        statements=_others(before, after, knobs),
        dirty=dirty,
    )


def _others(before: _Program, after: _Program, knobs: Mapping[str, Knob]) -> int:
    """How many statements the change adds besides the knobs; if it only removes, how many it removes."""
    added, removed = after.units - before.units, before.units - after.units
    changed = added or removed
    set_here = sum((knob.new if added else knob.old) is not None for knob in knobs.values())
    return max(0, changed.total() - set_here)


def constants(text: str, subject: str) -> dict[str, str]:
    """The top-level constants of a subject with their values in normal form; none if it cannot be parsed."""
    program = _parsed(text, subject)
    return {} if program is None else program.knobs


def describe(change: Change) -> str:
    """The change in one line, such as `DEPTH 8 → 9, MATRIX_LR 0.04 → 0.06`."""
    parts = []
    for name, knob in list(change.knobs.items())[:6]:
        if knob.old is None:
            parts.append(f"{name} = {knob.new} (new)")
        elif knob.new is None:
            parts.append(f"{name} removed (was {knob.old})")
        else:
            parts.append(f"{name} {knob.old} → {knob.new}")
    if len(change.knobs) > 6:
        parts.append(f"and {len(change.knobs) - 6} more")
    if not parts:
        parts = ["no effective change" if change.fingerprint is None else f"statements of {change.subject}"]
    return ", ".join(parts) + (" (uncommitted)" if change.dirty else "")


def _fingerprint(before: _Program, after: _Program) -> str | None:
    added, removed = after.units - before.units, before.units - after.units
    if added:
        kind, statements = "added", sorted(added)
    elif removed:
        kind, statements = "removed", sorted(removed)
    elif before.order != after.order:
        kind, statements = "moved", list(_moved(before.order, after.order))
    else:
        return None
    text = "\0".join([kind, *statements])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _moved(before: list[str], after: list[str]) -> Iterator[str]:
    """The stretch of `after` between the common beginning and the common end. Linear, where a true diff is not."""
    start, end = 0, len(after)
    while start < end and before[start] == after[start]:
        start += 1
    while end > start and before[end - 1] == after[end - 1]:
        end -= 1
    yield from after[start:end]


def _lines(text: str | None) -> _Program:
    lines = [" ".join(line.split()) for line in (text or "").splitlines()]
    lines = [line for line in lines if line]
    return _Program(Counter(lines), lines, {})


def _parsed(text: str | None, subject: str) -> _Program | None:
    """The subject, None if its language is not known here or it cannot be read."""
    text = text or ""
    _, dot, suffix = subject.rpartition("/")[2].rpartition(".")
    if len(text) > MAX_SOURCE:
        return None
    if suffix in ("toml", "json"):
        return _data(text, suffix)
    return _python(text) if suffix == "py" or not dot else None


def _data(text: str, suffix: str) -> _Program | None:
    """A file of names and values, each a constant."""
    try:
        if suffix == "toml":
            import tomllib

            found = tomllib.loads(text)
        else:
            import json

            found = json.loads(text or "{}")
        if not isinstance(found, dict):
            return None
        leaves = [(name, ast.unparse(_Normal().visit(ast.Constant(value)))) for name, value in _leaves(found, "")]
    except (ValueError, RecursionError):
        return None
    return _Program(
        Counter(f"{name} = {value}" for name, value in leaves), [], {name: _short(value) for name, value in leaves}
    )


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """What is not nested, by its dotted name; a list is one value, unless there is something nested in it."""
    items: Iterable[tuple[Any, Any]]
    # JSON can name what is no text; a long name would stand before each of the many that may be in it.
    name = _short(utf8(name))
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        items = enumerate(value)
    else:
        yield name, tuple(value) if isinstance(value, list) else value
        return
    for key, one in items:
        yield from _leaves(one, f"{name}.{key}" if name else str(key))


def _python(text: str) -> _Program | None:
    """The program, None if it is not Python that can be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the agent's code: an invalid escape, a comparison by "is"
            tree = _Normal().visit(ast.parse(text))
        knobs: dict[str, str] = {}
        units: list[str] = []
        order: list[str] = []
        for scope, statement, node in _units(tree.body, ""):
            units.append(scope + statement)
            name = "" if scope else _constant(node)
            if name:
                knobs[name] = _short(ast.unparse(node.value))
            # Imports and literal constants may stand in any order.
            literal = name and isinstance(node.value, ast.Constant | ast.Tuple)
            if not literal and not isinstance(node, ast.Import | ast.ImportFrom):
                order.append(scope + statement)
        return _Program(Counter(units), order, knobs, _settings(tree, knobs))
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def _constant(node: ast.AST) -> str:
    """The name of the constant that a statement sets, empty if it sets none."""
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    return target.id if isinstance(target, ast.Name) and target.id.isupper() else ""


def _settings(tree: ast.AST, knobs: Mapping[str, str]) -> dict[str, str]:
    """The names besides the knobs that the whole program sets once, and to a literal."""
    times: Counter[str] = Counter()
    values: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            times[node.id] += 1
        target: ast.AST | None = node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant | ast.Tuple) and _is_literal(value):
            values[target.id] = _short(ast.unparse(value))
    return {name: value for name, value in values.items() if times[name] == 1 and name not in knobs}


def _is_literal(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) or isinstance(node, ast.Tuple) and all(map(_is_literal, node.elts))


def _short(value: str) -> str:
    if len(value) <= MAX_VALUE:
        return value
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return f"{value[:MAX_VALUE]}… {digest}"


def _units(body: Iterable[Any], scope: str) -> Iterator[tuple[str, str, Any]]:
    """Simple statements and the headers of compound ones: the blocks that each stands in, its text, its node.

    A scope names a block by its kind, or its name where it has one, never by its condition: an edited condition does
    not add the statements under it.
    """
    for node in body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring, an ellipsis: without effect
        if isinstance(node, ast.Pass):
            continue
        for simple in _assignments(node) if not scope else [node]:
            blocks = [
                (name, getattr(simple, name)) for name in _BLOCKS if isinstance(getattr(simple, name, None), list)
            ]
            header = copy.copy(simple)
            for name, _ in blocks:
                setattr(header, name, [])
            yield scope, ast.unparse(header), simple
            kind = (getattr(simple, "name", None) or type(simple).__name__)[:_NAME]
            for name, block in blocks:
                yield from _units(block, _short(f"{scope}{kind}.{name}|"))


def _assignments(node: ast.AST) -> list[ast.AST]:
    """A top-level assignment as one for each name: `A: int = 1`, `A = B = 1` and `A, B = 1, 2` are constants too."""
    if isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
        return [_assign(node.target, node.value)]
    if not isinstance(node, ast.Assign):
        return [node]
    simple: list[ast.AST] = []
    for target in node.targets:
        if isinstance(target, ast.Name):
            simple.append(_assign(target, node.value))
        elif (
            isinstance(target, ast.Tuple)
            and isinstance(node.value, ast.Tuple)
            and len(target.elts) == len(node.value.elts)
            and all(isinstance(t, ast.Name) and t.id.isupper() for t in target.elts)
        ):
            simple += [_assign(t, v) for t, v in zip(target.elts, node.value.elts, strict=True)]
        else:
            return [node]
    return simple


def _assign(target: ast.expr, value: ast.expr) -> ast.Assign:
    return ast.copy_location(ast.Assign([target], value), value)


class _Normal(ast.NodeTransformer):
    """One notation for a number, arithmetic on constants done, string prefixes dropped."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        value = node.value
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        return ast.copy_location(ast.Constant(value), node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        # Python 3.12 writes an f-string otherwise than 3.11, and 3.11 cannot write each that it reads.
        self.generic_visit(node)
        parts = [
            ast.Tuple([part.value, part.format_spec or ast.Constant(""), ast.Constant(part.conversion)], ast.Load())
            if isinstance(part, ast.FormattedValue)
            else part
            for part in node.values
        ]
        return ast.copy_location(ast.Call(ast.Name("fstring", ast.Load()), parts, []), node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        value = _real(node.operand)
        if value is None or not isinstance(node.op, ast.USub | ast.UAdd):
            return node
        return ast.copy_location(ast.Constant(-value if isinstance(node.op, ast.USub) else value), node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        left, right = _real(node.left), _real(node.right)
        folded = None if left is None or right is None else _fold(left, node.op, right)
        return node if folded is None else self.visit_Constant(ast.copy_location(ast.Constant(folded), node))


def _real(node: ast.AST) -> int | float | None:
    number = isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)
    return node.value if number else None  # type: ignore[attr-defined]


def _fold(left: int | float, operator: ast.operator, right: int | float) -> int | float | None:
    """The value, None where it would be too large, undefined or not real."""
    whole = isinstance(left, int) and isinstance(right, int)
    if whole and max(left.bit_length(), right.bit_length()) > MAX_BITS:  # type: ignore[union-attr]
        return None
    try:
        match operator:
            case ast.Add():
                value = left + right
            case ast.Sub():
                value = left - right
            case ast.Mult():
                value = left * right
            case ast.Div():
                value = left / right
            case ast.FloorDiv():
                value = left // right
            case ast.Mod():
                value = left % right
            case ast.Pow():
                if whole and max(1, left.bit_length()) * abs(right) > MAX_BITS:  # type: ignore[union-attr]
                    return None
                value = left**right
            case ast.LShift() if whole and 0 <= right <= MAX_BITS:
                value = left << right  # type: ignore[operator]
            case _:
                return None
    except (ArithmeticError, ValueError, TypeError):
        return None
    return value if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)) else None
