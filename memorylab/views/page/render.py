"""The page's values -> one file of HTML. Its scripts and styles are allowed by their hashes and nothing else is, so
that what a record says cannot run, load or send anything, whatever it is."""

import base64
import hashlib
from pathlib import Path

from memorylab.views.page import maps
from memorylab.views.page.data import Page

HERE = Path(__file__).parent
UPLOT = HERE.parent.parent / "_vendor" / "uplot-1.6.32"
STYLES = (UPLOT / "uPlot.min.css", HERE / "page.css")
OURS = ("page.js", "table.js", "chart.js", "patch.js", "run.js")
SCRIPTS = (UPLOT / "uPlot.iife.min.js", *(HERE / name for name in OURS))
# Where JSON stands in HTML: nothing in it may end the element or begin a comment. JSON has these in strings only.
_ESCAPES = {one.encode(): f"\\u{ord(one):04x}".encode() for one in "<>&\u2028\u2029"}


def render(page: Page) -> bytes:
    """The page. The same values give the same bytes."""
    # Jinja takes longer to be imported than a check takes, and only this needs it.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    styles, scripts = ([path.read_text(encoding="utf-8") for path in paths] for paths in (STYLES, SCRIPTS))
    data = {"head": page.head, "rows": page.rows}
    data |= {f"d{at}": found for at, found in enumerate(page.bundles)}
    data |= {f"t{at}": found for at, found in page.texts}
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html.j2").render(
        page=page, policy=policy(styles, scripts), styles=[Markup(text) for text in styles],
        scripts=[Markup(text) for text in scripts], width=maps.WIDTH, height=maps.HEIGHT,
        data=[(name, Markup(embedded(found))) for name, found in data.items()],
    ).encode()  # fmt: skip


def policy(styles: list[str], scripts: list[str]) -> str:
    """What the page may do."""
    return "; ".join((
        "default-src 'none'", f"script-src {' '.join(map(_hash, scripts))}",
        f"style-src {' '.join(map(_hash, styles))}", "img-src data:", "connect-src 'none'", "base-uri 'none'",
        "form-action 'none'",
    ))  # fmt: skip


def embedded(json: bytes) -> str:
    """JSON as it may stand in a script element."""
    for raw, escaped in _ESCAPES.items():
        json = json.replace(raw, escaped)
    return json.decode()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
