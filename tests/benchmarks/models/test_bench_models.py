"""The bench reads every layout of a report right, and its page says what the report says."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.benchmarks.models.bench_cases import changed, read_cases
from tests.benchmarks.models.bench_figure import draw
from tests.benchmarks.models.bench_models import merged
from tests.benchmarks.models.bench_page import page
from tests.benchmarks.models.bench_reading import comparisons, coverage, origins
from training.errors import RecipeError
from training.recipe import load_recipe


def row(target: str, model: str, metrics: dict[str, float], **more: Any) -> dict[str, Any]:
    told = {"target": target, "model": model, "origin": "pooled", "n": 10, "whole": True}
    return {**told, "metrics": metrics, **more}


OLD: dict[str, Any] = {
    "facts": {"churn_horizon_days": 90, "ltv_horizon_days": 180, "interval": 0.9},
    "counts": [{"origin": "2011-01-01"}, {"origin": "2011-02-01"}],
    "rows": [
        row("churn", "tierwise", {"auc": 0.8, "log_loss": 0.5, "brier": 0.2, "ece": 0.01}),
        row("churn", "logistic", {"auc": 0.7, "log_loss": 0.4, "brier": 0.2, "ece": 0.02}),
        row("ltv", "tierwise", {"mae": 90.0, "rmse": 210.0, "coverage": 0.88}),
        row("ltv", "run_rate", {"mae": 100.0, "rmse": 200.0}),
        row("ltv", "last_year", {"mae": 1.0, "rmse": 1.0}, whole=False),
        {**row("ltv", "tierwise", {"mae": 1.0}), "origin": "2011-01-01"},
    ],
    "tiers": [
        {"origin": "pooled", "n": 10, "accuracy": 0.7, "within_one": 0.9, "too_high": None}
    ],
    "differences": [
        {
            "target": "ltv", "metric": "mae", "model": "run_rate",
            "mean": -10.0, "low": -15, "high": 2,
        }
    ],
}  # fmt: skip
"""As reports were before rows knew their horizon and every metric its interval."""


def new() -> dict[str, Any]:
    """As reports are with several horizons and intervals."""
    report = copy.deepcopy(OLD)
    for found in (*report["rows"], *report["differences"]):
        found["horizon_days"] = 90 if found["target"] == "churn" else 180
    longer = row("churn", "tierwise", {"auc": 0.9}, horizon_days=180, intervals={"auc": [0.8, 1]})
    report["rows"] += [longer, row("churn", "logistic", {"auc": 0.8}, horizon_days=180)]
    report["rows"][2]["metrics"] |= {"coverage_80": 0.79}
    return report


@pytest.mark.parametrize("report", [OLD, new()], ids=["without", "with"])
def test_both_layouts_are_read_alike(report: dict[str, Any]) -> None:
    churn, ltv = comparisons(report)[:2]
    assert (churn.target, churn.horizon_days, ltv.horizon_days) == ("churn", 90, 180)
    assert origins(report) == ["2011-01-01", "2011-02-01"]
    by_metric = {d.metric: d for d in ltv.differences}
    assert by_metric["mae"].better
    assert not by_metric["mae"].sure
    assert by_metric["rmse"].mean == pytest.approx(10.0)
    assert not by_metric["rmse"].better
    assert ltv.best("mae") == ("run_rate", 100.0)  # last_year knows only some customers
    assert ltv.gain("mae") == pytest.approx(0.1)
    assert churn.gain("auc") == pytest.approx(0.1 / 0.7)
    assert coverage(ltv, report)["90 %"] == 0.88


def test_every_horizon_is_a_comparison_and_keeps_its_intervals() -> None:
    found = {(c.target, c.horizon_days): c for c in comparisons(new())}
    assert set(found) == {("churn", 90), ("ltv", 180), ("churn", 180)}
    assert found["churn", 180].ours.intervals == {"auc": (0.8, 1)}
    assert coverage(found["ltv", 180], new())["80 %"] == 0.79


def results(report: dict[str, Any]) -> dict[str, Any]:
    case = {"id": "shop, 90 days", "data": "shop", "simulated": True, "report": report}
    return {
        "cases": [{**case, "recipe": "default", "recipe_sha256": "0" * 64}],
        "truth": None,
        "study": None,
        "flaml": None,
        "skipped": {"else": "it is not here"},
    }


def test_the_page_names_wins_losses_and_what_was_left_out() -> None:
    text = page(results(OLD))
    assert "shop, 90 days (simulated)" in text
    assert "**yes**, unsure, -10.0 (-15.0 to +2.0)" in text
    assert "no, +10.0" in text
    assert "MAE **1 of 1**; RMSE 0 of 1" in text
    assert "90 %: 88.0 %" in text
    assert "`else`: it is not here" in text
    assert "Not run" in text


def test_a_case_measured_anew_takes_the_place_of_its_like_and_the_others_stay() -> None:
    before = results(OLD)
    other = {**before["cases"][0], "id": "other", "data": "else", "measured_on": "2026-01-02"}
    before = before | {"cases": [before["cases"][0], other], "study": {"kept": True}}
    anew = {**before["cases"][0], "measured_on": "2026-11-23", "recipe": "changed"}
    now = results(OLD) | {
        "cases": [anew],
        "truth": {"b2b": 1},
        "skipped": {"shop": "x", "gone": "y"},
    }
    found = merged(before, now, ["other", "shop, 90 days", "never run"])
    assert [case["id"] for case in found["cases"]] == ["other", "shop, 90 days"]
    assert found["cases"][1]["recipe"] == "changed"
    assert (found["truth"], found["study"]) == ({"b2b": 1}, {"kept": True})
    assert found["skipped"] == {"gone": "y"}
    text = page(found | {"truth": None, "study": None})
    assert "Measured on 2026-01-02." in text
    assert "Measured on 2026-11-23." in text


def test_the_page_shows_what_the_automl_experiment_found_and_when() -> None:
    counts = [
        {
            "origin": f"2011-0{month}-01",
            "wall_seconds": {"tierwise": 10.0, "flaml_log_loss": 12.0},
            "processor_seconds": {"tierwise": 4.0, "flaml_log_loss": 5.4},
        }
        for month in (1, 2)
    ]
    rows = [
        row("churn", "tierwise", {"auc": 0.8}, horizon_days=90),
        row("churn", "flaml_log_loss", {"auc": 0.9}, horizon_days=90),
    ]
    case = {
        "id": "shop",
        "simulated": True,
        "measured_on": "2026-11-23",
        "packages": {"flaml": "2.7.0"},
        "report": {"facts": {"threads": 1}, "counts": counts, "rows": rows, "differences": []},
    }
    text = page(results(OLD) | {"flaml": {"schema_version": 1, "cases": [case]}})
    assert "### shop (simulated): measured on 2026-11-23" in text
    assert "clock over all origins: tierwise 20, flaml_log_loss 24" in text
    assert "Of the processor: tierwise 8, flaml_log_loss 11" in text
    assert "flaml 2.7.0" in text
    assert "| flaml_log_loss | no, -0.1000 |" in text
    assert "Not run" not in text
    assert "Not run: no such file" in page(results(OLD) | {"flaml": {"skipped": "no such file"}})


def test_the_figure_is_the_same_for_the_same_results(tmp_path: Any) -> None:
    for name in ("a.svg", "b.svg"):
        draw(results(OLD), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "simulated" in (tmp_path / "a.svg").read_text("utf-8")


def test_every_case_is_a_valid_recipe_with_its_changes() -> None:
    cases = {case.id: case for case in read_cases()}
    half_year = cases["online_retail_II, 180 days"].recipe
    assert (half_year.churn.horizon_days, half_year.ltv.horizon_days) == (180, 180)
    assert half_year.sha256 != load_recipe("default").sha256
    assert len({case.slug for case in cases.values()}) == len(cases)


def test_a_change_of_a_field_that_is_not_there_is_refused() -> None:
    text = load_recipe("default").text
    with pytest.raises(RecipeError, match=r"backtest\.seed"):
        changed(text, {"backtest": {"seed": 1}})
