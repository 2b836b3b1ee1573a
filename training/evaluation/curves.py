"""Points behind the plots: reliability, lift, deciles. Plain data, no figure."""

from __future__ import annotations

from typing import Any

import numpy as np

from features.schema import FloatArray


def reliability(label: FloatArray, probability: FloatArray, bins: int = 10) -> list[dict[str, Any]]:
    """Return predicted and observed churn in bins of equal count, ascending."""
    order = np.argsort(probability, kind="stable")
    return [
        {
            "n": len(part),
            "predicted": float(probability[part].mean()),
            "observed": float(label[part].mean()),
        }
        for part in np.array_split(order, min(bins, len(order)))
        if len(part)
    ]


def lift(label: FloatArray, score: FloatArray, points: int = 20) -> list[dict[str, Any]]:
    """Return share of churners caught in the top share of customers, and the lift there."""
    order = np.argsort(-score, kind="stable")
    caught = np.cumsum(label[order])
    total = float(caught[-1]) if len(caught) else 0.0
    if total == 0:
        return []
    found = []
    for step in range(1, points + 1):
        k = max(1, round(len(label) * step / points))
        share, gain = k / len(label), float(caught[k - 1]) / total
        found.append({"share": share, "caught": gain, "lift": gain / share})
    return found


def deciles(actual: FloatArray, predicted: FloatArray, groups: int = 10) -> list[dict[str, Any]]:
    """Return mean predicted and realised net value by predicted decile, best first."""
    order = np.argsort(-predicted, kind="stable")
    return [
        {
            "decile": number,
            "n": len(part),
            "predicted": float(predicted[part].mean()),
            "realised": float(actual[part].mean()),
        }
        for number, part in enumerate(np.array_split(order, groups), start=1)
        if len(part)
    ]
