"""Replace a whole folder in one step."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path

KEPT = 2
"""Generations kept beside the target: the present one and the one before, for open readers."""


def swap(source: Path, target: Path) -> None:
    """Make ``target`` show the content of ``source``; it is never absent or half-written.

    A folder cannot be replaced in one step, a symbolic link can: ``target`` becomes a link to
    a generation ``.<name>.<random>`` beside it. A reader that resolves the link first keeps
    one generation for all its files. A real folder found at ``target`` (copied there by hand)
    is moved away once, which is the only case with a moment without a target.

    Parameters
    ----------
    source
        Complete folder on the same file system; moved.
    target
        Where readers look.
    """
    generation = target.parent / f".{target.name}.{secrets.token_hex(6)}"
    source.replace(generation)
    os.utime(generation)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
        link = Path(folder) / "link"
        link.symlink_to(generation.name, target_is_directory=True)
        if target.is_dir() and not target.is_symlink():
            target.replace(Path(folder) / "replaced")
        link.replace(target)
    generations = sorted(target.parent.glob(f".{target.name}.*"), key=_age)
    for old in generations[:-KEPT]:
        shutil.rmtree(old)


def _age(path: Path) -> tuple[int, str]:
    return path.stat().st_mtime_ns, path.name
