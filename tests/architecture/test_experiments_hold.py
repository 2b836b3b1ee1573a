"""What experiments import from the house is still there: they run seldom, and late is too late."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"features", "tiering", "training", "serving", "tierwise", "tierwise_client", "tests"}


@cache
def _names(module: str) -> frozenset[str]:
    """Return what a module of the house defines or imports, without running it."""
    path = ROOT.joinpath(*module.split("."))
    if path.is_dir():
        return frozenset(each.stem for each in path.iterdir())
    found = set[str]()
    for node in ast.walk(ast.parse(path.with_suffix(".py").read_text("utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case ast.ImportFrom(names=names) | ast.Import(names=names):
                found.update(each.asname or each.name for each in names)
    return frozenset(found)


def test_experiments_import_what_is_there() -> None:
    seen, gone = 0, []
    for path in sorted((ROOT / "experiments").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in PACKAGES:
                seen += len(node.names)
                gone += [
                    f"{path.relative_to(ROOT)}: {node.module}.{each.name}"
                    for each in node.names
                    if each.name not in _names(str(node.module))
                ]
    assert seen > 200
    assert gone == []
