"""The bundle as an MLflow pyfunc model; MLflow stores this file beside it and runs it.

Data scientists reach a registered model by
``mlflow.pyfunc.load_model("models:/tierwise-<world>@champion")``, or one target's predictions
by ``models:/tierwise-<world>-churn@champion``; the service does not: it reads the text bundle
without MLflow (``training/bundle.py``).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
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

OF_TARGET = {
    "churn": ("churn_probability", "p_alive", "dormant"),
    "ltv": ("ltv", "ltv_lower", "ltv_upper", "dormant"),
}
"""Columns that a target's own registered model returns."""


class GradingModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow is untyped here
    """Indicators in, predictions and tier out, one row a customer."""

    def load_context(self, context: Any) -> None:
        """Load the bundle that was stored with the model; its digests are checked."""
        self.bundle = Bundle.load(Path(context.artifacts["bundle"]))
        self.outputs = outputs((context.model_config or {}).get("target", ""))

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
        return pd.DataFrame(columns, index=model_input.index)[list(self.outputs)]


def outputs(target: str) -> dict[str, str]:
    """Return columns and types of a prediction: of one target, or all if it is empty."""
    return {name: OUTPUTS[name] for name in OF_TARGET[target]} if target else OUTPUTS


def signature_faults(folder: Path, columns: Sequence[str], target: str) -> list[str]:
    """Return what the stored signature lacks or has beside what it should; empty if sound.

    MLflow stores a model without a signature as readily as with one, and whoever loads it
    then may give it columns in any number and order.

    Parameters
    ----------
    folder
        MLflow model folder; its file ``MLmodel`` is read.
    columns
        Indicators of the bundle, in order.
    """
    if not (folder / "MLmodel").is_file():
        return ["the file MLmodel"]
    stored = mlflow.models.Model.load(str(folder)).signature
    if stored is None:
        return ["the signature"]
    faults = []
    for part, schema, expected in (
        ("input", stored.inputs, dict.fromkeys(columns, "double")),
        ("output", stored.outputs, outputs(target)),
    ):
        found = {} if schema is None else {c.name: c.type.name for c in schema.inputs}
        if not found:
            faults.append(f"the signature's {part}s")
            continue
        faults += [f"{part} {name}" for name in expected if name not in found]
        faults += [f"{part} {name} (not the bundle's)" for name in found if name not in expected]
        if not faults and list(found) != list(expected):
            faults.append(f"the order of {part}s")
        faults += [
            f"{part} {name} as {kind}"
            for name, kind in expected.items()
            if name in found and found[name] != kind
        ]
    return faults


def save(target: Path, bundle_dir: Path, model_id: str, predicts: str = "") -> None:
    """Write the MLflow model folder of a bundle.

    Parameters
    ----------
    target
        Folder to create.
    bundle_dir
        Folder of the bundle; stored as ``artifacts/bundle``.
    model_id
        Identity of the logged model the folder belongs to.
    predicts
        The one target it predicts; empty: everything.
    """
    columns = Bundle.load(bundle_dir).columns
    spec, schema = mlflow.types.ColSpec, mlflow.types.Schema
    signature = mlflow.models.ModelSignature(
        inputs=schema([spec("double", name) for name in columns]),
        outputs=schema([spec(kind, name) for name, kind in outputs(predicts).items()]),
    )
    with tempfile.TemporaryDirectory() as folder:
        # MLflow keeps the name of the folder it is given.
        named = shutil.copytree(bundle_dir, Path(folder) / "bundle")
        mlflow.pyfunc.save_model(
            path=str(target),
            python_model=__file__,
            artifacts={"bundle": str(named)},
            signature=signature,
            model_config={"target": predicts},
            # Inferring requirements would import and run the model in a new process.
            pip_requirements=["tierwise"],
            mlflow_model=mlflow.models.Model(model_id=model_id),
        )


mlflow.models.set_model(GradingModel())
