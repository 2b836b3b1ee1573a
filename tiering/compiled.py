"""Machine code for loops that numpy has none for, made by numba and kept for the next process.

Nothing is compiled with ``fastmath``: LLVM then neither reorders additions nor fuses one with a
multiplication where the processor could, so the bits are those of every other machine. Whoever
imports this takes numba along, 0.3 s and 60 MB, so it is imported where something is computed.
"""

# mypy: disable-error-code="import-untyped,no-untyped-call"
# numba is typed in part.

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any


@cache
def available() -> bool:
    """Tell whether numba is installed."""
    return find_spec("numba") is not None


def compiled(function: Callable[..., Any]) -> Any:
    """Compile once and keep the machine code, where there is a folder to keep it in.

    That is ``NUMBA_CACHE_DIR``, else beside the function's file, else the user's own cache. With
    all of them read-only it is compiled in every process, which takes some seconds. Without numba
    the function is left as it is.
    """
    if not available():
        return function
    import numba

    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": False}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba's word for "no locator available"
        return numba.njit(**options)(function)
