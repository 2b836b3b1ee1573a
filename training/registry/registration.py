"""The versions that one training run becomes: one a target, then the bundle's that names them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from training.bundle import Bundle
from training.errors import RegistryError
from training.registry.governance import account
from training.registry.mlflow_store import MlflowStore
from training.registry.versions import TARGETS, Submission, target_model


def create_versions(store: MlflowStore, model: str, submission: Submission) -> int:
    """Create the versions of a submission and return the number of the bundle's.

    The bundle's version is the last to come into being: a kill before leaves versions of
    targets that no bundle names, which nothing ever reads.

    Raises
    ------
    BundleError
        If the bundle does not match its own digests.
    RegistryError
        If the stored model would have no sound signature, or the model's name is that of
        another world's target.
    """
    if model.endswith(tuple(target_model("", target) for target in TARGETS)):
        raise RegistryError(
            f"{model} would be taken for a target of another world.",
            hint=f"Give the world a name that does not end in {' or '.join(TARGETS)}.",
        )
    digest = Bundle.load(submission.bundle_dir).digest
    by = submission.by or account()
    tags = {**submission.tags, "bundle_digest": digest, "registered_by": by}
    parts = {}
    for target in TARGETS:
        with tempfile.TemporaryDirectory() as folder:
            part = submission.part(target, Path(folder))
            linked = {**tags, **part.tags, "bundle_model": model}
            parts[target] = store.create(target_model(model, target), part, linked)
    links = {f"{target}_version": str(number) for target, number in parts.items()}
    number = store.create(model, submission, {**tags, **links})
    for target, part_number in parts.items():
        store.tag(target_model(model, target), part_number, "bundle_version", str(number))
    return number
