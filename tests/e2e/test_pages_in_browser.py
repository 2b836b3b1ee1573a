"""The three pages in a real browser: drawn, quiet, translated, usable by keyboard."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest
import uvicorn
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from serving.web.addresses import customer_address
from tests.serving import conftest as bundles
from tests.serving.web import conftest as customers

pytestmark = pytest.mark.e2e

# The small real bundle and its graded customers, from the tests of the service.
order_log, bundle = bundles.order_log, bundles.bundle
bundle_dir, served_bundle, frame = bundles.bundle_dir, bundles.served_bundle, bundles.frame
odd_frame, pages_settings = customers.odd_frame, customers.pages_settings
run, site = customers.run, customers.site

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--no-sandbox",  # containers run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATHS = ("/", "/reviews", "/customers/a%2Fb", customer_address(".."), "/customers/nobody")
_WIDEST_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Words of a table stand in lines, not one character below the other.
_NARROWEST_WORDS = """Math.min(1e9, ...[...document.querySelectorAll('tbody td:not(.n)')]
  .filter(cell => cell.textContent.trim().length > 3).map(cell => cell.clientWidth))"""


@pytest.fixture(scope="module")
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Serve the pages on a free port of this machine."""
    application = request.getfixturevalue("site")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = next((path for path in map(shutil.which, _NAMES) if path), None)
    if executable is None:
        pytest.skip(f"no browser: none of {', '.join(_NAMES)} is installed")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=list(_FLAGS))
        yield launched
        launched.close()


@dataclass
class Heard:
    """What a page complained about, and whom it called."""

    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


def listen(page: Page, address: str, heard: Heard) -> None:
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation',"
        " e => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))"
    )

    def on_console(message: ConsoleMessage) -> None:
        # A browser logs the status of the page itself, which a test of a 404 wants.
        if message.type in {"error", "warning"} and "status of 404" not in message.text:
            heard.complaints.append(f"{page.url}: {message.text}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: heard.complaints.append(f"{page.url}: {error}"))
    page.on(
        "request",
        lambda sent: None if sent.url.startswith(address) else heard.elsewhere.append(sent.url),
    )


def drawn(page: Page) -> None:
    """Wait until every figure of the page is drawn."""
    for figure in page.locator("[data-figure]").all():
        expect(figure).to_have_attribute("data-drawn", "true", timeout=15_000)
        expect(figure).to_have_attribute("role", "img")


@pytest.fixture
def reader(browser: Browser, address: str) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=address, locale="en-GB")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def plain(browser: Browser, address: str) -> Iterator[BrowserContext]:
    """A browser with scripts switched off."""
    context = browser.new_context(base_url=address, java_script_enabled=False, locale="en-GB")
    yield context
    context.close()


@pytest.mark.parametrize(
    ("lang", "width", "scheme"),
    # Every pair of two settings occurs once.
    [
        ("en", 1280, "light"),
        ("en", 390, "dark"),
        ("zh-CN", 390, "light"),
        ("zh-CN", 1280, "dark"),
    ],
)
def test_pages_are_drawn_without_a_complaint(
    browser: Browser, address: str, lang: str, width: int, scheme: str
) -> None:
    heard = Heard()
    context = browser.new_context(
        base_url=address,
        locale=lang,
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
    )
    for path in PATHS:
        page = context.new_page()
        listen(page, address, heard)
        page.goto(path)
        drawn(page)
        assert page.locator("html").get_attribute("lang") == lang
        assert page.evaluate(_WIDEST_OVERFLOW) <= 0, path
        assert page.evaluate(_NARROWEST_WORDS) >= 72, path
        page.close()
    context.close()
    assert heard.complaints == []
    assert heard.elsewhere == []


def test_figures_show_the_numbers_of_the_tables(reader: BrowserContext) -> None:
    page = reader.new_page()
    page.goto("/customers/a%2Fb")
    drawn(page)
    waterfall = page.locator('[data-figure="waterfall-figure"]')
    page.get_by_text("Show the numbers").click()
    parts = page.locator("section", has=page.locator("#waterfall-title")).locator("tbody tr")
    expect(parts).to_have_count(11)
    for part in parts.all()[1:-1]:
        points = part.locator("td").first.inner_text()
        # Plotly prints every bar's text as it stands in the table.
        expect(waterfall.locator(".bartext", has_text=points).first).to_be_attached()
    expect(page.locator('[data-figure="radar-figure"] .scatterlayer .trace')).to_have_count(2)


def test_a_reader_finds_a_customer_and_changes_the_language(reader: BrowserContext) -> None:
    page = reader.new_page()
    page.goto("/")
    page.get_by_label("Customer id").fill("quotes")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="50% & \"quotes\" 'single'").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Customer 50% & \"quotes\" 'single'")
    page.get_by_role("link", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("客户 50% & \"quotes\" 'single'")
    page.get_by_role("link", name="复核队列").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_hostile_ids_lead_a_real_browser_to_their_pages(plain: BrowserContext) -> None:
    page = plain.new_page()
    for customer_id in customers.HOSTILE:
        page.goto(f"/?q={quote(customer_id)}")
        links = page.locator("#list tbody th a").all()
        next(link for link in links if link.text_content() == customer_id).click()
        assert page.locator("h1").text_content() == f"Customer {customer_id}"


def test_everything_can_be_read_without_scripts(plain: BrowserContext) -> None:
    page = plain.new_page()
    page.goto("/customers/a%2Fb")
    page.get_by_text("Show the numbers").click()
    first = page.get_by_role("rowheader", name="Typical customer", exact=True)
    expect(first).to_be_visible()
    expect(page.locator(".ladder .mark")).to_be_attached()
    page.goto("/")
    page.locator("select[name=tier]").select_option(index=1)
    page.get_by_role("button", name="Show").click()
    assert "tier=" in page.url
    assert page.locator("#list tbody tr").count() > 0


def test_the_first_tab_stop_skips_to_the_content(reader: BrowserContext) -> None:
    page = reader.new_page()
    page.goto("/reviews")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_every_control_has_a_name_and_every_table_a_caption(reader: BrowserContext) -> None:
    page = reader.new_page()
    for path in ("/", "/reviews", "/customers/a%2Fb"):
        page.goto(path)
        unnamed = page.evaluate(
            "[...document.querySelectorAll('input, select, button')]"
            ".filter(e => !(e.labels?.length || e.textContent.trim())).length"
        )
        uncaptioned = page.evaluate(
            "[...document.querySelectorAll('table')].filter(t => !t.caption?.textContent).length"
        )
        assert (unnamed, uncaptioned) == (0, 0), path
