"""``tierwise backtest`` on a log with nothing but customer, time and amount, as typed."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from features.errors import MappingError
from training import cli
from training.errors import HistoryError, RecipeError
from training.evaluation.baselines import CHURN, LTV
from training.evaluation.report import OURS, POOLED, BacktestReport
from training.recipe import Recipe

START = date(2024, 1, 1)
MAPPING = """
world = "corner-shop"
currency = "EUR"
simulated = true

[orders]
file = "log.csv"
line_number = true
constants = { order_id = "log" }

[orders.columns]
customer_id = "customer"
occurred_at = "time"
net_amount = "amount"
"""


@dataclass(frozen=True)
class Shop:
    """A folder with a log, its mapping and a recipe; and what the command made of it."""

    folder: Path
    out: Path
    predictions: Path
    shown: str

    @property
    def arguments(self) -> list[str]:
        return [
            *("backtest", "--data", str(self.folder), "--mapping"),
            *(str(self.folder / "map.toml"), "--recipe", str(self.folder / "small.toml")),
        ]

    @property
    def report(self) -> BacktestReport:
        return BacktestReport.from_dict(json.loads(self.out.read_text("utf-8")))


def write_log(folder: Path, recipe: Recipe, days: int) -> None:
    """Simulate customers who buy at a pace of their own until they leave."""
    rng = np.random.default_rng(5)
    with (folder / "log.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["customer", "time", "amount"])
        for customer in range(260):
            day, pace = float(rng.integers(0, days // 2)), rng.gamma(2.0, 14.0) + 3.0
            worth = rng.lognormal(3.5, 0.8)
            while day < days:
                moment = START + timedelta(days=int(day))
                clock = f"{rng.integers(8, 18):02d}:{rng.integers(0, 60):02d}:00"
                amount = f"{worth * rng.lognormal(0, 0.4):.2f}"
                writer.writerow([f"c{customer:03d}", f"{moment} {clock}", amount])
                if rng.random() < 0.08:
                    break
                day += max(1.0, rng.exponential(pace))
    (folder / "map.toml").write_text(MAPPING, "utf-8")
    text = recipe.text.replace("train_origins = 12", "train_origins = 2")
    (folder / "small.toml").write_text(text, "utf-8")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    write_log(folder, recipe, 540)
    state = folder / "state"
    made = Shop(folder, folder / "made" / "report.json", folder / "made" / "rows.parquet", "")
    files = ["--out", str(made.out), "--predictions", str(made.predictions), "--keep", str(state)]
    result = CliRunner().invoke(cli.app, [*made.arguments, *files], catch_exceptions=False)
    assert result.exit_code == 0
    return Shop(folder, made.out, made.predictions, result.stdout)


def test_the_report_holds_all_models_with_intervals_and_n(shop: Shop) -> None:
    report = shop.report
    assert report.facts["world"] == "corner-shop"
    assert report.facts["simulated"] is True
    for target, baselines in (("churn", CHURN), ("ltv", LTV)):
        for origin in (*report.origins, POOLED):
            days = report.facts[f"{target}_horizon_days"]
            key = (target, origin, days)
            models = [r.model for r in report.rows if (r.target, r.origin, r.horizon_days) == key]
            assert models == [OURS, *baselines]
        pooled = report.pooled(target)
        assert pooled[OURS].n > 100
        assert set(pooled[OURS].intervals) == set(pooled[OURS].metrics)
    assert {row.by for row in report.slices} == {"tenure", "size"}
    assert report.stability["triples"] > 0
    known = [row["indicator"] for row in report.indicators if row["n"]]
    assert "ltv" in known
    assert "max_overdue_days" not in known


def test_what_was_done_is_told(shop: Shop) -> None:
    assert "accepted" in shop.shown
    for title in ("4 origins pooled", "difference to each baseline", "Misjudgment by indicator"):
        assert title in shop.shown
    assert "…" not in shop.shown
    assert sorted(p.name for p in shop.out.parent.iterdir()) == ["report.json", "rows.parquet"]
    kept = {p.name for p in (shop.folder / "state").iterdir()}
    assert {"sources", "published"} <= kept


def test_the_rows_behind_the_figures_are_written(shop: Shop) -> None:
    table, report = pq.read_table(shop.predictions), shop.report
    assert table.num_rows == report.pooled("ltv")[OURS].n
    net, guess = (table[name].to_numpy() for name in ("ltv_60d", "ltv_60d__tierwise"))
    assert np.abs(net - guess).mean() == pytest.approx(report.metric("ltv", "mae"))
    assert set(table["tier"].to_pylist()) <= set(report.tier_ids)
    right = np.array(table["tier"].to_pylist()) == np.array(table["hindsight_tier"].to_pylist())
    assert right.mean() == pytest.approx(report.pooled_tiers().accuracy)
    assert table["ltv_60d__last_year"].null_count > 0


def test_too_short_a_log_is_refused_and_leaves_nothing(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_log(tmp_path, recipe, 200)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    out = tmp_path / "report.json"
    short = Shop(tmp_path, out, tmp_path / "rows.parquet", "")
    result = CliRunner().invoke(cli.app, [*short.arguments, "--out", str(out)])
    assert isinstance(result.exception, HistoryError)
    assert "needs" in result.exception.message
    assert not out.exists()
    assert list(scratch.iterdir()) == []


def test_wrong_calls_are_refused_before_anything_slow(shop: Shop, tmp_path: Path) -> None:
    run = CliRunner()
    both = run.invoke(cli.app, ["backtest", "b2b", "--mapping", "map.toml"])
    assert both.exit_code == typer.BadParameter("").exit_code
    assert run.invoke(cli.app, ["backtest"]).exit_code == 2
    assert run.invoke(cli.app, ["backtest", "b2b", "--keep", str(tmp_path)]).exit_code == 2
    unknown = run.invoke(cli.app, [*shop.arguments[:-1], "nope"])
    assert isinstance(unknown.exception, RecipeError)
    lost = run.invoke(cli.app, ["backtest", "--mapping", str(tmp_path / "none.toml")])
    assert isinstance(lost.exception, MappingError)
