"""Recipes: the packaged ones are sound, and every fault of a bad one is told."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from pathlib import Path

import pytest

from training.errors import RecipeError
from training.evaluation.scenario import load_scenario
from training.recipe import load_recipe, parse_recipe, recipe_names

TEXT = (files("training") / "recipes" / "default.toml").read_text("utf-8")


@pytest.mark.parametrize("name", recipe_names())
def test_packaged_recipes_load_under_their_own_name(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.id == name
    assert recipe.sha256 == hashlib.sha256(recipe.text.encode()).hexdigest()
    assert recipe.backtest.origins >= 4


def test_the_four_worlds_have_a_recipe() -> None:
    assert recipe_names() == ("b2b", "cdnow", "default", "journey")


@pytest.mark.parametrize("name", recipe_names())
def test_every_number_of_a_recipe_has_a_comment_before_it(name: str) -> None:
    lines = load_recipe(name).text.splitlines()
    told = False
    for line in lines:
        if line.startswith("#"):
            told = True
        elif line.startswith("["):
            told = False
        elif "=" in line:
            assert told, line


@pytest.mark.parametrize("name", recipe_names())
def test_named_scenarios_exist(name: str) -> None:
    for scenario in load_recipe(name).stress.scenarios:
        assert load_scenario(scenario).id == scenario


def test_a_recipe_can_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.replace('id = "default"', 'id = "mine"'), "utf-8")
    assert load_recipe(path).id == "mine"
    assert load_recipe(path).sha256 != load_recipe("default").sha256


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="b2b, cdnow, default, journey"):
        load_recipe("nowhere")


def test_all_faults_are_listed_at_once() -> None:
    text = re.sub(r"nominal = .*", "nominal = 1.5", TEXT)
    text = re.sub(r"origins = 4\n", "origins = 3\n", text, count=1)
    text += "\n[surprise]\nx = 1\n"
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    told = str(caught.value)
    assert "intervals.nominal" in told
    assert "backtest.origins" in told
    assert "surprise" in told
    assert caught.value.context["recipe"] == "recipe"


def test_text_that_is_not_toml_is_told() -> None:
    with pytest.raises(RecipeError, match="not TOML"):
        parse_recipe("id = ", origin="torn")


def test_backtest_must_lie_on_the_grid() -> None:
    text = TEXT.replace("\nstep_days = 30", "\nstep_days = 20", 1)
    with pytest.raises(RecipeError, match="multiple"):
        parse_recipe(text)


@pytest.mark.parametrize("name", recipe_names())
def test_packaged_recipes_challenge_jumps(name: str) -> None:
    assert load_recipe(name).eligibility.max_jump_ratio >= 10


def test_a_recipe_may_be_silent_about_jumps() -> None:
    silent = parse_recipe(re.sub(r"max_jump_ratio = .*\n", "", TEXT))
    assert silent.eligibility.max_jump_ratio == 0


@pytest.mark.parametrize("ratio", ["1", "0.5", "-3", "inf", '"ten"'])
def test_a_jump_is_a_ratio_above_one(ratio: str) -> None:
    with pytest.raises(RecipeError, match="eligibility"):
        parse_recipe(re.sub(r"max_jump_ratio = .*", f"max_jump_ratio = {ratio}", TEXT))


def test_coverage_limits_must_not_cross() -> None:
    text = re.sub(r"max_interval_coverage = .*", "max_interval_coverage = 0.5", TEXT)
    with pytest.raises(RecipeError, match="exceeds"):
        parse_recipe(text)


def test_recipes_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_recipe("default").seed = 1  # type: ignore[misc]
