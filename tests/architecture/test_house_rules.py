"""House rules that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.processes import untraced

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("features", "tiering", "training", "serving", "tierwise")
SOURCES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def test_packages_are_told_by_a_docstring_only() -> None:
    for path in SOURCES:
        if path.name == "__init__.py":
            body = ast.parse(path.read_text("utf-8")).body
            assert len(body) == 1, path
            assert isinstance(body[0], ast.Expr), path


def test_modules_have_a_docstring_and_telling_names() -> None:
    vague = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
    for path in SOURCES:
        assert path.stem not in vague, path
        if "migrations/versions" not in path.as_posix():
            assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path


def test_files_stay_small_enough_to_hold_one_idea() -> None:
    long = {p.relative_to(ROOT).as_posix(): n for p in SOURCES if (n := _lines(p)) > 300}
    assert long == {}


def _lines(path: Path) -> int:
    return path.read_text("utf-8").count("\n")


def test_test_files_have_unique_names_and_no_packages() -> None:
    counts = Counter(p.name for p in TESTS if p.name != "conftest.py")
    assert [name for name, n in counts.items() if n > 1] == []
    assert "__init__.py" not in counts


def test_nothing_committed_carries_an_address_of_a_machine() -> None:
    forbidden = re.compile(
        r"(?<![\w.])/(?:work|root)/[\w.]|" + r"pypi" + r"\.org|pythonhosted|registry\.npm"
    )
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    found = []
    for name in listed.stdout.split("\n"):
        path = ROOT / name
        if name and path.suffix not in {".png", ".ico"} and path.is_file():
            for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):
                if forbidden.search(line) and name != "tests/architecture/test_house_rules.py":
                    found.append(f"{name}:{number}")
    assert found == []


COLD = {
    "serving.app": {"mlflow", "ibis", "duckdb"},
    "tierwise.cli": {"mlflow", "ibis", "duckdb", "lightgbm", "pandas", "fastapi"},
    "tiering.assign": {"pandas", "ibis", "lightgbm"},
    "features.schema": {"ibis", "pandas", "pyarrow"},
    "training.bundle": {"mlflow", "ibis", "duckdb", "sqlalchemy"},
}


@pytest.mark.parametrize("module", COLD)
def test_a_cold_import_stays_light(module: str) -> None:
    code = f"import sys, {module}; print('\\n'.join(m.split('.')[0] for m in sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=untraced(),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert set(result.stdout.split()).isdisjoint(COLD[module])
