"""Order of rows, split into files, chunks and repeated records change no result."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from features.contract import REASONS
from features.errors import EmptySourceError
from features.sources import SourceReport
from tests.features.mapped import HEADER, PLAIN, Row, accepted, refused, take_in

# Not traced: test_ingest.py runs the same lines once, these run them many times.
pytestmark = pytest.mark.no_cover

Line = tuple[str, str, str, str]

# Each example is a whole ingestion or two: to shrink a failing one would take minutes.
SLOW = settings(max_examples=8, deadline=None, phases=[Phase.reuse, Phase.generate])

LINES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d", ""]),
        st.sampled_from(["k", "m", "m", ""]),
        st.sampled_from(["2025-01-01", "2025-01-02T10:00:00", "2025-01-02 10:00+02:00", "soon"]),
        st.sampled_from(["1", "1.0", "2.50", "-3", "much", ""]),
    ),
    min_size=1,
    max_size=25,
)
SOUND = ("x", "k", "2025-01-01", "1")  # so that orders are never empty

CSV = PLAIN.replace("orders.csv", "part-*.csv")
PARQUET = PLAIN.replace("orders.csv", "part-*.parquet")
NUMBERED = "line_number = true\n"


def ingest(lines: list[Line], toml: str, cuts: int = 1, threads: int = 1) -> Result:
    with TemporaryDirectory() as place:
        folder = Path(place)
        for part in range(cuts):
            some = lines[part::cuts]
            path = folder / f"part-{part}"
            if toml.startswith(PARQUET):
                columns = {name: [line[i] for line in some] for i, name in enumerate(NAMES)}
                table = pa.table(columns, schema=pa.schema([(n, pa.string()) for n in NAMES]))
                pq.write_table(table, path.with_suffix(".parquet"), row_group_size=3)
            else:
                text = "\n".join([HEADER, *(",".join(line) for line in some)])
                path.with_suffix(".csv").write_text(text + "\n", encoding="utf-8")
        report = take_in(folder, toml, threads=threads)
        return Result(report, accepted(folder), refused(folder))


NAMES = HEADER.split(",")


class Result:
    def __init__(self, report: SourceReport, rows: list[Row], quarantine: list[Row]) -> None:
        self.info = report.info
        self.rows = rows
        self.refused = Counter(str(row) for row in quarantine)

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Result)
        same = self.rows == other.rows and self.refused == other.refused
        return same and self.info == other.info  # fingerprints of the files included

    __hash__ = None  # type: ignore[assignment]


@SLOW
@given(LINES, st.integers(0, 99), st.integers(1, 4), st.booleans(), st.booleans())
def test_order_split_and_chunks_change_nothing(
    lines: list[Line], seed: int, cuts: int, numbered: bool, parquet: bool
) -> None:
    lines = [*lines, SOUND]
    end = NUMBERED if numbered else ""
    shuffled = random.Random(seed).sample(lines, len(lines))
    other = ingest(shuffled, (PARQUET if parquet else CSV) + end, cuts, threads=2)
    assert ingest(lines, CSV + end) == other


@SLOW
@given(LINES, st.data())
def test_repeating_a_record_adds_a_refused_row_and_nothing_else(
    lines: list[Line], data: st.DataObject
) -> None:
    lines = [*lines, SOUND]
    repeated = data.draw(st.lists(st.sampled_from(lines), min_size=1, max_size=5))
    once, more = ingest(lines, CSV), ingest(lines + repeated, CSV)
    assert once.rows == more.rows
    assert once.info.fingerprints == more.info.fingerprints
    assert (once.info.first_day, once.info.last_day) == (more.info.first_day, more.info.last_day)
    added = Counter(more.info.quarantined["orders"])
    added.subtract(once.info.quarantined["orders"])
    assert added.total() == len(repeated)
    assert set(+added) <= set(REASONS)
    assert added["duplicate_key"] == sum(_is_sound(line) for line in repeated)


def _is_sound(line: Line) -> bool:
    order, customer, at, amount = line
    return bool(order and customer) and at != "soon" and amount in ("1", "1.0", "2.50")


@SLOW
@given(LINES)
def test_every_row_is_accepted_or_refused_once_and_the_totals_agree(lines: list[Line]) -> None:
    try:
        result = ingest(lines, CSV)
    except EmptySourceError as error:
        assert not any(_is_sound(line) for line in lines)
        counts = error.context["counts"]
        assert isinstance(counts, dict)
        assert sum(counts.values()) == len(lines)
        return
    keys = {line[0] for line in lines if _is_sound(line)}
    assert {row["order_id"] for row in result.rows} == keys
    assert len(result.rows) == len(keys)
    assert result.refused.total() == len(lines) - len(keys)
    totals = result.info.totals["orders"]
    assert totals["rows"].source == len(lines)
    assert all(total.agrees() for total in totals.values())
