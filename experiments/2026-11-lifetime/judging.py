"""Errors of amounts and of probabilities, all origins together."""

from __future__ import annotations

import numpy as np

from features.schema import FloatArray
from training.evaluation import metrics

Pairs = dict[str, list[tuple[FloatArray, FloatArray]]]


def report_values(title: str, pairs: Pairs) -> None:
    """Print the errors of amounts, all origins together."""
    for name, parts in pairs.items():
        y, p = (np.concatenate(side) for side in zip(*parts, strict=True))
        print(
            f"{title} {name:26s} n {len(y)} bias {p.sum() / y.sum() - 1:+.3f} "
            f"MAE/mean {metrics.mae(y, p) / y.mean():.3f} "
            f"RMSE/mean {metrics.rmse(y, p) / y.mean():.3f} "
            f"pearson {np.corrcoef(y, p)[0, 1]:.3f} spearman {metrics.spearman(y, p):.3f} "
            f"nGini {metrics.normalised_gini(y, p):.3f}"
        )


def report_chances(title: str, pairs: Pairs) -> None:
    """Print the errors of probabilities, all origins together."""
    for name, parts in pairs.items():
        y, p = (np.concatenate(side) for side in zip(*parts, strict=True))
        sure = p >= 0.5
        fair = (sure[y == 1].mean() + (~sure[y == 0]).mean()) / 2
        print(
            f"{title} {name:14s} n {len(y)} share {y.mean():.3f} AUC {metrics.auc(y, p):.3f} "
            f"Brier {metrics.brier(y, p):.4f} log loss {metrics.log_loss(y, p):.4f} "
            f"ECE {metrics.ece(y, p):.3f} accuracy {(sure == y).mean():.3f} balanced {fair:.3f}"
        )
