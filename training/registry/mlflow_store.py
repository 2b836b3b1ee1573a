"""Model versions in an MLflow store: write one, read them, point aliases at them.

The only module, with ``mlflow_flavor``, that speaks to MLflow; what a version may become is
decided in ``training/registry/registry.py``. The caller names the store; MLflow's global URI, which
parts of its client read whatever they are told, is set for the length of a call and put back.
Telemetry is off. MLflow is imported at the first use (two seconds, 100 MB), and the first use
of an empty SQLite store creates its schema (a few seconds).
"""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from features.disks import MAKE_ROOM, is_full, room
from training.errors import RegistryError
from training.registry.recording import record
from training.registry.versions import ModelVersion, Submission


class MlflowStore:
    """One MLflow tracking and registry store.

    Parameters
    ----------
    tracking_uri
        ``sqlite:///var/mlflow.db``, ``postgresql+psycopg://…`` or the address of a tracking
        server.
    artifact_root
        Folder for artifacts. MLflow stores absolute paths: it cannot be moved later. A tracking
        server keeps artifacts where it was told to instead.
    """

    def __init__(self, tracking_uri: str, artifact_root: Path) -> None:
        self._uri = tracking_uri
        self._root = artifact_root.resolve()
        if tracking_uri.startswith("sqlite:///"):
            Path(tracking_uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        with _quiet():
            self._mlflow = _import()
        self._missing: type[Exception] = self._mlflow.exceptions.MlflowException
        with self._session():
            self._client = self._mlflow.MlflowClient(tracking_uri, tracking_uri)

    def create(self, model: str, submission: Submission, tags: Mapping[str, str]) -> int:
        """Store a submission as a new version of a model and return its number.

        The version is created last: a failure or kill before leaves a run without a version.

        Raises
        ------
        RegistryError
            If what MLflow wrote has no signature, or another than the bundle's.
        """
        with self._session():
            run = self._client.create_run(
                self._experiment(model), tags=dict(tags), run_name=submission.run_name or None
            )
            run_id = str(run.info.run_id)
            try:
                model_id, metrics = record(self._mlflow, self._client, run, submission)
            except BaseException:
                self._client.set_terminated(run_id, "FAILED")
                raise
            self._client.set_terminated(run_id)
            self._ensure(model)
            # Figures as tags besides: MLflow's SQL store shows a version no metrics.
            shown = {key: f"{value:.6g}" for key, value in metrics.items()}
            version = self._client.create_model_version(
                model,
                source=f"models:/{model_id}",
                run_id=run_id,
                model_id=model_id,
                tags={**tags, **shown},
                description=submission.description,
            )
        return int(version.version)

    def version(self, model: str, version: int) -> ModelVersion:
        """Return one version.

        Raises
        ------
        RegistryError
            If there is none of that number.
        """
        with self._session():
            try:
                found = self._client.get_model_version(model, str(version))
            except self._missing as error:
                raise RegistryError(
                    f"{model} has no version {version}.",
                    hint="List the versions with `tierwise versions`.",
                    model=model,
                    version=version,
                ) from error
            run = self._client.get_run(found.run_id)
            aliases = self._client.get_registered_model(model).aliases
        return ModelVersion(
            model=model,
            version=version,
            created_at=datetime.fromtimestamp(found.creation_timestamp / 1000, tz=UTC),
            run_id=found.run_id,
            model_id=found.source.removeprefix("models:/"),
            aliases=tuple(sorted(a for a, v in aliases.items() if int(v) == version)),
            tags=dict(found.tags),
            metrics=dict(run.data.metrics),
        )

    def versions(self, model: str) -> list[ModelVersion]:
        """Return all versions, newest first; empty for an unknown model."""
        with self._session():
            found = self._client.search_model_versions(f"name = '{model}'", max_results=10_000)
        numbers = sorted((int(each.version) for each in found), reverse=True)
        return [self.version(model, number) for number in numbers]

    def by_alias(self, model: str, alias: str) -> ModelVersion | None:
        """Return the version an alias points to, or None."""
        with self._session():
            try:
                found = self._client.get_model_version_by_alias(model, alias)
            except self._missing:
                return None
        return self.version(model, int(found.version))

    def point(self, model: str, alias: str, version: int) -> None:
        """Move an alias to a version."""
        with self._session():
            self._client.set_registered_model_alias(model, alias, str(version))

    def unpoint(self, model: str, alias: str) -> None:
        """Remove an alias."""
        with self._session():
            self._client.delete_registered_model_alias(model, alias)

    def tag(self, model: str, version: int, key: str, value: str) -> None:
        """Set one tag of a version."""
        with self._session():
            self._client.set_model_version_tag(model, str(version), key, value)

    def alias_version(self, model: str, alias: str) -> int | None:
        """Return the number an alias points to, or None."""
        with self._session():
            try:
                return int(self._client.get_model_version_by_alias(model, alias).version)
            except self._missing:
                return None

    def mark(self, model: str, key: str, value: str) -> None:
        """Set one tag of a registered model."""
        with self._session():
            self._client.set_registered_model_tag(model, key, value)

    def marked(self, model: str, key: str) -> str:
        """Return one tag of a registered model; empty if it, or the model, is not there."""
        with self._session():
            try:
                return str(self._client.get_registered_model(model).tags.get(key, ""))
            except self._missing:
                return ""

    def signature_faults(self, version: ModelVersion, columns: Sequence[str]) -> list[str]:
        """Return what the stored signature of a version lacks; empty if it is sound."""
        from training.registry import mlflow_flavor

        with self._session(), tempfile.TemporaryDirectory() as folder:
            with suppress(self._missing, OSError):  # told as a missing file
                self._fetch(version, "MLmodel", Path(folder))
            return mlflow_flavor.signature_faults(
                Path(folder), columns, version.tags.get("target", "")
            )

    def read(self, version: ModelVersion, path: str) -> str:
        """Return a text artifact of a version's run, for instance ``backtest.json``.

        Raises
        ------
        RegistryError
            If the run has no such artifact.
        """
        with self._session(), tempfile.TemporaryDirectory() as folder:
            try:
                local = self._client.download_artifacts(version.run_id, path, folder)
            except (self._missing, OSError) as error:
                raise RegistryError(
                    f"{version.model} version {version.version} has no artifact {path}.",
                    hint="Was the artifact folder moved or cleaned?",
                ) from error
            return Path(local).read_text("utf-8")

    def write(self, version: ModelVersion, path: str, text: str) -> None:
        """Add a text artifact to a version's run."""
        with self._session():
            self._client.log_text(version.run_id, text, path)

    def download(self, version: ModelVersion, folder: Path) -> Path:
        """Copy a version's bundle below a folder and return where it is.

        Raises
        ------
        RegistryError
            If the artifacts are gone, or there is no room below the folder.
        """
        with self._session():
            try:
                return self._fetch(version, "artifacts/bundle", folder)
            except (self._missing, OSError) as error:
                if is_full(error):
                    raise RegistryError(room(folder), hint=MAKE_ROOM) from error
                raise RegistryError(
                    f"The bundle of {version.model} version {version.version} cannot be read.",
                    hint="Was the artifact folder moved or cleaned?",
                ) from error

    def _fetch(self, version: ModelVersion, path: str, folder: Path) -> Path:
        logged = self._client.get_logged_model(version.model_id)
        local = self._mlflow.artifacts.download_artifacts(
            artifact_uri=f"{logged.artifact_location}/{path}", dst_path=str(folder)
        )
        return Path(local)

    @contextmanager
    def _session(self) -> Iterator[None]:
        before = self._mlflow.get_tracking_uri(), self._mlflow.get_registry_uri()
        with _quiet():
            self._mlflow.set_tracking_uri(self._uri)
            self._mlflow.set_registry_uri(self._uri)
            try:
                yield
            finally:
                self._mlflow.set_tracking_uri(before[0])
                self._mlflow.set_registry_uri(before[1])

    def _experiment(self, model: str) -> str:
        found = self._client.get_experiment_by_name(model)
        if found is not None:
            return str(found.experiment_id)
        if self._uri.startswith(("http://", "https://")):
            return str(self._client.create_experiment(model))
        location = self._root / model
        location.mkdir(parents=True, exist_ok=True)
        return str(self._client.create_experiment(model, artifact_location=location.as_uri()))

    def _ensure(self, model: str) -> None:
        try:
            self._client.get_registered_model(model)
        except self._missing:
            self._client.create_registered_model(model, description="Customer grading model.")


def _import() -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow
    import mlflow.artifacts
    import mlflow.pyfunc

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    return mlflow


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the warnings MLflow raises about its own code (deprecated SQLAlchemy options)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
