"""Replay past grades after late data and a change of model, and tamper with their store.

    PYTHONPATH=. .venv/bin/python experiments/2026-11-replay/run.py \
        --sources var/online_retail_II/sources --out var/replay

The order log is real (Online Retail II). Two bundles are fitted on it by the product's own code,
at two days and under two schemes; the first grades the earlier half of the days, the second the
later half. Then rows are recorded late, inside the days that were graded. Grades drawn from all
runs are computed again from those sources, as they were known then. Both engines do the same.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from math import log2
from pathlib import Path
from typing import Any

import ibis
import numpy as np

from features.publish import materialise, publish
from features.schema import IndicatorFrame
from features.snapshot import Snapshot
from features.sources import Sources, open_sources
from serving.archive import BundleArchive
from serving.audit import prove, verify
from serving.batch import run_batch
from serving.domain.grade import Run
from serving.published import read_published
from serving.replay import draw, replay_runs
from serving.sealing import proof_document, prove_grade, verify_runs
from serving.store.session import Database
from tests.postgres import running
from tests.serving.tampering import try_all
from tiering.scheme import load_scheme
from training.bundle import Bundle
from training.dataset import load_training_set
from training.fitting import Provenance, fit_bundle
from training.models.threads import single_threaded_algebra
from training.recipe import load_recipe
from training.splits import origin_on

LATE_ROWS = 20_000
GRID = 46
"""Days published, 15 days apart."""


def main() -> None:
    """Parse the options and run everything on both engines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="scratch folder and results")
    parser.add_argument("--days", type=int, default=24)
    parser.add_argument("--grades", type=int, default=100_000)
    parser.add_argument("--tamperings", type=int, default=1_000)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    begun = datetime.now(UTC)
    sources, published = open_sources(options.sources), options.out / "published"
    grid = [sources.info.last_day - timedelta(days=15 * k) for k in reversed(range(GRID))]
    recipe = load_recipe("default")
    publish(sources, published, grid, sorted({horizon for _, horizon in recipe.horizons}))
    print(f"{len(grid)} days published", flush=True)
    archive = BundleArchive(options.out / "bundles")
    bundles = fitted(published, grid, options.out, archive)
    late = with_late_rows(sources, options.out)
    days = grid[-options.days :]
    results: dict[str, Any] = {"began": f"{begun:%Y-%m-%d %H:%M} UTC"}
    results["late"] = changed_by_late_rows(late, sources, days[len(days) // 2])
    print(results, flush=True)
    with ExitStack() as stack:
        server = stack.enter_context(running())
        sqlite = options.out / "replay.db"
        sqlite.unlink(missing_ok=True)
        urls = {"SQLite": f"sqlite:///{sqlite}", "PostgreSQL": server.url(server.empty())}
        for engine, url in urls.items():
            results[engine] = on_engine(
                url, days, published, bundles, archive, late, options.grades
            )
            print(engine, json.dumps(results[engine], indent=1), flush=True)
        small = options.out / "tampering.db"
        small.unlink(missing_ok=True)
        urls = {"SQLite": f"sqlite:///{small}", "PostgreSQL": server.url(server.empty())}
        for engine, url in urls.items():
            results[engine]["tampering"] = tampered(
                url, days[-3:], published, bundles[1], options.tamperings
            )
            print(engine, json.dumps(results[engine]["tampering"], indent=1), flush=True)
    results["minutes in all"] = round((datetime.now(UTC) - begun).total_seconds() / 60, 1)
    (options.out / "result.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")


def fitted(
    published: Path, grid: list[date], out: Path, archive: BundleArchive
) -> tuple[Bundle, Bundle]:
    """Fit two bundles, at two days and under two schemes, and archive them."""
    recipe = load_recipe("default")
    churn = recipe.churn.model_copy(update={"more_horizons_days": ()})
    recipe = recipe.model_copy(update={"churn": churn, "demand": None})
    scheme = load_scheme()
    stricter = scheme.referral.model_copy(update={"band": 0.5})
    other = scheme.model_copy(update={"referral": stricter, "version": f"{scheme.version}+late"})
    data = load_training_set(
        published, grid, recipe.churn.horizon_days, recipe.ltv.horizon_days, recipe.eligibility
    )
    where = Provenance("online_retail_II", "GBP", False, "0" * 64, "experiment")
    made = []
    for number, (day, policy) in enumerate(((grid[-30], scheme), (grid[-1], other)), start=1):
        origin = origin_on(grid, day, recipe)
        if origin is None:
            raise SystemExit(f"Nothing can be fitted on {day}.")
        began = time.perf_counter()
        with single_threaded_algebra():
            bundle = fit_bundle(data, origin, recipe, policy, where).with_version(str(number))
        folder = out / f"bundle-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        bundle.save(folder)
        made.append(Bundle.load(folder))
        archive.keep(folder, made[-1].digest)
        print(f"bundle {number} fitted on {day} in {time.perf_counter() - began:.0f} s", flush=True)
    return made[0], made[1]


def with_late_rows(sources: Sources, out: Path) -> Sources:
    """Return the sources with rows added that were recorded after every graded day.

    Copies of real rows, on the day they happened, under new ids and with other amounts.
    """
    path = out / "late.parquet"
    folder = sources.connection
    orders = sources.tables["orders"]
    picked = (
        orders.order_by("line_id")
        .limit(LATE_ROWS)
        .mutate(
            order_id=orders.order_id.concat("-late"),
            line_id=orders.line_id.concat("-late"),
            net_amount=(orders.net_amount * 3).cast(orders.net_amount.type()),
            recorded_at=orders.recorded_at.max().as_scalar() + ibis.interval(days=30),
        )
    )
    orders.union(picked).order_by("line_id").to_parquet(path)
    return sources.replace(orders=folder.read_parquet(path, table_name="with_late"))


def changed_by_late_rows(late: Sources, sources: Sources, day: date) -> dict[str, object]:
    """Show that the late rows matter: seen today they change what they did not change then."""
    today = sources.info.last_day + timedelta(days=400)
    then, was = (materialise(each, Snapshot.at(day)) for each in (late, sources))
    seen = materialise(late, Snapshot.at(day, Snapshot.at(today).known_at))
    same = (seen.values == was.values) | (np.isnan(seen.values) & np.isnan(was.values))
    return {
        "rows": LATE_ROWS,
        "day": str(day),
        "customers": len(was),
        "changed if known": int((~same.all(axis=1)).sum()),
        "changed as known then": int(not np.array_equal(then.values, was.values, equal_nan=True)),
    }


def on_engine(
    url: str,
    days: list[date],
    published: Path,
    bundles: tuple[Bundle, Bundle],
    archive: BundleArchive,
    late: Sources,
    count: int,
) -> dict[str, object]:
    """Grade all days, then replay grades drawn from all of them."""
    store = Database(url)
    store.upgrade()
    began = time.perf_counter()
    for number, day in enumerate(days):
        frame, origin = read_published(published, day)
        run_batch(bundles[number >= len(days) // 2], frame, store, published=origin)
    graded = time.perf_counter() - began

    def frame_of(run: Run) -> IndicatorFrame:
        return materialise(late, Snapshot.at(run.basis.as_of, run.known_at))

    with store.read() as session:
        began, worked = time.perf_counter(), time.process_time()
        wanted = draw(session, count, seed=20261123)
        found = replay_runs(session, dict(wanted), archive.load, frame_of)
        replayed, busy = time.perf_counter() - began, time.process_time() - worked
        began = time.perf_counter()
        head, runs = verify(session), verify_runs(session)
        verified = time.perf_counter() - began
        last = found[-1].run
        one = sorted(wanted[last.run_id])[0]
        began = time.perf_counter()
        grade = prove_grade(session, last.run_id, one)
        grade_ms = 1e3 * (time.perf_counter() - began)
        began = time.perf_counter()
        event = prove(session, head.size)
        event_ms = 1e3 * (time.perf_counter() - began)
        began = time.perf_counter()
        assert grade.holds()
        assert event.holds(head)
        check_ms = 1e3 * (time.perf_counter() - began)
    store.dispose()
    return {
        "runs": len(found),
        "bundles": len({each.run.basis.bundle_digest for each in found}),
        "schemes": len({each.run.basis.scheme_sha256 for each in found}),
        "grades replayed": sum(each.grades for each in found),
        "differences": sum(len(each.differences) for each in found),
        "seconds to grade all": round(graded, 1),
        "seconds to replay": round(replayed, 1),
        "of it this process computing": round(busy, 1),
        "events": head.size,
        "grades verified": runs.grades,
        "seconds to verify": round(verified, 1),
        "proof of a grade": {
            "hashes": len(grade.path),
            "bytes of hashes": 32 * len(grade.path),
            "bytes with its rows": len(json.dumps(proof_document(grade))),
            "ms to make": round(grade_ms, 1),
        },
        "proof of an event": {
            "hashes": len(event.path),
            "bytes of hashes": 32 * len(event.path),
            "bound": round(log2(head.size), 1),
            "ms to make": round(event_ms, 1),
        },
        "ms to check both": round(check_ms, 2),
    }


def tampered(
    url: str, days: list[date], published: Path, bundle: Bundle, count: int
) -> dict[str, object]:
    """Tamper with a small store, many times."""
    store = Database(url)
    store.upgrade()
    for day in days:
        frame, _ = read_published(published, day)
        few = replace(frame, customer_id=frame.customer_id[:60], values=frame.values[:60])
        run_batch(bundle, few, store)
    began = time.perf_counter()
    tried, missed = try_all(store, count, seed=7)
    store.dispose()
    return {
        "tried": sum(tried.values()),
        "found": sum(tried.values()) - len(missed),
        "missed": missed,
        "by kind": dict(tried),
        "seconds": round(time.perf_counter() - began, 1),
    }


if __name__ == "__main__":
    main()
