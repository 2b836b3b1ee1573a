"""Errors and their statuses."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import features
import serving
import tiering
import training
from features.errors import TierwiseError
from serving.problems import STATUS, pointer, status_of


def everything() -> Iterator[type[TierwiseError]]:
    """Walk the tree after importing every module that may hold a part of it."""
    for package in (features, tiering, training, serving):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if module.name.endswith("errors"):
                importlib.import_module(module.name)
    todo: list[type[TierwiseError]] = [TierwiseError]
    while todo:
        cls = todo.pop()
        todo += cls.__subclasses__()
        if not cls.__subclasses__():
            yield cls


@pytest.mark.parametrize("leaf", sorted(set(everything()), key=lambda c: c.__name__))
def test_every_leaf_has_a_status_of_its_own(leaf: type[TierwiseError]) -> None:
    assert leaf in STATUS
    assert 400 <= status_of(leaf("what is wrong.")) <= 599


def test_a_child_takes_the_status_of_its_parent() -> None:
    # Not a class statement at module level: the walk above must not meet it.
    child = type("Child", (next(iter(STATUS)),), {})
    assert status_of(child("x.")) == STATUS[next(iter(STATUS))][0]
    del child


def test_an_error_outside_the_table_has_no_status() -> None:
    with pytest.raises(KeyError):
        status_of(TierwiseError("x."))


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([], "#"),
        (["a", 0], "#/a/0"),
        (["a/b", "m~n"], "#/a~1b/m~0n"),
        (["c%d", "e f", "é"], "#/c%25d/e%20f/%C3%A9"),
        ([""], "#/"),
    ],
)
def test_pointers_are_those_of_the_rfc(parts: list[str | int], text: str) -> None:
    assert pointer(parts) == text
