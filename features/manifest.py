"""The manifest of a published folder: what each file is, and what it was made from.

It carries no clock: the same sources, code and snapshots give the same manifest, byte
for byte, so its fingerprint names the data a model was trained on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from features.errors import ContractError, SourceNotFoundError

NAME = "manifest.json"

# The modules that decide a number; the rest of the package cannot change a published file.
_DECISIVE = (
    "dimensions",
    "frame.py",
    "history.py",
    "ledger.py",
    "outcomes.py",
    "parquet.py",
    "press.py",
    "publish.py",
    "snapshot.py",
    "visibility.py",
    "windows.py",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One published file.

    Attributes
    ----------
    sha256
        Digest of the file.
    rows
        Number of customers.
    as_of, known_at
        The snapshot, ISO 8601.
    horizon_days
        Horizon of an outcomes file; None for indicators.
    """

    sha256: str
    rows: int
    as_of: str
    known_at: str
    horizon_days: int | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a published folder holds.

    Attributes
    ----------
    world, currency, simulated
        Where the sources come from.
    sources
        SHA-256 of each source table.
    catalogue_hash, code_hash
        SHA-256 of the indicator catalogue, and of the modules that compute indicators.
    entries
        Files by path relative to the folder.
    columns
        Contract columns that each source table has: an indicator without its columns is
        unknown for everybody.
    """

    world: str
    currency: str
    simulated: bool
    sources: Mapping[str, str]
    catalogue_hash: str
    code_hash: str
    entries: Mapping[str, Entry]
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def origin(self) -> Manifest:
        """Return the manifest without its files: equal origins give equal files."""
        return replace(self, entries={})

    def to_json(self) -> str:
        """Return the canonical JSON text."""
        return json.dumps(asdict(self), sort_keys=True, indent=1, ensure_ascii=False) + "\n"

    def fingerprint(self) -> str:
        """Return the SHA-256 of the canonical JSON text."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def save(self, folder: Path) -> None:
        """Write ``manifest.json``, whole or not at all."""
        # Here, because who only reads manifests (the web process) needs no pyarrow: 25 MB.
        from features.parquet import atomic_path

        with atomic_path(folder / NAME) as part:
            part.write_text(self.to_json(), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read ``manifest.json``.

        Raises
        ------
        SourceNotFoundError
            If the folder has none.
        ContractError
            If it cannot be read.
        """
        path = folder / NAME
        if not path.is_file():
            raise SourceNotFoundError(
                f"{folder} holds no published snapshots: there is no {NAME}.",
                hint="Publish first: tierwise features publish.",
                path=str(path),
            )
        try:
            document = json.loads(path.read_text("utf-8"))
            entries = {name: Entry(**entry) for name, entry in document.pop("entries").items()}
            return cls(**document, entries=entries)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ContractError(
                f"{path} is not a manifest of this version: {error}.",
                hint="Delete the folder and publish again.",
                path=str(path),
            ) from error


def catalogue_hash() -> str:
    """Return the SHA-256 of the indicator catalogue."""
    digest = hashlib.sha256()
    for part in sorted((files("features") / "catalogue").iterdir(), key=lambda part: part.name):
        digest.update(f"{part.name}\n".encode() + part.read_bytes())
    return digest.hexdigest()


@cache
def code_hash() -> str:
    """Return the SHA-256 of the modules that compute indicators and outcomes."""
    digest = hashlib.sha256()
    for name in _DECISIVE:
        for module in _modules(files("features") / name):
            digest.update(f"{module.name}\n".encode() + module.read_bytes())
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _modules(place: Traversable) -> list[Traversable]:
    if place.is_file():
        return [place]
    inside = [item for item in place.iterdir() if item.name.endswith(".py")]
    return sorted(inside, key=lambda item: item.name)
