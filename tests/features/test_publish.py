from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from ibis.backends import BaseBackend

from features.backends import connect
from features.errors import DataError, SnapshotError
from features.manifest import Manifest, file_hash
from features.parquet import read_frame, read_outcomes
from features.publish import indicators_name, materialise, outcomes_name, publish, realised
from features.schema import CATALOGUE
from features.snapshot import Snapshot
from features.sources import Sources, open_sources
from tests.features import tiny
from tests.processes import untraced

DAYS = (date(2026, 4, 30), date(2026, 7, 31), date(2026, 9, 30))
HORIZONS = (30, 60)
FILES = {
    "indicators/2026-04-30.parquet",
    "indicators/2026-07-31.parquet",
    "indicators/2026-09-30.parquet",
    "outcomes/2026-04-30-30d.parquet",
    "outcomes/2026-04-30-60d.parquet",
    "outcomes/2026-07-31-30d.parquet",
    "outcomes/2026-07-31-60d.parquet",
    "outcomes/2026-09-30-30d.parquet",  # 60 days after 30 September are not over
}


@pytest.fixture(scope="module")
def connection() -> BaseBackend:
    return connect(threads=1)


@pytest.fixture(scope="module")
def folder(connection: BaseBackend, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ingested sources of the simulated company."""
    path = tmp_path_factory.mktemp("company") / "sources"
    tiny.company(connection, path, n_accounts=40)
    return path


@pytest.fixture(scope="module")
def company(connection: BaseBackend, folder: Path) -> Sources:
    return open_sources(folder, connection)


@pytest.fixture(scope="module")
def published(company: Sources, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("published")
    publish(company, out, DAYS, HORIZONS)
    return out


def files(out: Path) -> dict[str, str]:
    """Return the digest of every file of a published folder, hidden ones included."""
    return {
        path.relative_to(out).as_posix(): file_hash(path)
        for path in out.rglob("*")
        if path.is_file()
    }


def stamps(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}


def copy(published: Path, target: Path) -> Path:
    for path in published.rglob("*"):
        if path.is_file():
            twin = target / path.relative_to(published)
            twin.parent.mkdir(parents=True, exist_ok=True)
            twin.write_bytes(path.read_bytes())
    return target


def test_a_folder_holds_what_was_asked_for_and_is_over(published: Path) -> None:
    assert set(files(published)) == FILES | {"manifest.json"}
    manifest = Manifest.load(published)
    assert set(manifest.entries) == FILES
    for name, entry in manifest.entries.items():
        assert file_hash(published / name) == entry.sha256
        assert entry.known_at == entry.as_of
        assert entry.horizon_days == (int(name[-11:-9]) if "outcomes" in name else None)


def test_files_hold_what_is_measured(company: Sources, published: Path) -> None:
    snapshot = Snapshot.at(DAYS[1])
    frame = read_frame(published / indicators_name(DAYS[1]))
    measured = materialise(company, snapshot)
    assert frame.columns == measured.columns == tuple(CATALOGUE)
    assert frame.as_of == DAYS[1]
    assert frame.customer_id.tolist() == measured.customer_id.tolist()
    assert np.array_equal(frame.values, measured.values, equal_nan=True)
    outcomes = read_outcomes(published / outcomes_name(DAYS[1], 60))
    happened = realised(company, snapshot, 60)
    assert outcomes.customer_id.tolist() == frame.customer_id.tolist()
    assert outcomes.churned.tolist() == happened.churned.tolist()
    assert outcomes.net_value.tolist() == happened.net_value.tolist()
    assert Manifest.load(published).entries[indicators_name(DAYS[1])].rows == len(frame)


def test_customers_are_sorted_and_unique(published: Path) -> None:
    ids = read_frame(published / indicators_name(DAYS[0])).customer_id.tolist()
    assert ids == sorted(set(ids))
    assert len(ids) > 10


def test_the_same_input_gives_the_same_bytes(folder: Path, published: Path, tmp_path: Path) -> None:
    again = open_sources(folder, connect(threads=2))
    manifest = publish(again, tmp_path, DAYS[::-1], (*HORIZONS[::-1], 30))
    assert files(tmp_path) == files(published)
    assert manifest.fingerprint() == Manifest.load(published).fingerprint()


def test_a_second_run_computes_nothing(company: Sources, published: Path, tmp_path: Path) -> None:
    out = copy(published, tmp_path)
    before = stamps(out)
    told: list[tuple[str, int, int]] = []
    manifest = publish(company, out, DAYS, HORIZONS, progress=lambda *news: told.append(news))
    assert stamps(out) == before
    assert manifest == Manifest.load(published)
    assert [(done, total) for _, done, total in told] == [(i, 8) for i in range(1, 9)]
    assert {what for what, _, _ in told} == FILES


def test_days_published_later_join_the_manifest(
    company: Sources, published: Path, tmp_path: Path
) -> None:
    for day in DAYS:
        manifest = publish(company, tmp_path, [day], HORIZONS)
    assert manifest.fingerprint() == Manifest.load(published).fingerprint()


@pytest.mark.parametrize("damage", ["changed", "deleted"])
def test_a_file_that_is_not_what_it_was_is_made_again(
    company: Sources, published: Path, tmp_path: Path, damage: str
) -> None:
    out = copy(published, tmp_path)
    victim = out / indicators_name(DAYS[0])
    if damage == "changed":
        victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    else:
        victim.unlink()
    before = stamps(out)
    publish(company, out, DAYS, HORIZONS)
    assert files(out) == files(published)
    changed = {name for name, stamp in stamps(out).items() if before.get(name) != stamp}
    assert changed == {victim.name}


def test_other_sources_or_code_start_the_folder_anew(
    company: Sources, published: Path, tmp_path: Path
) -> None:
    out = copy(published, tmp_path)
    info = replace(company.info, fingerprints={**company.info.fingerprints, "orders": "f" * 64})
    manifest = publish(replace(company, info=info), out, DAYS[:1], [])
    assert set(files(out)) == {"indicators/2026-04-30.parquet", "manifest.json"}
    assert manifest.sources["orders"] == "f" * 64


def test_a_damaged_manifest_is_replaced(company: Sources, published: Path, tmp_path: Path) -> None:
    out = copy(published, tmp_path)
    (out / "manifest.json").write_text("{")
    manifest = publish(company, out, DAYS[:1], [])
    name = indicators_name(DAYS[0])
    assert manifest.entries == {name: Manifest.load(published).entries[name]}
    assert Manifest.load(out) == manifest


def test_known_at_is_part_of_a_snapshot(company: Sources, published: Path, tmp_path: Path) -> None:
    out = copy(published, tmp_path)
    known_at = datetime(2026, 10, 31)
    manifest = publish(company, out, DAYS[:1], [], known_at=known_at)
    entry = manifest.entries[indicators_name(DAYS[0])]
    assert (entry.as_of, entry.known_at) == (
        "2026-04-30T23:59:59.999999",
        "2026-10-31T00:00:00",
    )
    assert manifest.entries[indicators_name(DAYS[1])].known_at == "2026-07-31T23:59:59.999999"


def test_nothing_to_publish_is_told(company: Sources, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no snapshot day"):
        publish(company, tmp_path, [], [30])


def test_a_day_before_the_data_is_told_and_leaves_nothing_half_done(
    company: Sources, tmp_path: Path
) -> None:
    with pytest.raises(SnapshotError, match="No order had happened"):
        publish(company, tmp_path, [date(2020, 1, 1)], [30])
    assert files(tmp_path) == {}


def test_nothing_known_is_told(company: Sources) -> None:
    with pytest.raises(SnapshotError, match="was known at"):
        materialise(company, Snapshot.at(DAYS[0], datetime(2020, 1, 1)))


KILLED_BETWEEN_FILES = """
    def progress(what, done, total):
        if done == 3:
            os.kill(os.getpid(), signal.SIGKILL)
"""

KILLED_INSIDE_A_FILE = """
    from itertools import count
    numbers = count(1)  # each is given once, whichever thread asks

    class Mortal(parquet.pq.ParquetWriter):
        def write_table(self, table, *more):
            number = next(numbers)
            super().write_table(table, *more)
            if number == 4:
                os.kill(os.getpid(), signal.SIGKILL)

    parquet.pq.ParquetWriter = Mortal
    progress = None
"""


@pytest.mark.parametrize("threads", [1, 2])  # with two, two files are written at a time
@pytest.mark.parametrize(
    ("death", "leftovers"),
    [(KILLED_BETWEEN_FILES, 0), (KILLED_INSIDE_A_FILE, 1)],
    ids=["between files", "inside a file"],
)
def test_a_killed_run_leaves_no_half_file_and_is_taken_up(
    company: Sources,
    folder: Path,
    published: Path,
    tmp_path: Path,
    death: str,
    leftovers: int,
    threads: int,
) -> None:
    script = dedent(f"""
    import os, signal, sys
    from datetime import date
    from pathlib import Path
    from features import parquet
    from features.backends import connect
    from features.publish import publish
    from features.sources import open_sources
    {death}
    days = [date.fromisoformat(text) for text in {[day.isoformat() for day in DAYS]}]
    sources = open_sources(Path(sys.argv[1]), connect(threads={threads}))
    publish(sources, Path(sys.argv[2]), days, {HORIZONS}, progress=progress)
    """)
    command = [sys.executable, "-c", script, str(folder), str(tmp_path)]
    killed = subprocess.run(command, env=untraced(), capture_output=True, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()

    left = files(tmp_path)
    whole = files(published)
    parts = {name for name in left if name.endswith(".part")}
    finished = set(left) - parts - {"manifest.json"}
    assert all(left[name] == whole[name] for name in finished)  # no half file under its name
    listed = set(Manifest.load(tmp_path).entries)
    if threads == 1:
        assert len(parts) == leftovers
        assert len(finished) == 3
        assert listed == finished
    assert listed <= finished

    before = stamps(tmp_path)
    manifest = publish(company, tmp_path, DAYS, HORIZONS)
    assert files(tmp_path) == whole
    assert manifest.fingerprint() == Manifest.load(published).fingerprint()
    after = stamps(tmp_path)
    assert all(after[Path(name).name] == before[Path(name).name] for name in listed)
