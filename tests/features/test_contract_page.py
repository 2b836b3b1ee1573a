"""The reference page of the source contract says what the contract says."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from features.cli import app
from features.contract import CONTRACT, REASONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "source-contract.md"


def told(*options: str) -> str:
    result = CliRunner(env={"COLUMNS": "120"}).invoke(app, ["contract", *options])
    assert result.exit_code == 0
    return result.output


def test_the_page_is_what_the_command_prints() -> None:
    _, _, tables = PAGE.read_text("utf-8").partition("\n## ")
    assert "## " + tables == told("--markdown")


def test_the_page_names_every_table_column_and_reason() -> None:
    page = told("--markdown")
    for table in CONTRACT.values():
        assert f"## `{table.name}`: {table.label_en}" in page
        assert all(f"| `{c.name}` | {c.label_en} | {c.kind} |" in page for c in table.columns)
    assert all(f"| `{code}` | {english} |" in page for code, (english, _) in REASONS.items())
    assert "| 0 to 100; known from `resolved_at` on |" in page


def test_the_command_speaks_both_languages() -> None:
    assert "工单内容" in told("--language", "zh")
    assert "缺少客户编号" in told("--markdown", "--language", "zh")
    assert "customer_id *" in told()
