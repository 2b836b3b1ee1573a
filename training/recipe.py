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
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from training.errors import RecipeError

TargetName = Literal["churn", "ltv"]

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Days = Annotated[int, Field(ge=1)]
Level = Annotated[float, Field(gt=0.0, lt=1.0)]
BaselineName = Annotated[str, Field(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Target(_Section):
    """What is predicted: ``horizon_days`` after the snapshot."""

    horizon_days: Days


class ChurnTarget(Target):
    """Churn: the horizon that grades use, and others that are predicted beside it."""

    more_horizons_days: tuple[Days, ...] = ()

    @property
    def horizons(self) -> tuple[int, ...]:
        """All horizons, ascending."""
        return tuple(sorted({self.horizon_days, *self.more_horizons_days}))


class Lifetime(_Section):
    """How far value is carried beyond the LTV horizon, and what money costs a year."""

    horizons_days: tuple[Days, ...] = (365, 1095, 1825)
    annual_rate: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.1


class Eligibility(_Section):
    """Which customers the models learn from and are judged on.

    ``max_jump_ratio`` bounds the first only: a challenged customer is still judged on.
    """

    active_within_days: Days
    min_tenure_days: Annotated[int, Field(ge=0)]
    max_jump_ratio: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0

    @model_validator(mode="after")
    def _a_jump_goes_up(self) -> Self:
        if 0.0 < self.max_jump_ratio <= 1.0:
            raise ValueError("max_jump_ratio must be above 1, or 0 to challenge nobody")
        return self


class Origins(_Section):
    """The grid of snapshot days."""

    step_days: Days
    min_history_days: Days
    train_origins: Annotated[int, Field(ge=1)]


class Backtest(_Section):
    """Rolling-origin backtest: how many origins, how far apart."""

    origins: Annotated[int, Field(ge=4)]
    step_days: Days


class Btyd(_Section):
    """The probability model of repeat purchase behind the baseline."""

    model: Literal["mbgnbd", "bgnbd"]
    penalty: Positive


class Baseline(_Section):
    """How the LTV baseline is mixed."""

    btyd_weight: Share
    order_value_share: Share
    min_observed_days: Days
    half_trust: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 16.0


class Trees(_Section):
    """LightGBM parameters of one model."""

    rounds: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)]
    num_leaves: Annotated[int, Field(ge=2)]
    min_data_in_leaf: Annotated[int, Field(ge=1)]
    lambda_l2: Annotated[float, Field(ge=0.0)]
    feature_fraction: Annotated[float, Field(gt=0.0, le=1.0)]
    bagging_fraction: Annotated[float, Field(gt=0.0, le=1.0)]


class ChurnTrees(Trees):
    """Trees of the churn model."""


class LtvTrees(Trees):
    """Trees that learn the mean of LTV, and the power of their Tweedie loss."""

    tweedie_power: Annotated[float, Field(gt=1.0, lt=2.0)]


class MedianTrees(Trees):
    """Trees that learn the median of LTV, and their share in the log of the prediction."""

    share: Share


class LightGbm(_Section):
    """The models' trees and what they share."""

    threads: Annotated[int, Field(ge=1)]
    churn: ChurnTrees
    ltv: LtvTrees
    ltv_median: MedianTrees = MedianTrees(
        rounds=150,
        learning_rate=0.05,
        num_leaves=15,
        min_data_in_leaf=100,
        lambda_l2=1.0,
        feature_fraction=0.6,
        bagging_fraction=0.7,
        share=0.5,
    )


class Regression(_Section):
    """The logistic regression that the trees of churn start from, and the level of churn."""

    l2: Positive
    level_share: Share


class Intervals(_Section):
    """The prediction interval of LTV, and how far levels follow the calibration day."""

    nominal: Level
    levels: tuple[Level, ...] = (0.8, 0.95)
    classes: Annotated[int, Field(ge=1)]
    bias_shrinkage: Share


class Gates(_Section):
    """Limits a challenger must keep before it may be promoted."""

    min_churn_auc: Share
    max_churn_ece: Share
    max_churn_brier_ratio: Positive
    max_ltv_mae_ratio: Positive
    max_ltv_rmse_ratio: Positive
    min_ltv_spearman: Annotated[float, Field(ge=-1.0, le=1.0)]
    min_ltv_normalised_gini: Annotated[float, Field(ge=-1.0, le=1.0)]
    min_interval_coverage: Share
    max_interval_coverage: Share
    max_score_psi: Positive
    max_metric_regression: Annotated[float, Field(ge=0.0)]
    min_stress_unchanged_share: Share
    min_origins: Annotated[int, Field(ge=1)]
    required_baselines: tuple[BaselineName, ...] = (
        "churn.recency",
        "churn.purchase_model",
        "churn.logistic",
        "ltv.run_rate",
        "ltv.purchase_model",
    )
    max_indicator_churn_auc: Share = 0.98
    max_indicator_ltv_rank: Share = 0.98
    max_stress_auc_loss: Share = 0.10
    max_stress_mae_ratio: Positive = 1.5


class Stress(_Section):
    """Which scenarios of ``training/scenarios`` a challenger is put through."""

    scenarios: tuple[str, ...]


class Recipe(_Section):
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
