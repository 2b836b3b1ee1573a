"""The training commands as a person types them (a whole run is in test_pipeline)."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from features.errors import SourceNotFoundError
from training import cli
from training.commands.verdicts import show_gates
from training.errors import RecipeError, RegistryError
from training.evaluation.gates import GateCheck, GateReport
from training.evaluation.stress import CheckResult, ScenarioResult, StressReport


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Console:
    console = Console(width=160, record=True, force_terminal=True)
    monkeypatch.setattr(cli, "console", console)
    return console


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(cli.app, ["--help"]).stdout
    for command in ("train", "backtest", "stress", "approve", "promote", "rollback", "versions"):
        assert command in shown


@pytest.mark.parametrize("command", ["train", "backtest", "stress"])
def test_a_world_that_was_never_ingested_is_said(tmp_path: Path, command: str) -> None:
    result = CliRunner().invoke(cli.app, [command, "journey", "--home", str(tmp_path)])
    assert isinstance(result.exception, SourceNotFoundError)


def test_an_unknown_recipe_is_said_before_anything_runs(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        cli.app, ["train", "journey", "--recipe", "nope", "--home", str(tmp_path)]
    )
    assert isinstance(result.exception, RecipeError)
    assert list(tmp_path.iterdir()) == []


def test_the_recipe_is_the_worlds_own_or_the_default() -> None:
    assert cli._recipe("journey", "").id == "journey"
    assert cli._recipe("mycompany", "").id == "default"
    assert cli._recipe("journey", "cdnow").id == "cdnow"


def test_stress_and_gates_are_shown(screen: Console) -> None:
    check = CheckResult("mean score of all customers: not up", 1.0, 10, False)
    cli._show_stress(
        StressReport(
            "2025-06-30",
            ("a", "b"),
            (
                ScenarioResult("fall", "Fall", "下降", customers=10, checks=(check,)),
                ScenarioResult("late", "Late", "延迟", skipped="no invoices"),
            ),
        )
    )
    show_gates(
        cli.console,
        GateReport((GateCheck("churn.ece", False, 0.3, 0.1, "<=", "Calibrate."),), ("A note.",)),
    )
    shown = screen.export_text()
    assert "0 of 1" in shown
    assert "Late: skipped, no invoices." in shown
    assert "FAILED" in shown
    assert "churn.ece: Calibrate." in shown
    assert "A note." in shown


@pytest.mark.parametrize(
    "words",
    [
        ["promote", "w"],
        ["rollback", "w"],
        ["versions", "w"],
        ["approve", "w", "--version", "1", "--by", "ann", "--reason", "read"],
    ],
)
def test_commands_take_the_registry_from_option_or_environment(
    tmp_path: Path, words: list[str]
) -> None:
    home = ["--home", str(tmp_path)]
    given = CliRunner().invoke(cli.app, [*words, *home, "--registry", "ftp://nowhere"])
    around = CliRunner().invoke(
        cli.app, [*words, *home], env={"TIERWISE_REGISTRY": "mongodb://nowhere"}
    )
    assert isinstance(given.exception, RegistryError)
    assert "ftp://" in str(given.exception)
    assert "mongodb://" in str(around.exception)
    assert list(tmp_path.iterdir()) == []


def test_an_approval_names_a_person_and_a_reason(tmp_path: Path) -> None:
    told = CliRunner().invoke(cli.app, ["approve", "w", "--version", "1", "--by", "ann"])
    assert told.exit_code == 2
