"""The reference page of indicators says what the catalogue says."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from features.cli import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "indicators.md"


def test_the_page_is_what_the_command_prints() -> None:
    told = CliRunner().invoke(app, ["catalogue", "--markdown"])
    assert told.exit_code == 0
    _, _, table = PAGE.read_text("utf-8").partition("\n| ")
    assert "| " + table == told.output
