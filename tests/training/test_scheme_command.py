"""`tierwise scheme`: list, show, check, diff and dry-run on a small published folder."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from features.parquet import write_frame
from features.schema import CATALOGUE, IndicatorFrame
from tests.training.golden import FOLDER
from tiering.errors import SchemeError
from tiering.scheme import load_scheme, scheme_names
from training.commands import scheme as command
from training.commands.scheme import app
from training.errors import DatasetError

LITERAL = Path(__file__).resolve().parents[1] / "tiering" / "literal"
N = 40


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A screen as wide as the lines, whatever it was when the module was first imported."""
    monkeypatch.setattr(command, "console", Console(width=200))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of forty customers of whom only orders are known; the last is all unknown."""
    folder = tmp_path_factory.mktemp("published")
    known = {
        "net_amount_365d": np.arange(1.0, N + 1) * 2_000,  # 2000 .. 80 000
        "net_amount_total": np.arange(1.0, N + 1) * 5_000,
        "order_days_365d": np.arange(1.0, N + 1) * 2,
        "days_since_last_order": np.linspace(90, 1, N),
        "tenure_days": np.full(N, 700.0),
        "repeat_count": np.full(N, 9.0),
        "return_rate_365d": np.linspace(0.2, 0.0, N),
    }
    columns = tuple(CATALOGUE)
    values = np.full((N + 1, len(columns)), np.nan)
    for name, column in known.items():
        values[:N, columns.index(name)] = column
    ids = np.array([f"C{i:03}" for i in range(N + 1)])
    for day in (date(2026, 9, 30), date(2026, 10, 31)):
        frame = IndicatorFrame(day, ids, columns, values)
        write_frame(frame, folder / "indicators" / f"{day}.parquet")
    return folder


def run(*arguments: object, code: int = 0) -> str:
    told = CliRunner().invoke(app, [str(a) for a in arguments])
    assert told.exit_code == code, (told.output, told.exception)
    return told.output


def run_json(*arguments: object, code: int = 0) -> Any:
    return json.loads(run(*arguments, "--json", code=code))


def test_list_tells_every_scheme() -> None:
    for language in ("en", "zh"):
        told = run("list", "--lang", language)
        assert all(name in told for name in scheme_names())
    assert "零售客户分级" in told
    rows = run_json("list")
    assert [row["name"] for row in rows] == list(scheme_names())
    retail = next(row for row in rows if row["name"] == "retail")
    assert (retail["decider"], retail["cadence"]) == ("rules", "month")


def test_show_prints_the_text_to_copy(tmp_path: Path) -> None:
    text = run("show", "retail")
    assert "#44" in text
    own = tmp_path / "own.toml"
    own.write_text(text, "utf-8")
    assert "is sound" in run("check", own)


def test_check_prints_every_fault_with_its_place() -> None:
    told = run("check", LITERAL / "x1-x2-004.toml", code=1)
    for words in ("7 faults", "dimensions.value.indicators: ", "(X2)", "tiers[3].to: 49 leaves"):
        assert words in told
    faults = run_json("check", LITERAL / "x1-x2-004.toml", code=1)
    assert faults["sound"] is False
    assert [f["path"] for f in faults["faults"]][-1] == "tiers[3].to"


def test_check_of_what_is_no_scheme(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["check", str(tmp_path / "none.toml")])
    assert isinstance(told.exception, SchemeError)


def test_check_tells_what_a_sound_scheme_says() -> None:
    told = run("check", "purchase-tenure")
    assert "Annual purchase and tenure (purchase-tenure 1.0.0) is sound." in told
    assert "net_amount_365d >= 20000000 and tenure_days >= 1095" in told
    chinese = run("check", "default", "--lang", "zh")
    assert f"五维客户分级 (five-dimension {load_scheme().version}) 通过校验" in chinese
    assert "18.0%" in chinese  # ltv: .40 * .45
    assert run_json("check", "default")["sha256"] == load_scheme().sha256


def test_12_check_warns_where_most_of_the_weight_has_no_data(published: Path) -> None:
    told = run("check", "weighted-50-30-20", "--published", published)
    # tenure alone is known: .5 * .3 of the weight; 85 % has no data
    assert "no data here for 85% of the weight" in told
    assert "Start with `amount-only` (#12)" in told
    assert "amount-only" not in run("check", "rfm-eight", "--published", published)
    assert run_json("check", "weighted-50-30-20", "--published", published)["poor"] is True


def test_diff_in_words() -> None:
    assert "Cut of Core customer: 60 → none." in run("diff", "default", "purchase-tenure")
    assert "核心客户分级线：60 → 无。" in run("diff", "default", "purchase-tenure", "--lang", "zh")
    assert "The schemes say the same." in run("diff", "retail", "retail")
    assert run_json("diff", "retail", "retail") == []
    paths = [change["path"] for change in run_json("diff", "default", "b2b-four")]
    assert "dimensions.finance" in paths


def test_dry_run_counts_by_hand(published: Path) -> None:
    found = run_json("dry-run", "team-split", "retail", "--published", published)
    assert found["as_of"] == "2026-10-31"
    assert (found["customers"], found["ungradable"], found["predictions"]) == (N, 1, False)
    # Nobody buys for 5 million. Retail: 10 000 from the 5th on, 24 days from the 12th on, core
    # needs days of payment, which nobody has.
    assert found["matrix"] == [[0, 0, 0], [0, 0, 0], [0, N - 11, 11]]
    assert [tier["customers"] for tier in found["after"]["tiers"]] == [0, 29, 11]
    # Of 2000 * (1 + ... + 40) = 1 640 000 the first eleven hold 132 000.
    shares = [tier["revenue_share"] for tier in found["after"]["tiers"]]
    assert shares == pytest.approx([0, 1 - 132 / 1640, 132 / 1640])
    # 29 rise by half of the way; of them the largest revenue first.
    assert len(found["movers"]) == 20
    assert found["movers"][0] == {
        "customer": "C039", "before": "sales_team", "after": "important", "revenue": 80000.0,
    }  # fmt: skip
    assert found["after"]["weight_without_data"] == pytest.approx(0.20 + 0.15)
    # 50 000 and 48 days from the 25th on: core if payment were known.
    assert found["after"]["referred"] >= 16 / N


def test_dry_run_tells_people(published: Path) -> None:
    told = run("dry-run", "amount-only", "weighted-50-30-20", "--published", published)
    for words in (
        "40 customers on 2026-10-31; 1 without data.",
        "Predictions are unknown",
        "Migration",
        "Who moves farthest",
        "weighted-50-30-20: no data here for 85% of the weight: net_amount_180d",
        "Warning: most of weighted-50-30-20's weight has no data",
        "go to the panel",
    ):
        assert words in told, words
    chinese = run(
        "dry-run", "retail", "retail", "--published", published, "--lang", "zh", "--as-of",
        "2026-09-30",
    )  # fmt: skip
    assert "警告：retail的分级依据在此无数据：dso_days_365d。" in chinese
    for words in ("2026-09-30共40位客户", "迁移矩阵", "等级不变：100.0%的客户。", "无数据：dso"):
        assert words in chinese, words
    assert "变动最大" not in chinese


def test_dry_run_with_predictions_of_a_bundle(published: Path) -> None:
    found = run_json(
        "dry-run", "default", "value-risk", "--published", published,
        "--bundle", FOLDER / "bundle",
    )  # fmt: skip
    assert found["predictions"] is True
    off = found["before"]["switched_off"]
    assert "ltv" not in off
    assert "churn_probability" not in off


def test_dry_run_where_nobody_can_be_graded(published: Path) -> None:
    arguments = ["dry-run", "retail", "default", "--published", str(published)]
    told = CliRunner().invoke(app, [*arguments, "--as-of", "2020-01-01"])
    assert isinstance(told.exception, DatasetError)
    assert "2026-09-30 to 2026-10-31" in told.exception.hint
    empty = CliRunner().invoke(app, ["dry-run", "retail", "retail", "--published", "nowhere"])
    assert "tierwise features publish" in empty.exception.hint


def test_dry_run_of_a_scheme_without_any_data(published: Path, tmp_path: Path) -> None:
    text = load_scheme("team-split").remembered
    assert text is not None
    own = tmp_path / "own.toml"
    own.write_text(
        text.replace("net_amount_365d", "active_contract_value").replace("1000万", "x"), "utf-8"
    )
    told = CliRunner().invoke(app, ["dry-run", "default", str(own), "--published", str(published)])
    assert isinstance(told.exception, DatasetError)
    assert "Nobody of 2026-10-31 has data for both schemes" in str(told.exception)
