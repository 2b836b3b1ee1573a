from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from features.contract import CONTRACT, REASONS
from features.door.reconciliation import Totals
from features.quality.accuracy import Accuracy
from features.quality.assess import quality
from features.quality.customers import ATTRIBUTES
from features.quality.findings import findings
from features.quality.flags import FLAGS
from features.quality.page import render
from features.quality.report import Finding, OddCode, QualityReport
from features.quality.writing import LANGUAGES, Language, Writer, words
from features.schema import CATALOGUE, IndicatorFrame
from tests.features.quality_world import SNAPSHOT, ago, bought, world

HOSTILE = "<script>alert('x')</script>"
CODES = (
    "unreconciled", "challenged", "zombie", "unlisted", "refused", "orphans", "dangling", "stale",
    "incomplete", "attribute", "not_given", "late", "odd_codes",
)  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> QualityReport:
    """A report in which nearly everything is wrong, with names that would like to run."""
    folder = tmp_path_factory.mktemp("page")
    spike = bought(HOSTILE, (200, 10.0), (150, 5.0), (100, 15.0), (50, 10.0), (20, 100.0))
    for row in spike:
        row["category"] = "Pumps"
    spike[0]["category"] = "pumps"
    silent = bought("silent", (500, 9999.0))
    gone = bought("gone", (3, 1.0))
    refused = [{"customer_id": "", "order_id": HOSTILE, "occurred_at": ago(1)}]
    people = [
        {"customer_id": HOSTILE, "name": HOSTILE, "industry": "a&b", "referrer_id": "nowhere"},
        {"customer_id": "silent", "name": "Silent", "industry": None, "referrer_id": None},
        {"customer_id": "empty", "name": None, "industry": None, "referrer_id": None},
    ]
    tickets = [{"customer_id": HOSTILE, "occurred_at": ago(age)} for age in (100, 101, 102)]
    market = [{"industry": HOSTILE, "kind": "index", "value": 1.0}]
    opened = world(
        folder / "s",
        customers=people,
        orders=[*spike, *silent, *gone, *refused],
        tickets=tickets,
        market=market,
    )
    names = ("net_amount_365d", "gross_margin_rate_365d", "never")
    values = np.array([[1.0, 0.5, np.nan], [2.0, np.nan, np.nan]])
    frame = IndicatorFrame(SNAPSHOT.day, np.array(["a", "b"]), names, values)
    return quality(opened, SNAPSHOT, frame, folder=folder / "s")


class Shown(HTMLParser):
    """The text of a page, its tags and its addresses."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self._texts: list[str] = []
        self.feed(page)
        self.text = " ".join(" ".join(self._texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("href", "src", "action")]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] != "style":
            self._texts.append(data)


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_are_shown_and_never_run(report: QualityReport, language: Language) -> None:
    page = render(report, language)
    shown = Shown(page)
    assert "script" not in shown.tags
    assert HOSTILE in shown.text
    assert "<script" not in page
    assert "a&amp;b" in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_needs_nothing_but_itself(report: QualityReport, language: Language) -> None:
    shown = Shown(render(report, language))
    other = {"en": "quality.zh.html", "zh": "quality.en.html"}[language]
    assert sorted(shown.addresses) == sorted([other, "data:,"])
    assert not {"iframe", "object", "form", "img"} & set(shown.tags)
    assert "url(" not in render(report, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_tag_is_closed(report: QualityReport, language: Language) -> None:
    page = re.sub(r"<style>.*?</style>", "", render(report, language), flags=re.DOTALL)
    for tag in ("div", "span", "table", "details", "section", "ul", "ol", "dl", "svg", "p"):
        opened = len(re.findall(rf"<{tag}[\s>]", page))
        assert opened == page.count(f"</{tag}>"), tag


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_and_json_say_the_same(report: QualityReport, language: Language) -> None:
    document = json.loads(json.dumps(report.to_dict()))
    writer, shown = Writer(language, "EUR"), Shown(render(report, language))
    kpi = document["accuracy"]
    told = [
        writer.percent(kpi["share"], 2),
        writer.say("kpi_text", faulty=kpi["faulty"], rows=kpi["rows"]),
        writer.percent(document["customers"]["industry_missing"]),
    ]
    for name, table in document["tables"].items():
        told += [writer.table(name), writer.percent(table["accuracy"]["share"], 2)]
        told += [writer.column(name, c) for c, share in table["missing"].items() if share]
        told += [writer.reason(reason) for reason in table["refused"]]
        if table["freshness"]["age"] is not None:
            told.append(writer.say("days", n=table["freshness"]["age"]))
        for column, total in table["totals"].items():
            for side in ("source", "accepted", "refused"):
                told.append(writer.amount(name, column, Decimal(total[side])))
    for customer in document["follow_up"]:
        told += [customer["customer_id"], customer["name"]]
        if customer["top_amount"]:
            told.append(writer.money(Decimal(customer["top_amount"])))
    told += [writer.percent(s) for s in document["completeness"].values() if 0 < s < 1]
    missing = [text for text in told if text not in shown.text]
    assert missing == []
    (listed,) = re.findall(r'<ol class="findings">(.*?)</ol>', render(report, language), re.DOTALL)
    assert listed.count("<li>") == len(document["findings"])


def test_the_report_finds_all_that_was_planted(report: QualityReport) -> None:
    assert {finding.code for finding in report.findings} >= {
        "challenged", "zombie", "unlisted", "refused", "dangling", "stale", "incomplete",
    }  # fmt: skip
    assert all(any(flag in c.flags for c in report.follow_up) for flag in FLAGS)


def test_findings_come_with_the_most_pressing_first(report: QualityReport) -> None:
    orders = report.tables["orders"]
    wrong = {"net_amount": Totals(Decimal(3), Decimal(1), Decimal(1))}
    broken = replace(report, tables={"orders": replace(orders, totals=wrong)})
    told = findings(broken)
    assert told[0] == Finding("unreconciled", "orders", orders.rows, 0.0, "net_amount")
    assert len(told) <= 8
    for language in LANGUAGES:
        shown = Shown(render(replace(broken, findings=told), language)).text
        assert "✗" in shown
        assert Writer(language, "EUR").column("orders", "net_amount") in shown


def test_few_refused_rows_are_no_finding(report: QualityReport) -> None:
    orders = report.tables["orders"]
    few = replace(orders, refused={"bad_number": 9}, accuracy=Accuracy(1000, 9, 0, 0))
    codes = {f.code for f in findings(replace(report, tables={"orders": few}))}
    assert "refused" not in codes
    some = replace(few, refused={"bad_number": 10})
    told = findings(replace(report, tables={"orders": some}))
    assert Finding("refused", "orders", 10, 0.01, "bad_number") in told
    left_out = replace(few, refused={"excluded": 900})
    codes = {f.code for f in findings(replace(report, tables={"orders": left_out}))}
    assert "refused" not in codes


def test_both_languages_say_everything() -> None:
    english, chinese = words("en"), words("zh")
    assert list(english) == list(chinese)
    for key in english:
        assert _fields(english[key]) >= _fields(chinese[key]), key
        assert chinese[key].strip(), key
    for language in LANGUAGES:
        said: Mapping[str, str] = words(language)
        assert set(ATTRIBUTES) <= set(said)
        assert {f"flag_{flag}" for flag in FLAGS} <= set(said)
        assert {f"finding_{code}" for code in CODES} <= set(said)
        assert all(Writer(language, "EUR").reason(code) for code in REASONS)
        assert all(Writer(language, "EUR").table(name) for name in CONTRACT)


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_a_world_without_a_fault_is_told_so(tmp_path: Path) -> None:
    people = [{"customer_id": "c0", "name": "Acme"}]
    sound = quality(world(tmp_path / "s", customers=people), SNAPSHOT)
    clean = replace(
        sound, findings=(), customers=replace(sound.customers, not_given=()), follow_up=()
    )
    for language in LANGUAGES:
        writer, shown = Writer(language, "EUR"), Shown(render(clean, language)).text
        assert writer.say("no_findings") in shown
        assert writer.say("passed") in shown
        assert writer.say("indicators") not in shown
        assert "100.00%" in shown


def test_codes_and_fillers_are_quoted(report: QualityReport) -> None:
    odd = (OddCode("category", HOSTILE, 1, "", 0), OddCode("category", "pumps", 1, "Pumps", 4))
    table = replace(report.tables["orders"], odd_codes=odd)
    for language in LANGUAGES:
        shown = Shown(render(replace(report, tables={"orders": table}), language)).text
        writer = Writer(language, "EUR")
        assert writer.say("odd_filler", value=HOSTILE, rows=1) in shown
        assert writer.say("odd_like", value="pumps", rows=1, like="Pumps", like_rows=4) in shown


def test_numbers_and_days_are_written_as_people_read_them() -> None:
    english, chinese = Writer("en", "EUR"), Writer("zh", "CNY")
    assert english.percent(0.97999, 2) == "97.99%"
    assert english.percent(0.99999) == "99.9%"
    assert english.percent(1.0) == "100.0%"
    assert english.percent(0.0) == "0.0%"
    assert english.percent(0.00001) == "below 0.1%"
    assert chinese.percent(0.00001) == "低于0.1%"
    assert [english.short(n) for n in (999, 1348, 25_400, 1_200_000)] == [
        "999", "1.3k", "25k", "1.2M",
    ]  # fmt: skip
    assert english.day(datetime(2016, 7, 9)) == "9 Jul 2016"
    assert chinese.day(datetime(2016, 7, 9)) == "2016年7月9日"
    assert english.day(None) == "unknown"
    assert english.money(Decimal("1234.5"), 2) == "EUR 1,234.50"
    known = next(iter(CATALOGUE))
    assert english.indicator(known) == CATALOGUE[known].label_en
    assert chinese.indicator("never") == "never"
