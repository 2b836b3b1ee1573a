"""Every bundle that ever graded, kept by its digest, so that its grades can be replayed."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from features.disks import is_full, room
from serving.errors import AuditError
from training.bundle import Bundle
from training.errors import BundleError


class BundleArchive:
    """Bundles below a folder, one folder each, named by digest; never changed, never removed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, bundle_dir: Path, digest: str) -> Path:
        """Copy a bundle into the archive, unless it is there; it appears whole or not at all.

        Raises
        ------
        AuditError
            If the folder holds another bundle by now.
        BundleError
            If it holds no sound bundle, or there is no room for a copy of it.
        """
        kept = self.folder / digest
        if kept.is_dir():
            return kept
        try:
            return self._copied(bundle_dir, digest, kept)
        except OSError as error:
            if not is_full(error):
                raise
            raise BundleError(
                f"There is no room to keep the bundle {digest[:12]}. {room(self.folder)}",
                hint="Make room there and run again. Nothing was graded with it; what is served "
                "stays as it is.",
            ) from error

    def _copied(self, bundle_dir: Path, digest: str, kept: Path) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".keeping-", dir=self.folder) as scratch:
            copy = Path(scratch) / "bundle"
            # The folder is a link that a promotion may turn to another bundle meanwhile.
            shutil.copytree(bundle_dir.resolve(), copy)
            found = Bundle.load(copy).digest
            if found != digest:
                raise AuditError(
                    "The bundle was replaced while it was being kept.",
                    hint="Run again.",
                    wanted=digest,
                    found=found,
                )
            try:
                copy.rename(kept)
            except OSError:
                if not kept.is_dir():  # else another process kept the same meanwhile
                    raise
        return kept

    def digests(self) -> list[str]:
        """Return the digests of all that is kept."""
        folders = self.folder.iterdir() if self.folder.is_dir() else ()
        return sorted(f.name for f in folders if f.is_dir() and not f.name.startswith("."))

    def load(self, digest: str, *beside: Path) -> Bundle:
        """Return a bundle by its digest.

        Parameters
        ----------
        beside
            Folders of bundles to look at first; they need not hold the one that is wanted.

        Raises
        ------
        AuditError
            If it is in none of them.
        BundleError
            If it was damaged.
        """
        for folder in (*beside, self.folder / digest):
            if folder.is_dir():
                bundle = Bundle.load(folder)
                if bundle.digest == digest:
                    return bundle
        raise AuditError(
            f"The bundle {digest[:12]} is not at hand.",
            hint="Fetch the version that has this digest (`tierwise versions`), give --bundle.",
            needed=digest,
        )
