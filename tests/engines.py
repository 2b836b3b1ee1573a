"""Whether a test can run on the distributed engine, and why not."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from features.errors import DataError
from features.spark import require_java


def _missing() -> str:
    if find_spec("pyspark") is None:
        return "PySpark is not installed (extra `spark`)"
    try:
        require_java()
    except DataError as error:
        return error.message
    return ""


_MISSING = _missing()

needs_spark = pytest.mark.skipif(bool(_MISSING), reason=_MISSING)
