"""The bundle that answers what-ifs: loaded once, swapped whole when its folder changes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from features.errors import TierwiseError
from serving.errors import NotReadyError
from training.bundle import Bundle
from training.errors import BundleError

LOG = logging.getLogger("tierwise.models")
EVERY = 1.0
"""Seconds between looks at the folder."""
AGAIN = 10.0
"""Seconds until a bundle that could not be loaded is tried again though nothing changed."""

_MANIFEST = "bundle.json"  # as training/manifest.py names what it writes last
_Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Swapped:
    """When the bundle that serves came, and what is wrong with a newer one (None: nothing).

    Attributes
    ----------
    at
        Instant, naive UTC; None before the first.
    count
        Bundles loaded since the process began.
    fault
        Class of the error (`training.errors`, `serving.errors`); its text, which has paths, is
        in the log.
    """

    at: datetime | None = None
    count: int = 0
    fault: str | None = None


class ModelHolder:
    """Holds the bundle of a folder.

    A new bundle is loaded and made warm beside the one that serves, which is let go only
    then; requests under way finish on the bundle they began with. A folder that cannot be
    loaded leaves the old bundle serving.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.swapped = Swapped()
        self.tried: _Stamp | None = None
        self._bundle: Bundle | None = None
        self._lock = threading.Lock()

    @property
    def bundle(self) -> Bundle:
        """The bundle that serves; a request asks once and keeps what it got.

        Raises
        ------
        NotReadyError
            If none is loaded.
        """
        bundle = self._bundle
        if bundle is None:
            raise NotReadyError(
                "No model bundle is loaded.",
                hint="Promote a champion, or point TIERWISE_BUNDLE_DIR at a bundle.",
            )
        return bundle

    def refresh(self) -> bool:
        """Load what lies in the folder if it is not what serves; tell whether it changed.

        Raises
        ------
        NotReadyError
            If there is no bundle in the folder.
        BundleError
            If the bundle is damaged; the one before goes on serving.
        """
        with self._lock:
            try:
                return self._refresh()
            except TierwiseError as error:
                kept = self.swapped
                self.swapped = Swapped(kept.at, kept.count, type(error).__name__)
                raise

    def _refresh(self) -> bool:
        if not self.folder.is_dir():
            raise NotReadyError(
                "There is no model bundle yet.",
                hint="Train and promote a champion first: tierwise demo does it all.",
                folder=self.folder.name,
            )
        self.tried = _stamp(self.folder)
        fresh = _loaded(self.folder)
        kept = self.swapped
        # Version and digest: a rollback may bring the same content under another number.
        if self._bundle is not None and _same(fresh, self._bundle):
            self.swapped = Swapped(kept.at, kept.count)
            return False
        warm(fresh)
        self._bundle = fresh
        self.swapped = Swapped(datetime.now(UTC).replace(tzinfo=None), kept.count + 1)
        return True


class ModelWatch:
    """Looks at the folder of a holder from `start` to `stop`, and swaps what changed.

    A look is one ``stat`` of the manifest, which is written last; the folder is read only when
    that changed.

    Parameters
    ----------
    beside
        Done with every look.
    """

    def __init__(
        self,
        holder: ModelHolder,
        every: float = EVERY,
        again: float = AGAIN,
        beside: Callable[[], object] | None = None,
    ) -> None:
        self._holder = holder
        self._beside = beside
        self._every = every
        self._again = again
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="models", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End; a bundle that is being loaded is waited for."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        rested = 0.0
        while not self._stopping.wait(self._every):
            stamp = _stamp(self._holder.folder)
            rested += self._every
            again = self._holder.swapped.fault is not None and rested >= self._again
            # Without a manifest there is nothing, or a folder that is being written.
            if stamp is not None and (stamp != self._holder.tried or again):
                rested = 0.0
                self._swap()
            if self._beside is not None:
                self._look_beside(self._beside)

    def _look_beside(self, look: Callable[[], object]) -> None:
        try:
            look()
        except Exception:
            LOG.exception("what is looked at beside the bundle cannot be")

    def _swap(self) -> None:
        try:
            if self._holder.refresh():
                bundle = self._holder.bundle
                LOG.info("version %s serves, bundle %s", bundle.meta.version, bundle.digest)
        except TierwiseError as error:
            LOG.error("the bundle in the folder cannot be used: %s", error)
        except Exception:
            # Whatever it is, the old bundle serves on, and the next one is looked for.
            LOG.exception("the bundle in the folder cannot be loaded")


def _stamp(folder: Path) -> _Stamp | None:
    """Return what tells one manifest from another; None without one."""
    try:
        told = (folder / _MANIFEST).stat()
    except OSError:
        return None
    return told.st_dev, told.st_ino, told.st_mtime_ns, told.st_size


def _loaded(folder: Path) -> Bundle:
    try:
        return Bundle.load(folder)
    except OSError as error:
        raise BundleError(
            f"The bundle cannot be read: {error}.", hint="Look at the disk and its rights."
        ) from error


def _same(one: Bundle, other: Bundle) -> bool:
    return (one.digest, one.meta.version) == (other.digest, other.meta.version)


def warm(bundle: Bundle) -> None:
    """Grade and explain one row, so that no request pays for what is done once."""
    row = np.zeros((1, len(bundle.columns)))
    scores, _ = bundle.decide(row)
    bundle.contributions(row)
    if not np.isfinite(scores.churn_probability).all():
        raise BundleError("The bundle cannot score.", hint="Train it again.")
