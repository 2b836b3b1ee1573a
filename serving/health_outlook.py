"""How much a customer looks like those who stay: score, dimensions and bands (#81, #83).

The bands are the policy's (``tiering/health.toml``): that of a customer belongs to the chance to
stay in percent, that of a dimension to its points on fixed scales. The points that the model
gives are half of them ranks among customers, which no fixed band fits (docs/adr/0020).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from features.schema import FloatArray
from serving.domain.outlook import HealthDimension, HealthOutlook, HealthPart
from tiering.health import Band, HealthPolicy, Scale, packaged_health, plain_health
from training.bundle import Bundle


def health_outlook(bundle: Bundle, values: FloatArray) -> HealthOutlook:
    """Return the health of one customer ``(1, k)``: by the model, or without one by the scales."""
    policy = packaged_health()
    by_name = dict(zip(bundle.columns, values.T, strict=True))
    plain = plain_health(policy, by_name, 1)
    scales = {each.id: float(plain.dimensions[0, d]) for d, each in enumerate(policy.dimensions)}
    model = bundle.companions.health
    if model is None:
        score = float(plain.score[0])
        return HealthOutlook(
            source="scales",
            policy_id=policy.id,
            policy_version=policy.version,
            score=known(score),
            stays=None,
            horizon_days=None,
            band=_band(policy, score),
            known=float(plain.known[0]),
            dimensions=tuple(_by_scales(policy, scales, by_name)),
        )
    found = bundle.health(values)
    stays = float(found.stays[0])
    parts = iter(
        HealthPart(each.name, _value(by_name, each.name), known(points), weight)
        for each, points, weight in zip(
            model.scheme.indicators, found.points[0].tolist(), model.weights, strict=True
        )
    )
    dimensions = []
    for place, each in enumerate(model.scheme.dimensions):
        own = tuple(next(parts) for _ in each.indicators)
        scale = scales.get(each.name, math.nan)
        dimensions.append(
            HealthDimension(
                id=each.name,
                label_en=each.label_en,
                label_zh=each.label_zh,
                points=known(found.dimensions[0, place]),
                weight=math.fsum(part.weight for part in own),
                scale_points=known(scale),
                band=_band(policy, scale),
                parts=own,
            )
        )
    return HealthOutlook(
        source="model",
        policy_id=policy.id,
        policy_version=policy.version,
        score=known(found.score[0]),
        stays=known(stays),
        horizon_days=model.horizon_days,
        band=_band(policy, 100.0 * stays),
        known=float(found.known[0]),
        dimensions=tuple(dimensions),
    )


def known(value: float) -> float | None:
    """Return a number, None for one that is none or infinite."""
    return float(value) if math.isfinite(value) else None


def _by_scales(
    policy: HealthPolicy, scales: Mapping[str, float], by_name: Mapping[str, FloatArray]
) -> Iterator[HealthDimension]:
    whole = math.fsum(each.weight for each in policy.dimensions)
    for each in policy.dimensions:
        points = scales[each.id]
        yield HealthDimension(
            id=each.id,
            label_en=each.label_en,
            label_zh=each.label_zh,
            points=known(points),
            weight=each.weight / whole,
            scale_points=known(points),
            band=_band(policy, points),
            parts=tuple(
                HealthPart(
                    indicator=scale.name,
                    value=_value(by_name, scale.name),
                    points=_points(scale, by_name),
                    weight=each.weight / whole / len(each.indicators),
                )
                for scale in each.indicators
            ),
        )


def _value(by_name: Mapping[str, FloatArray], name: str) -> float | None:
    return known(by_name[name][0]) if name in by_name else None


def _points(scale: Scale, by_name: Mapping[str, FloatArray]) -> float | None:
    return known(scale.points(by_name[scale.name])[0]) if scale.name in by_name else None


def _band(policy: HealthPolicy, score: float) -> Band | None:
    place = int(policy.band(np.array([score]))[0])
    return policy.bands[place] if place >= 0 else None
