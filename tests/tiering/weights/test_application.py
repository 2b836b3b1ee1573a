"""A signed record becomes a scheme; anything else does not (#39, #65)."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from tiering.errors import SchemeError, WeightsError
from tiering.scheme import load_scheme, parse_scheme, scheme_text
from tiering.weights.application import reweigh
from tiering.weights.record import WeightRecord
from tiering.weights.rules import packaged_rules
from tiering.weights.signoff import draw_up, sign

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SCHEME = load_scheme()
WEIGHTS = {"value": 0.3, "potential": 0.2, "risk": 0.3, "strategic": 0.1, "dynamic": 0.1}


def draft(**more: Any) -> WeightRecord:
    content: dict[str, Any] = {"scheme": SCHEME.id, "dimensions": WEIGHTS, **more}
    return draw_up(rule=packaged_rules().signoff, by="Ana", at=NOON, **content)


def signed(**more: Any) -> WeightRecord:
    one = sign(draft(**more), by="Li", role="expert", at=NOON)
    return sign(one, by="Wang", role="executive", at=NOON)


def test_a_scheme_takes_signed_weights_and_nothing_else_changes() -> None:
    dynamic = {
        "net_amount_momentum_30d": 1 / 3,
        "net_amount_slope_6m": 1 / 3,
        "order_days_30d": 1 / 6,
        "declining_months": 1 / 6,
    }
    found = reweigh(SCHEME, signed(indicators={"dynamic": dynamic}), "2.0.0")
    assert {each.id: each.weight for each in found.dimensions} == WEIGHTS
    assert found.version == "2.0.0"
    before = {each.id: each for each in SCHEME.dimensions}
    for each in found.dimensions:
        assert math.fsum(i.weight for i in each.indicators) == pytest.approx(1, abs=1e-12)
        if each.id != "dynamic":
            assert each.indicators == before[each.id].indicators
    changed = {i.name: i.weight for i in found.dimensions[-1].indicators}
    assert changed == {
        "net_amount_momentum_30d": 0.3333,
        "net_amount_slope_6m": 0.3333,
        "order_days_30d": 0.1667,
        "declining_months": 0.1667,
    }
    assert found.tiers == SCHEME.tiers
    assert parse_scheme(scheme_text(found)) == found


def test_a_draft_changes_no_scheme() -> None:
    with pytest.raises(WeightsError, match="is a draft"):
        reweigh(SCHEME, draft(), "2.0.0")


def test_every_fault_is_told() -> None:
    record = signed(
        scheme="other",
        dimensions={"value": 0.5, "dynamic": 0.25, "luck": 0.25},
        indicators={"dynamic": {"net_amount_slope_6m": 0.5, "tenure_days": 0.5}},
    )
    with pytest.raises(WeightsError) as caught:
        reweigh(SCHEME, record, SCHEME.version)
    told = [str(fault) for fault in caught.value.faults]
    assert told == [
        "scheme: is 'other'; this scheme is 'five-dimension'.",
        f"version: {SCHEME.version!r} is the scheme's own; other weights, other version.",
        "dimensions: lack 'potential' of the scheme.",
        "dimensions: lack 'risk' of the scheme.",
        "dimensions: lack 'strategic' of the scheme.",
        "dimensions: hold 'luck', which the scheme does not.",
        "indicators.dynamic: lack 'declining_months' of the scheme.",
        "indicators.dynamic: lack 'net_amount_momentum_30d' of the scheme.",
        "indicators.dynamic: lack 'order_days_30d' of the scheme.",
        "indicators.dynamic: hold 'tenure_days', which the scheme does not.",
    ]


def test_a_weight_that_a_scheme_cannot_hold_is_the_scheme_s_fault() -> None:
    nothing = {**WEIGHTS, "value": 0.4, "dynamic": 0.0}
    with pytest.raises(SchemeError, match="dynamic"):
        reweigh(SCHEME, signed(dimensions=nothing), "2.0.0")
