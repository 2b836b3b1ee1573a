"""The one place that speaks LightGBM: fit, margins and exact contributions.

A model is its text. It is parsed again right after training, so what is evaluated is
what is stored. Every row is computed by itself, in one order of trees, so a row's
margin does not depend on the batch it comes in or on the number of threads.

What is asked of a model is answered by its compiled forest (``training/models/forest``): margins
are LightGBM's to the bit, contributions differ in the last digits, so who explained is kept with
what was explained. LightGBM itself is loaded where models are fitted, where a text holds more
than the forest understands, and to repeat what it explained once; it is a third of the memory
of a process that serves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from features.schema import FloatArray
from training.errors import BundleError
from training.models.forest.forest import Forest
from training.models.forest.text import UnsupportedForestError
from training.recipe import Trees

if TYPE_CHECKING:
    import lightgbm as lgb

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


QUADRATURE = "quadrature-1"
"""Explains by the compiled forest. A change of its bits takes another number."""

LIGHTGBM = "lightgbm"
"""Explains by LightGBM's own ``pred_contrib``."""

EXPLAINERS = (QUADRATURE, LIGHTGBM)


def common(explainers: Iterable[str]) -> str:
    """Return the one explainer of several models: LightGBM where they differ, as it knows all."""
    found = set(explainers)
    return found.pop() if len(found) == 1 else LIGHTGBM


class Boosted:
    """A fitted ensemble: ``text`` is LightGBM's own format."""

    def __init__(self, text: str, *, threads: int = 1) -> None:
        self.text = text
        self._threads = threads
        self._forest: Forest | None = None
        try:
            self._forest = Forest.of(text)
            self.names = self._forest.trees.names
        except UnsupportedForestError:
            self.names = tuple(self._booster.feature_name())

    @property
    def forest(self) -> Forest | None:
        """The compiled trees; None where only LightGBM understands them."""
        return self._forest

    @property
    def explainer(self) -> str:
        """Who explains if nobody in particular is asked to."""
        return LIGHTGBM if self._forest is None else QUADRATURE

    def margin(self, matrix: FloatArray) -> FloatArray:
        """Return the sum of leaf values ``(n,)``, without any offset."""
        threads = self._threads_for(len(matrix))
        if self._forest is not None:
            return self._forest.margin(self._inputs(matrix), threads)
        if len(matrix) == 0:
            return np.empty(0)
        result = self._booster.predict(matrix, raw_score=True, num_threads=threads)
        return np.asarray(result, dtype=np.float64)

    def contributions(
        self, matrix: FloatArray, explainer: str | None = None
    ) -> tuple[FloatArray, float]:
        """Return exact path-dependent Shapley values ``(n, f)`` and their base value.

        Parameters
        ----------
        explainer
            One of :data:`EXPLAINERS`; :attr:`explainer` by default.

        Raises
        ------
        BundleError
            If the explainer is unknown, or does not understand these trees.
        """
        asked = self.explainer if explainer is None else explainer
        threads = self._threads_for(len(matrix))
        if asked == QUADRATURE and self._forest is not None:
            return self._forest.shapley(self._inputs(matrix), threads), self._forest.trees.base
        if asked != LIGHTGBM:
            raise BundleError(
                f"The explainer {asked!r} cannot explain this model.",
                hint="It came with another version of Tierwise, or numba is not installed here.",
                explainer=asked,
                known=list(EXPLAINERS),
            )
        if len(matrix) == 0:  # LightGBM cannot predict no row; the base belongs to the trees
            return np.empty((0, len(self.names))), self.contributions(self._unknown_row(), asked)[1]
        result = np.asarray(
            self._booster.predict(matrix, pred_contrib=True, num_threads=threads),
            dtype=np.float64,
        )
        return result[:, :-1], float(result[0, -1])

    def gains(self) -> dict[str, float]:
        """Return each input's share of the total split gain, 0 to 1."""
        gain = np.asarray(self._booster.feature_importance("gain"), dtype=np.float64)
        total = float(gain.sum())
        return dict(zip(self.names, (gain / total if total else gain).tolist(), strict=True))

    @cached_property
    def _booster(self) -> lgb.Booster:
        import lightgbm as lgb

        try:
            return lgb.Booster(model_str=self.text)
        except lgb.basic.LightGBMError as error:
            raise BundleError(
                f"A model text cannot be read: {error}.", hint="Take a whole bundle again."
            ) from error

    def _inputs(self, matrix: FloatArray) -> FloatArray:
        if matrix.ndim != 2 or matrix.shape[1] != len(self.names):
            raise BundleError(
                f"The trees take {len(self.names)} inputs; the matrix has shape {matrix.shape}.",
                hint="Build the inputs with the version the model was fitted with.",
            )
        return np.ascontiguousarray(matrix, dtype=np.float64)

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
    import lightgbm as lgb

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
    import lightgbm as lgb

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
