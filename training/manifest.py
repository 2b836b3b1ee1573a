"""The manifest of a bundle folder: provenance, file names and their hashes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from training.errors import BundleError

FORMAT = 2
MANIFEST = "bundle.json"
REQUIRED = frozenset({"churn.json", "ltv.json", "recipe.toml", "reference.json", "scheme.toml"})
"""Files that every bundle has; each model's trees and other horizons come beside them."""

_FILE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")

_AGAIN = "Take the whole bundle again from the registry."
_OTHER_VERSION = "Train again with this version, or serve it with the one that made it."


@dataclass(frozen=True, slots=True)
class BundleMeta:
    """Where a bundle comes from.

    Attributes
    ----------
    version
        Version in the registry; None until it is registered. Not part of the digest.
    world, currency, simulated
        The data it learned from.
    trained_as_of
        ISO day of service: nothing later was used.
    churn_horizon_days, ltv_horizon_days, interval_nominal
        What the predictions mean.
    data_fingerprint, code_version, recipe_sha256, scheme_sha256
        What would have to be equal to get the same bundle again.
    created_at
        ISO instant, UTC. Not part of the digest: the same inputs give the same digest.
    """

    version: str | None
    world: str
    currency: str
    simulated: bool
    trained_as_of: str
    churn_horizon_days: int
    ltv_horizon_days: int
    interval_nominal: float
    data_fingerprint: str
    code_version: str
    recipe_sha256: str
    scheme_sha256: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Content of ``bundle.json``."""

    meta: BundleMeta
    columns: tuple[str, ...]
    files: Mapping[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 over provenance, columns and every file's hash, hex."""
        meta = asdict(replace(self.meta, version=None, created_at=""))
        content = {"columns": list(self.columns), "files": dict(self.files), "meta": meta}
        return sha256(dump(content))


def write_bundle(folder: Path, manifest: Manifest, texts: Mapping[str, str]) -> None:
    """Write the files of a bundle; the manifest comes last, so a torn write is no bundle."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode("utf-8"))
    document = {
        "format": FORMAT,
        "digest": manifest.digest,
        "meta": asdict(manifest.meta),
        "columns": list(manifest.columns),
        "files": dict(manifest.files),
    }
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / MANIFEST).write_bytes(f"{text}\n".encode())


def read_bundle(folder: Path) -> tuple[Manifest, dict[str, str]]:
    """Read manifest and files of a bundle, every hash checked.

    Raises
    ------
    BundleError
        If the folder is no bundle, of another format, incomplete or altered.
    """
    folder = folder.resolve()  # a swapped link must not mix two bundles
    document = _document(folder)
    manifest = Manifest(
        BundleMeta(**document["meta"]), tuple(document["columns"]), document["files"]
    )
    if manifest.digest != document.get("digest"):
        raise BundleError(
            f"{MANIFEST} in {folder} was altered: its digest does not fit.",
            hint=_AGAIN,
            folder=str(folder),
        )
    return manifest, {
        name: _text(folder, name, expected) for name, expected in manifest.files.items()
    }


def other_version(folder: Path, error: Exception) -> BundleError:
    """Return the error for a sound bundle whose content this version cannot read."""
    return BundleError(
        f"The bundle in {folder} was made by another version of Tierwise: {error}.",
        hint=_OTHER_VERSION,
        folder=str(folder),
    )


def dump(document: Mapping[str, Any]) -> str:
    """Return canonical JSON: sorted keys, floats that read back to the same bits."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def sha256(text: str) -> str:
    """Return the SHA-256 of a text's UTF-8 bytes, hex."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _document(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise BundleError(
            f"There is no bundle in {folder}: {MANIFEST} is missing.",
            hint="Train and promote a model first, or pull one from the registry.",
            folder=str(folder),
        ) from error
    except (OSError, ValueError) as error:
        raise BundleError(
            f"{path} cannot be read: {error}.", hint=_AGAIN, folder=str(folder)
        ) from error
    sound = (
        isinstance(document, dict)
        and document.get("format") == FORMAT
        and isinstance(document.get("columns"), list)
        and set(document.get("files") or ()) >= REQUIRED
        and all(_FILE.fullmatch(name) for name in document["files"])
        and set(document.get("meta") or ()) == {field.name for field in fields(BundleMeta)}
    )
    if not sound:
        raise BundleError(
            f"{path} is not a bundle manifest of format {FORMAT}.",
            hint=_OTHER_VERSION,
            folder=str(folder),
        )
    return dict(document)


def _text(folder: Path, name: str, expected: str) -> str:
    path = folder / name
    if not path.is_file():
        raise BundleError(
            f"The bundle in {folder} is incomplete: {name} is missing.",
            hint=_AGAIN,
            folder=str(folder),
            file=name,
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != expected:
        raise BundleError(
            f"{name} in {folder} was altered: its SHA-256 does not fit {MANIFEST}.",
            hint=_AGAIN,
            folder=str(folder),
            file=name,
        )
    return content.decode("utf-8")
