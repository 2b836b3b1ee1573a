"""What the demo refuses before it starts, and where it puts things."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from features.errors import MappingError
from tierwise.demo import app
from tierwise.road import OwnData, world_of
from tierwise.workspace import Workspace
from training.registry.registry import model_name


def test_data_without_mapping_is_a_usage_error(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["--data", str(tmp_path)])
    assert told.exit_code == 2
    assert "--mapping" in told.output


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden"])
def test_a_world_that_cannot_be_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        f'world = "{name}"\ncurrency = "EUR"\n[orders]\nfile = "o.csv"\n'
        '[orders.columns]\norder_id = "a"\ncustomer_id = "b"\n'
        'occurred_at = "c"\nnet_amount = "d"\n',
        "utf-8",
    )
    with pytest.raises(MappingError):
        world_of(OwnData(tmp_path, mapping))


def test_the_workspace_is_where_the_commands_look(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "acme")
    assert workspace.settings.state == workspace.folder
    assert workspace.settings.bundle == tmp_path / "acme" / "bundle"
    assert model_name("acme") == "tierwise-acme"
