"""What is not ours runs without coverage's tracer.

Python 3.11 tells a tracer of every function and looks for a new line at every instruction, also
in code that nobody measures: expressions and query plans take twice the time so. Here the tracer
is taken off where a foreign package is entered and put on again where it is left. What is ours
and called back from in there is missed unless it runs elsewhere too, so nothing is listed that
takes functions of ours (but for :data:`CALLBACKS`).

The test runner itself is foreign code too. It is entered once for all tests it collects and once
for each test it runs, and calls what is measured back: modules, fixtures, tests.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from functools import wraps
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]

ENTRIES = (
    ("_pytest.assertion.rewrite", ""),
    ("_pytest.main", "Session.perform_collect"),
    ("_pytest.runner", ".runtestprotocol"),
    ("alembic.ddl.impl", "DefaultImpl"),
    ("fastapi.applications", "FastAPI.openapi"),
    ("fastapi.routing", "APIRouter.add_api_route"),
    ("hypothesis.internal.conjecture.data", "ConjectureData.draw"),
    ("ibis", ""),
    ("ibis.backends.duckdb", "Backend"),
    ("ibis.backends.pyspark", "Backend"),
    ("ibis.expr.builders", "*"),
    ("ibis.expr.types", "*"),
    ("ibis.expr.types.groupby", "*"),
    ("lightgbm", ""),
    ("lightgbm.basic", "*"),
    ("mlflow.pyfunc", ".save_model"),
    ("mlflow.tracking.client", "MlflowClient"),
    ("numba.core.dispatcher", "Dispatcher._compile_for_args"),
    ("plotly.graph_objects", "Figure"),
    ("scipy.optimize", ".minimize"),
    ("sklearn.linear_model._logistic", "LogisticRegression"),
    ("sklearn.pipeline", "Pipeline"),
    ("sqlalchemy.engine.base", "Connection"),
    ("sqlalchemy.engine.base", "Engine"),
    ("sqlalchemy.engine.result", "*"),
    ("sqlalchemy.orm.session", "Session"),
    ("sqlalchemy.sql.selectable", "Select"),
    ("starlette.testclient", "TestClient.request"),
    ("tomllib", ""),
)
"""Modules and what in them is entered: a class (with what it inherits), one method of it, every
class it has (``*``), its functions (nothing) or one of them. What runs in another thread is
measured by the tracer of that thread, so the test client is listed."""

CALLBACKS = (
    ("_pytest.config", "PytestPluginManager._importconftest"),
    ("_pytest.fixtures", ".call_fixture_func"),
    ("_pytest.fixtures", "._teardown_yield_fixture"),
    ("_pytest.python", ".importtestmodule"),
    ("hypothesis.strategies._internal.core", "BuildsStrategy.do_draw"),
    ("hypothesis.strategies._internal.core", "CompositeStrategy.do_draw"),
    ("scipy._lib._util", "_ScalarFunctionWrapper.__call__"),
    ("scipy.optimize._optimize", "MemoizeJac._compute_if_needed"),
    ("sqlalchemy.event.attr", "_CompoundListener.__call__"),
    ("training.models.boosting", "._median"),
)
"""Where a foreign package calls what is ours, or what is called: the tracer is on in there."""

# A function given to ``pipe`` is ours; the others are asked for every attribute.
_LEFT_OUT = {"pipe", "__getattribute__", "__getattr__", "__hash__", "__len__"}

_off = threading.local()


def spare_others() -> None:
    """Spare what is listed, now or when it is imported, and every foreign import itself."""
    for module in list(sys.modules.values()):
        _spare(module)
    run = SourceFileLoader.exec_module
    quietly, openly = unmeasured(run), measured(run)

    def exec_module(self: SourceFileLoader, module: ModuleType) -> None:
        if _is_ours(Path(self.path)):
            openly(self, module)
            _spare(module)
        else:
            quietly(self, module)
            _spare(module)

    SourceFileLoader.exec_module = exec_module  # type: ignore[method-assign]


def _spare(module: ModuleType) -> None:
    for listed, change in ((ENTRIES, unmeasured), (CALLBACKS, measured)):
        for name, what in listed:
            if name == module.__name__:
                for owner, attribute, function in list(_entries(module, what)):
                    if not hasattr(function, "_changed"):
                        changed = change(function)
                        changed._changed = True  # type: ignore[attr-defined]
                        setattr(owner, attribute, changed)


def _is_ours(path: Path) -> bool:
    return path.is_relative_to(ROOT) and not path.is_relative_to(sys.prefix)


def _entries(module: ModuleType, what: str) -> Iterator[tuple[object, str, Callable[..., Any]]]:
    name, _, method = what.partition(".")
    package = module.__name__.partition(".")[0]
    if not name:
        owners: list[object] = [module]
    elif name == "*":
        owners = [each for each in vars(module).values() if inspect.isclass(each)]
    else:
        # What a later version no longer has is not spared, and nothing else.
        owners = list(inspect.getmro(getattr(module, name, type)))
    for owner in owners:
        at = getattr(owner, "__module__", package)
        if at.partition(".")[0] != package:
            continue
        for known, function in list(vars(owner).items()):
            if method not in ("", known) or known in _LEFT_OUT:
                continue
            if inspect.isfunction(function):
                later = inspect.isgeneratorfunction(function)
                if not later and not inspect.iscoroutinefunction(function):
                    yield owner, known, function


def unmeasured(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function without the tracer."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        tracer = sys.gettrace()
        if tracer is None:
            return function(*args, **kwargs)
        before = getattr(_off, "tracer", None)
        _off.tracer = tracer
        sys.settrace(None)
        try:
            return function(*args, **kwargs)
        finally:
            _off.tracer = before
            # Where measuring was stopped and begun again in there, it has a tracer of its own.
            if sys.gettrace() is None:
                sys.settrace(tracer)
                _entered()

    return run


def measured(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with the tracer that was taken off outside of it."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        tracer = getattr(_off, "tracer", None)
        if tracer is None or sys.gettrace() is not None:
            return function(*args, **kwargs)
        sys.settrace(tracer)
        _entered()
        try:
            return function(*args, **kwargs)
        finally:
            sys.settrace(None)

    return run


def paused(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function so that nothing called back in there is measured either.

    For what pytest-cov stops measuring for: the tracer that was taken off outside is a stopped one.
    """

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        before = getattr(_off, "tracer", None)
        _off.tracer = None
        try:
            return function(*args, **kwargs)
        finally:
            _off.tracer = before

    return run


def _entered() -> None:
    """Be called: coverage's tracer takes its place in C at the first call that it is told of.

    Before, it would miss that the function around is left, and count wrong from there on. So
    would it if the tracer were put on in a function that was entered without it, and left with it.
    """
