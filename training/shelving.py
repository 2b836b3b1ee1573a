"""Writing the model shelf from the registry: after every decision and every new version."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from training.errors import RegistryError
from training.folders import swap
from training.registry.chain import whole_lines
from training.registry.judgement import last_report, place
from training.registry.registry import Registry
from training.registry.versions import ModelVersion
from training.shelf import (
    CARD_FORMATS,
    CARD_LANGUAGES,
    GATES,
    INDEX,
    LEDGER,
    ShelvedModel,
    read_shelf,
)

_ARTIFACTS = {"en": "model_card", "zh-CN": "model_card.zh"}


def shelve(registry: Registry, model: str, folder: Path) -> None:
    """Write all versions of a model and the history of champions for the service to read.

    Versions never change, so cards that are on the shelf are not fetched again; gate reports
    are, for every decision leaves one. The folder is replaced in one step.

    Raises
    ------
    RegistryError
        If the registry's ledger was edited or cut off.
    """
    versions = registry.versions(model)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as staging:
        fresh = Path(staging) / "models"
        fresh.mkdir()
        shelved = [_shelved(registry, each, fresh, folder) for each in versions]
        digests = registry.ledger.digests(model)
        if registry.ledger.path.exists():
            text = whole_lines(registry.ledger.path.read_text("utf-8"))
            (fresh / LEDGER).write_text(text, "utf-8")
        index = {
            "model": model,
            "head": digests[-1] if digests else None,
            "versions": [asdict(each) for each in shelved],
        }
        text = json.dumps(index, ensure_ascii=False, indent=1) + "\n"
        (fresh / INDEX).write_text(text, "utf-8")
        read_shelf(fresh)
        swap(fresh, folder)


def _shelved(registry: Registry, version: ModelVersion, fresh: Path, before: Path) -> ShelvedModel:
    folder, kept = fresh / str(version.version), before / str(version.version)
    if kept.is_dir():
        shutil.copytree(kept, folder)
    else:
        folder.mkdir()
        _fetch_cards(registry, version, folder)
    _fetch_gates(registry, version, folder)
    return ShelvedModel(
        version=version.version,
        created_at=version.created_at.isoformat(),
        bundle_digest=version.tags.get("bundle_digest", ""),
        metrics=dict(version.metrics),
        facts=dict(version.tags),
        cards=tuple(sorted(path.name.removeprefix("card.") for path in folder.glob("card.*"))),
    )


def _fetch_cards(registry: Registry, version: ModelVersion, folder: Path) -> None:
    for language in CARD_LANGUAGES:
        for kind in CARD_FORMATS:
            try:
                text = registry.store.read(version, f"{_ARTIFACTS[language]}.{kind}")
            except RegistryError:
                continue
            (folder / f"card.{language}.{kind}").write_text(text, "utf-8")


def _fetch_gates(registry: Registry, version: ModelVersion, folder: Path) -> None:
    entry = last_report(registry.ledger.entries(version.model), version.version)
    (folder / GATES).unlink(missing_ok=True)
    if entry is not None:
        with suppress(RegistryError):  # then nothing is shown; `tierwise gates` tells why
            text = registry.store.read(version, place(entry.gate_report_sha256))
            (folder / GATES).write_text(text, "utf-8")
