"""Plain text: what is safe to store on one line, and to show in a terminal or a Markdown table."""

import math
import re
import unicodedata
from collections.abc import Iterable

# Underscores inside words and a ">" after an escaped "<" mean nothing: MATRIX_LR 0.04 -> 0.06 stays legible.
_MARKDOWN = re.compile(r"([\\`*\[\]<|]|(?<!\w)_|_(?!\w)|~(?=~)|:(?=//)|(?<=\bwww)\.|^(?:[#>=]|[+-](?=[\s-]|$)))")
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
_FORMULA = re.compile(r"'*[=+\-@]")  # at the beginning of a cell, as spreadsheets take it

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_FEW, _MANY = 0.01, 100  # sizes of a metric between which six decimals show it
_LEAST, _MOST = 1e-9, 1e15  # beyond, an exponent does

_RUN_ID = re.compile(r"\d{8}T\d{6}Z-([0-9a-f]{7}-[0-9a-f]{4})[0-9a-f]{12}")


_NO_NAME = re.compile(r"""[/\\:*?"<>|]|^[. ~-]|[. ]$""")
_DEVICE = re.compile(r"con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\xb9\xb2\xb3]")
_LONGEST_NAME = 200  # bytes; file systems take 255, and a temporary name is longer


def inline(text: str) -> str:
    """One line of printable text: white space folded, control, format and surrogate characters replaced.

    Bidirectional overrides and zero-width characters are of category Cf, terminal escapes of Cc, undecodable bytes
    of Cs: none of them survives, so what is stored can be printed anywhere.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = "".join(
        " " if c.isspace() else "\ufffd" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in text
    )
    return " ".join(kept.split())


def utf8(text: str) -> str:
    """Text as JSON can hold it: bytes of file names and arguments that are no text are replaced."""
    return text.encode("utf-8", "replace").decode()


def block(text: str) -> str:
    """Several lines of printable text, each made safe as by `inline` with its leading white space kept."""
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        body = line.lstrip(" \t")
        lines.append(line[: len(line) - len(body)] + inline(body))
    return "\n".join(lines)


def verbatim(text: str) -> str:
    """Lines with all their white space, as code and logs need it; what is not printable is replaced as by `inline`."""
    return "\n".join(
        line if line.isprintable()
        else "".join("\ufffd" if c != "\t" and unicodedata.category(c) in _UNSEEN else c for c in line)
        for line in text.replace("\r\n", "\n").split("\n")
    )  # fmt: skip


def escaped(json: str) -> str:
    """JSON that says the same in printable characters: no terminal is moved or turned around by it."""
    return json if json.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in json)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def quoted(text: str) -> str:
    """A cell of a table that no spreadsheet takes for a formula: with "'" before it, if it would. `unquoted` undoes
    that."""
    return f"'{text}" if _FORMULA.match(text) else text


def unquoted(text: str) -> str:
    """What a cell said before `quoted`."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def file_names(names: Iterable[str]) -> list[str]:
    """Those of some names that are safe for files beside each other in one folder, on every system: none leads out of
    it, is hidden, is a device, ends as a folder of Windows cannot, or is another one where case does not count."""
    safe: dict[str, str] = {}
    for name in names:
        stem = name.partition(".")[0].rstrip().lower()
        if (
            name.isprintable() and 0 < len(name.encode("utf-8", "replace")) <= _LONGEST_NAME
            and not _NO_NAME.search(name) and not _DEVICE.fullmatch(stem)
        ):  # fmt: skip
            safe.setdefault(unicodedata.normalize("NFKC", name).casefold(), name)
    return list(safe.values())


def cell(text: str) -> str:
    """Text as it may stand in a Markdown table or list: Markdown's and HTML's own characters are escaped."""
    return _NUMBERED.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\1", inline(text).replace("&", "&amp;")))


def code(text: str) -> str:
    """Text as a Markdown code span, "-" if there is none. Nothing can be escaped in one, so its marks are replaced."""
    clean = inline(text).replace("`", "'").replace("|", "/")
    return f"`{clean}`" if clean else "-"


def count(number: int, noun: str) -> str:
    """A number of things: "1 run", "2 runs"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shorten(text: str, width: int) -> str:
    """At most `width` characters, cut at the end with an ellipsis."""
    return text if len(text) <= width else text[: max(0, width - 1)].rstrip() + "…"


def short_id(run_id: str) -> str:
    """What is enough of a run id to name the run: short commit and the first of the random bits, as in 4af2a7c-1e16.
    Any other kind of id is left whole."""
    found = _RUN_ID.fullmatch(run_id)
    return found[1] if found else run_id


def tags(text: str) -> list[str]:
    """Comma-separated tags as lower-case words, each once, in the order given."""
    found = (re.sub(r"[^\w-]+", "-", part.strip().lower()).strip("-") for part in inline(text).split(","))
    return list(dict.fromkeys(tag for tag in found if tag))


def number(value: float | int | None, scale: float | int | None = None, sign: str = "") -> str:
    """A metric as people read it, "-" where there is none: six decimals as upstream prints val_bpb. What six would cut
    off has seven digits, what they would pad none that say nothing, so that counts are counts.

    `scale` is what a difference is of, and says how many decimals it has; `sign` is "+" for one with its sign.
    """
    if value is None:
        return "-"
    size = abs(scale if scale else value)
    if size == 0 or _FEW <= size < _MANY:
        return f"{value:{sign}.6f}"
    if not _LEAST <= size < _MOST:
        return f"{value:{sign}.7g}"
    shown = f"{value:{sign}.{max(0, 6 - math.floor(math.log10(size)))}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def rough(value: float, digits: int = 2, sign: str = "") -> str:
    """A figure that is not known to more than so many significant digits, as noise and effects are; of a large one the
    whole number, for what a metric of thousands gained is no matter of exponents."""
    shown = f"{value:{sign}.{digits}g}"
    return f"{float(shown):{sign}.0f}" if "e+" in shown and abs(value) < _MOST else shown


def effect(value: float, error: float, digits: int = 2) -> str:
    """A difference with its standard deviation, which has one digit less: `-0.0028±0.001`."""
    return f"{rough(value, digits, '+')}±{rough(error, digits - 1)}"


def figure(value: float | int | None) -> str:
    """A metric besides the lab's own, "-" where there is none: whole, or to six digits."""
    return "-" if value is None else str(value) if isinstance(value, int) else rough(value, 6)
