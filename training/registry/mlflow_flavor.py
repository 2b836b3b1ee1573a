"""The bundle as an MLflow pyfunc model; MLflow stores this file beside it and runs it.

Data scientists reach a registered model by
``mlflow.pyfunc.load_model("models:/tierwise-<world>@champion")``; the service does not: it
reads the text bundle without MLflow (``training/bundle.py``).
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import mlflow
import mlflow.pyfunc
import numpy as np
import pandas as pd

from training.bundle import Bundle

OUTPUTS = {
    "churn_probability": "double",
    "ltv": "double",
    "ltv_lower": "double",
    "ltv_upper": "double",
    "p_alive": "double",
    "dormant": "boolean",
    "score": "double",
    "tier": "string",
    "referred": "boolean",
}
"""Columns of a prediction and their MLflow types."""


class GradingModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow is untyped here
    """Indicators in, predictions and tier out, one row a customer."""

    def load_context(self, context: Any) -> None:
        """Load the bundle that was stored with the model; its digests are checked."""
        self.bundle = Bundle.load(Path(context.artifacts["bundle"]))

    def predict(
        self,
        context: Any,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Grade the rows of a frame that has the bundle's indicator columns."""
        values = model_input[list(self.bundle.columns)].to_numpy(dtype=np.float64)
        scores, decisions = self.bundle.decide(values)
        tiers = np.array([tier.id for tier in self.bundle.scheme.tiers])
        columns = {
            "churn_probability": scores.churn_probability,
            "ltv": scores.ltv,
            "ltv_lower": scores.ltv_lower,
            "ltv_upper": scores.ltv_upper,
            "p_alive": scores.p_alive,
            "dormant": scores.dormant,
            "score": decisions.composite.score,
            "tier": tiers[decisions.tier],
            "referred": decisions.referred,
        }
        return pd.DataFrame(columns, index=model_input.index)


def save(target: Path, bundle_dir: Path, model_id: str) -> None:
    """Write the MLflow model folder of a bundle.

    Parameters
    ----------
    target
        Folder to create.
    bundle_dir
        Folder of the bundle; stored as ``artifacts/bundle``.
    model_id
        Identity of the logged model the folder belongs to.
    """
    columns = Bundle.load(bundle_dir).columns
    spec, schema = mlflow.types.ColSpec, mlflow.types.Schema
    signature = mlflow.models.ModelSignature(
        inputs=schema([spec("double", name) for name in columns]),
        outputs=schema([spec(kind, name) for name, kind in OUTPUTS.items()]),
    )
    with tempfile.TemporaryDirectory() as folder:
        # MLflow keeps the name of the folder it is given.
        named = shutil.copytree(bundle_dir, Path(folder) / "bundle")
        mlflow.pyfunc.save_model(
            path=str(target),
            python_model=__file__,
            artifacts={"bundle": str(named)},
            signature=signature,
            # Inferring requirements would import and run the model in a new process.
            pip_requirements=["tierwise"],
            mlflow_model=mlflow.models.Model(model_id=model_id),
        )


mlflow.models.set_model(GradingModel())
