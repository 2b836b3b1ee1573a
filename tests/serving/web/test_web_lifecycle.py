"""Stages and challenged jumps on the pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.batch import run_batch
from serving.domain.grade import Explanation, Grade, Run
from serving.settings import Settings
from serving.store.portfolio import Listed, Listing
from serving.web.addresses import customer_address
from serving.web.customer_list import Query
from serving.web.formats import Writer
from serving.web.i18n import Language
from serving.web.portfolio_view import portfolio_page
from serving.web.summaries import Summaries
from tests.blank_store import blank_store
from training.bundle import Bundle

Told = Callable[[str], tuple[Grade, Explanation]]


def listed(text: str) -> str:
    return text[text.index('id="list"') :]


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_the_list_is_filtered_by_stage(visitor: TestClient, run: Run, lang: str) -> None:
    total = 0
    for stage in run.basis.stages:
        text = listed(visitor.get("/", params={"stage": stage.id, "lang": lang}).text)
        cells = re.findall(r"</span></td>\s*<td>([^<]*)</td>", text)
        assert set(cells) <= {stage.label(lang)}
        count = re.search(r"(?:of |共 )([\d,]+)", text)
        total += int(count[1].replace(",", "")) if cells and count else 0
    assert total == run.customers
    everyone = listed(visitor.get("/", params={"stage": "no-such-stage", "lang": lang}).text)
    assert f"{run.customers}" in everyone


def test_filters_go_together_and_over_the_pages(visitor: TestClient) -> None:
    text = visitor.get("/", params={"stage": "mature", "tier": "basic", "q": "c-"}).text
    assert '<option value="mature" selected>' in text
    following = re.search(r'href="([^"]*)" rel="next"', listed(text))
    assert following is not None
    assert following[1].startswith("/?q=c-&amp;tier=basic&amp;stage=mature&amp;page=2")


def test_a_customer_page_tells_the_stage_in_every_lifecycle(
    visitor: TestClient, told: Told, run: Run
) -> None:
    grade, _ = told("a/b")
    for lang, label in (("en", "Lifecycle stage"), ("zh-CN", "生命周期阶段")):
        page = visitor.get(customer_address("a/b"), params={"lang": lang}).text
        tile = page[page.index(f"<dt>{label}</dt>") :][:400]
        for policy in run.basis.lifecycles:
            assert policy.stage(grade.stages[policy.id]).label(lang) in tile
        for policy in run.basis.lifecycles[1:]:
            assert policy.title(lang) in tile


def test_the_portfolio_counts_stages_and_offers_those_with_customers(
    run: Run, site: FastAPI
) -> None:
    with site.state.database.read() as session:
        summary = Summaries().of(session, run)
    row = Listed("c-1", 1, 41.0, 4.0, 0.25, 120.0, 1500.0, referred=True, stage="mature")
    asked = Query("", "", "prospect", 1)
    page = portfolio_page(
        Writer(Language.ZH, "EUR"),
        run,
        summary,
        Listing((row, replace(row, stage=None)), 2, 0),
        asked,
        size=25,
    )
    assert sum(int(line.customers) for line in page.stages) == run.customers
    assert [line.label for line in page.stages if line.label == "潜在"] == []
    assert {line.address for line in page.stages} == {
        f"/?stage={stage}#list" for stage in summary.stages
    }
    assert [line.stage for line in page.customers] == ["成熟期", "–"]
    # Nobody is a prospect, but it was asked for; the others are stages of somebody.
    assert [choice.value for choice in page.stage_choices if choice.selected] == ["prospect"]
    assert {c.value for c in page.stage_choices} == {"", "prospect", *summary.stages}
    assert page.filtered
    assert "stage=prospect" in page.shell.languages[0].address


@pytest.fixture
def challenged(
    tmp_path: Path, pages_settings: Settings, served_bundle: Bundle, frame: IndicatorFrame
) -> Settings:
    """A store in which c-0007 and c-0008 jumped twelvefold, the latter with an explanation."""
    mine = pages_settings.model_copy(update={"home": tmp_path})
    values = frame.values.copy()
    rows = np.isin(frame.customer_id, ["c-0007", "c-0008"])
    values[rows, frame.columns.index("net_amount_jump_365d")] = 12.0
    explained = frame.customer_id == "c-0008"
    values[explained, frame.columns.index("jump_explained_365d")] = 1.0
    store = blank_store(mine.database)
    run_batch(served_bundle, replace(frame, values=values), store)
    store.dispose()
    return mine


def test_an_unexplained_jump_waits_for_the_panel(challenged: Settings) -> None:
    application = create_app(challenged)
    with TestClient(application, headers={"accept": "text/html"}) as visitor:
        page = visitor.get("/customers/c-0007").text
        assert "Referred to review" in page
        assert "jumped to 12.0 times what it was" in page
        chinese = visitor.get("/customers/c-0007?lang=zh-CN").text
        assert "突增至原来的12.0倍" in chinese
        assert "jumped to" not in visitor.get("/customers/c-0008?lang=en").text
        queue = visitor.get("/reviews?reason=unexplained_jump&lang=en").text
        assert "Unexplained jump in spend" in queue
        assert re.findall(r'class="id"><a href="[^"]*">([^<]*)<', queue) == ["c-0007"]
        assert "采购额突增未解释" in visitor.get("/reviews?lang=zh-CN").text
        told = visitor.get("/v1/grades/c-0007").json()["referral"]
        assert told["case_id"]
        assert "unexplained_jump" in [reason["code"] for reason in told["reasons"]]
    application.state.database.dispose()
