"""Every expected error has a status: completeness is a test, not a review comment."""

from __future__ import annotations

from importlib import import_module

import pytest

from features.errors import TierwiseError

for package in ("tiering", "training", "serving"):
    import_module(f"{package}.errors")


def leaves(cls: type[TierwiseError]) -> list[type[TierwiseError]]:
    below = [leaf for sub in cls.__subclasses__() for leaf in leaves(sub)]
    return below or [cls]


@pytest.mark.parametrize("error", leaves(TierwiseError), ids=lambda e: e.__name__)
def test_error_has_a_problem_status(error: type[TierwiseError]) -> None:
    from serving.problems import status_of

    assert 400 <= status_of(error("what is wrong.")) < 600
