"""The simulated company of the feature benchmark: made and taken in once, then kept."""

from __future__ import annotations

from datetime import date, timedelta
from hashlib import sha256
from itertools import chain
from pathlib import Path

from features.backends import connect
from features.mapping.systems import inflow, read_systems
from features.sources import ingest
from features.worlds.company.writing import accounts_for, write_company
from tests.benchmarks.measure import ROOT

MEMORY_LIMIT = "2500MB"
"""What the engine may take before it spills; the process adds about a gigabyte of its own."""

LAST_DAY = date(2026, 10, 31)
SEED = 1

_MADE_BY = ("worlds/company/*.py", "contract.toml", "door/*.py")


def month_ends(number: int) -> list[date]:
    """Return the last ``number`` month ends of the simulated company, ascending."""
    ends = [LAST_DAY]
    while len(ends) < number:
        ends.append(ends[-1].replace(day=1) - timedelta(days=1))
    return ends[::-1]


def company(order_rows: int) -> Path:
    """Return the folder of the ingested company; the first time this takes minutes."""
    kept = ROOT / "var" / "bench" / f"company-{order_rows}-{_digest()}"
    raw, sources = kept / "raw", kept / "sources"
    if not (sources / "sources.json").is_file():
        write_company(raw, accounts=accounts_for(order_rows), seed=SEED)
        link = connect(memory_limit=MEMORY_LIMIT)
        with inflow(read_systems([raw / "mapping.toml"]), [raw], link) as given:
            ingest(
                given.tables,
                sources,
                connection=link,
                world=given.world,
                currency=given.currency,
                simulated=given.simulated,
                terms=given.terms,
            )
    return sources


def _digest() -> str:
    """Tell companies apart that other code has made."""
    digest = sha256()
    for path in sorted(chain(*((ROOT / "features").glob(each) for each in _MADE_BY))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
