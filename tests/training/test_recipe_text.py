"""Fields changed in a recipe's text: nothing else moves, least of all the comments."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.errors import RecipeError
from training.recipe import load_recipe, parse_recipe, recipe_names
from training.recipe_text import flat, with_fields

TEXT = """# head
id = "x" # named

[a]
# why
n = 1   # beside
[a.b]
n = 2.5

# between
[c]
"""


def test_a_field_is_changed_where_it_stands() -> None:
    assert with_fields(TEXT, {"a.b.n": 0.5, "a.n": 7, "id": 'a "b"'}) == TEXT.replace(
        "n = 2.5", "n = 0.5"
    ).replace("n = 1 ", "n = 7 ").replace('"x"', '"a \\"b\\""')


def test_a_field_left_to_its_default_joins_its_section() -> None:
    changed = with_fields(TEXT, {"a.b.new": True, "c.m": 3, "d.e": "f"})
    assert "n = 2.5\nnew = true\n\n# between\n[c]\nm = 3\n" in changed
    assert changed.endswith('[d]\ne = "f"\n')
    assert changed.count("#") == TEXT.count("#")


@pytest.mark.parametrize("text", ["a = {n = 1}\n", "a.n = 1\n"])
def test_a_layout_that_cannot_be_changed_in_place_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match=r"a\.n cannot be changed"):
        with_fields(text, {"a.n": 2})


def test_what_is_no_toml_is_refused() -> None:
    with pytest.raises(RecipeError, match="not TOML"):
        with_fields("a = = 1", {"a": 2})


@pytest.mark.parametrize("name", recipe_names())
def test_every_number_of_every_recipe_can_be_changed(name: str) -> None:
    recipe = load_recipe(name)
    document = tomllib.loads(recipe.text)
    for field, value in flat(document).items():
        if isinstance(value, int | float):
            changed = with_fields(recipe.text, {field: value})
            assert flat(tomllib.loads(changed)) == flat(document)
            assert changed.count("#") == recipe.text.count("#")


@given(st.floats(1e-12, 1e12, allow_nan=False))
def test_a_number_reads_back_to_the_same_bits(value: float) -> None:
    text = with_fields(load_recipe().text, {"btyd.penalty": value})
    assert parse_recipe(text).btyd.penalty == value
