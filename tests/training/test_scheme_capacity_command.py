"""`tierwise scheme capacity`: cuts that fit what managers hold, told and never applied (#60)."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console
from typer.testing import CliRunner

from features.backends import connect
from features.errors import TierwiseError
from features.parquet import write_frame
from features.schema import CATALOGUE, IndicatorFrame
from features.sources import ingest
from tests.training.golden import FOLDER
from tiering.errors import PolicyError, PopulationError, SchemeError
from training.commands import scheme_capacity
from training.commands.scheme import app

N = 40
DAY = date(2026, 10, 31)
IDS = [f"C{i:03}" for i in range(N)]


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A screen as wide as the lines."""
    monkeypatch.setattr(scheme_capacity, "console", Console(width=200))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty customers, each with more revenue than the one before."""
    folder = tmp_path_factory.mktemp("published")
    values = np.full((N, len(CATALOGUE)), np.nan)
    values[:, list(CATALOGUE).index("net_amount_365d")] = np.arange(1.0, N + 1)
    frame = IndicatorFrame(DAY, np.array(IDS), tuple(CATALOGUE), values)
    write_frame(frame, folder / "indicators" / f"{DAY}.parquet")
    return folder


def told_sources(folder: Path, owners: list[str | None]) -> Path:
    """Sources whose customers have these account managers."""
    orders = {
        "order_id": IDS, "customer_id": IDS, "occurred_at": ["2026-01-01"] * N,
        "net_amount": ["1.00"] * N,
    }  # fmt: skip
    customers = {
        "customer_id": IDS, "recorded_at": ["2026-01-01"] * N, "created_at": ["2026-01-01"] * N,
        "owner": owners,
    }  # fmt: skip
    tables = {"orders": orders, "customers": customers}
    ingest(
        {name: (ibis.memtable(pa.table(rows)),) for name, rows in tables.items()},
        folder, connection=connect(threads=1), world="w", currency="EUR",
    )  # fmt: skip
    return folder


def run(*arguments: object) -> str:
    told = CliRunner().invoke(app, ["capacity", "amount-only", *map(str, arguments)])
    assert told.exit_code == 0, (told.output, told.exception)
    return told.output


def run_json(*arguments: object) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_tiers_shrink_to_what_managers_hold_and_grow_to_a_share(published: Path) -> None:
    found = run_json(
        "--published", published, "--hold", "large=2", "--managers", "large=1",
        "--share", "upper=0.5", "--movers", 3,
    )  # fmt: skip
    assert (found["as_of"], found["customers"]) == (str(DAY), N)
    tiers = {row["tier"]: row for row in found["tiers"]}
    assert [tiers[t]["capacity"] for t in tiers] == [2, 20, None, None]
    assert [tiers[t]["before"] for t in tiers] == [4, 8, 12, 16]  # percentiles 90, 70, 40
    assert [tiers[t]["after"] for t in tiers] == [2, 20, 2, 16]
    assert tiers["large"]["proposed"] > 90 > 70 > tiers["upper"]["proposed"] > 40
    assert found["moving"] == 2 + 10
    assert found["movers"] == [  # all by one tier, so in the order of their rows
        {"customer": "C018", "before": "middle", "after": "upper"},
        {"customer": "C019", "before": "middle", "after": "upper"},
        {"customer": "C020", "before": "middle", "after": "upper"},
    ]
    assert found["managers"] == []


def test_cuts_that_only_rise(published: Path) -> None:
    found = run_json("--published", published, "--share", "upper=0.5", "--only-raise")
    assert [row["proposed"] for row in found["tiers"]] == [90, 70, 40, 0]
    assert found["moving"] == 0


@pytest.mark.parametrize("language", ["en", "zh"])
def test_people_read_tables(published: Path, tmp_path: Path, language: str) -> None:
    owners = ["ann"] * 35 + ["bob"] * 4 + [None]
    sources = told_sources(tmp_path / "s", list(owners))
    told = run(
        "--published", published, "--hold", "large=2", "--managers", "large=1",
        "--as-of", DAY, "--sources", sources, "--per-manager", 5, 36, "--lang", language,
    )  # fmt: skip
    words = {
        "en": ("Large amount", "2 customers would move", "ann", "fits", "has room", "Nothing was"),
        "zh": ("大额客户", "2位客户", "ann", "合适", "有余量", "未作任何改动"),
    }
    for word in words[language]:
        assert word in told


def test_who_would_hold_too_many(published: Path, tmp_path: Path) -> None:
    sources = told_sources(tmp_path / "s", ["ann"] * 38 + ["bob"] * 2)
    found = run_json(
        "--published", published, "--hold", "large=1", "--managers", "large=4",
        "--sources", sources, "--bundle", FOLDER / "bundle",
    )  # fmt: skip
    ann, bob = found["managers"]
    assert (ann["manager"], ann["customers"], ann["status"]) == ("ann", 38, "over")
    assert (bob["by_tier"]["large"], bob["over"], bob["status"]) == (2, ["large"], "over")
    told = run(
        "--published", published, "--hold", "large=1", "--managers", "large=4",
        "--sources", sources, "--movers", 0,
    )  # fmt: skip
    assert "2!" in told
    assert "too many" in told
    assert "Who moves" not in told


def test_sources_without_managers_are_said_to_have_none(published: Path, tmp_path: Path) -> None:
    sources = told_sources(tmp_path / "s", [None] * N)
    told = run("--published", published, "--share", "large=0.1", "--sources", sources)
    assert "No source tells account managers." in told


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "at least one tier"),
        (("--hold", "large"), "TIER=N with a whole number"),
        (("--hold", "large=1.5"), "TIER=N with a whole number"),
        (("--share", "large=much"), "TIER=S with a number"),
        (("--hold", "large=3", "--managers", "large=-1"), "not below 0"),
        (("--hold", "large=3", "--managers", "lagre=1"), "lagre without --hold"),
        (("--share", "large=0.1", "--managers", "large=1"), "large without --hold"),
    ],
)
def test_what_was_told_wrongly_is_named(published: Path, arguments: Any, word: str) -> None:
    told = CliRunner().invoke(
        app, ["capacity", "amount-only", "--published", str(published), *arguments]
    )
    assert told.exit_code == 2
    assert word in told.output


@pytest.mark.parametrize(
    ("scheme", "arguments", "error", "word"),
    [
        ("amount-only", ("--hold", "small=3"), SchemeError, "'small' must be one of"),
        ("amount-only", ("--share", "large=2"), SchemeError, "above 0, at most 1"),
        ("amount-only", ("--hold", "large=3"), PopulationError, "tell how many there are"),
        ("retail", ("--share", "gold=0.1"), PolicyError, "by the score alone"),
    ],
)
def test_what_cannot_hold_is_refused(
    published: Path, scheme: str, arguments: Any, error: type[TierwiseError], word: str
) -> None:
    told = CliRunner().invoke(app, ["capacity", scheme, "--published", str(published), *arguments])
    assert isinstance(told.exception, error)
    assert word in str(told.exception)
