"""The page of ``inspect --html`` in a real browser: Debian's Chromium, without a window."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from small_rock import SETTINGS, small_rock
from surroundings import Rockery, missing

from rockery.layer import Entry, file

EVIL = "<script>document.title='taken'</script>"
PACKAGES = "usr/local/lib/python3.11/dist-packages"
PLAN = f"""\
services:
  web: {{command: /usr/bin/serve, startup: enabled, environment: {{SECRET_KEY: hunter2}}}}
  "{EVIL}": {{command: "<img src='https://example.org/x.png' onerror='document.title=1'>"}}
checks:
  up: {{level: ready, http: {{url: "http://localhost:8000/"}}}}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        missing("chromium", "apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program)
        yield launched
        launched.close()


@dataclass
class Shown:
    """A page that is open, and what the browser had to say or asked for meanwhile."""

    page: Page
    said: list[str]
    asked: list[str]

    @property
    def tops(self) -> list[str]:
        """What the boxes of the map's first level are called."""
        return [
            str(box.get_attribute("aria-label")).rsplit(",", 2)[0]
            for box in self.page.locator("#map .top").all()
        ]

    @property
    def crumbs(self) -> list[str]:
        return self.page.locator("#crumbs > span").all_inner_texts()

    def fits(self) -> bool:
        """Tell whether nothing but tables has to be scrolled sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def rock(folder: Path, name: str, *app: Entry) -> Path:
    base = [
        file("usr/share/rock/pebble/layers/001-hello.yaml", PLAN),
        file(".rock/python-packages.txt", "flask==3.1\nclick==8.5\n"),
        file("var/lib/dpkg/status.d/bash", f"Package: bash\nVersion: 5.2\n\nPackage: {EVIL}\n"),
        file("var/lib/dpkg/status.d/bash.md5sums", f"{'0' * 32}  usr/bin/bash\n"),
        file("usr/bin/bash", b"b" * 400_000),
        file(f"usr/share/{EVIL.replace('/', '|')}", b"x" * 90_000),
    ]
    packages = [
        file(f"{PACKAGES}/{package}/{module}.py", b"p" * size)
        for package, sizes in {"flask": (60_000, 40_000), "click": (50_000, 2_000)}.items()
        for module, size in enumerate(sizes)
    ]
    settings = dataclasses.replace(SETTINGS, annotations={"org.opencontainers.image.title": EVIL})
    layers = {"runtime": base, "Python packages": packages, EVIL: app or (file("srv/app.py", b""),)}
    return small_rock(folder / name, layers, settings)


@pytest.fixture(scope="module")
def written(rockery: Rockery, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of a small rock with hostile names: of it alone, and beside another one."""
    folder = tmp_path_factory.mktemp("pages")
    one = rock(folder, "one.rock")
    other = rock(folder, "other.rock", file("srv/app.py", b"a" * 70_000))
    alone, beside = folder / "alone.html", folder / "beside.html"
    assert rockery("inspect", "--html", alone, one).stdout == f"{alone}\n"
    rockery("inspect", "--html", beside, "--diff", other, one, status=1)
    return {"alone": alone, "beside": beside}


def shown(context: BrowserContext, path: Path) -> Shown:
    page = context.new_page()
    opened = Shown(page, [], [])
    page.on("console", lambda message: opened.said.append(message.text))
    page.on("pageerror", lambda error: opened.said.append(str(error)))
    page.on("request", lambda request: opened.asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("#map .box")
    return opened


@pytest.fixture
def opened(
    browser: Browser, written: dict[str, Path], request: pytest.FixtureRequest
) -> Iterator[Shown]:
    """The page, as the test's parameters want to see it; nothing may be said or asked for."""
    options: dict[str, Any] = {"reduced_motion": "reduce", **getattr(request, "param", {})}
    path = written[options.pop("page", "alone")]
    context = browser.new_context(**options)
    made = shown(context, path)
    yield made
    assert made.said == [], "the console stays empty"
    assert made.asked == [path.as_uri()], "nothing but the page itself is asked for"
    assert "taken" not in made.page.title()
    context.close()


def test_the_map_opens_layer_by_layer_and_goes_back(opened: Shown) -> None:
    page = opened.page
    assert opened.tops == ["runtime", "Python packages"]
    assert opened.crumbs == ["one"]
    page.locator("#map .top").nth(1).click(position={"x": 12, "y": 8})
    assert opened.tops == ["flask", "click"]
    assert opened.crumbs == ["one", "Python packages"]
    row = page.locator("#parts tbody tr").first
    assert row.inner_text().split() == ["flask", "2", "100.0", "kB", "65.8", "%"]
    page.locator("#map .top").first.click(position={"x": 12, "y": 8})
    assert opened.tops == [f"/{PACKAGES}/flask/{module}.py" for module in range(2)]
    page.reload()
    page.wait_for_selector("#map .box")
    assert opened.crumbs == ["one", "Python packages", "flask"], "the address names the place"
    opened.asked.pop()
    page.go_back()
    assert opened.crumbs == ["one", "Python packages"]
    page.locator("#crumbs button").first.click()
    assert opened.tops == ["runtime", "Python packages"]


def test_a_file_is_told_under_the_pointer(opened: Shown) -> None:
    opened.page.locator("#map .file").first.hover()
    name, size, place = opened.page.locator("#tip").inner_text().splitlines()
    assert name == "/usr/bin/bash"
    assert size.startswith("400.0 kB, ")
    assert place.split()[1::2] == ["runtime", "bash"]
    opened.page.locator("h1").hover()
    assert opened.page.locator("#tip").is_hidden()


def test_the_keyboard_reaches_everything(opened: Shown) -> None:
    page = opened.page
    page.locator("#map .top").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Python")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('#crumbs > span').length === 2")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("flask")
    page.keyboard.press("Escape")
    page.wait_for_function("document.querySelectorAll('#crumbs > span').length === 1")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Python")
    page.locator("#parts button", has_text="runtime").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('#crumbs > span').length === 2")
    assert opened.crumbs == ["one", "runtime"]
    assert page.evaluate("document.activeElement !== document.body"), "the focus isn't lost"


def test_packages_are_filtered_and_sorted(opened: Shown) -> None:
    page, rows = opened.page, opened.page.locator("#package-table tbody tr:visible")
    assert rows.count() == 4
    page.get_by_role("button", name="size").click()
    assert [row.split("\t")[0] for row in rows.all_inner_texts()][:2] == ["bash", "flask"]
    page.locator("#filter").fill("python fl")
    assert [row.split("\t")[:2] for row in rows.all_inner_texts()] == [["flask", "3.1"]]
    assert page.locator("#filtered").inner_text() == "1 of 4"


def test_what_a_rock_calls_things_is_text(opened: Shown) -> None:
    page = opened.page
    assert page.locator("#services h3").all_inner_texts() == ["web", EVIL, "Checks", "up"]
    assert page.locator("img").count() == 0
    assert page.locator("#packages tbody th", has_text=EVIL).count() == 1
    assert page.locator("#layers tbody th", has_text=EVIL).count() >= 1
    assert page.locator("#image dd", has_text=EVIL).count() == 1
    page.locator("#parts button", has_text="runtime").click()
    page.locator("#parts button", has_text="/usr").click()
    name = f"/usr/share/{EVIL.replace('/', '|')}"
    assert page.locator("#parts tbody th").first.inner_text() == name
    box = page.locator("#map .top").first
    assert box.locator("b").inner_text() == name.rpartition("/")[2]
    box.hover()
    assert page.locator("#tip b").inner_text() == name
    assert "hunter2" not in page.content()


@pytest.mark.parametrize(
    "opened",
    [
        {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
        for scheme, width in (("light", 1280), ("dark", 1280), ("dark", 360))
    ],
    indirect=True,
    ids=["light", "dark", "narrow"],
)
def test_it_is_readable_light_and_dark_wide_and_narrow(opened: Shown) -> None:
    assert opened.fits()
    contrast = opened.page.evaluate(CONTRAST)
    assert contrast
    assert min(contrast.values()) >= 4.5, contrast
    assert opened.page.locator("#map .top").first.is_visible()


@pytest.mark.parametrize("opened", [{"viewport": {"width": 700, "height": 900}}], indirect=True)
def test_printed_nothing_is_cut_off(opened: Shown) -> None:
    opened.page.emulate_media(media="print")
    assert opened.fits()
    assert opened.page.locator("#map .top").first.is_visible()
    assert opened.page.evaluate(
        "[...document.querySelectorAll('.scroll')]"
        ".every((one) => one.scrollHeight <= one.clientHeight + 1)"
    )
    assert opened.page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("opened", [{"page": "beside"}], indirect=True)
def test_differences(opened: Shown) -> None:
    section = opened.page.locator("#differences")
    assert section.is_visible()
    (row,) = (
        section.get_by_role("region", name="Layers of another size")
        .locator("tbody tr")
        .all_inner_texts()
    )
    name, *sizes = row.split("\t")
    assert name == EVIL
    assert sizes[2].startswith("+")
    assert "content (0 bytes, 70000 bytes)" in section.inner_text()


@pytest.mark.network
def test_a_real_rock(browser: Browser, rockery: Rockery, packed: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    rockery("inspect", "--html", path, packed("flask-hello"))
    context = browser.new_context(reduced_motion="reduce")
    made = shown(context, path)
    assert "runtime of debian@12" in made.tops
    assert made.page.locator("#services h3").all_inner_texts()[:2] == ["flask", "statsd-exporter"]
    made.page.locator("#map .top").first.click(position={"x": 20, "y": 8})
    assert "libc6" in made.tops
    assert (made.said, made.asked) == ([], [path.as_uri()])
    assert path.stat().st_size < 300_000
    context.close()


#: Contrast of every kind of text with what lies behind it, as WCAG 2 computes it.
CONTRAST = """() => {
  const paint = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (colour) => {
    paint.clearRect(0, 0, 1, 1); paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => rgb(colour).slice(0, 3)
    .map((one) => one / 255)
    .map((one) => one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, n) => sum + one * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (rgb(colour)[3] === 255) return colour;
    }
  };
  const found = {};
  for (const selector of ['h1', 'dt', 'nav a', '.lead', 'caption', 'td', 'thead th', 'footer p',
                          '#parts button', '.box b', '.box.frame b', '.box.inner b', 'code']) {
    for (const element of document.querySelectorAll(selector)) {
      const [one, other] = [light(getComputedStyle(element).color), light(behind(element))];
      const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      found[selector] = Math.min(found[selector] ?? 99, ratio);
    }
  }
  return found;
}"""
