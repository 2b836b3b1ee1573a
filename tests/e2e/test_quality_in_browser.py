"""The data-quality pages in a real browser: no overflow, no complaint, nothing fetched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Request, sync_playwright

from features.quality.assess import quality
from features.quality.files import write_report
from tests.features.quality_world import SNAPSHOT, ago, bought, world

pytestmark = pytest.mark.e2e

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_OPEN_ALL = "document.querySelectorAll('details').forEach(part => { part.open = true })"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = next((path for path in map(shutil.which, _NAMES) if path), None)
    if executable is None:
        pytest.skip(f"no browser: none of {', '.join(_NAMES)} is installed")
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu"]  # containers run as root
        launched = playwright.chromium.launch(executable_path=executable, args=flags)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with long ids and names, large sums, and every kind of list."""
    folder = tmp_path_factory.mktemp("pages")
    long = "W" * 60
    spike = bought(long, (200, 1e7), (150, 5e6), (100, 1.5e7), (50, 1e7), (20, 9e8))
    orders = [*spike, *bought("silent", (500, 1e10)), *bought("gone", (3, 1.0))]
    orders += [{"customer_id": "", "order_id": long, "occurred_at": ago(1)}]
    people = [
        {"customer_id": long, "name": "某某某某某某某某某某某某某某有限责任公司", "owner": None},
        {"customer_id": "silent", "name": "<b>bold</b>", "owner": long},
    ]
    opened = world(folder / "s", orders=orders, customers=people)
    write_report(quality(opened, SNAPSHOT, folder=folder / "s"), folder)
    return folder


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("opened", [False, True])
def test_the_page_fits_and_is_quiet(
    browser: Browser, pages: Path, language: str, width: int, opened: bool
) -> None:
    complaints: list[str] = []
    elsewhere: list[str] = []
    address = (pages / f"quality.{language}.html").as_uri()

    def on_request(sent: Request) -> None:
        if sent.url != address and not sent.url.startswith("data:"):
            elsewhere.append(sent.url)

    page = browser.new_page(viewport={"width": width, "height": 900})
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", on_request)
    page.goto(address)
    if opened:
        page.evaluate(_OPEN_ALL)
    assert page.evaluate(_OVERFLOW) <= 0
    assert page.locator("h1").inner_text() == "test"
    page.close()
    assert (complaints, elsewhere) == ([], [])


def test_bars_are_as_long_as_their_shares(browser: Browser, pages: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((pages / "quality.en.html").as_uri())
    row = page.locator('[data-table="orders"] summary > span').nth(2)
    whole = row.locator("svg").bounding_box()
    part = row.locator("svg rect").nth(1).bounding_box()
    assert whole is not None
    assert part is not None
    told = float(row.locator("b").inner_text().rstrip("%")) / 100
    assert part["width"] / whole["width"] == pytest.approx(told, abs=0.01)
    page.close()


def test_the_languages_lead_to_each_other(browser: Browser, pages: Path) -> None:
    page = browser.new_page()
    page.goto((pages / "quality.en.html").as_uri())
    page.get_by_role("link", name="中文").click()
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    page.get_by_role("link", name="English").click()
    assert page.locator("html").get_attribute("lang") == "en"
    page.close()
