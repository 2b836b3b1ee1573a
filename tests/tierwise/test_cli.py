"""The console command: what it lists, what it loads, how it tells of failure."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
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


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_example_of_a_command_is_one_that_its_parser_takes(name: str) -> None:
    words = shlex.split(cli.COMMANDS[name].example.split(" > ")[0])
    command = cli.load(words.pop(0))
    assert command.name == name
    told = CliRunner().invoke(cli.app, [name, "--help"]).output
    assert f"Example: tierwise {name}" in told
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    _, unused, _ = command.make_parser(typer.Context(command)).parse_args(words)
    assert unused == []


def test_completion_is_offered_once_at_the_door() -> None:
    assert "--install-completion" in CliRunner().invoke(cli.app, ["--help"]).output
    for name in cli.COMMANDS:
        assert "completion" not in CliRunner().invoke(cli.app, [name, "--help"]).output, name


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


def test_a_file_that_cannot_be_written_is_told_without_a_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    answers = Path(__file__).parents[2] / "docs" / "examples" / "weights" / "answers.csv"
    words = ["weights", "delphi", str(answers), "--out", str(tmp_path / "file" / "panel.json")]
    monkeypatch.setattr(sys, "argv", ["tierwise", *words])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    told = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert "cannot be used: File exists." in told
    assert "may read and write" in told


def test_a_fault_of_the_machine_keeps_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(OSError, match="Input/output error"):
        cli.main()


def test_the_module_is_the_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tierwise", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("tierwise ")
