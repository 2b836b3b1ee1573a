from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from features.cli import app
from features.errors import DataError
from tests.features.quality_world import ago, bought, world

FILES = {"quality.json", "quality.en.html", "quality.zh.html", "customers_to_follow_up.csv"}


def check(*arguments: object, ok: bool = True) -> Result:
    texts = ["check", *(str(argument) for argument in arguments)]
    result = CliRunner(env={"COLUMNS": "100"}).invoke(app, texts)
    if ok and result.exception is not None:
        raise result.exception
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources with a refused row, an unlisted customer and a row recorded late."""
    folder = tmp_path_factory.mktemp("check")
    orders = [*bought("客户一", (40, 5.0), (2, 5.0)), *bought("gone", (3, 7.0))]
    orders += [{"customer_id": "", "order_id": "x", "occurred_at": ago(1)}]
    orders = [{"recorded_at": row["occurred_at"], **row} for row in orders]
    orders[1]["recorded_at"] = ago(-5)
    people = [{"customer_id": "客户一", "name": "某某公司"}]
    world(folder / "sources", orders=orders, customers=people)
    return folder


def test_check_writes_pages_json_and_the_list(folder: Path, tmp_path: Path) -> None:
    told = check("--sources", folder / "sources", "--out", tmp_path / "r").output
    assert "test (real) as of 2025-06-28" in told
    assert "no source" in told
    assert "orders lacks line_id, discount" in told
    assert "to follow up: 1 (0 challenged, 0 zombie, 1 unlisted, 1 incomplete)" in told
    assert "misses the target: 2 of 4 rows have a fault" in told
    assert {path.name for path in (tmp_path / "r").iterdir()} == FILES
    assert all(name in told for name in FILES)
    document = json.loads((tmp_path / "r" / "quality.json").read_text("utf-8"))
    assert document["completeness"]["net_amount_30d"] == 1.0
    assert document["tables"]["orders"]["examples"]["missing_customer"]
    text = (tmp_path / "r" / "customers_to_follow_up.csv").read_text("utf-8-sig")
    assert [row["customer_id"] for row in csv.DictReader(text.splitlines())] == ["gone"]


def test_check_writes_beside_the_sources_by_default(folder: Path) -> None:
    check("--sources", folder / "sources", "--as-of", "2025-06-29")
    document = json.loads((folder / "reports" / "quality.json").read_text("utf-8"))
    assert document["as_of"].startswith("2025-06-29")


def test_check_takes_a_known_at(folder: Path, tmp_path: Path) -> None:
    # One order was learned of at noon of the fifth of July.
    arguments = ("--sources", folder / "sources", "--out", tmp_path)
    for known_at, seen in (("2025-07-04", 2), ("2025-07-05T11:59", 2), ("2025-07-05", 3)):
        check(*arguments, "--known-at", known_at)
        assert _seen(tmp_path) == seen
    result = check(*arguments, "--known-at", "soon", ok=False)
    assert result.exit_code == 2
    assert "no ISO 8601 day" in result.output


def _seen(folder: Path) -> int:
    document = json.loads((folder / "quality.json").read_text("utf-8"))
    return int(document["tables"]["orders"]["visible"])


def test_a_low_accuracy_fails_only_on_request(folder: Path, tmp_path: Path) -> None:
    arguments = ("--sources", folder / "sources", "--out", tmp_path / "r")
    assert check(*arguments, "--fail-under", "0.5").exit_code == 0
    result = check(*arguments, "--fail-under", "0.98", ok=False)
    assert isinstance(result.exception, DataError)
    told = str(result.exception)
    assert "Accuracy is 50.00%, below 98.00%: orders 33.33% (2 faulty rows)." in told
    assert result.exception.context["faulty"] == {"orders": 2, "customers": 0}
    # The report is there all the same: it is what shows the faults.
    assert (tmp_path / "r" / "quality.en.html").is_file()
    assert check(*arguments, "--fail-under", "98", ok=False).exit_code == 2
