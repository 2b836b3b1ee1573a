"""What a version says of itself in the registry: lineage, figures, recipe, card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.registry.versions import Submission

if TYPE_CHECKING:
    from features.manifest import Manifest
    from training.bundle import Bundle
    from training.card.evidence import Evidence
    from training.recipe import Recipe


def submission(state_dir: Path, evidence: Evidence, recipe: Recipe, by: str) -> Submission:
    """Return what the registry is handed: files of ``state_dir``, figures and lineage."""
    meta = evidence.meta
    return Submission(
        bundle_dir=state_dir / "candidate",
        evidence_dir=state_dir / "reports",
        params=_flat(recipe.model_dump(mode="json")),
        metrics={**evidence.report.flat(), **evidence.stress.flat()},
        tags={
            **{key: str(value) for key, value in meta.items() if key != "version"},
            "simulated": "true" if meta["simulated"] else "false",
            "gates": "passed" if evidence.gates.passed else "failed",
            "scheme": f"{evidence.scheme.id} {evidence.scheme.version}",
            "recipe": recipe.id,
        },
        description=(state_dir / "reports" / "model_card.md").read_text("utf-8"),
        run_name=f"{meta['world']} {meta['trained_as_of']}",
        by=by,
    )


def facts_of(bundle: Bundle, manifest: Manifest) -> dict[str, Any]:
    """Return where a bundle comes from: data, code, recipe, scheme, by their hashes."""
    meta = bundle.meta
    return {
        "world": meta.world,
        "currency": meta.currency,
        "simulated": meta.simulated,
        "trained_as_of": meta.trained_as_of,
        "created_at": meta.created_at,
        "code_version": meta.code_version,
        "bundle_digest": bundle.digest,
        "data_fingerprint": meta.data_fingerprint,
        "sources_sha256": sources_hash(manifest),
        "catalogue_sha256": manifest.catalogue_hash,
        "recipe_sha256": meta.recipe_sha256,
        "scheme_sha256": meta.scheme_sha256,
    }


def sources_hash(manifest: Manifest) -> str:
    """Return one hash over the fingerprints of all sources, hex."""
    text = json.dumps(dict(manifest.sources), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = json.dumps(value) if isinstance(value, list) else str(value)
    return found
