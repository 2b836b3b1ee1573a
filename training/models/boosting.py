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

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from training.errors import BundleError
from training.models.bins import binned, shared_by_all, teach
from training.models.blocks import blocks
from training.models.forest.forest import Forest
from training.models.forest.text import UnsupportedForestError
from training.recipe import Trees

if TYPE_CHECKING:
    import lightgbm as lgb

Objective = Literal["binary", "tweedie", "median"]
"""What trees minimise: log loss of a label, Tweedie deviance of an amount (its margin is the log
of the mean), or the absolute error of an amount (the log of the median)."""

Float32Array = npt.NDArray[np.float32]

# Below this many rows starting threads costs more than it saves.
_SINGLE_THREAD_ROWS = 256
# Ensembles that grow at a time; each has a share of the threads.
_AT_ONCE = 2
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
    """Fit trees that correct ``offset`` ``(n,)`` to ``label`` ``(n,)``; see :func:`grow`."""
    return grow(
        teach(binned(matrix, names, seed=seed, threads=threads), label, offset),
        trees,
        objective=objective,
        tweedie_power=tweedie_power,
        seed=seed,
        threads=threads,
    )


def grow(
    data: lgb.Dataset,
    trees: Trees,
    *,
    objective: Objective,
    tweedie_power: float = 1.5,
    seed: int,
    threads: int,
) -> Boosted:
    """Fit trees to binned rows that have been told what to learn (``training/models/bins.py``)."""
    parameters = shared_by_all(seed, threads) | {
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
    }
    if objective == "tweedie":
        parameters["tweedie_variance_power"] = tweedie_power
    import lightgbm as lgb

    booster = lgb.train(parameters, data, num_boost_round=trees.rounds)
    return Boosted(booster.model_to_string(), threads=threads)


def at_once(fits: Sequence[Callable[[int], Boosted]], threads: int) -> list[Boosted]:
    """Return the ensembles of several fits, each called with the threads it may take.

    Two ensembles with a thread each are done before two with two threads each, one after the
    other: threads of one ensemble wait for each other at every split. Trees do not depend on it.
    """
    workers = max(1, min(_AT_ONCE, threads, len(fits)))
    each = max(1, threads // workers)
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda fit: fit(each), fits))


def _median(margin: FloatArray, data: lgb.Dataset) -> tuple[Float32Array, Float32Array]:
    """Slope and curvature of ``|label - exp(margin)|`` by the margin.

    LightGBM's own L1 objective corrects amounts by adding; here a factor is learned, so that
    the trees speak for small and large customers alike. The kink has no curvature: that of the
    exponential stands in for it.
    """
    label = np.asarray(data.get_label())
    # what LightGBM takes; arrays of millions of doubles would be made anew at every step
    slope, curvature = (np.empty(len(margin), dtype=np.float32) for _ in range(2))
    for part in blocks(len(margin)):
        amount = np.exp(np.clip(margin[part], -_MAX_LOG, _MAX_LOG))
        curvature[part] = amount
        slope[part] = -np.sign(label[part] - amount) * amount
    return slope, curvature
