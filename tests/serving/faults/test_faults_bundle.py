"""Bundles that are damaged, half-written or have no room: the one that serves goes on serving."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serving.archive import BundleArchive
from serving.models import ModelHolder
from tests.processes import untraced
from training.bundle import Bundle
from training.errors import BundleError


def damaged(folder: Path, kind: str) -> list[Path]:
    """Return copies of a bundle, each with one file damaged in one way."""
    copies = []
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        copy = folder.parent / f"{kind}-{file.name}"
        shutil.copytree(folder, copy)
        content = bytearray((copy / file.name).read_bytes())
        if kind == "truncated":
            content = content[: len(content) // 2]
        elif kind == "flipped":
            content[len(content) // 2] ^= 1
        (copy / file.name).write_bytes(bytes(content))
        if kind == "gone":
            (copy / file.name).unlink()
        copies.append(copy)
    return copies


@pytest.mark.parametrize("kind", ["truncated", "flipped", "gone"])
def test_every_file_damaged_in_every_way_is_refused(
    kind: str, bundle_dir: Path, tmp_path: Path, served_bundle: Bundle
) -> None:
    shutil.copytree(bundle_dir, tmp_path / "bundle")
    link = tmp_path / "served"
    link.symlink_to("bundle")
    models = ModelHolder(link)
    models.refresh()
    serving = models.bundle
    archive = BundleArchive(tmp_path / "archive")
    copies = damaged(tmp_path / "bundle", kind)
    assert len(copies) >= 6
    for copy in copies:
        link.unlink()
        link.symlink_to(copy.name)
        with pytest.raises(BundleError):
            models.refresh()
        assert models.bundle is serving, "the one before goes on serving"
        with pytest.raises(BundleError):
            archive.keep(copy, served_bundle.digest)
    assert archive.digests() == []


SWAPPING = """
import shutil, sys
from pathlib import Path
from training.folders import swap
one, two, target = map(Path, sys.argv[1:])
print("ready", flush=True)
while True:
    for source in (one, two):
        shutil.copytree(source, target.parent / "staging")
        swap(target.parent / "staging", target)
"""


def test_a_promotion_killed_anywhere_leaves_a_whole_bundle(
    bundle_dir: Path, served_bundle: Bundle, tmp_path: Path
) -> None:
    """The last step of a promotion, over and over, killed at moments nobody chose."""
    chance = random.Random(3)
    other = tmp_path / "other"
    served_bundle.with_version("9").save(other)
    target = tmp_path / "home" / "bundle"
    target.parent.mkdir()
    versions = set()
    for _ in range(6):
        shutil.rmtree(target.parent / "staging", ignore_errors=True)
        command = [sys.executable, "-c", SWAPPING, str(bundle_dir), str(other), str(target)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=untraced()
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            while not target.exists():
                time.sleep(0.01)
            time.sleep(chance.uniform(0.0, 0.15))
            process.send_signal(signal.SIGKILL)
        found = Bundle.load(target)
        assert found.digest == served_bundle.digest
        versions.add(found.meta.version)
    assert versions <= {"3", "9"}


FILLING = """
import resource, signal, sys
from pathlib import Path
from serving.archive import BundleArchive
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    BundleArchive(Path(sys.argv[2])).keep(Path(sys.argv[1]), sys.argv[3])
except OSError as error:
    print("refused", error.errno, flush=True)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit of file sizes here")
def test_no_room_for_a_bundle_leaves_nothing_half(
    bundle_dir: Path, served_bundle: Bundle, tmp_path: Path
) -> None:
    """A limit of 4 KiB a file stands for a full disk: writing fails half-way, as there."""
    archive = BundleArchive(tmp_path / "archive")
    command = [
        *(sys.executable, "-c", FILLING, str(bundle_dir)),
        *(str(archive.folder), served_bundle.digest),
    ]
    told = subprocess.run(command, capture_output=True, text=True, env=untraced(), timeout=120)
    assert told.stdout.startswith("refused"), told.stderr
    assert archive.digests() == []
    assert list(archive.folder.iterdir()) == [], "nothing half is left behind"
    assert archive.keep(bundle_dir, served_bundle.digest).is_dir(), "with room it goes on"
    assert Bundle.load(bundle_dir).digest == served_bundle.digest
