"""A new bundle while the service runs: warm before the old one goes, and no request fails."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.batch import run_batch
from serving.models import ModelHolder, ModelWatch
from serving.settings import Settings
from tests.blank_store import blank_store
from tests.processes import untraced
from training.bundle import Bundle
from training.folders import swap
from training.manifest import MANIFEST


def publish(bundle: Bundle, folder: Path, version: str) -> None:
    """Put a bundle into a folder as `Registry.pull` does."""
    staging = folder.parent / f".staging-{version}"
    bundle.with_version(version).save(staging)
    swap(staging, folder)


def other(bundle: Bundle) -> Bundle:
    """The same models under another version of the scheme: another digest."""
    return replace(bundle, scheme=bundle.scheme.model_copy(update={"version": "9.0.0"}))


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


@pytest.fixture
def watched(tmp_path: Path, bundle: Bundle) -> Iterator[ModelHolder]:
    publish(bundle, tmp_path / "bundle", "1")
    holder = ModelHolder(tmp_path / "bundle")
    holder.refresh()
    watch = ModelWatch(holder, every=0.05, again=0.3)
    watch.start()
    yield holder
    watch.stop()


def test_a_promotion_is_seen_and_a_rollback_too(watched: ModelHolder, bundle: Bundle) -> None:
    first = watched.bundle
    publish(other(bundle), watched.folder, "2")
    wait_for(lambda: watched.bundle.meta.version == "2")
    assert watched.bundle.scheme.version == "9.0.0"
    # Whoever began with the old one finishes with it.
    assert np.isfinite(first.score(np.zeros((1, len(first.columns)))).churn_probability).all()
    publish(bundle, watched.folder, "1")
    wait_for(lambda: watched.bundle.meta.version == "1")
    assert watched.bundle.digest == first.digest
    assert watched.swapped.count == 3
    assert watched.swapped.fault is None


def test_a_corrupt_bundle_leaves_the_old_one_and_is_told(
    watched: ModelHolder, bundle: Bundle
) -> None:
    serving = watched.bundle
    staging = watched.folder.parent / "staging"
    other(bundle).with_version("2").save(staging)
    whole = (staging / "scheme.toml").read_bytes()
    (staging / "scheme.toml").write_bytes(whole[:-9])
    swap(staging, watched.folder)
    wait_for(lambda: watched.swapped.fault is not None)
    assert watched.swapped.fault == "BundleError"
    assert watched.bundle is serving
    # Mended in place, under the same manifest: it is tried again by itself.
    (watched.folder / "scheme.toml").write_bytes(whole)
    wait_for(lambda: watched.bundle.meta.version == "2")
    assert watched.swapped.fault is None


def test_a_folder_that_is_being_written_is_not_looked_at(
    watched: ModelHolder, bundle: Bundle
) -> None:
    """A copy by hand: the manifest goes first and comes last."""
    serving = watched.bundle
    (watched.folder / MANIFEST).unlink()
    (watched.folder / "scheme.toml").write_text("half of")
    time.sleep(0.3)
    assert watched.bundle is serving
    assert watched.swapped.fault is None
    shutil.rmtree(watched.folder.resolve())
    other(bundle).with_version("2").save(watched.folder.resolve())
    wait_for(lambda: watched.bundle.meta.version == "2")


def test_the_service_tells_of_a_fault_and_goes_on(
    tmp_path: Path, settings: Settings, bundle: Bundle, frame: IndicatorFrame
) -> None:
    mine = settings.model_copy(update={"home": tmp_path, "bundle_dir": tmp_path / "bundle"})
    publish(bundle, mine.bundle, "1")
    store = blank_store(mine.database)
    run_batch(Bundle.load(mine.bundle), frame, store)
    store.dispose()
    application = create_app(mine)
    with TestClient(application) as client:
        assert client.get("/readyz").json()["bundle_fault"] is None
        assert client.post("/v1/models:refresh").json()["changed"] is False
        publish(other(bundle), mine.bundle, "2")
        told = client.post("/v1/models:refresh").json()
        assert (told["changed"], told["version"]) in ((True, "2"), (False, "2"))
        (mine.bundle / "churn.json").write_text("{}")
        os.utime(mine.bundle / MANIFEST)
        wait_for(lambda: client.get("/readyz").json()["bundle_fault"] == "BundleError")
        assert "tierwise_bundle_faulty 1.0" in client.get("/metrics").text
        assert client.post("/v1/models:refresh").status_code == 503
        what_if = client.post("/v1/grades:simulate", json={"customer_id": "c-0007"})
        assert what_if.status_code == 200
        assert client.get("/v1/model").json()["loaded"]["version"] == "2"
    application.state.database.dispose()


@pytest.mark.long
def test_no_request_fails_while_models_come_and_go(
    tmp_path: Path, settings: Settings, bundle: Bundle, frame: IndicatorFrame
) -> None:
    """A real server under real requests, and a champion that changes ten times meanwhile."""
    home = tmp_path / "home"
    folder = home / "small" / "bundle"
    folder.parent.mkdir(parents=True)
    publish(bundle, folder, "1")
    store = blank_store(f"sqlite:///{home / 'small' / 'tierwise.db'}")
    run_batch(Bundle.load(folder), frame, store)
    store.dispose()
    code = "from serving.cli import app; app()"
    arguments = ["serve", "small", "--home", str(home), "--port", "0"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=untraced() | {"TIERWISE_ENVIRONMENT": "development"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            address = next(
                found[1]
                for line in process.stdout
                if (found := re.search(r"running on http://([\d.:]+)", line))
            )
            threading.Thread(target=process.stdout.read, daemon=True).start()
            done = threading.Event()
            seen: Counter[tuple[int, str | None]] = Counter()
            failed: list[str] = []

            def ask() -> None:
                connection = http.client.HTTPConnection(address, timeout=30)
                body = json.dumps({"customer_id": "c-0007"})
                while not done.is_set():
                    try:
                        kind = {"Content-Type": "application/json"}
                        connection.request("POST", "/v1/grades:simulate", body, kind)
                        answer = connection.getresponse()
                        told = json.loads(answer.read())
                    except (OSError, http.client.HTTPException, ValueError) as error:
                        failed.append(repr(error))
                        return
                    model = told.get("grade", {}).get("model", {})
                    seen[answer.status, model.get("version")] += 1
                connection.close()

            askers = [threading.Thread(target=ask) for _ in range(4)]
            for each in askers:
                each.start()
            for number in range(2, 12):
                publish(other(bundle) if number % 2 == 0 else bundle, folder, str(number))
                wait_for(lambda number=number: seen[200, str(number)] > 0, 60)
            done.set()
            for each in askers:
                each.join()
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            process.kill()
    assert failed == []
    assert {status for status, _ in seen} == {200}
    assert {version for _, version in seen} == {str(number) for number in range(1, 12)}
