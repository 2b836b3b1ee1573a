"""Load for minutes, with a promotion, a rollback and a batch run in the middle: `make load`.

    python -m tests.benchmarks.serving.load

First the limit is measured (a mix of reads and what-ifs on 16 connections, as fast as it goes);
then the same mix is sent at `SHARE` of it, each request at its time, whether the one before is
answered or not. In both, alerts are acknowledged over the API, one event of the audit trail each;
in the second, another bundle is promoted, the first comes back, and all customers are graded
anew, as an operator would have it done. Nothing may fail, no event may be lost, and the rate has
to be held: what is meant to be sent is sent and answered.

Environment: ``LOAD_SECONDS`` (300), ``LOAD_LIMIT_SECONDS`` (30), ``LOAD_ENGINE`` (sqlite; or
postgresql, a server from the wheel on the same cores that keeps what it has confirmed through a
power failure), ``TIERWISE_HOME`` (var).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from serving.audit import verify
from serving.batch import run_batch
from serving.published import read_published
from serving.store.audit_events import AuditEvents
from serving.store.session import Database
from tests.benchmarks.measure import ROOT
from tests.benchmarks.serving.bench_load import Asked
from tests.benchmarks.serving.bench_servers import Running, Server, run, tierwise
from tests.benchmarks.serving.bench_worlds import World, as_json, champion
from tests.benchmarks.serving.load_story import Story, acknowledge, interfere, say
from tests.postgres import running as running_postgres
from training.bundle import Bundle
from training.folders import swap

FOLDER = ROOT / "var" / "bench-serving" / "load"
SHARE = 0.8
CONNECTIONS = 16
SENDER = Path(__file__).with_name("bench_sender.py")
HELD = 0.99
"""Of the requests meant to be sent, those that must have been answered when the time is over."""


def mix(world: World) -> list[Asked]:
    """Return the requests: of ten, seven grades, one explanation, two what-ifs (one explained)."""
    asked = []
    for number, (customer, row) in enumerate(zip(world.customers, world.what_ifs, strict=True)):
        what_if = {"indicators": row, "explanation": number % 10 == 9}
        asked.append(
            Asked("POST", "/v1/grades:simulate", as_json(what_if))
            if number % 10 >= 8
            else Asked("GET", f"/v1/grades/{customer}{'/explanation' if number % 10 == 7 else ''}")
        )
    return asked


def send(port: int, requests: list[Asked], seconds: float, rate: float | None) -> dict[str, Any]:
    """Send from a process of its own and return its figures."""
    order = {
        "port": port,
        "connections": CONNECTIONS,
        "seconds": seconds,
        "rate": rate,
        "requests": [each.raw(f"127.0.0.1:{port}").decode("latin-1") for each in requests],
    }
    done = subprocess.run(
        [sys.executable, str(SENDER)],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def find_limit(
    running: Running, requests: list[Asked], seconds: float
) -> tuple[Counter[str], dict[str, Any]]:
    """Send as fast as it goes while alerts are acknowledged; return those, and the figures."""
    story, spent = Story(time.monotonic()), running.processor()
    beside = threading.Thread(target=acknowledge, args=(running.port, story))
    beside.start()
    found = send(running.port, requests, seconds, None)
    story.over.set()
    beside.join()
    found["server_processor_seconds"] = running.processor() - spent
    return story.acknowledged, found


@contextmanager
def store_url(engine: str) -> Iterator[str]:
    """Empty the load's folder, and yield the address of a store without tables."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    if engine == "sqlite":
        yield f"sqlite:///{FOLDER / 'tierwise.db'}"
    elif engine == "postgresql":
        with running_postgres(settings="") as server:
            yield server.url(server.empty())
    else:
        sys.exit(f"LOAD_ENGINE is {engine!r}: it must be sqlite or postgresql.")


def prepare(home: Path, url: str) -> tuple[World, Server]:
    """Return a world with a graded store of its own and two bundles, and its server."""
    world = champion(home, ROOT / "var" / "bench-serving")
    folder = FOLDER
    (folder / "home" / "journey").mkdir(parents=True)
    shutil.copytree(world.folder / "bundle", folder / "bundle")
    first = Bundle.load(folder / "bundle")
    # The same models under another name: what is served after a promotion can be compared.
    replace(first, meta=replace(first.meta, code_version="load")).save(folder / "other")
    copy = folder / "copy"
    shutil.copytree(folder / "bundle", copy)
    swap(copy, folder / "home" / "journey" / "bundle")
    (folder / "published").symlink_to((home / "journey" / "published").resolve())
    frame, origin = read_published(folder / "published", None)
    store = Database(url)
    store.upgrade()
    run_batch(first, frame, store, published=origin)
    store.dispose()
    ours = replace(world, folder=folder)
    server = tierwise(ours)
    at = server.command.index("--bundle") + 1
    server.command[at] = str(folder / "home" / "journey" / "bundle")
    server.command[server.command.index("--database") + 1] = url
    return ours, server


def events(url: str) -> tuple[int, int]:
    """Return how many events the audit trail holds, and how many acknowledgements."""
    store = Database(url)
    try:
        with store.read() as session:
            size = verify(session).size  # raises if the chain is broken anywhere
            kept = sum(each.action == "alert.acknowledged" for each in AuditEvents(session).all())
            return size, kept
    finally:
        store.dispose()


def main() -> None:
    """Measure the limit, load, and tell what failed."""
    with store_url(os.environ.get("LOAD_ENGINE", "sqlite")) as url:
        measure(url)


def measure(url: str) -> None:
    """Load a service on the store at ``url``; exit with 1 if anything failed."""
    seconds = float(os.environ.get("LOAD_SECONDS", "300"))
    limit_seconds = float(os.environ.get("LOAD_LIMIT_SECONDS", "30"))
    world, server = prepare(Path(os.environ.get("TIERWISE_HOME", ROOT / "var")), url)
    requests = mix(world)
    before = events(url)
    with run(server, world.folder / "server.log") as running:
        send(running.port, requests, 5, None)
        acknowledged, limit = find_limit(running, requests, limit_seconds)
        most = limit["requests"] / limit["seconds"]
        say(f"limit {most:,.0f} requests/s on {CONNECTIONS} connections, {limit['errors']} errors")
        story, spent = Story(time.monotonic(), acknowledged=acknowledged), running.processor()
        beside = [
            threading.Thread(target=acknowledge, args=(running.port, story)),
            threading.Thread(target=interfere, args=(story, running, world.folder, url, seconds)),
        ]
        for each in beside:
            each.start()
        found = send(running.port, requests, seconds, most * SHARE)
        story.over.set()
        for each in beside:
            each.join()
        found["server_processor_seconds"] = running.processor() - spent
        rss, _ = running.memory()
    after = events(url)
    results = {
        "engine": url.partition(":")[0],
        "seconds": seconds,
        "limit": limit,
        "rate": most * SHARE,
        "found": found,
        "steps": story.steps,
        "acknowledged": dict(story.acknowledged),
        "audit": {"before": before, "after": after, "verified": True},
        "rss_mb": round(rss, 1),
    }
    lost = story.acknowledged["200"] - (after[1] - before[1])
    results["failed"], results["lost_events"] = found["errors"], lost
    results["held"] = held = found["requests"] / (most * SHARE * seconds)
    path = ROOT / "var" / "load.json"
    path.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    share = {
        name: each["server_processor_seconds"] / each["requests"] * 1e3
        for name, each in (("limit", limit), ("load", found))
    }
    slowest = min(found["spans"][:-1] or found["spans"], key=lambda each: each["rate"])
    say(
        "\n| sent at | answered | of those meant | failed | p50 / p99 / worst ms | slowest "
        "seconds | server, processor time a request, limit / load | acknowledged | audit events "
        "| lost | RSS |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
        f"| {most * SHARE:,.0f}/s, {SHARE:.0%} of {most:,.0f}/s | {found['requests']:,} "
        f"| {held:.1%} | {found['errors']} {found['statuses']} "
        f"| {found['p50']:.2f} / {found['p99']:.1f} / {found['worst']:.0f} "
        f"| {slowest['rate']:,.0f}/s at {slowest['at']:.0f} s "
        f"| {share['limit']:.2f} / {share['load']:.2f} ms "
        f"| {story.acknowledged['200']} | {before[0]} to {after[0]}, verified | {lost} "
        f"| {rss:.0f} MB |\nWritten to {path.relative_to(ROOT)}."
    )
    if found["errors"] or lost or held < HELD or story.failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
