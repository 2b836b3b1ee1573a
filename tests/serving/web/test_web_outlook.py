"""The outlook on the customer page: what is drawn and said is what was found."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.domain.outlook import ChurnWithin, Outlook, Unknown
from serving.outlook import outlook_of
from serving.scoring import basis_of, grade_alone
from serving.web.churn_curve import churn_curve
from serving.web.formats import Writer
from serving.web.i18n import Language
from serving.web.outlook_view import horizon_text, outlook_section
from tests.serving.order_log import SERVED_DAY
from tests.serving.rich_models import rich_bundle, rich_frame
from training.bundle import Bundle

EN, ZH = Writer(Language.EN, "EUR"), Writer(Language.ZH, "EUR")


@pytest.fixture(scope="module")
def found(bundle: Bundle, frame: IndicatorFrame) -> Outlook:
    """The outlook of somebody with a contract, a cost and some indicators of health unknown."""
    known = rich_frame(frame)
    rich, basis = rich_bundle(bundle, known), basis_of(bundle, SERVED_DAY, "run")
    graded = grade_alone(rich, known.values, known.customer_id.tolist(), basis)
    basis = basis_of(rich, SERVED_DAY, "run")
    told = (outlook_of(rich, replace(each, basis=basis)) for each in graded)
    return next(
        x
        for x in told
        if x.renewal and x.values[0].value_to_cost and x.health.band and x.health.known < 1.0
    )


@pytest.mark.parametrize("writer", [EN, ZH])
def test_the_section_says_what_was_found(writer: Writer, found: Outlook) -> None:
    section = outlook_section(writer, found)
    assert [line.value for line in section.values] == [
        writer.money(x.net_value) for x in found.values
    ]
    assert [bool(line.aside) for line in section.values] == [True, False, False, False]
    assert section.has_contribution
    assert section.has_cost
    active, purchase, demand, contract = section.facts
    assert active.value == writer.percent(found.p_active)
    assert purchase.value == writer.money(found.order_value)
    assert found.demand is not None
    assert demand.value == writer.money(found.demand.value)
    assert found.renewal is not None
    assert contract.value == writer.percent(found.renewal.lapse[-1].probability)
    assert len(section.dimensions) == 6
    stays = writer.percent(found.health.stays)
    assert stays in section.health
    assert writer.percent(found.health.known, 0) in section.health
    assert section.by_model
    assert section.unknown == ()


def test_what_is_not_there_is_left_out_or_said(found: Outlook) -> None:
    names = ("contribution", "acquisition_cost", "demand", "health", "renewal")
    bare: dict[str, Any] = {"contribution": None, "value_to_cost": None, "intervals": ()}
    nothing = replace(
        found,
        dormant=True,
        demand=None,
        renewal=None,
        values=tuple(replace(each, **bare) for each in found.values),
        health=replace(
            found.health,
            score=None,
            band=None,
            dimensions=tuple(
                replace(each, points=None, scale_points=None, band=None)
                for each in found.health.dimensions
            ),
        ),
        unknown=tuple(Unknown(name, "no_data") for name in names),
    )
    section = outlook_section(EN, nothing)
    assert len(section.facts) == 2
    assert not section.has_contribution
    assert not section.has_cost
    assert "learned from nobody like this customer" in section.lede
    assert section.health == "Nothing of what it looks at is known."
    assert {(x.points, x.width, x.scale, x.band) for x in section.dimensions} == {
        ("no data", None, "–", "")
    }
    assert len(section.unknown) == len(names)
    assert section.unknown[1] == (
        "Value over acquisition cost (LTV/CAC): What it takes is not known of this customer."
    )


def test_health_by_scales_says_so(found: Outlook) -> None:
    scales = replace(found.health, source="scales", stays=None, horizon_days=None, known=1.0)
    section = outlook_section(ZH, replace(found, health=scales))
    assert "固定标尺" in section.health
    assert "已知" not in section.health
    assert not section.by_model


@pytest.mark.parametrize(
    ("days", "en", "zh"),
    [(90, "90 days", "90 天"), (365, "12 months", "12 个月"), (1825, "60 months", "60 个月")],
)
def test_horizons_in_words(days: int, en: str, zh: str) -> None:
    assert (horizon_text(EN, days), horizon_text(ZH, days)) == (en, zh)


def test_the_curve_falls_as_the_risk_does_and_crowds_no_figures() -> None:
    risks = {30: 0.31, 60: 0.22, 90: 0.17, 180: 0.09, 365: 0.0}
    curve = churn_curve(EN, [ChurnWithin(d, p, d == 60) for d, p in risks.items()])
    heights = [mark.y for mark in curve.marks]
    assert heights == sorted(heights)
    assert heights[-1] == curve.bottom == curve.rules[0].y
    assert [rule.share for rule in curve.rules] == ["0%", "25%", "50%"]
    assert [mark.graded for mark in curve.marks] == [False, True, False, False, False]
    assert len(curve.lines) == 4
    told = [mark.x for mark in curve.marks if mark.figure]
    assert all(b - a >= 13.0 for a, b in pairwise(told))
    assert 2 <= len(told) < 5
    section_words = [mark.days for mark in curve.marks if mark.figure]
    assert section_words[0] == "30"
    assert section_words[-1] == "365"


@pytest.mark.parametrize(
    ("risk", "top"), [(0.004, "1.0%"), (0.013, "2%"), (0.5, "50%"), (0.98, "100%")]
)
def test_the_curve_is_drawn_below_a_round_share(risk: float, top: str) -> None:
    curve = churn_curve(EN, [ChurnWithin(30, risk, True)])
    assert curve.rules[-1].share == top
    assert curve.lines == ()
    assert min(rule.y for rule in curve.rules) <= curve.marks[0].y <= curve.bottom


@pytest.mark.parametrize(("lang", "title"), [("en", "Outlook"), ("zh-CN", "展望")])
def test_the_page_has_the_section(visitor: TestClient, lang: str, title: str) -> None:
    page = visitor.get("/customers/c-0042", headers={"accept-language": lang})
    assert page.status_code == 200
    assert f'<h2 id="outlook-title">{title}</h2>' in page.text
    assert 'class="curve"' in page.text
