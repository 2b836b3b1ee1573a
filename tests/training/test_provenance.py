"""Which code made a model."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from training import provenance
from training.provenance import code_version


def _git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    _git(tmp_path, "init", "-q")
    (tmp_path / "code.py").write_text("x = 1\n", "utf-8")
    _git(tmp_path, "add", "code.py")
    _git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_a_checkout_adds_its_commit_and_says_when_it_is_changed(checkout: Path) -> None:
    clean = code_version(checkout)
    assert clean.split("+")[1].isalnum()
    (checkout / "code.py").write_text("x = 2\n", "utf-8")
    assert code_version(checkout) == f"{clean}-dirty"


def test_a_folder_inside_a_foreign_checkout_has_no_commit(checkout: Path) -> None:
    installed = checkout / "venv"
    installed.mkdir()
    (installed / "code.py").write_text("", "utf-8")
    assert "+" not in code_version(installed)


def test_without_package_and_commit_it_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(provenance, "version", absent)
    assert code_version(tmp_path) == "unknown"
