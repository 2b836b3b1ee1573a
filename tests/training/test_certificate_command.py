"""``tierwise certificate``: the champion's promise against the latest closed day, as typed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from features.manifest import Entry, Manifest, file_hash
from features.parquet import Outcomes, write_frame, write_outcomes
from features.schema import FloatArray, IndicatorFrame
from training import cli
from training.bundle import Bundle
from training.commands import certificate as command
from training.dataset import TrainingSet
from training.errors import DatasetError, FitError
from training.models.certified import GOVERNING
from training.splits import OriginPlan


@pytest.fixture(autouse=True)
def screen(monkeypatch: pytest.MonkeyPatch) -> Console:
    console = Console(width=220, record=True, force_terminal=True)
    monkeypatch.setattr(command, "console", console)
    return console


def publish(
    state: Path, rows: TrainingSet, day: date, horizons: set[int], net_value: FloatArray
) -> None:
    """Publish one closed day of the small world."""
    published = state / "published"
    (published / "indicators").mkdir(parents=True)
    (published / "outcomes").mkdir()
    frame = IndicatorFrame(day, rows.customer_id, rows.columns, rows.values)
    path = published / "indicators" / f"{day}.parquet"
    write_frame(frame, path)
    told = f"{day}T23:59:59"
    entries = {
        f"indicators/{day}.parquet": Entry(file_hash(path), len(frame), str(day), told, None)
    }
    for horizon in horizons:
        path = published / "outcomes" / f"{day}-{horizon}d.parquet"
        churned = rows.churned > 0.5
        write_outcomes(Outcomes(day, horizon, rows.customer_id, churned, net_value), path)
        entry = Entry(file_hash(path), len(frame), str(day), told, horizon)
        entries[f"outcomes/{path.name}"] = entry
    Manifest("small", "EUR", True, {}, "", "", entries).save(published)


@pytest.fixture
def closed(data: TrainingSet, plan: OriginPlan) -> tuple[TrainingSet, date]:
    day = plan.backtest[-1].day
    return data.on(day), day


def run(home: Path, *words: str) -> int:
    result = CliRunner().invoke(cli.app, ["certificate", "small", "--home", str(home), *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code


def trained(bundle: Bundle, day: date) -> Bundle:
    """The bundle as if it had been trained on a day that knew nothing of what followed."""
    return replace(bundle, meta=replace(bundle.meta, trained_as_of=str(day)))


def horizons_of(bundle: Bundle) -> set[int]:
    return {bundle.meta.churn_horizon_days, bundle.meta.ltv_horizon_days}


def test_a_broken_promise_ends_with_one(
    certified: Bundle, closed: tuple[TrainingSet, date], tmp_path: Path, screen: Console
) -> None:
    rows, day = closed
    # Everybody is decided automatically, and the future is turned upside down.
    generous = replace(certified.certified.certificates[GOVERNING], threshold=0.0)
    reckless = replace(
        trained(certified, day),
        certified=replace(certified.certified, certificates={GOVERNING: generous}),
    )
    reckless.save(tmp_path / "small" / "bundle")
    upside_down = rows.net_value.max() - rows.net_value
    publish(tmp_path / "small", rows, day, horizons_of(certified), upside_down)
    out = tmp_path / "seen.json"
    assert run(tmp_path, "--out", str(out)) == 1
    assert "The promise was broken" in screen.export_text()
    seen = json.loads(out.read_text("utf-8"))
    assert seen["day"] == str(day)
    assert seen["broken"]
    assert seen["errors"] <= seen["selected"] <= int(rows.eligible.sum())


def test_nobody_decided_breaks_nothing(
    certified: Bundle, closed: tuple[TrainingSet, date], tmp_path: Path, screen: Console
) -> None:
    rows, day = closed
    strict = replace(certified.certified.certificates[GOVERNING], threshold=None)
    careful = replace(
        trained(certified, day),
        certified=replace(certified.certified, certificates={GOVERNING: strict}),
    )
    careful.save(tmp_path / "small" / "bundle")
    publish(tmp_path / "small", rows, day, horizons_of(certified), rows.net_value)
    assert run(tmp_path) == 0
    assert "0 customers decided automatically, wrong none. The promise was kept" in (
        screen.export_text()
    )


def test_without_a_certificate_or_a_closed_day_it_says_so(
    bundle: Bundle, certified: Bundle, closed: tuple[TrainingSet, date], tmp_path: Path
) -> None:
    rows, day = closed
    trained(bundle, day).save(tmp_path / "small" / "bundle")
    publish(tmp_path / "small", rows, day, horizons_of(bundle), rows.net_value)
    with pytest.raises(FitError, match="carries no certificate"):
        run(tmp_path)
    certified.save(tmp_path / "other")
    publish(tmp_path / "late" / "small", rows, day, set(), np.zeros(len(rows)))
    with pytest.raises(DatasetError, match="No published day has closed outcomes"):
        run(tmp_path / "late", "--bundle", str(tmp_path / "other"))


def test_what_was_learned_from_proves_nothing(
    certified: Bundle, closed: tuple[TrainingSet, date], tmp_path: Path
) -> None:
    rows, day = closed
    certified.save(tmp_path / "small" / "bundle")
    publish(tmp_path / "small", rows, day, horizons_of(certified), rows.net_value)
    with pytest.raises(DatasetError, match="No day has closed since"):
        run(tmp_path)
