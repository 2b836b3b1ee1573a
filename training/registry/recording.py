"""Put a submission into an MLflow run: evidence, parameters, the model with its signature, figures.

MLflow itself is handed in by ``training/registry/mlflow_store.py``, which alone imports it.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from training.bundle import Bundle
from training.errors import RegistryError
from training.registry.versions import Submission


def record(
    mlflow: Any, client: Any, run: Any, submission: Submission
) -> tuple[str, dict[str, float]]:
    """Fill a run and return the logged model's id and the figures as MLflow names them.

    Raises
    ------
    RegistryError
        If the model as written has no signature, or another than the bundle's.
    """
    run_id = str(run.info.run_id)
    metrics = {_key(k): v for k, v in submission.metrics.items() if math.isfinite(v)}
    client.log_artifacts(run_id, str(submission.evidence_dir))
    _log_params(mlflow, client, run_id, submission.params)
    model_id = _log_model(client, str(run.info.experiment_id), run_id, submission)
    _log_metrics(mlflow, client, run_id, model_id, metrics)
    return model_id, metrics


def unsigned(what: str, faults: Sequence[str]) -> RegistryError:
    """Return the error for a stored model whose signature is not the bundle's."""
    told = ", ".join(faults[:5]) + (f" and {len(faults) - 5} more" if len(faults) > 5 else "")
    return RegistryError(
        f"{what} has no sound signature: wrong or missing is {told}.",
        hint="Restore the artifact folder, or train and register again.",
        faults=list(faults),
    )


def _log_params(mlflow: Any, client: Any, run_id: str, params: Mapping[str, str]) -> None:
    rows = [mlflow.entities.Param(key, str(value)) for key, value in params.items()]
    for start in range(0, len(rows), 100):
        client.log_batch(run_id, params=rows[start : start + 100])


def _log_metrics(
    mlflow: Any, client: Any, run_id: str, model_id: str, metrics: Mapping[str, float]
) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)
    rows = [
        mlflow.entities.Metric(key, value, now, 0, model_id=model_id, run_id=run_id)
        for key, value in metrics.items()
    ]
    for start in range(0, len(rows), 500):
        client.log_batch(run_id, metrics=rows[start : start + 500])


def _log_model(client: Any, experiment_id: str, run_id: str, submission: Submission) -> str:
    from training.registry import mlflow_flavor

    logged = client.create_logged_model(
        experiment_id,
        name=submission.target or "bundle",
        source_run_id=run_id,
        model_type="grading",
    )
    model_id = str(logged.model_id)
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model"
        mlflow_flavor.save(saved, submission.bundle_dir, model_id, submission.target)
        columns = Bundle.load(submission.bundle_dir).columns
        faults = mlflow_flavor.signature_faults(saved, columns, submission.target)
        if faults:
            raise unsigned("The model to be registered", faults)
        client.log_model_artifacts(model_id, str(saved))
    client.finalize_logged_model(model_id, "READY")
    return model_id


def _key(name: str) -> str:
    return re.sub(r"[^\w\-. /]", "_", name)
