"""The page in a browser, as the operator uses it: with a mouse, with a keyboard, on a phone, by night."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import HOSTILE, PAGE, PLAIN, many, tell
from tests.conftest import Lab, Templates

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium or google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser with an empty profile; one for all tests of a worker."""
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=QUIET)
        yield found
        found.close()


class Opened:
    """A page that is open, and all that it complained of or asked for."""

    def __init__(self, browser: Any, path: Path, hash: str = "", **context: Any) -> None:
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.url = path.resolve().as_uri()
        self.page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => console.log(event.violatedDirective))"
        )
        self.page.goto(self.url + hash)

    def texts(self, selector: str) -> list[str]:
        return [" ".join(text.split()) for text in self.page.locator(selector).all_inner_texts()]

    def shows(self, idea: str) -> None:
        """The run of that idea comes to be open."""
        sync_api.expect(self.page.locator("dialog[open] h2")).to_have_text(idea)

    def ideas(self) -> list[str]:
        """The ideas in the table of all runs, from the top."""
        return self.texts("#runs tbody td.words")

    def close(self) -> None:
        self.context.close()
        assert self.said == []
        assert [url for url in self.asked if not url.startswith("data:")] == [self.url]


@pytest.fixture
def night(templates: Templates, tmp_path: Path) -> Lab:
    def write(lab: Lab) -> None:
        tell(lab)
        lab.run("report", "--html")

    return templates.told("a night in a browser", write, tmp_path)


@pytest.fixture
def opened(browser: Any, night: Lab) -> Iterator[Opened]:
    found = Opened(browser, night.path / PAGE)
    yield found
    found.close()


def at_run(opened: Opened, place: int) -> tuple[float, float]:
    """Where a run stands on the screen."""
    found = opened.page.evaluate(
        """(place) => {
            return chart.where(page.rows[place]);
        }""",
        place,
    )
    return found[0], found[1]


def test_it_is_drawn_and_asks_for_nothing(opened: Opened) -> None:
    assert opened.page.locator(".uplot canvas").count() == 1
    drawn = opened.page.evaluate("""() => {
        const canvas = document.querySelector(".uplot canvas");
        const found = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return new Set(new Uint32Array(found.buffer)).size;
    }""")
    assert drawn > 10  # axes, runs and the line in their colours
    assert opened.ideas()[0] == "MATRIX_LR to 0.1" and len(opened.ideas()) == 5


def test_what_a_run_says_stays_text(opened: Opened) -> None:
    assert opened.ideas()[3] == HOSTILE
    opened.page.get_by_role("link", name=HOSTILE).first.click()
    opened.shows(HOSTILE)
    assert opened.texts("dialog .hypothesis") == [PLAIN]
    assert opened.page.title().startswith("val_bpb 1.200000")
    assert opened.page.locator("img, dialog script, dialog b").count() == 0


def test_pointing_at_a_run_tells_its_idea_and_clicking_opens_it(opened: Opened) -> None:
    opened.page.locator("#chart").scroll_into_view_if_needed()
    x, y = at_run(opened, 3)
    opened.page.mouse.move(x, y)
    tip = " ".join(opened.page.locator("#tip").inner_text().split())
    assert tip.startswith("1.200000 champion, keep MATRIX_LR to 0.06 Promote: val_bpb 1.200000")
    opened.page.mouse.move(x + 3, y - 120)
    assert opened.page.locator("#tip").is_hidden()
    x, y = at_run(opened, 2)
    opened.page.mouse.click(x, y)
    opened.shows("DEPTH to 64")
    assert "RuntimeError: CUDA out of memory <i>" in opened.page.locator("dialog .log").inner_text()


@pytest.mark.long
def test_a_run_has_an_address(browser: Any, night: Lab) -> None:
    run = night.memory.runs[3]
    opened = Opened(browser, night.path / PAGE, f"#{run.run_id}")
    opened.shows("MATRIX_LR to 0.06")
    text = opened.page.locator("dialog").inner_text()
    for part in ("git memorylab restore", "git memorylab diff", run.commit, run.writer, "rate", "train.patch"):
        assert part in text, part
    assert opened.texts("dialog .patch .minus") == ["-MATRIX_LR = 0.04"]
    assert opened.texts("dialog .patch mark") == ["0.04", "0.06"]
    heads = opened.texts("dialog thead th")
    assert heads[:3] == ["metric", "this run", f"parent {night.memory.runs[0].commit[:7]}-{heads[2][-4:]}"]
    assert opened.texts("dialog tr.main td") == ["1.2", "1.5", "-0.3"]
    assert opened.texts("dialog tr.main td.good") == ["-0.3"]  # less is better
    opened.page.keyboard.press("Escape")
    opened.page.wait_for_function("location.hash === ''")
    assert opened.page.locator("dialog[open]").count() == 0
    opened.close()


def test_from_run_to_run_by_keyboard(opened: Opened) -> None:
    keys = opened.page.keyboard
    keys.press("/")
    keys.type("matrix")
    assert opened.ideas() == ["MATRIX_LR to 0.1", "MATRIX_LR to 0.06"]
    opened.page.locator("#runs tbody a").first.focus()
    keys.press("ArrowDown")
    keys.press("Enter")
    opened.shows("MATRIX_LR to 0.06")
    keys.press("k")
    opened.shows("MATRIX_LR to 0.1")
    keys.press("Escape")
    opened.page.locator(".u-over").focus()
    for _ in range(3):
        keys.press("ArrowLeft")
    assert "DEPTH to 64" in opened.page.locator("#tip").inner_text()
    keys.press("Enter")
    opened.shows("DEPTH to 64")


def test_filters_and_order(opened: Opened) -> None:
    page = opened.page
    page.get_by_role("button", name="crash").click()
    assert opened.ideas() == ["DEPTH to 64"]
    page.get_by_role("button", name="keep", exact=True).click()
    assert opened.ideas() == ["MATRIX_LR to 0.06", "DEPTH to 64", "baseline"]
    page.get_by_label("family").select_option("rate")
    assert opened.ideas() == ["MATRIX_LR to 0.06"] and opened.texts("#found") == ["1 of 5"]
    page.get_by_label("family").select_option("")
    page.get_by_role("button", name="crash").click()
    page.get_by_role("button", name="keep", exact=True).click()
    page.get_by_role("button", name="val_bpb").click()
    assert opened.texts("#runs tbody td:nth-child(3)") == ["1.200000", "1.210000", "1.500000", "1.600000", ""]
    page.get_by_role("button", name="val_bpb").click()
    assert opened.texts("#runs tbody td:nth-child(3)") == ["1.600000", "1.500000", "1.210000", "1.200000", ""]
    assert opened.texts("#runs td.delta .bad") == ["+0.400000", "+0.300000", "+0.010000"]
    page.get_by_role("searchbox").fill("no such words")
    assert opened.texts("#runs tbody") == ["No run is like that."]


@pytest.mark.long
def test_it_fits_a_phone(browser: Any, night: Lab) -> None:
    opened = Opened(browser, night.path / PAGE, viewport={"width": 360, "height": 740})
    wide = "document.documentElement.scrollWidth"
    assert opened.page.evaluate(wide) == 360
    opened.page.locator("#runs tbody a").nth(3).click()
    assert opened.page.evaluate(wide) == 360
    assert opened.page.evaluate("document.querySelector('dialog').scrollWidth") <= 360
    opened.close()


@pytest.mark.long
def test_by_night_it_is_dark(browser: Any, night: Lab) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        opened = Opened(browser, night.path / PAGE, color_scheme=scheme)
        opened.page.locator("#runs tbody a").nth(1).click()
        colours[scheme] = opened.page.evaluate(CONTRASTS)
        opened.close()
    assert colours["light"]["paper"] > 0.8 and colours["dark"]["paper"] < 0.05
    for scheme, found in colours.items():
        weak = {what: round(ratio, 2) for what, ratio in found["ratios"].items() if ratio < 4.5}
        assert not weak, scheme


# The contrast of every text with what is behind it, by the formula of WCAG 2; the least of each colour.
CONTRASTS = """() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = (colour) => rgba(colour).slice(0, 3).map((value) => value / 255)
        .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
        .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if (rgba(colour)[3] > 250) return colour;
        }
        return getComputedStyle(document.documentElement).backgroundColor;
    };
    const ratios = {};
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const element = walk.currentNode.parentElement;
        if (!walk.currentNode.data.trim() || /^(SCRIPT|STYLE|NOSCRIPT|OPTION)$/.test(element.tagName)) continue;
        if (!element.checkVisibility() || element.closest("button:disabled, svg title")) continue;
        const style = getComputedStyle(element);
        const [text, back] = [element.closest("svg") ? style.fill : style.color, behind(element)];
        const [high, low] = [light(text), light(back)].sort((a, b) => b - a);
        const name = `${element.tagName}.${element.getAttribute("class")} ${text} on ${back}`;
        ratios[name] = (high + 0.05) / (low + 0.05);
    }
    return { paper: light(getComputedStyle(document.documentElement).backgroundColor), ratios };
}"""


@pytest.mark.long
def test_without_scripts_and_in_print_the_first_screen_reads(browser: Any, night: Lab) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((night.path / PAGE).resolve().as_uri())
    shown = {
        "section.champion": "1.200000", ".queue": "promote", ".board": "challenger", ".maps": "0.06 looks best",
    }  # fmt: skip
    for selector, text in shown.items():
        assert text in page.locator(selector).inner_text()
    assert "need JavaScript" in page.locator("body").inner_text()
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator(".top nav").is_hidden() and page.locator(".queue").is_visible()
    context.close()
    opened = Opened(browser, night.path / PAGE, color_scheme="dark")
    opened.page.emulate_media(media="print")
    assert opened.page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    opened.close()


@pytest.mark.long
def test_ten_thousand_runs(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "many.html"
    path.write_bytes(many(10_000))
    opened = Opened(browser, path)
    assert opened.texts("#found") == ["10,000"] and opened.page.locator("#runs tbody tr").count() == 100
    opened.page.get_by_role("button", name="More ›").click()
    assert opened.texts("#pages span") == ["101 to 200 of 10,000"]
    opened.page.get_by_role("searchbox").fill("idea 4321:")
    assert len(opened.ideas()) == 1
    opened.page.locator("#runs tbody a").click()
    assert "a patch" not in opened.page.locator("dialog").inner_text()  # not among those that fit
    opened.close()


@pytest.mark.long
@pytest.mark.parametrize("runs", [0, 1])
def test_few_runs(browser: Any, make_lab: Any, runs: int) -> None:
    lab = make_lab()
    for _ in range(runs):
        lab.experiment("baseline", 1.5)
    lab.run("report", "--html")
    opened = Opened(browser, lab.path / PAGE)
    assert opened.page.locator("#runs tbody tr").count() == runs
    assert opened.page.locator(".uplot").count() == runs
    opened.close()
