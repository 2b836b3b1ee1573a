"""The training recipe: every number a training run depends on, from one TOML file.

A recipe is logged whole with the model it made, and its hash is stamped on the
bundle. What each field means and why it has its value is written beside it in
``training/recipes/*.toml``.
"""

from __future__ import annotations

import hashlib
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from training.errors import RecipeError
from training.recipe_sections import (
    Backtest,
    Baseline,
    Btyd,
    ChurnTarget,
    ChurnTrees,
    Eligibility,
    Gates,
    Intervals,
    Lifetime,
    LightGbm,
    LtvTrees,
    MedianTrees,
    Origins,
    Regression,
    Section,
    Stress,
    Target,
    TargetName,
    Trees,
)

__all__ = [
    "Backtest",
    "Baseline",
    "Btyd",
    "ChurnTarget",
    "ChurnTrees",
    "Eligibility",
    "Gates",
    "Intervals",
    "Lifetime",
    "LightGbm",
    "LtvTrees",
    "MedianTrees",
    "Origins",
    "Recipe",
    "Regression",
    "Stress",
    "Target",
    "TargetName",
    "Trees",
    "load_recipe",
    "parse_recipe",
    "recipe_names",
]


class Recipe(Section):
    """All of one training recipe; ``text`` is the TOML it was read from."""

    id: str
    seed: Annotated[int, Field(ge=0)]
    churn: ChurnTarget
    ltv: Target
    demand: Target | None = None
    lifetime: Lifetime = Lifetime()
    eligibility: Eligibility
    origins: Origins
    backtest: Backtest
    btyd: Btyd
    baseline: Baseline
    regression: Regression = Regression(l2=1.0, level_share=0.0)
    lightgbm: LightGbm
    intervals: Intervals
    gates: Gates
    stress: Stress
    _text: str = PrivateAttr(default="")

    @property
    def text(self) -> str:
        """The TOML text, exactly as read."""
        return self._text

    @property
    def sha256(self) -> str:
        """Hash of :attr:`text`, hex."""
        return hashlib.sha256(self._text.encode("utf-8")).hexdigest()

    @property
    def horizons(self) -> tuple[tuple[TargetName, int], ...]:
        """Every outcome that is learned: target and days, the graded ones first."""
        demand = {self.demand.horizon_days} if self.demand else set()
        return (
            ("churn", self.churn.horizon_days),
            ("ltv", self.ltv.horizon_days),
            *(("churn", days) for days in self.churn.horizons if days != self.churn.horizon_days),
            *(("ltv", days) for days in demand - {self.ltv.horizon_days}),
        )

    @model_validator(mode="after")
    def _backtest_lies_on_the_grid(self) -> Self:
        if self.backtest.step_days % self.origins.step_days:
            raise ValueError(
                f"backtest.step_days ({self.backtest.step_days}) must be a multiple of "
                f"origins.step_days ({self.origins.step_days})"
            )
        if self.gates.min_interval_coverage > self.gates.max_interval_coverage:
            raise ValueError("gates.min_interval_coverage exceeds gates.max_interval_coverage")
        return self


def recipe_names() -> tuple[str, ...]:
    """Return the names of the recipes that come with the package, sorted."""
    folder = files("training") / "recipes"
    return tuple(sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if _is_toml(p.name)))


def load_recipe(path_or_name: str | Path = "default") -> Recipe:
    """Read a recipe: a packaged name (``journey``) or the path of a TOML file.

    Raises
    ------
    RecipeError
        If there is no such recipe, it is not TOML, or any field is wrong; all
        faults are listed.
    """
    name = str(path_or_name)
    if name in recipe_names():
        text = (files("training") / "recipes" / f"{name}.toml").read_text("utf-8")
    else:
        path = Path(path_or_name)
        if not path.is_file():
            raise RecipeError(
                f"There is no recipe {name!r}.",
                hint=f"Give a TOML file or one of: {', '.join(recipe_names())}.",
                recipe=name,
            )
        text = path.read_text("utf-8")
    return parse_recipe(text, origin=name)


def parse_recipe(text: str, *, origin: str = "recipe") -> Recipe:
    """Read a recipe from TOML text; ``origin`` names it in errors.

    Raises
    ------
    RecipeError
        If the text is not TOML or breaks the recipe's rules.
    """
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"Recipe {origin!r} is not TOML: {error}.", recipe=origin) from error
    try:
        recipe = Recipe.model_validate(document)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'recipe'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        raise RecipeError(
            f"Recipe {origin!r} has {len(faults)} fault(s): {'; '.join(faults)}.",
            hint="Compare with training/recipes/default.toml, which explains every field.",
            recipe=origin,
            faults=faults,
        ) from error
    recipe._text = text
    return recipe


def _is_toml(name: str) -> bool:
    return name.endswith(".toml")
