"""The model registry: who may become champion, who was, and how the service gets the bundle.

One registered model per world for the bundle that is served, and one beside it for each target
(``-churn``, ``-ltv``); each version is one training run with its evidence. Versions live in
MLflow (``training/registry/mlflow_store.py``), the history of champions in a ledger
(``training/registry/ledger.py``). A new version is the *challenger*; a promotion, which the
gates and in production mode two approvers must allow, makes it the *champion*; a rollback
brings the former champion back. Decisions are about bundles: targets follow theirs.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from training.bundle import Bundle
from training.errors import RegistryError
from training.folders import swap
from training.registry import decisions
from training.registry.governance import Governance, read_governance
from training.registry.judgement import Judgement, place
from training.registry.ledger import APPROVE, Action, LedgerEntry, PromotionLedger
from training.registry.mlflow_store import MlflowStore
from training.registry.recording import unsigned
from training.registry.registration import create_versions
from training.registry.versions import ModelVersion, Submission

if TYPE_CHECKING:
    from training.evaluation.gates import GateReport

CHAMPION = "champion"
CHALLENGER = "challenger"

_HEAD = "ledger_head"
"""Tag of a registered model: digest of its last ledger line, so that a cut-off end shows."""


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
        Folder of the ledger and the rule for promotions, and of artifacts where no tracking
        server keeps them. MLflow stores absolute paths, so it cannot be moved later.
    ledger
        File of the promotion history; ``promotions.jsonl`` in ``artifact_root`` by default.
    """

    def __init__(self, tracking_uri: str, artifact_root: Path, ledger: Path | None = None) -> None:
        self.store = MlflowStore(tracking_uri, artifact_root)
        self.ledger = PromotionLedger(ledger or artifact_root / "promotions.jsonl")

    @property
    def governance(self) -> Governance:
        """The rule in force now; its file lies beside the ledger."""
        return read_governance(self.ledger.path.parent)

    def register(self, model: str, submission: Submission) -> ModelVersion:
        """Store a bundle with its evidence as a new version and make it the challenger.

        The alias is set last: a killed registration leaves champion and challenger as they were.

        Raises
        ------
        BundleError
            If the bundle does not match its own digests.
        RegistryError
            If the model would have no sound signature, or its name is that of a world's target.
        """
        number = create_versions(self.store, model, submission)
        self._point(CHALLENGER, self.store.version(model, number))
        return self.store.version(model, number)

    def approve(self, model: str, version: int, *, by: str, reason: str) -> LedgerEntry:
        """Record that somebody stands for a version: exactly this version and bundle.

        Raises
        ------
        ApprovalError
            If it could not count: by nobody, without a reason, by the trainer, or a second one.
        RegistryError
            If it does not exist, is champion already, or is not stored as it was registered.
        """
        found = self.store.version(model, version)
        present = self.champion(model)
        if present is not None and present.version == version:
            raise decisions.champion_already(found)
        self.verify(found)
        decisions.check_approval(found, by, reason, [entry.by for entry in self._approvals(found)])
        return self._write(APPROVE, found, by, reason)

    def lacking(self, version: ModelVersion) -> str:
        """Return in words which approvals a promotion still lacks; empty if none."""
        given = [entry.by for entry in self._approvals(version)]
        return self.governance.lacking(given, version.tags.get("registered_by", ""))

    def promote(
        self, model: str, version: int, gates: GateReport, *, by: str, reason: str = ""
    ) -> ModelVersion:
        """Make a version the champion, if :meth:`admit` lets it."""
        found, judged = self._admitted(model, version, gates, by, reason)
        self._write("promote", found, by, reason, judged)
        self._point(CHAMPION, found)
        if CHALLENGER in found.aliases:
            for name, _ in found.with_targets():
                self.store.unpoint(name, CHALLENGER)
        return self.store.version(model, version)

    def admit(
        self, model: str, version: int, gates: GateReport, *, by: str, reason: str = ""
    ) -> ModelVersion:
        """Return a version that may serve customers; a refusal goes on record.

        Raises
        ------
        GateFailedError, ApprovalError
            If a gate failed (the message names it), or in production mode approvals are missing.
        RegistryError
            If it does not exist, is champion already, or is not stored as it was registered.
        """
        return self._admitted(model, version, gates, by, reason)[0]

    def rollback(self, model: str, *, by: str, reason: str = "") -> ModelVersion:
        """Make the previous champion the champion again, at once.

        Raises
        ------
        ApprovalError
            If the registry is in production mode and nobody or no reason is named.
        RegistryError
            If there is no previous champion, or its bundle is not what was registered.
        """
        self.champion(model)
        version = self.ledger.before(model)
        if version is None:
            raise decisions.no_previous(model)
        if self.governance.strict:
            decisions.check_rollback(model, by, reason)
        found = self.store.version(model, version)
        self.verify(found)
        self._write("rollback", found, by, reason)
        self._point(CHAMPION, found)
        return self.store.version(model, version)

    def champion(self, model: str) -> ModelVersion | None:
        """Return the champion by the ledger; aliases that say otherwise are set right.

        They differ after a kill between ledger and alias, or when somebody moved an alias by
        hand past the gates.

        Raises
        ------
        RegistryError
            If the ledger was edited, or its end was cut off.
        """
        head = self.store.marked(model, _HEAD)
        if head and head not in self.ledger.digests(model):
            raise decisions.ledger_cut_off(model, self.ledger.path.name)
        recorded = self.ledger.champion(model)
        if recorded is None:
            return self.store.by_alias(model, CHAMPION)
        version = self.store.version(model, recorded)
        marked = [self.store.alias_version(name, CHAMPION) for name, _ in version.with_targets()]
        if marked == [number for _, number in version.with_targets()]:
            return version
        logging.getLogger(__name__).warning(
            "champion of %s set back to version %s, as the promotion ledger says", model, recorded
        )
        self._point(CHAMPION, version)
        return self.store.version(model, recorded)

    def champion_at(self, model: str, at: datetime) -> ModelVersion | None:
        """Return who was champion at an instant (UTC), or None before the first promotion."""
        self.champion(model)
        recorded = self.ledger.champion(model, at)
        return None if recorded is None else self.store.version(model, recorded)

    def challenger(self, model: str) -> ModelVersion | None:
        """Return the newest version that was registered and not yet promoted."""
        return self.store.by_alias(model, CHALLENGER)

    def versions(self, model: str) -> list[ModelVersion]:
        """Return all versions, newest first; empty for an unknown model."""
        self.champion(model)
        return self.store.versions(model)

    def verify(self, version: ModelVersion) -> Bundle:
        """Return the stored bundle of a version if it is whole, signed and the registered one.

        Raises
        ------
        RegistryError
            If it is another bundle, or its MLflow model has no sound signature.
        BundleError
            If a file is damaged.
        """
        with tempfile.TemporaryDirectory() as folder:
            return self._fetch(version, Path(folder))[1]

    def pull(self, model: str, alias: str | int, target_dir: Path) -> Bundle:
        """Bring the bundle of an alias, or of a version, into a folder, whole or not at all.

        Downloaded beside the target and checked against its own digests, the version's and the
        signature, it takes the version's number; then the target is switched over in one step.

        Raises
        ------
        RegistryError
            If the alias points nowhere, or the artifact is not the registered bundle.
        BundleError
            If a file is damaged.
        """
        if isinstance(alias, int):
            pointed: ModelVersion | None = self.store.version(model, alias)
        else:
            pointed = (self.champion if alias == CHAMPION else self.challenger)(model)
        if pointed is None:
            raise RegistryError(
                f"{model} has no {alias}.", hint="Train and promote a version first.", model=model
            )
        target_dir.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target_dir.name}-", dir=target_dir.parent))
        try:
            folder, bundle = self._fetch(pointed, staging)
            bundle.with_version(str(pointed.version)).save(folder)
            swap(folder, target_dir)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return Bundle.load(target_dir)

    def _fetch(self, version: ModelVersion, staging: Path) -> tuple[Path, Bundle]:
        folder = self.store.download(version, staging)
        bundle = Bundle.load(folder)
        if bundle.digest != version.tags.get("bundle_digest"):
            raise decisions.another_bundle(version)
        if faults := self.store.signature_faults(version, bundle.columns):
            raise unsigned(f"{version.model} version {version.version}", faults)
        return folder, bundle

    def _admitted(
        self, model: str, version: int, gates: GateReport, by: str, reason: str
    ) -> tuple[ModelVersion, Judgement]:
        found, present = self.store.version(model, version), self.champion(model)
        if gates.passed:
            if present is not None and present.version == version:
                raise decisions.champion_already(found)
            self.verify(found)
        lacking = self.lacking(found) if gates.passed else ""
        given, mode = self._approvals(found), self.governance.mode
        judged = Judgement.of(found, present, gates, lacking, given, mode, by, reason)
        if judged.decision == "refuse":
            self._write("refuse", found, by, reason, judged)
        decisions.check_forbidden(found, judged)
        return found, judged

    def _approvals(self, version: ModelVersion) -> list[LedgerEntry]:
        digest = version.tags.get("bundle_digest", "")
        return self.ledger.approvals(version.model, version.version, digest)

    def _write(
        self,
        action: Action,
        version: ModelVersion,
        by: str,
        reason: str,
        judged: Judgement | None = None,
    ) -> LedgerEntry:
        if judged is not None:
            self.store.write(version, place(judged.sha256), judged.text)
        entry = self.ledger.append(
            version.model,
            action,
            version.version,
            by=by,
            reason=reason,
            failed=() if judged is None else judged.forbidden_by,
            digest=version.tags.get("bundle_digest", ""),
            mode=self.governance.mode,
            gate_report_sha256="" if judged is None else judged.sha256,
        )
        self.store.mark(version.model, _HEAD, self.ledger.digests(version.model)[-1])
        for key, value in (judged.tags if judged else {}).items():
            self.store.tag(version.model, version.version, key, value)
        return entry

    def _point(self, alias: str, version: ModelVersion) -> None:
        for name, number in version.with_targets():
            self.store.point(name, alias, number)
