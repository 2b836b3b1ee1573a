"""View models: what the templates print is what the store holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from fastapi import FastAPI

from features.schema import CATALOGUE, PREDICTIONS
from serving.domain.case import CaseStatus, ReviewCase
from serving.domain.grade import Explanation, Grade, Run
from serving.domain.labels import TierLabel
from serving.reasons import tell
from serving.store.portfolio import Listed, Listing, read_population
from serving.web.customer_list import Query
from serving.web.customer_view import SHOWN_PARTS, customer_page, waterfall_steps
from serving.web.formats import Writer
from serving.web.i18n import Language
from serving.web.indicator_view import indicator_groups, sign_class
from serving.web.ladder import ladder
from serving.web.portfolio_view import portfolio_page
from serving.web.reviews_view import distance_text, reason_name, reviews_page
from serving.web.shell import paging, run_facts, tone, world_name
from serving.web.summary import Summary, summarise

Told = Callable[[str], tuple[Grade, Explanation]]
EN, ZH = Writer(Language.EN, "EUR"), Writer(Language.ZH, "EUR")
NOW = datetime(2024, 7, 1, 9)
TIERS = (TierLabel(0, "gold", "Gold", "金牌", 60.0), TierLabel(1, "iron", "Iron", "铁牌", 0.0))


@pytest.fixture(scope="session")
def summary(run: Run, site: FastAPI) -> Summary:
    with site.state.database.read() as session:
        dimensions = [dimension.id for dimension in run.basis.dimensions]
        return summarise(read_population(session, run.run_id, dimensions), len(run.tiers))


def listed(**changes: object) -> Listed:
    plain = Listed("c-1", 1, 41.0, 4.0, 0.25, 120.0, 1500.0, True)
    return replace(plain, **changes)


def case(
    number: int, *, score: float = 59.0, days: int = 5, reasons: tuple[str, ...]
) -> ReviewCase:
    return ReviewCase(
        case_id=str(number),
        grade_id="g",
        run_id="r",
        customer_id=f"c-{number}",
        status=CaseStatus.OPEN,
        reasons=reasons,
        score=score,
        tier_id="basic",
        opened_at=NOW - timedelta(days=9),
        due_at=NOW + timedelta(days=days),
        closed_at=None,
    )


# The portfolio -------------------------------------------------------------------------


def test_the_portfolio_counts_what_the_run_counted(run: Run, summary: Summary) -> None:
    page = portfolio_page(EN, run, summary, Listing((), 0, 0), Query("", "", "", 1), size=25)
    assert page.tiles[0].value == f"{run.customers:,}"
    assert page.tier_total.customers == f"{run.customers:,}"
    assert [int(line.customers) for line in page.tiers] == [t.customers for t in run.tiers]
    assert sum(int(line.referred) for line in page.tiers) == run.referred
    assert page.tier_total.ltv_share == "100.0%"
    counted = [sum(int(c) for c in line.cells) for line in page.score_lines]
    assert sum(counted) == run.customers
    assert page.shell.simulated
    assert page.choices[0].selected
    assert not page.filtered


def test_a_customer_line_shows_unknown_as_a_dash_and_the_top_in_words(
    run: Run, summary: Summary
) -> None:
    rows = (
        listed(),
        listed(customer_id="a/b", tier_index=0, margin_up=None, ltv=None, net_amount_365d=None),
    )
    page = portfolio_page(ZH, run, summary, Listing(rows, 2, 0), Query("c", "core", "", 1), size=25)
    first, second = page.customers
    assert (first.margin, first.churn, first.spend) == ("4.0 分", "25.0%", "EUR 1,500")
    assert first.address == "/customers/c-1"
    assert second.margin == "最高等级"
    assert (second.ltv, second.spend, second.address) == ("–", "–", "/customers/a%2Fb")
    assert page.filtered


def test_paging_knows_where_it_stands_and_keeps_the_filters() -> None:
    middle = paging(EN, "/", offset=25, shown=25, total=1060, size=25, q="a b", tier="")
    assert middle.showing == "26 to 50 of 1,060"
    assert middle.previous == "/?q=a+b&page=1"
    assert middle.next == "/?q=a+b&page=3"
    only = paging(ZH, "/", offset=0, shown=3, total=3, size=25)
    assert (only.showing, only.previous, only.next) == ("第 1 至 3 条，共 3 条", "", "")


def test_run_facts_say_what_is_not_registered_and_not_named(run: Run) -> None:
    bare = replace(run, basis=replace(run.basis, model_version=None, trained_as_of=None))
    values = [fact.value for fact in run_facts(EN, bare)]
    assert "not registered" in values
    assert len(run_facts(EN, run)) == len(values) + 1
    assert world_name(EN, "my own data") == "my own data"
    assert world_name(ZH, "b2b") == "B2B 企业"


@pytest.mark.parametrize(("index", "css"), [(0, "t1"), (3, "t4"), (8, "t6")])
def test_a_tier_has_a_tone(index: int, css: str) -> None:
    assert tone(index) == css


# The queue -----------------------------------------------------------------------------


def test_the_queue_is_sorted_by_due_date_counted_and_filtered(run: Run) -> None:
    cases = [
        case(1, reasons=("border_margin",)),
        case(2, days=-1, reasons=("border_margin", "dormant")),
        case(3, days=2, reasons=("dormant",)),
    ]
    page = reviews_page(EN, run, cases, reason="", page=1, size=2, now=NOW)
    assert [line.customer_id for line in page.cases] == ["c-2", "c-3"]
    assert [line.overdue for line in page.cases] == [True, False]
    assert page.cases[0].reasons == ("Close to a cut", "No recent purchase")
    assert [(tile.label, tile.value) for tile in page.tiles] == [
        ("Open cases", "3"),
        ("Overdue", "1"),
        ("Being reviewed", "0"),
        ("Close to a cut", "2"),
        ("No recent purchase", "2"),
    ]
    assert page.paging.next == "/reviews?page=2"
    filtered = reviews_page(ZH, run, cases, reason="dormant", page=9, size=2, now=NOW)
    assert [line.customer_id for line in filtered.cases] == ["c-2", "c-3"]
    assert filtered.filtered
    assert [choice.value for choice in filtered.choices if choice.selected] == ["dormant"]


def test_a_reason_nobody_has_still_stands_in_the_filter(run: Run) -> None:
    page = reviews_page(EN, run, [], reason="moon", page=1, size=2, now=NOW)
    assert page.cases == ()
    assert [choice.label for choice in page.choices] == ["All reasons", "moon"]
    assert reason_name(EN, "moon") == "moon"


def test_a_case_of_an_older_scheme_shows_its_tier_id(run: Run) -> None:
    old = replace(case(1, reasons=()), tier_id="platinum")
    line = reviews_page(EN, run, [old], reason="", page=1, size=2, now=NOW).cases[0]
    assert (line.tier, line.tone) == ("platinum", "")


@pytest.mark.parametrize(
    ("score", "english", "chinese"),
    [
        (59.25, "0.75 below Gold", "低于“金牌”起始分 0.75"),
        (61.5, "1.50 above the cut of Gold", "高于“金牌”起始分 1.50"),
    ],
)
def test_the_distance_names_the_nearest_cut_and_the_side(
    score: float, english: str, chinese: str
) -> None:
    assert distance_text(EN, score, TIERS) == english
    assert distance_text(ZH, score, TIERS) == chinese
    assert distance_text(EN, score, TIERS[1:]) == "–"


# A customer ----------------------------------------------------------------------------


def test_the_steps_of_the_waterfall_lead_exactly_to_the_score(run: Run, told: Told) -> None:
    _, explanation = told("a/b")
    steps = waterfall_steps(EN, explanation)
    assert len(steps) == SHOWN_PARTS + 1
    total = explanation.base + math.fsum(step.points for step in steps)
    assert total == pytest.approx(explanation.score, abs=1e-9)
    sizes = [abs(step.points) for step in steps[:SHOWN_PARTS]]
    assert sizes == sorted(sizes, reverse=True)


def test_few_parts_need_no_rest() -> None:
    assert waterfall_steps(EN, Explanation(base=50.0, score=50.0, entries=())) == ()


def test_the_indicator_table_holds_every_indicator_and_sums_to_the_score(
    run: Run, told: Told
) -> None:
    grade, explanation = told("café")
    groups = indicator_groups(EN, grade, explanation)
    lines = [line for group in groups for line in group.lines]
    assert [group.label for group in groups] == [d.label_en for d in run.basis.dimensions]
    assert len(lines) == len(CATALOGUE) + 2 + 1  # ltv and churn; the baseline
    shown = math.fsum(float(line.contribution.replace("−", "-")) for line in lines)
    assert shown == pytest.approx(explanation.score - explanation.base, abs=0.005 * len(lines))
    invoice = next(line for line in lines if line.label.startswith("Days sales outstanding"))
    assert (invoice.value, invoice.has_data) == ("no data", False)
    assert [line.prediction for line in lines].count(True) == 2


def test_points_stand_only_where_the_scheme_weighs(told: Told) -> None:
    grade, explanation = told("café")
    lines = {
        line.label: line
        for group in indicator_groups(ZH, grade, explanation)
        for line in group.lines
    }
    weighed = lines[CATALOGUE["net_amount_365d"].label_zh]
    assert weighed.points_width == pytest.approx(float(weighed.points), abs=0.05)
    acting = lines[CATALOGUE["net_amount_30d"].label_zh]
    assert (acting.points, acting.points_width) == ("不计权重", None)
    ltv = lines[PREDICTIONS["ltv"].label_zh]
    entry = next(e for e in explanation.entries if e.channel == "ltv")
    assert ltv.points == f"{entry.points:.1f}"


@pytest.mark.parametrize("writer", [EN, ZH])
def test_a_customer_page_tells_the_grade_in_its_language(
    writer: Writer, run: Run, summary: Summary, told: Told
) -> None:
    grade, explanation = told("back\\slash")
    page = customer_page(writer, run, grade, explanation, summary, None)
    story = tell(grade, explanation, writer.lang)
    assert page.score == f"{grade.score:.1f}"
    assert page.headline == story.headline
    assert [line.text for line in page.up] == [driver.text for driver in story.positive]
    assert page.due == ""
    assert page.tiles[3].value == str(summary.rank(grade.score))
    assert page.parts[0].running == f"{explanation.base:.2f}"
    assert page.parts[-1].running == page.parts[-2].running == f"{explanation.score:.2f}"
    assert page.ladder.mark == pytest.approx(grade.score, abs=0.01)


def test_a_referred_customer_has_a_due_date(run: Run, summary: Summary, told: Told) -> None:
    grade, explanation = told("a/b")
    page = customer_page(EN, run, grade, explanation, summary, case(1, reasons=("dormant",)))
    assert page.due == "An answer is due by 6 Jul 2024."


def test_what_is_missing_is_said(run: Run, summary: Summary, told: Told) -> None:
    grade, explanation = told("a/b")
    bare = replace(
        grade,
        dimension_scores={**grade.dimension_scores, "potential": None, "risk": None},
        ltv=None,
        ltv_lower=None,
        churn_probability=None,
        indicators={**grade.indicators, "days_since_last_order": None},
    )
    page = customer_page(ZH, run, bare, explanation, summary, None)
    labels = {d.id: d.label_zh for d in run.basis.dimensions}
    assert f"{labels['potential']}、{labels['risk']}" in page.missing
    rows = {line.label: line for line in page.dimensions}
    assert (rows[labels["risk"]].score, rows[labels["risk"]].width) == ("无数据", None)
    assert page.tiles[0].value == "–"
    assert page.tiles[0].aside == "未来 60 天"
    assert page.tiles[1].value == "–"
    assert page.tiles[2].aside == "上次采购: 无数据"
    english = customer_page(EN, run, bare, explanation, summary, None)
    groups = {group.label: group.score for group in english.groups}
    assert list(groups.values()).count("no data") == 2


def test_the_ladder_puts_rungs_side_by_side() -> None:
    drawn = ladder(Language.EN, 101.0, TIERS[0], TIERS)
    assert drawn.mark == 100.0
    assert [(rung.x, rung.cut, rung.own) for rung in drawn.rungs] == [
        (0.0, "0", False),
        (60.0, "60", True),
    ]
    assert drawn.rungs[0].x + drawn.rungs[0].width < drawn.rungs[1].x
    assert drawn.rungs[1].x + drawn.rungs[1].width <= 100.0
    narrow = (replace(TIERS[0], cut=98.0, label_en="Platinum and above"), TIERS[1])
    assert [rung.name for rung in ladder(Language.EN, 5.0, TIERS[1], narrow).rungs] == ["Iron", ""]


@pytest.mark.parametrize(("value", "css"), [(0.5, "up"), (-0.5, "down"), (0.004, ""), (-0.004, "")])
def test_only_what_can_be_seen_has_a_sign(value: float, css: str) -> None:
    assert sign_class(value) == css
