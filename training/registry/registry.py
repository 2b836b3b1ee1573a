"""The model registry: who may become champion, who was, and how the service gets the bundle.

One registered model per world; each version is one training run with its bundle and all its
evidence. Versions live in MLflow (``training/registry/mlflow_store.py``), the history of
champions in a ledger (``training/registry/ledger.py``). A new version is the *challenger*; a
promotion, which the gates must allow, makes it the *champion*; a rollback brings the former
champion back.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from training.bundle import Bundle
from training.errors import GateFailedError, RegistryError
from training.folders import swap
from training.registry.ledger import REFUSE, PromotionLedger
from training.registry.mlflow_store import MlflowStore
from training.registry.versions import ModelVersion, Submission

if TYPE_CHECKING:
    from training.evaluation.gates import GateReport

CHAMPION = "champion"
CHALLENGER = "challenger"


def model_name(world: str) -> str:
    """Return the registered model's name of a world."""
    return f"tierwise-{world}"


class Registry:
    """The registered models of one store.

    Parameters
    ----------
    tracking_uri
        MLflow store, for example ``sqlite:///var/mlflow.db``.
    artifact_root
        Folder for artifacts; MLflow stores absolute paths, so it cannot be moved later.
    ledger
        File of the promotion history; ``promotions.jsonl`` in ``artifact_root`` by default.
    """

    def __init__(self, tracking_uri: str, artifact_root: Path, ledger: Path | None = None) -> None:
        self.store = MlflowStore(tracking_uri, artifact_root)
        self.ledger = PromotionLedger(ledger or artifact_root / "promotions.jsonl")

    def register(self, model: str, submission: Submission) -> ModelVersion:
        """Store a bundle with its evidence as a new version and make it the challenger.

        The alias is set last: a killed registration leaves champion and challenger as they
        were.

        Raises
        ------
        BundleError
            If the bundle does not match its own digests.
        """
        digest = Bundle.load(submission.bundle_dir).digest
        number = self.store.create(model, submission, {**submission.tags, "bundle_digest": digest})
        self.store.point(model, CHALLENGER, number)
        return self.store.version(model, number)

    def promote(
        self, model: str, version: int, gates: GateReport, *, by: str, reason: str = ""
    ) -> ModelVersion:
        """Make a version the champion; a refusal goes on record too.

        Raises
        ------
        GateFailedError
            If a gate failed; the message names each with its value and limit.
        RegistryError
            If the version does not exist, or is the champion already.
        """
        found = self.store.version(model, version)
        present = self.champion(model)
        if not gates.passed:
            failed = [check.summary() for check in gates.failed] or ["none was judged"]
            self.ledger.append(model, REFUSE, version, by=by, reason=reason, failed=failed)
            self.store.tag(model, version, "gates", "failed")
            stays = "There is no champion yet." if present is None else "The champion stays."
            raise GateFailedError(
                f"{model} version {version} is not promoted; failed gates: {'; '.join(failed)}.",
                hint=f"{stays} Follow the advice of each gate and train again.",
                model=model,
                version=version,
                failed=[check.name for check in gates.failed],
            )
        if present is not None and present.version == version:
            raise RegistryError(
                f"{model} version {version} is the champion already.",
                hint="List the versions with `tierwise versions`.",
            )
        self.ledger.append(model, "promote", version, by=by, reason=reason)
        self.store.point(model, CHAMPION, version)
        self.store.tag(model, version, "gates", "passed")
        if CHALLENGER in found.aliases:
            self.store.unpoint(model, CHALLENGER)
        return self.store.version(model, version)

    def rollback(self, model: str, *, by: str, reason: str = "") -> ModelVersion:
        """Make the previous champion the champion again.

        Raises
        ------
        RegistryError
            If there is no previous champion.
        """
        version = self.ledger.before(model)
        if version is None:
            raise RegistryError(
                f"{model} has no previous champion to go back to.",
                hint="A rollback needs two promotions; see `tierwise versions`.",
                model=model,
            )
        self.store.version(model, version)
        self.ledger.append(model, "rollback", version, by=by, reason=reason)
        self.store.point(model, CHAMPION, version)
        return self.store.version(model, version)

    def champion(self, model: str) -> ModelVersion | None:
        """Return the champion by the ledger; an alias that says otherwise is set right.

        They differ after a kill between ledger and alias, or when somebody moved the alias by
        hand past the gates.
        """
        recorded = self.ledger.champion(model)
        pointed = self.store.by_alias(model, CHAMPION)
        if recorded is None or (pointed is not None and pointed.version == recorded):
            return pointed
        logging.getLogger(__name__).warning(
            "champion of %s set back to version %s, as the promotion ledger says", model, recorded
        )
        self.store.point(model, CHAMPION, recorded)
        return self.store.version(model, recorded)

    def champion_at(self, model: str, at: datetime) -> ModelVersion | None:
        """Return who was champion at an instant (UTC), or None before the first promotion."""
        recorded = self.ledger.champion(model, at)
        return None if recorded is None else self.store.version(model, recorded)

    def challenger(self, model: str) -> ModelVersion | None:
        """Return the newest version that was registered and not yet promoted."""
        return self.store.by_alias(model, CHALLENGER)

    def versions(self, model: str) -> list[ModelVersion]:
        """Return all versions, newest first; empty for an unknown model."""
        self.champion(model)
        return self.store.versions(model)

    def pull(self, model: str, alias: str, target_dir: Path) -> Bundle:
        """Bring the bundle of an alias into a folder, whole or not at all.

        It is downloaded beside the target and checked against its own digests and the one on
        the version, and takes the version's number; then the target is switched over in one
        step (``training/folders.py``).

        Raises
        ------
        RegistryError
            If the alias points nowhere, or the artifact is not the registered bundle.
        BundleError
            If a file is damaged.
        """
        pointed = self.champion(model) if alias == CHAMPION else self.store.by_alias(model, alias)
        if pointed is None:
            raise RegistryError(
                f"{model} has no {alias}.", hint="Train and promote a version first.", model=model
            )
        target_dir.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target_dir.name}-", dir=target_dir.parent))
        try:
            folder = self.store.download(pointed, staging)
            bundle = Bundle.load(folder)
            if bundle.digest != pointed.tags.get("bundle_digest"):
                raise RegistryError(
                    f"The stored bundle of {model} version {pointed.version} is not the one that "
                    "was registered.",
                    hint="The artifact folder was changed: restore it, or train again.",
                    model=model,
                    version=pointed.version,
                )
            bundle.with_version(str(pointed.version)).save(folder)
            swap(folder, target_dir)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return Bundle.load(target_dir)
