"""SIGKILL in the middle of registering and promoting: champion, challenger, ledger stay whole."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import untraced
from tests.training.registry.verdicts import PASSED
from training.registry.location import open_registry
from training.registry.registry import CHAMPION, Registry
from training.registry.versions import Submission

pytestmark = pytest.mark.long

MODEL = "tierwise-small"

DRIVER = """
import os, signal, sys
from pathlib import Path
from tests.training.registry.verdicts import PASSED
from training.registry import recording
from training.registry.location import open_registry
from training.registry.ledger import PromotionLedger
from training.registry.mlflow_store import MlflowStore
from training.registry.versions import Submission

home, bundle, evidence, action, owner, name, calls, when = sys.argv[1:]
place = {"store": MlflowStore, "recording": recording, "ledger": PromotionLedger}[owner]
real, left = getattr(place, name), int(calls)

def deadly(*given, **named):
    global left
    left -= 1
    if left == 0 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    done = real(*given, **named)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

registry = open_registry(Path(home))
setattr(place, name, deadly)
if action == "register":
    registry.register("tierwise-small", Submission(Path(bundle), Path(evidence)))
else:
    registry.promote("tierwise-small", 2, PASSED, by="bob")
print("survived")
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, blank_registry: Path) -> Path:
    folder = tmp_path_factory.mktemp("kills")
    shutil.copy(blank_registry, folder)
    return folder


@pytest.fixture
def standing(home: Path, submission: Submission) -> Registry:
    """Version 1 is champion, the newest is challenger."""
    registry = open_registry(home)
    if not registry.versions(MODEL):
        registry.register(MODEL, submission)
        registry.promote(MODEL, 1, PASSED, by="ann")
        registry.register(MODEL, submission)
    return registry


def killed(home: Path, submission: Submission, action: str, point: str) -> None:
    folders = (str(submission.bundle_dir), str(submission.evidence_dir))
    result = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-c", DRIVER, str(home)),
            *(*folders, action, *point.split()),
        ],
        env=untraced(),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert result.returncode == -signal.SIGKILL, result.stdout + result.stderr
    assert "survived" not in result.stdout


@pytest.mark.parametrize(
    "point",
    [
        "recording _log_metrics 1 before",  # the first target: artifacts are there, no version
        "store create 2 before",  # one target has a version
        "recording _log_model 3 after",  # both targets have, the bundle is half recorded
        "store create 3 after",  # the bundle has a version that nothing points to
        "store point 3 before",  # the targets' alias has moved, the bundle's has not
    ],
)
def test_a_killed_registration_changes_nothing_and_is_repeated(
    standing: Registry, home: Path, submission: Submission, point: str
) -> None:
    ledger = standing.ledger.path.read_bytes()
    challenger, champion = standing.challenger(MODEL), standing.champion(MODEL)
    assert challenger is not None
    assert champion is not None
    killed(home, submission, "register", point)
    after = open_registry(home)
    assert after.ledger.path.read_bytes() == ledger
    assert (after.challenger(MODEL), after.champion(MODEL)) == (challenger, champion)
    assert after.champion(MODEL) == champion
    again = after.register(MODEL, submission)
    assert again.version > challenger.version
    assert after.challenger(MODEL) == again
    for model, number in again.with_targets():
        assert after.store.alias_version(model, "challenger") == number


def test_a_promotion_killed_before_the_ledger_changes_nothing(
    standing: Registry, home: Path, submission: Submission
) -> None:
    before = standing.champion(MODEL), standing.ledger.path.read_bytes()
    killed(home, submission, "promote", "ledger append 1 before")
    after = open_registry(home)
    assert (after.champion(MODEL), after.ledger.path.read_bytes()) == before


@pytest.mark.parametrize("point", ["ledger append 1 after", "store point 2 before"])
def test_a_promotion_killed_after_the_ledger_is_carried_out(
    blank_registry: Path, submission: Submission, tmp_path: Path, point: str
) -> None:
    """What is on record counts: the aliases follow when anybody next asks."""
    own = tmp_path / "home"
    own.mkdir()
    shutil.copy(blank_registry, own)
    registry = open_registry(own)
    registry.register(MODEL, submission)
    registry.promote(MODEL, 1, PASSED, by="ann")
    registry.register(MODEL, submission)
    killed(own, submission, "promote", point)
    after = open_registry(own)
    assert after.store.alias_version(MODEL, CHAMPION) == 1
    champion = after.champion(MODEL)
    assert champion is not None
    for model, number in champion.with_targets():
        assert number == 2
        assert after.store.alias_version(model, CHAMPION) == 2
    assert [e.version for e in after.ledger.entries(MODEL)] == [1, 2]
