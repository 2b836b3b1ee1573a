"""The bundle that answers what-ifs: loaded once, swapped whole when its folder changes."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np

from serving.errors import NotReadyError
from training.bundle import Bundle
from training.errors import BundleError


class ModelHolder:
    """Holds the bundle of a folder.

    A new bundle is loaded and made warm beside the one that serves, which is let go only
    then; a folder that cannot be loaded leaves the old bundle serving.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._bundle: Bundle | None = None
        self._lock = threading.Lock()

    @property
    def bundle(self) -> Bundle:
        """The bundle that serves.

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
            if not self.folder.is_dir():
                raise NotReadyError(
                    "There is no model bundle yet.",
                    hint="Train and promote a champion first: tierwise demo does it all.",
                    folder=self.folder.name,
                )
            fresh = Bundle.load(self.folder)
            if self._bundle is not None and fresh.digest == self._bundle.digest:
                return False
            _warm(fresh)
            self._bundle = fresh
            return True


def _warm(bundle: Bundle) -> None:
    """Score one row, so that the first request does not pay for what is done once."""
    scores = bundle.score(np.zeros((1, len(bundle.columns))))
    if not np.isfinite(scores.churn_probability).all():
        raise BundleError("The bundle cannot score.", hint="Train it again.")
