"""Pooled ranking figures are means over origins, by hand; reports of other versions are met."""

from __future__ import annotations

import math
from typing import Any

import pytest

from training.errors import RegistryError
from training.evaluation.report import (
    OURS,
    POOLED,
    SCHEMA_VERSION,
    BacktestReport,
    MetricRow,
    SliceRow,
    TierRow,
)


def row(origin: str, n: int, auc: float, model: str = OURS) -> MetricRow:
    return MetricRow("churn", model, origin, n, True, {"auc": auc, "brier": 0.2})


def test_origins_weigh_by_size_and_other_figures_stay() -> None:
    rows = [row("2025-01-01", 10, 0.6), row("2025-02-01", 30, 0.8), row("x", 99, 0.1, "other")]
    found = row(POOLED, 40, 0.4).ranked_within(rows)
    assert found.metrics["auc"] == pytest.approx(0.75)
    assert found.metrics["brier"] == 0.2
    assert (found.origin, found.n) == (POOLED, 40)
    assert set(found.metrics) == {"auc", "brier"}


def test_an_origin_without_a_figure_has_no_weight() -> None:
    rows = [row("2025-01-01", 10, 0.6), row("2025-02-01", 30, math.nan)]
    assert row(POOLED, 40, 0.4).ranked_within(rows).metrics["auc"] == pytest.approx(0.6)
    assert math.isnan(row(POOLED, 40, 0.4).ranked_within(rows[1:]).metrics["auc"])


TIER = TierRow(POOLED, 4, 0.5, 1.0, 0.5, 0.0, 0.75, 0.0, math.nan, 0.5, ((1, 1), (1, 1)))


def churn_row(days: int, model: str, brier: float, *, whole: bool = True) -> MetricRow:
    return MetricRow("churn", model, POOLED, 4, whole, {"brier": brier}, days)


def report(**fields: Any) -> BacktestReport:
    given: dict[str, Any] = {
        "facts": {"churn_horizon_days": 60, "ltv_horizon_days": 90},
        "counts": ({"origin": "2025-01-01"},),
        "rows": (
            churn_row(30, OURS, 0.1),
            churn_row(60, OURS, 0.2),
            churn_row(60, "simple", 0.3),
            churn_row(60, "insider", 0.0, whole=False),
            churn_row(30, "simple", 0.05),
        ),
        "tiers": (TIER,),
        "tier_ids": ("a", "b"),
        **fields,
    }
    return BacktestReport(**given)


def test_the_main_horizon_is_the_one_of_the_facts() -> None:
    found = report()
    assert found.horizons("churn") == (60, 30)
    assert found.horizons("ltv") == ()
    assert found.metric("churn", "brier") == 0.2
    assert found.metric("churn", "brier", horizon_days=30) == 0.1
    assert found.best_baseline("churn", "brier") == ("simple", 0.3)
    assert found.best_baseline("churn", "brier", horizon_days=30) == ("simple", 0.05)
    assert report(facts={}).horizons("churn") == (30, 60)
    flat = found.flat()
    assert flat["backtest.churn.brier"] == 0.2
    assert flat["backtest.churn_30d.brier"] == 0.1
    assert flat["backtest.churn_30d.simple.brier"] == 0.05


def test_the_registry_gets_both_tier_figures_and_stability() -> None:
    flat = report(value_tiers=(TIER,), stability={"change_rate": 0.2, "reversal_rate": None}).flat()
    assert flat["backtest.value_tier.accuracy"] == flat["backtest.tier.accuracy"] == 0.5
    assert flat["backtest.tier.change_rate"] == 0.2
    assert "backtest.tier.reversal_rate" not in flat


def test_everything_survives_the_json() -> None:
    part = SliceRow("size", "top", "ltv", 90, 3, {"bias": math.nan}, {"bias": (0.1, 0.2)})
    whole = report(
        value_tiers=(TIER,),
        slices=(part,),
        history={"passed": True},
        indicators=({"indicator": "ltv", "low": math.nan},),
        weights={"n": 4},
    )
    document = whole.to_dict()
    assert document["schema_version"] == SCHEMA_VERSION
    again = BacktestReport.from_dict(document)
    assert again.to_dict() == document
    assert again.slices[0].intervals == {"bias": (0.1, 0.2)}
    assert math.isnan(again.slices[0].metrics["bias"])
    assert math.isnan(again.value_tiers[0].strict_accuracy)


def test_a_report_from_before_the_number_is_read() -> None:
    document = report(rows=(churn_row(60, OURS, 0.2), churn_row(60, "simple", 0.3))).to_dict()
    for key in ("schema_version", "value_tiers", "stability", "slices", "history", "indicators"):
        del document[key]
    del document["weights"]
    for row in document["rows"]:
        del row["horizon_days"], row["intervals"]
    old = BacktestReport.from_dict(document)
    assert old.metric("churn", "brier") == 0.2
    assert old.rows[0].horizon_days == 60
    assert old.best_baseline("churn", "brier") == ("simple", 0.3)
    assert old.value_tiers == ()


def test_a_report_of_a_later_version_is_refused() -> None:
    document = report().to_dict() | {"schema_version": SCHEMA_VERSION + 1}
    with pytest.raises(RegistryError, match="schema version 3; this code reads 1 and 2") as caught:
        BacktestReport.from_dict(document)
    assert "train again" in caught.value.hint
