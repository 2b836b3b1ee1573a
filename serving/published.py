"""A published frame as the service meets it: which file it is, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from features.manifest import Manifest, file_hash
from features.parquet import FrameFile, read_frame
from features.schema import IndicatorFrame
from serving.errors import BatchError
from training.bundle import Bundle


@dataclass(frozen=True, slots=True)
class Published:
    """Where a frame comes from.

    Attributes
    ----------
    manifest_sha256
        Fingerprint of the manifest it was published under.
    world
        Input world; must be that of the bundle.
    known_at
        Instant (naive UTC) up to which recorded rows were seen.
    """

    manifest_sha256: str
    world: str
    known_at: datetime


def find_published(folder: Path, day: date | None = None) -> tuple[Path, Published]:
    """Return the file of a published frame and where it comes from; the latest day by default.

    Raises
    ------
    BatchError
        If the day is not published, or its file is not the one the manifest names.
    """
    manifest = Manifest.load(folder)
    frames = {
        entry.as_of[:10]: (name, entry)
        for name, entry in manifest.entries.items()
        if entry.horizon_days is None
    }
    wanted = day.isoformat() if day else max(frames, default="")
    if wanted not in frames:
        days = sorted(frames)
        raise BatchError(
            f"There is no published snapshot of {wanted or 'any day'}.",
            hint=f"Published days: {days[0]} to {days[-1]}." if days else "Publish one first.",
            days=days,
        )
    name, entry = frames[wanted]
    if not (folder / name).is_file() or file_hash(folder / name) != entry.sha256:
        raise BatchError(
            f"{name} is not the file that the manifest names.",
            hint="Publish again; files that fit are kept.",
            file=name,
        )
    published = Published(
        manifest.fingerprint(), manifest.world, datetime.fromisoformat(entry.known_at)
    )
    return folder / name, published


def read_published(folder: Path, day: date | None = None) -> tuple[IndicatorFrame, Published]:
    """Read the frame that :func:`find_published` finds; it raises the same."""
    path, published = find_published(folder, day)
    return read_frame(path), published


def open_published(folder: Path, day: date | None = None) -> tuple[FrameFile, Published]:
    """Open the frame that :func:`find_published` finds, to be read some customers at a time."""
    path, published = find_published(folder, day)
    return FrameFile(path), published


def check_world(bundle: Bundle, published: Published) -> None:
    """Refuse a frame of another world than the bundle's.

    Raises
    ------
    BatchError
        If the worlds differ.
    """
    if published.world != bundle.meta.world:
        raise BatchError(
            f"The frame is of world {published.world!r}, the bundle of {bundle.meta.world!r}.",
            hint="Grade a frame with the bundle that was trained on its world.",
        )
