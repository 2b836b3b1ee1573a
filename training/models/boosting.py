"""The one place that speaks LightGBM: fit, margins and exact contributions.

A model is its text. It is parsed again right after training, so what is evaluated is
what is stored. Every row is computed by itself, in one order of trees, so a row's
margin does not depend on the batch it comes in or on the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import lightgbm as lgb
import numpy as np

from features.schema import FloatArray
from training.errors import BundleError
from training.recipe import Trees

Objective = Literal["binary", "tweedie", "median"]
"""What trees minimise: log loss of a label, Tweedie deviance of an amount (its margin is the log
of the mean), or the absolute error of an amount (the log of the median)."""

# Below this many rows starting threads costs more than it saves.
_SINGLE_THREAD_ROWS = 256
# A quarter of the default: no less accurate on the real logs, and twice as fast to train.
_MAX_BIN = 63
BIN_SAMPLE_ROWS = 200_000
"""Rows, at most, that bins are cut by: LightGBM's default, part of what a seed decides."""

# exp(20) means is beyond any customer, and far from overflow.
_MAX_LOG = 20.0


class Boosted:
    """A fitted ensemble: ``text`` is LightGBM's own format."""

    def __init__(self, text: str, *, threads: int = 1) -> None:
        try:
            self._booster = lgb.Booster(model_str=text)
        except lgb.basic.LightGBMError as error:
            raise BundleError(
                f"A model text cannot be read: {error}.", hint="Take a whole bundle again."
            ) from error
        self.text = text
        self.names: tuple[str, ...] = tuple(self._booster.feature_name())
        self._threads = threads

    def margin(self, matrix: FloatArray) -> FloatArray:
        """Return the sum of leaf values ``(n,)``, without any offset."""
        if len(matrix) == 0:
            return np.empty(0)
        result = self._booster.predict(
            matrix, raw_score=True, num_threads=self._threads_for(len(matrix))
        )
        return np.asarray(result, dtype=np.float64)

    def contributions(self, matrix: FloatArray) -> tuple[FloatArray, float]:
        """Return exact path-dependent Shapley values ``(n, f)`` and their base value."""
        if len(matrix) == 0:  # LightGBM cannot predict no row; the base belongs to the trees
            return np.empty((0, len(self.names))), self.contributions(self._unknown_row())[1]
        result = np.asarray(
            self._booster.predict(
                matrix, pred_contrib=True, num_threads=self._threads_for(len(matrix))
            ),
            dtype=np.float64,
        )
        return result[:, :-1], float(result[0, -1])

    def gains(self) -> dict[str, float]:
        """Return each input's share of the total split gain, 0 to 1."""
        gain = np.asarray(self._booster.feature_importance("gain"), dtype=np.float64)
        total = float(gain.sum())
        return dict(zip(self.names, (gain / total if total else gain).tolist(), strict=True))

    def _unknown_row(self) -> FloatArray:
        return np.full((1, len(self.names)), np.nan)

    def _threads_for(self, rows: int) -> int:
        return 1 if rows < _SINGLE_THREAD_ROWS else self._threads


def fit_boosted(
    matrix: FloatArray,
    names: Sequence[str],
    label: FloatArray,
    offset: FloatArray,
    trees: Trees,
    *,
    objective: Objective,
    tweedie_power: float = 1.5,
    seed: int,
    threads: int,
) -> Boosted:
    """Fit trees that correct ``offset`` ``(n,)``; see :func:`binned` and :func:`grow`."""
    return grow(
        binned(matrix, names, label, offset, seed=seed, threads=threads),
        trees,
        objective=objective,
        tweedie_power=tweedie_power,
        seed=seed,
        threads=threads,
    )


def binned(
    matrix: FloatArray,
    names: Sequence[str],
    label: FloatArray,
    offset: FloatArray,
    *,
    seed: int,
    threads: int,
) -> lgb.Dataset:
    """Return rows ``(n, f)`` as trees see them, a byte for each input.

    Several ensembles may grow on the same bins. ``matrix`` is not needed any more then.

    Parameters
    ----------
    label
        ``(n,)`` 0 or 1, or amounts >= 0 in a unit that makes them about 1.
    offset
        ``(n,)`` what the trees are to correct: log-odds of a label, or log of an amount.
    seed
        Chooses the rows that bins are cut by where there are more than ``BIN_SAMPLE_ROWS``.
    """
    parameters = {
        "max_bin": _MAX_BIN,
        "bin_construct_sample_cnt": BIN_SAMPLE_ROWS,
        "feature_pre_filter": False,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads,
        "seed": seed,
        "verbosity": -1,
    }
    data = lgb.Dataset(
        matrix, label=label, init_score=offset, feature_name=list(names), params=parameters
    )
    return data.construct()


def grow(
    data: lgb.Dataset,
    trees: Trees,
    *,
    objective: Objective,
    tweedie_power: float = 1.5,
    seed: int,
    threads: int,
) -> Boosted:
    """Fit trees to :func:`binned` rows."""
    parameters: dict[str, Any] = {
        "objective": _median if objective == "median" else objective,
        "learning_rate": trees.learning_rate,
        "num_leaves": trees.num_leaves,
        "min_data_in_leaf": trees.min_data_in_leaf,
        "lambda_l2": trees.lambda_l2,
        "feature_fraction": trees.feature_fraction,
        "bagging_fraction": trees.bagging_fraction,
        "bagging_freq": 1 if trees.bagging_fraction < 1.0 else 0,
        "boost_from_average": False,
        "min_sum_hessian_in_leaf": 0.0,
        "max_bin": _MAX_BIN,
        "feature_pre_filter": False,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads,
        "seed": seed,
        "verbosity": -1,
    }
    if objective == "tweedie":
        parameters["tweedie_variance_power"] = tweedie_power
    booster = lgb.train(parameters, data, num_boost_round=trees.rounds)
    return Boosted(booster.model_to_string(), threads=threads)


def _median(margin: FloatArray, data: lgb.Dataset) -> tuple[FloatArray, FloatArray]:
    """Slope and curvature of ``|label - exp(margin)|`` by the margin.

    LightGBM's own L1 objective corrects amounts by adding; here a factor is learned, so that
    the trees speak for small and large customers alike. The kink has no curvature: that of the
    exponential stands in for it.
    """
    amount = np.exp(np.clip(margin, -_MAX_LOG, _MAX_LOG))
    return -np.sign(np.asarray(data.get_label()) - amount) * amount, amount
