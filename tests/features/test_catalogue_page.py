"""The reference pages of indicators say what the catalogue says."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from features.cli import app
from features.schema import CATALOGUE

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "language"), [("indicators.md", "en"), ("indicators.zh-CN.md", "zh")]
)
def test_a_page_is_what_the_command_prints(page: str, language: str) -> None:
    told = CliRunner().invoke(app, ["catalogue", "--markdown", "--language", language])
    assert told.exit_code == 0
    _, _, table = (DOCS / page).read_text("utf-8").partition("\n| ")
    assert "| " + table == told.output


def test_a_row_tells_where_an_indicator_comes_from_and_what_asks_for_it() -> None:
    told = CliRunner().invoke(app, ["catalogue", "--markdown"]).output.splitlines()
    rows = {cells[1]: cells for line in told if (cells := [c.strip() for c in line.split("|")])}
    assert set(rows) - set(CATALOGUE) == {"indicator", "---"}
    head = rows["indicator"]
    assert all(len(cells) == len(head) for cells in rows.values())
    contract = dict(zip(head, rows["contract_renewal_rate_730d"], strict=True))
    assert contract["source"] == "contracts.ends_at, contracts.renewed_at"
    assert (contract["requirement"], contract["personal"]) == ("#25", "")
    assessed = dict(zip(head, rows["esg_score"], strict=True))
    assert assessed["source"] == "assessments.kind = esg, assessments.value"
