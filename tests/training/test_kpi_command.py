"""``tierwise kpi`` and ``tierwise attribution`` on a small published world, as typed."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from features.manifest import Entry, Manifest, file_hash
from features.parquet import Outcomes, write_frame, write_outcomes
from features.schema import IndicatorFrame
from training import cli
from training.bundle import Bundle
from training.commands import attribution as attribution_command
from training.commands import kpi as kpi_command
from training.commands.graded import chosen_days, columns_of
from training.errors import DatasetError

DAYS = (date(2024, 6, 30), date(2025, 3, 31), date(2025, 6, 30))
N = 300


@pytest.fixture(autouse=True)
def screen(monkeypatch: pytest.MonkeyPatch) -> Console:
    console = Console(width=220, record=True, force_terminal=True)
    monkeypatch.setattr(kpi_command, "console", console)
    monkeypatch.setattr(attribution_command, "console", console)
    return console


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> Path:
    """World ``small`` has a bundle, world ``bare`` has none."""
    folder = tmp_path_factory.mktemp("home")
    rng = np.random.default_rng(0)
    for world in ("small", "bare"):
        published = folder / world / "published"
        (published / "indicators").mkdir(parents=True)
        (published / "outcomes").mkdir()
        entries = {}
        for number, day in enumerate(DAYS):
            frame = _frame(day, bundle.columns, number, rng)
            path = published / "indicators" / f"{day}.parquet"
            write_frame(frame, path)
            entries[f"indicators/{day}.parquet"] = _entry(path, day, None)
            if day < DAYS[-1]:
                path = published / "outcomes" / f"{day}-90d.parquet"
                value = rng.gamma(1.0, 400.0, N)
                write_outcomes(Outcomes(day, 90, frame.customer_id, value < 0, value), path)
                entries[f"outcomes/{day}-90d.parquet"] = _entry(path, day, 90)
        Manifest(world, "EUR", True, {}, "", "", entries).save(published)
    bundle.save(folder / "small" / "bundle")
    return folder


def _entry(path: Path, day: date, horizon: int | None) -> Entry:
    return Entry(file_hash(path), N, day.isoformat(), f"{day}T23:59:59", horizon)


def _frame(
    day: date, columns: tuple[str, ...], number: int, rng: np.random.Generator
) -> IndicatorFrame:
    values = np.full((N, len(columns)), np.nan)
    spend = rng.gamma(1.0, 1500.0, N)
    known = {
        "net_amount_30d": spend / 12,
        "net_amount_90d": spend / 4,
        "net_amount_180d": spend / 2,
        "net_amount_365d": spend,
        "net_amount_total": 2 * spend,
        "order_days_30d": np.ones(N),
        "order_days_90d": np.full(N, 2.0),
        "order_days_365d": 1.0 + rng.poisson(3.0, N),
        "days_since_last_order": np.where(np.arange(N) < 30 * number, 500.0, 20.0),
        "tenure_days": rng.integers(100, 400, N).astype(float),
        "repeat_count": rng.poisson(6.0, N).astype(float),
        "last_order_age_days": np.full(N, 60.0),
        "average_order_value_365d": spend / 4,
    }
    for name, column in known.items():
        values[:, columns.index(name)] = column
    ids = np.array([f"c{n:04d}" for n in range(N)])
    return IndicatorFrame(day, ids, columns, values)


def run(*words: str) -> None:
    result = CliRunner().invoke(cli.app, list(words))
    if result.exception is not None:
        raise result.exception


def test_the_board_of_a_graded_world(home: Path, tmp_path: Path, screen: Console) -> None:
    out = tmp_path / "board.json"
    run("kpi", "small", "--home", str(home), "--out", str(out))
    shown = screen.export_text()
    board = json.loads(out.read_text("utf-8"))
    # Also where the service reads it.
    assert (home / "small" / "kpi.json").read_text("utf-8") == out.read_text("utf-8")
    # By default the last day and the one a year before it.
    assert board["days"] == ["2024-06-30", "2025-06-30"]
    by_id = {row["id"]: row for row in board["kpis"]}
    churn = by_id["churn_rate"]
    assert churn["actual"]["value"] == 60 / 300  # silent for 500 days, active a year before
    assert churn["status"] == "adjust"
    assert by_id["satisfaction"]["missing"] == ["surveys"]
    assert by_id["satisfaction"]["actual"]["value"] is None
    assert by_id["tier_upgrade_rate"]["actual"]["n"] > 0
    assert by_id["ltv_growth"]["status"] != "missing"
    assert sum(map(sum, board["migration"]["matrix"])) == N
    assert board["concentration"]["net_amount_365d"]["n"] == N
    moved = {drift["indicator"]: drift["verdict"] for drift in board["drift"]}
    assert moved["days_since_last_order"] == "moved"
    assert moved["net_amount_365d"] == "stable"
    for words in ("data missing: surveys", "Moves between tiers", "top 20%", "Churn of the best"):
        assert words in shown


def test_the_board_without_grades(home: Path, screen: Console) -> None:
    days = [word for day in DAYS for word in ("--day", day.isoformat())]
    run("kpi", "bare", "--home", str(home), *days)
    shown = screen.export_text()
    assert "data missing: grades" in shown
    assert "Moves between tiers" not in shown
    assert "against 2025-03-31" in shown
    run("kpi", "bare", "--home", str(home), "--day", "2024-06-30")
    assert "a single snapshot" in screen.export_text()


def test_the_board_in_chinese_in_a_narrow_terminal_cuts_nothing_off(
    home: Path, screen: Console
) -> None:
    screen.width = 60
    run("kpi", "bare", "--home", str(home), "--day", "2024-06-30", "--language", "zh")
    shown = screen.export_text()
    for words in ("流失", "缺少", "状态"):
        assert words in shown
    assert "…" not in shown


def test_days_must_be_published(home: Path) -> None:
    with pytest.raises(DatasetError, match="2025-01-01"):
        run("kpi", "bare", "--home", str(home), "--day", "2025-01-01")
    with pytest.raises(DatasetError, match="No snapshot"):
        chosen_days([], [])
    lonely = [date(2025, 6, 30) - timedelta(days=n) for n in (100, 0)]
    assert chosen_days(lonely, []) == [date(2025, 6, 30)]


def test_attribution_of_a_placebo(home: Path, tmp_path: Path, screen: Console) -> None:
    out = tmp_path / "study.json"
    run("attribution", "small", "--home", str(home), "--placebo", "--out", str(out))
    shown = screen.export_text()
    found = json.loads(out.read_text("utf-8"))
    assert found["placebo"] is True
    assert found["cuts"]
    assert all(cut["statement"] is None for cut in found["cuts"])
    assert all(cut["simulated"] for cut in found["cuts"])
    assert "simulated, placebo: nobody was served" in shown
    assert "comes from tier service" not in shown  # what nobody did has no share
    run("attribution", "small", "--home", str(home), "--snapshots", "1")
    told = screen.export_text()
    assert "No statement" in told or "comes from tier service" in told


def test_attribution_needs_outcomes(home: Path) -> None:
    with pytest.raises(DatasetError, match="No outcomes over 30 days"):
        run("attribution", "small", "--home", str(home), "--horizon", "30")


def test_a_frame_must_hold_the_bundles_columns(bundle: Bundle) -> None:
    frame = IndicatorFrame(DAYS[0], np.array(["a"]), ("tenure_days",), np.ones((1, 1)))
    with pytest.raises(DatasetError, match="lacks columns"):
        columns_of(bundle, frame)
