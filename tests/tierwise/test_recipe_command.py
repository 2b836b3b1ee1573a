"""``tierwise recipe`` prints what can be copied, changed and given back."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tierwise.recipes import app
from tierwise.road import _nothing_to_serve
from tierwise.workspace import Workspace
from training.errors import GateFailedError, RecipeError
from training.recipe import load_recipe


def test_a_printed_recipe_is_the_recipe(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["cdnow"])
    assert told.exit_code == 0
    copy = tmp_path / "mine.toml"
    copy.write_text(told.output, "utf-8")
    assert load_recipe(copy).sha256 == load_recipe("cdnow").sha256


def test_without_a_name_it_is_the_default_one() -> None:
    assert CliRunner().invoke(app, []).output == load_recipe("default").text


def test_a_copy_with_a_fault_is_told(tmp_path: Path) -> None:
    copy = tmp_path / "mine.toml"
    copy.write_text(load_recipe("default").text.replace("seed =", "sead ="), "utf-8")
    told = CliRunner().invoke(app, [str(copy)])
    assert isinstance(told.exception, RecipeError)
    assert "sead" in told.exception.message


def test_a_refusal_without_a_champion_says_where_to_go_on(tmp_path: Path) -> None:
    refusal = GateFailedError("failed gates: x.", hint="The champion stays.", failed=["x"])
    told = _nothing_to_serve(refusal, Workspace(tmp_path, "acme"))
    assert told.message == refusal.message
    assert told.context == {"failed": ["x"]}
    assert "champion stays" not in told.hint
    assert str(tmp_path / "acme" / "reports" / "model_card.html") in told.hint


def test_an_unknown_recipe_names_the_known_ones() -> None:
    told = CliRunner().invoke(app, ["nothing"])
    assert isinstance(told.exception, RecipeError)
    with pytest.raises(RecipeError, match="nothing"):
        raise told.exception
    assert "journey" in told.exception.hint
