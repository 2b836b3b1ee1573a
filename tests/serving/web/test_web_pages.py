"""The pages over HTTP, without scripts: languages, filters, hostile ids, errors, files."""

from __future__ import annotations

import gzip
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.domain.grade import Run
from serving.settings import Settings
from serving.store.portfolio import list_customers
from serving.web.addresses import address, customer_address
from serving.web.assets import PLOTLY, assets, inline_style_ids
from serving.web.security import content_security_policy

PAGES = ("/", "/reviews", "/customers/a%2Fb", "/customers/nobody", "/nowhere")


class Outline(HTMLParser):
    """Collects what a page is made of; counts tags that are not closed in order."""

    VOID = frozenset({"meta", "link", "input", "rect", "path", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.crossed = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.crossed += 1


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole_in_both_languages(visitor: TestClient, path: str, lang: str) -> None:
    response = visitor.get(path, params={"lang": lang})
    outline = Outline(response.text)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-language"] == lang
    assert f'<html lang="{lang}">' in response.text
    assert outline.crossed == 0
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert [tag for tag, _ in outline.tags].count("h1") == 1
    assert "中文" in response.text
    assert "English" in response.text
    # Every figure has its data, every label points somewhere.
    for _, attributes in outline.tags:
        for name in ("data-figure", "aria-labelledby"):
            if name in attributes:
                assert attributes[name] in outline.ids


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_anything_inline_or_from_elsewhere(visitor: TestClient, path: str) -> None:
    response = visitor.get(path)
    assert response.headers["content-security-policy"] == content_security_policy()
    for tag, attributes in Outline(response.text).tags:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        if tag == "script":
            inline = attributes.get("type") == "application/json"
            assert inline or (attributes["src"] or "").startswith("/static/")
        for name in ("href", "src", "action"):
            assert re.match(r"/(?!/)|#", attributes.get(name) or "/")


def test_the_policy_allows_nothing_inline() -> None:
    policy = content_security_policy()
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_the_language_is_remembered_and_can_be_switched(visitor: TestClient) -> None:
    first = visitor.get("/reviews", headers={"accept-language": "zh"})
    assert '<html lang="zh-CN">' in first.text
    assert "set-cookie" not in first.headers
    switched = visitor.get("/reviews?lang=en", headers={"accept-language": "zh"})
    assert "SameSite=lax" in switched.headers["set-cookie"]
    assert "HttpOnly" in switched.headers["set-cookie"]
    after = visitor.get("/reviews", headers={"accept-language": "zh"})
    assert '<html lang="en">' in after.text
    assert "Accept-Language" in after.headers["vary"]


def test_the_switch_keeps_the_reader_where_they_are(visitor: TestClient) -> None:
    text = visitor.get("/?q=c-0&tier=core&page=2&junk=1").text
    links = re.findall(r'href="([^"]*lang=zh-CN)"', text)
    assert html.unescape(links[0]).startswith("/?q=c-0&tier=core")
    assert "junk" not in links[0]


def test_search_and_tier_filter_the_list(visitor: TestClient, run: Run) -> None:
    tier = max(run.tiers, key=lambda t: t.customers).tier
    text = visitor.get("/", params={"tier": tier.id}).text
    listed = text[text.index('id="list"') :]
    rows = re.findall(r'<span class="tier (t\d)">', listed)
    assert set(rows) == {f"t{tier.index + 1}"}
    found = visitor.get("/", params={"q": "QUOTES"}).text
    assert "50% &amp; &#34;quotes&#34; &#39;single&#39;" in found
    nothing = visitor.get("/", params={"q": "no-such-id"}).text
    assert "No customer fits this search" in nothing
    assert 'value="no-such-id"' in nothing


@pytest.mark.parametrize("page", ["0", "-1", "x", "²", "99999999999999999999"])
def test_a_page_number_that_is_none_shows_the_first_page(visitor: TestClient, page: str) -> None:
    text = visitor.get("/", params={"page": page}).text
    assert "1 to 25 of" in text


def test_pages_follow_each_other_without_gap_or_repeat(site: FastAPI, run: Run) -> None:
    seen: list[str] = []
    with site.state.database.read() as session:
        first = list_customers(session, run.run_id, size=50)
        for page in range(1, -(-first.total // 50) + 1):
            listing = list_customers(session, run.run_id, page=page, size=50)
            assert listing.offset == len(seen)
            seen += [row.customer_id for row in listing.rows]
        behind = list_customers(session, run.run_id, page=999, size=50)
        everything = list_customers(session, run.run_id, size=10_000)
    assert len(seen) == len(set(seen)) == run.customers
    assert behind.rows[-1].customer_id == seen[-1]
    scores = [row.score for row in everything.rows]
    assert scores == sorted(scores, reverse=True)


def test_a_search_takes_signs_as_they_are(site: FastAPI, run: Run) -> None:
    with site.state.database.read() as session:
        assert list_customers(session, run.run_id, search="%").total == 1
        assert list_customers(session, run.run_id, search="_").total == 0


def test_hostile_ids_are_shown_escaped_and_lead_to_their_page(
    visitor: TestClient, hostile: tuple[str, ...]
) -> None:
    for customer_id in hostile:
        shown = visitor.get(address("/", q=customer_id)).text
        link = html.escape(customer_address(customer_id)).replace("&#x27;", "&#39;")
        assert f'<a href="{link}">' in shown, customer_id
        page = visitor.get(customer_address(customer_id))
        assert page.status_code == 200, customer_id
        heading = re.search(r"<h1>(.*?)</h1>", page.text, re.DOTALL)
        assert heading is not None
        assert html.unescape(heading[1]) == f"Customer {customer_id}"
        assert "<script>alert" not in shown + page.text


@pytest.mark.parametrize("customer_id", ["nobody", "<img src=x onerror=alert(1)>", "a/b/c", "…"])
def test_an_unknown_customer_gets_a_page_that_says_so(
    visitor: TestClient, customer_id: str
) -> None:
    english = visitor.get(customer_address(customer_id))
    assert english.status_code == 404
    assert "No such customer" in english.text
    assert f"“{html.escape(customer_id)}”" in english.text
    chinese = visitor.get(customer_address(customer_id), headers={"accept-language": "zh-CN"})
    assert chinese.status_code == 404
    assert "没有这个客户" in chinese.text


def test_an_empty_id_is_nobody(visitor: TestClient) -> None:
    assert visitor.get("/customers").status_code == 404
    assert visitor.get("/customers/").status_code == 404


def test_the_customer_page_embeds_exact_figures(visitor: TestClient) -> None:
    text = visitor.get("/customers/a%2Fb").text
    blocks = re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', text)
    figures = {name: json.loads(block) for name, block in blocks}
    assert set(figures) == {"waterfall-figure", "radar-figure"}
    bars = figures["waterfall-figure"]["data"][0]
    assert sum(bars["x"][:-1]) == pytest.approx(bars["x"][-1], abs=1e-9)
    assert len(figures["radar-figure"]["data"][1]["r"]) == 6


def test_the_queue_lists_open_cases_with_reasons(visitor: TestClient, run: Run) -> None:
    text = visitor.get("/reviews").text
    assert f"of {run.referred}" in text
    assert "Close to a cut" in text
    empty = visitor.get("/reviews?reason=appeal").text
    assert "No open case has this reason." in empty


def test_simulated_data_is_said_on_every_page(visitor: TestClient) -> None:
    for path in ("/", "/reviews", "/customers/a%2Fb"):
        assert "Simulated data" in visitor.get(path).text
        assert "模拟数据" in visitor.get(path, headers={"accept-language": "zh"}).text


def test_programs_still_get_problems(visitor: TestClient) -> None:
    for path, accept in (("/nowhere", "*/*"), ("/v1/nowhere", "text/html")):
        response = visitor.get(path, headers={"accept": accept})
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


def test_a_wrong_method_on_a_page_is_told_as_a_page(visitor: TestClient) -> None:
    response = visitor.post("/reviews", headers={"accept-language": "zh"})
    assert response.status_code == 405
    assert "代码 405" in response.text


def test_pages_are_no_part_of_the_api(visitor: TestClient) -> None:
    paths = visitor.get("/openapi.json").json()["paths"]
    assert all(path.startswith(("/v1", "/healthz", "/readyz", "/metrics")) for path in paths)


# Static files --------------------------------------------------------------------------


def test_static_files_have_type_and_may_be_kept_for_a_year(visitor: TestClient) -> None:
    for asset in assets().values():
        packed = visitor.get(asset.address)
        plain = visitor.get(asset.address, headers={"accept-encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert packed.content == plain.content == asset.body()
        assert "immutable" in packed.headers["cache-control"]
        assert packed.headers["content-type"] == asset.media_type
        assert packed.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["nothing.css", "../pages.py", "%2e%2e/pages.py", "css"])
def test_nothing_but_the_known_files_is_served(visitor: TestClient, name: str) -> None:
    assert visitor.get(f"/static/{name}").status_code == 404


def test_plotly_is_the_one_of_the_wheel() -> None:
    body = assets()[PLOTLY].body()
    assert b"plotly.js v" in body[:200]
    assert len(gzip.compress(body, 1)) < len(body) / 2
    assert all(re.fullmatch("[0-9a-f]{64}", name) for name in inline_style_ids())


# A service that is not ready -----------------------------------------------------------


def test_before_the_first_run_every_page_says_what_to_do(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path, world="none", environment="test"))
    with TestClient(app, headers={"accept-language": "zh"}) as client:
        for path in ("/", "/reviews", "/customers/x"):
            response = client.get(path)
            assert response.status_code == 503
            assert "尚未对任何客户分级" in response.text
    app.state.database.dispose()


def test_a_store_that_does_not_answer_is_told_as_a_page(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path, world="none", environment="test"))
    app.state.database.downgrade("base")
    with TestClient(app) as client:
        response = client.get("/reviews")
    assert response.status_code == 503
    assert "This did not work" in response.text
    app.state.database.dispose()
