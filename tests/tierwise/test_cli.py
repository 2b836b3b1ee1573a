"""The console command: what it lists, what it loads, how it tells of failure."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rich.console import Console
from typer.testing import CliRunner

from features.errors import ContractError, SourceNotFoundError
from tiering.errors import Fault, SchemeError
from tierwise import cli


def test_help_lists_every_command_in_the_order_of_the_road() -> None:
    told = CliRunner().invoke(cli.app, ["--help"])
    assert told.exit_code == 0
    places = [told.output.find(f"│ {name} ") for name in cli.COMMANDS]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_can_be_loaded_and_tells_of_itself(name: str) -> None:
    assert cli.load(name).name == name
    told = CliRunner().invoke(cli.app, [name, "--help"])
    assert told.exit_code == 0, told.output
    assert "Usage" in told.output


def test_the_version_is_told() -> None:
    told = CliRunner().invoke(cli.app, ["--version"])
    assert told.exit_code == 0
    assert told.output.startswith("tierwise 0.")


def test_a_misspelt_command_meets_a_suggestion() -> None:
    told = CliRunner().invoke(cli.app, ["serv"])
    assert told.exit_code == 2
    assert "'serve'" in told.output


def test_an_error_says_what_where_and_what_to_do() -> None:
    error = ContractError(
        "orders lacks [net_amount].", hint="Map it.", table="orders", columns=["net_amount"]
    )
    console = Console(width=70, record=True)
    console.print(cli.render(error))
    text = console.export_text()
    for words in ("ContractError", "orders lacks [net_amount].", "table: orders", "→ Map it."):
        assert words in text


def test_faults_are_listed_once() -> None:
    error = SchemeError("Two faults:", faults=[Fault("a", "is odd."), Fault("b", "is even.")])
    console = Console(width=70, record=True)
    console.print(cli.render(error))
    text = console.export_text()
    assert text.count("is odd.") == text.count("is even.") == 1


def test_an_expected_failure_ends_with_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tierwise", "demo", "--world", "jurney", "--no-serve"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    told = capsys.readouterr().err
    assert SourceNotFoundError.__name__ in told
    assert "journey" in told


def test_the_module_is_the_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tierwise", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("tierwise ")
