"""The SQL a person would write for a snapshot: the five oracles, made as quick as they can be.

The oracles look for a later version of every row. Where no table is versioned that search
finds nothing and takes most of their time; the product leaves it out, so the baseline does.
"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

from features.frame import DIMENSIONS
from features.snapshot import Snapshot
from features.sources import Sources
from tests.features import tiny

_LATER_VERSION = re.compile(r"AND NOT EXISTS \((?:[^()]|\([^()]*\))*\)")


def queries(sources: Sources) -> list[str]:
    """Return the five queries for sources without versions."""
    assert not any(sources.info.versioned.values())
    texts = [(tiny.ORACLES / f"{each}.sql").read_text("utf-8") for each in DIMENSIONS]
    lean = [_LATER_VERSION.sub("", text) for text in texts]
    assert all(len(short) < len(text) for short, text in zip(lean, texts, strict=True))
    return lean


def run(sources: Sources, snapshot: Snapshot) -> list[pa.Table]:
    """Run the five queries on the sources' own connection; numbers stay what the SQL gives."""
    moments: dict[str, Any] = {"as_of": snapshot.as_of, "known_at": snapshot.known_at}
    link = sources.connection.con
    return [link.execute(text, moments).to_arrow_table() for text in queries(sources)]
