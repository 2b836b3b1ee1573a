"""What customers did after they were graded, where it is over and published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from features.errors import ContractError, SourceNotFoundError
from features.manifest import Manifest, file_hash
from features.parquet import Outcomes, read_outcomes
from serving.domain.grade import Run


@dataclass(frozen=True, slots=True, eq=False)
class Realised:
    """The newest run of a canary whose horizon is over, and what its customers did in it."""

    run: Run
    outcomes: Outcomes


def realised(folder: Path, runs: Sequence[Run], horizon_days: int) -> Realised | None:
    """Return what the customers of the newest possible run did; None where nobody knows yet.

    Parameters
    ----------
    folder
        Of published snapshots; outcomes are read from it if they are the files it names.
    runs
        The oldest first.
    """
    try:
        manifest = Manifest.load(folder)
    except (SourceNotFoundError, ContractError):
        return None
    for run in reversed(runs):
        day = run.basis.as_of.isoformat()
        for name, entry in manifest.entries.items():
            asked = (entry.as_of[:10], entry.horizon_days, manifest.world)
            if asked == (day, horizon_days, run.basis.world) and _is(folder / name, entry.sha256):
                return Realised(run, read_outcomes(folder / name))
    return None


def _is(path: Path, sha256: str) -> bool:
    return path.is_file() and file_hash(path) == sha256
