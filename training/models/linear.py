"""A penalised logistic regression on the models' inputs: where the trees start.

A regression finds what every input adds on the whole with a fraction of the data that trees
need; the trees then find what bends and what depends on what. Each training day has an effect
of its own during the fit, so that the regression ranks customers of one day and does not
explain a season by whatever indicator happened to move with it. The effects are not part of
the model: a day to come has none yet, and the level is set where it is known
(``training/models/churn.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.schema import FloatArray
from tiering.blocks import in_blocks
from training.models import portable
from training.models.blocks import BLOCK_ROWS, add_columns

# Some 150 coefficients are not known any better from more rows, but memory grows with them.
_MAX_ROWS = 100_000
# Rows that say whether an input varies, and whether two are the same.
_PROBE_ROWS = 4_000
# An input five deviations away is an outlier, whatever it says.
_CLIP = 5.0
# A term coded as 10 costs a hundredth of the penalty of one coded as 1.
_FREE = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Coefficients of ``m`` terms; a term is an input on a log scale, or whether it is unknown.

    Attributes
    ----------
    term
        ``(m,)`` index into the ``2 f`` terms of ``f`` inputs: values first, then flags.
    centre, scale
        ``(m,)`` mean and deviation of each term in training.
    weight
        ``(m,)`` log-odds per deviation.
    """

    term: npt.NDArray[np.int64]
    centre: FloatArray
    scale: FloatArray
    weight: FloatArray

    def margin(self, matrix: FloatArray, threads: int = 1) -> FloatArray:
        """Return the sum of all terms ``(n,)`` of inputs ``(n, f)``; 0 for mean inputs."""
        found = np.empty(len(matrix))

        def work(part: slice) -> None:
            # Summed by the same loop for one row and for many: a product of matrices may not be.
            np.add.reduce(self._parts(matrix[part]), axis=1, out=found[part])

        # the terms of millions of rows would be tens of GB
        in_blocks(len(matrix), work, rows=BLOCK_ROWS, threads=threads)
        return found

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """Return what each input adds, ``(n, f)``; a row sums to its margin."""
        found = np.zeros(matrix.shape)
        add_columns(found, self._parts(matrix), (self.term % matrix.shape[1]).tolist())
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dict; floats survive JSON bit for bit."""
        return {
            "term": self.term.tolist(),
            "centre": self.centre.tolist(),
            "scale": self.scale.tolist(),
            "weight": self.weight.tolist(),
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Linear:
        """Read :meth:`to_dict`."""
        centre, scale, weight = (
            np.array(document[name], dtype=np.float64) for name in ("centre", "scale", "weight")
        )
        return cls(np.array(document["term"], dtype=np.int64), centre, scale, weight)

    def _parts(self, matrix: FloatArray) -> FloatArray:
        return _standard(_terms(matrix, self.term), self.centre, self.scale) * self.weight


def fit_linear(
    matrix: FloatArray,
    label: FloatArray,
    day: npt.NDArray[np.int64],
    *,
    l2: float,
    free: int | None = None,
) -> tuple[Linear, FloatArray]:
    """Fit to inputs ``(n, f)`` and labels ``(n,)`` in {0, 1} of several days.

    Parameters
    ----------
    day
        ``(n,)`` number of the training day of each row, 0 to d - 1.
    l2
        Penalty on half the squared weights, relative to the mean log loss.
    free
        Input whose weight is all but free of the penalty: the more of it, the nearer the
        regression comes to that input alone.

    Returns
    -------
    tuple
        The model, and the effect of each day ``(d,)`` in log-odds.
    """
    from sklearn.linear_model import LogisticRegression  # heavy, and only fitting takes it

    days = int(day.max()) + 1
    step = -(-len(matrix) // _MAX_ROWS)
    matrix, label, day = matrix[::step], label[::step], day[::step]
    term = _worth_a_weight(matrix)
    raw = _terms(matrix, term)
    centre, scale = raw.mean(axis=0), raw.std(axis=0)
    effects = np.zeros((len(matrix), days))
    effects[np.arange(len(matrix)), day] = _FREE
    code = np.where(term == free, _FREE, 1.0) if free is not None else np.ones(len(term))
    design = np.column_stack([_standard(raw, centre, scale) * code, effects])
    model = LogisticRegression(C=1.0 / (l2 * len(matrix)), solver="newton-cholesky", max_iter=100)
    model.fit(design, label)
    weight, effect = model.coef_[0][: len(term)] * code, model.coef_[0][len(term) :]
    return (
        Linear(term, centre, scale, np.ascontiguousarray(weight, dtype=np.float64)),
        np.asarray(effect * _FREE + model.intercept_[0], dtype=np.float64),
    )


def _worth_a_weight(matrix: FloatArray) -> npt.NDArray[np.int64]:
    """Terms that vary and do not repeat an earlier one (many inputs are unknown together)."""
    probe = matrix[:: max(1, len(matrix) // _PROBE_ROWS)]
    terms = _terms(probe, np.arange(2 * matrix.shape[1]))
    varies = np.flatnonzero(terms.std(axis=0) > 1e-9)
    _, first = np.unique(terms[:, varies], axis=1, return_index=True)
    return np.asarray(varies[np.sort(first)], dtype=np.int64)


def _terms(matrix: FloatArray, term: npt.NDArray[np.int64]) -> FloatArray:
    inputs = matrix.shape[1]
    column, flag = term % inputs, term >= inputs
    found = np.empty((len(matrix), len(term)))
    unknown = np.isnan(matrix)
    with np.errstate(invalid="ignore"):
        logged = np.where(unknown, 0.0, np.sign(matrix) * portable.log1p(np.abs(matrix)))
    found[:, ~flag] = logged[:, column[~flag]]
    found[:, flag] = unknown[:, column[flag]]
    return found


def _standard(terms: FloatArray, centre: FloatArray, scale: FloatArray) -> FloatArray:
    return np.clip((terms - centre) / scale, -_CLIP, _CLIP)
