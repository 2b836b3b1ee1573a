"""The law of imports holds, and the linter that holds it can see a breach."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("features", "tiering", "training", "serving", "tierwise", "tierwise_client")


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.path.insert(0, '.');"
            "from importlinter.cli import lint_imports;"
            "sys.exit(lint_imports(config_filename='importlinter.toml', no_cache=True))",
        ],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_house_obeys_its_law() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]


@pytest.fixture(scope="module")
def copy_of_the_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "importlinter.toml", copy)
    return copy


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("features/windows.py", "import tiering.assign"),
        ("tiering/composite.py", "import pandas"),
        ("training/models/btyd.py", "import mlflow"),
        ("serving/scoring.py", "import sqlalchemy"),
        ("features/dimensions/value.py", "import features.dimensions.risk"),
        ("features/frame.py", "import features.outcomes"),
        ("serving/batch.py", "import training.models.ltv"),
        ("training/models/btyd.py", "import training.evaluation.metrics"),
        ("training/card/rendering.py", "import training.registry.versions"),
        ("serving/utils.py", ""),
        ("tierwise_client/client.py", "import serving.errors"),
        ("serving/batch.py", "import tierwise_client.client"),
    ],
)
def test_a_breach_is_caught(copy_of_the_house: Path, module: str, line: str) -> None:
    path = copy_of_the_house / module
    before = path.read_text("utf-8") if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n", "utf-8")
    try:
        result = lint(copy_of_the_house)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before, "utf-8")
    assert result.returncode != 0
    assert "BROKEN" in result.stdout
