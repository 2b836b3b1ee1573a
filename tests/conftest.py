"""What holds for the whole run: long files first, no search for garbage, no tracing of others."""

from __future__ import annotations

import gc
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.unmeasured import measured, paused, spare_others


def pytest_configure(config: pytest.Config) -> None:
    """Measure our own code only, and let the rest run at its own speed."""
    if config.pluginmanager.hasplugin("_cov"):
        spare_others()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Measure what a test runs, and not what pytest does about it."""
    function = pyfuncitem.obj
    around = paused if pyfuncitem.get_closest_marker("no_cover") else measured
    pyfuncitem.obj = around(function)
    try:
        return (yield)
    finally:
        pyfuncitem.obj = function


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start files marked ``long`` first, so that no worker waits for another at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Take the collector's time from the tests; what is measured keeps Python's own settings.

    Expressions and query plans are very many small objects that are freed by their counts. By
    default the collector looks through them every 700, and through every module that was
    imported for the tests again and again: a sixth to a third of the time.
    """
    if not any(item.get_closest_marker("bench") for item in session.items):
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 10, 10)


@pytest.fixture(scope="session")
def blank_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file ``mlflow.db`` of a registry that nothing was registered in: to be copied.

    MLflow takes seconds to make its schema.
    """
    from training.registry.registry import Registry

    folder = tmp_path_factory.mktemp("blank")
    assert Registry(f"sqlite:///{folder / 'mlflow.db'}", folder).versions("none") == []
    return folder / "mlflow.db"
