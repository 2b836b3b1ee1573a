"""The sections of a training recipe, each a small model of its own.

What each field means and why it has its value is written beside it in
``training/recipes/*.toml``.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

TargetName = Literal["churn", "ltv"]

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Days = Annotated[int, Field(ge=1)]
Level = Annotated[float, Field(gt=0.0, lt=1.0)]
BaselineName = Annotated[str, Field(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$")]


class Section(BaseModel):
    """A part of a recipe: fixed once read, and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Target(Section):
    """What is predicted: ``horizon_days`` after the snapshot."""

    horizon_days: Days


class ChurnTarget(Target):
    """Churn: the horizon that grades use, and others that are predicted beside it."""

    more_horizons_days: tuple[Days, ...] = ()

    @property
    def horizons(self) -> tuple[int, ...]:
        """All horizons, ascending."""
        return tuple(sorted({self.horizon_days, *self.more_horizons_days}))


class Lifetime(Section):
    """How far value is carried beyond the LTV horizon, and what money costs a year."""

    horizons_days: tuple[Days, ...] = (365, 1095, 1825)
    annual_rate: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.1


class Eligibility(Section):
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


class Origins(Section):
    """The grid of snapshot days."""

    step_days: Days
    min_history_days: Days
    train_origins: Annotated[int, Field(ge=1)]


class Backtest(Section):
    """Rolling-origin backtest: how many origins, how far apart."""

    origins: Annotated[int, Field(ge=4)]
    step_days: Days


class Btyd(Section):
    """The probability model of repeat purchase behind the baseline."""

    model: Literal["mbgnbd", "bgnbd"]
    penalty: Positive


class Baseline(Section):
    """How the LTV baseline is mixed."""

    btyd_weight: Share
    order_value_share: Share
    min_observed_days: Days
    half_trust: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 16.0


class Trees(Section):
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


class LightGbm(Section):
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


class Regression(Section):
    """The logistic regression that the trees of churn start from, and the level of churn."""

    l2: Positive
    level_share: Share
    recent_share: Share = 0.0


class Intervals(Section):
    """The prediction interval of LTV, and how far levels follow the calibration day."""

    nominal: Level
    levels: tuple[Level, ...] = (0.8, 0.95)
    classes: Annotated[int, Field(ge=1)]
    bias_shrinkage: Share


class Gates(Section):
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


class Stress(Section):
    """Which scenarios of ``training/scenarios`` a challenger is put through."""

    scenarios: tuple[str, ...]
