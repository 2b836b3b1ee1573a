"""Settings as commands read them: the command line, then the environment, then the default."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from serving.errors import SettingsError
from serving.options import read_settings
from tierwise import cli


def test_what_is_not_given_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERWISE_DATABASE_URL", "sqlite:///elsewhere.db")
    monkeypatch.setenv("TIERWISE_WORLD", "acme")
    settings = read_settings(home=Path("state"), world=None, database_url=None)
    assert settings.database == "sqlite:///elsewhere.db"
    assert settings.state == Path("state/acme")
    assert read_settings(database_url="sqlite:///x.db").database == "sqlite:///x.db"


@pytest.mark.parametrize(
    "variable", ["TIERWISE_RATE_LIMIT", "TIERWISE_PUSH_TIMEOUT", "TIERWISE_PORT"]
)
def test_a_setting_that_cannot_be_used_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "hunter2")
    with pytest.raises(SettingsError, match=variable) as caught:
        read_settings()
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("command", [("canary", "status"), ("shadow", "report")])
def test_every_command_of_a_world_opens_the_store_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, str]
) -> None:
    """Also those that are given their folder by an option of their own."""
    monkeypatch.setenv("TIERWISE_DATABASE_URL", "nonsense")
    told = CliRunner().invoke(cli.app, [*command, "acme", "--home", str(tmp_path)])
    assert "database URL" in str(told.exception)
    assert not (tmp_path / "acme").exists()
