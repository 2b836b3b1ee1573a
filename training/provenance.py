"""Which code made a model: the package's version and, in a checkout, the commit."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def code_version(root: Path | None = None) -> str:
    """Return ``<version>+<commit>``, ``-dirty`` where tracked files differ from the commit.

    Parameters
    ----------
    root
        Folder inside the checkout; the folder of this package by default.

    Returns
    -------
    str
        For example ``0.1.0+3c3545d``; ``0.1.0`` outside a checkout; ``unknown`` where the
        package is not installed and there is no commit either.
    """
    try:
        released = version("tierwise")
    except PackageNotFoundError:
        released = ""
    commit = _commit(root or Path(__file__).resolve().parent)
    return "+".join(part for part in (released, commit) if part) or "unknown"


def _commit(folder: Path) -> str:
    try:
        # A virtual environment may lie inside somebody else's checkout: its commit is not ours.
        _git(folder, "ls-files", "--error-unmatch", ".")
        head = _git(folder, "rev-parse", "--short=10", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"{head}-dirty" if changed else head


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=10,
    ).stdout.strip()
