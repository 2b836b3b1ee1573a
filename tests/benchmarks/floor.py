"""The two boosters of a bundle alone, fed with ready-made inputs: no grading can be faster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb

from features.schema import FloatArray
from training.bundle import Bundle
from training.models.correction import Correction
from training.models.design import build

# As the product does: one row does not pay for waking threads.
_FEW_ROWS = 256


@dataclass(frozen=True, slots=True)
class Boosters:
    """LightGBM's own objects by target, and the inputs ``(n, f)`` of each."""

    booster: Mapping[str, Any]
    matrix: Mapping[str, FloatArray]
    threads: int

    @classmethod
    def of(cls, bundle: Bundle, values: FloatArray) -> Boosters:
        """Parse a bundle's model texts and build the inputs of ``(n, k)`` customers."""
        models: dict[str, Correction] = {
            "churn": bundle.churn.correction,
            "ltv": bundle.ltv.correction,
        }
        return cls(
            {
                f"{name}.{part}": lgb.Booster(model_str=boosted.text)
                for name, model in models.items()
                for part, boosted in model.trees.items()
            },
            {
                f"{name}.{part}": build(
                    bundle.columns,
                    values,
                    model.baseline(bundle.columns, values),
                    scale=model.scale,
                ).matrix
                for name, model in models.items()
                for part in model.trees
            },
            1 if len(values) < _FEW_ROWS else bundle.recipe.lightgbm.threads,
        )

    def predict(self) -> dict[str, FloatArray]:
        """Return the margins of both, without offsets."""
        return {
            name: booster.predict(self.matrix[name], raw_score=True, num_threads=self.threads)
            for name, booster in self.booster.items()
        }

    def contributions(self) -> dict[str, FloatArray]:
        """Return LightGBM's own Shapley values of both, the base in the last column."""
        return {
            name: booster.predict(self.matrix[name], pred_contrib=True, num_threads=self.threads)
            for name, booster in self.booster.items()
        }
