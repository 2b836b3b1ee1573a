"""What happens beside the load: alerts are taken on, models change, a batch runs.

Each comes over the API or the console command, as an operator would have it done.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import ROOT
from tests.benchmarks.serving.bench_servers import CALM, Running
from training.bundle import Bundle
from training.folders import swap

SWAPPED_WITHIN = 15.0
ACKNOWLEDGED_EVERY = 2.0


@dataclass
class Story:
    """What happened beside the load, in seconds from its start."""

    begun: float
    steps: list[dict[str, Any]] = field(default_factory=list)
    acknowledged: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def failed(self) -> list[str]:
        """What an operator wanted and did not get."""
        return [step["what"] for step in self.steps if not step["done"]]

    def note(self, what: str, *, done: bool = True, **more: Any) -> None:
        """Write down a step, and say it."""
        at = round(time.monotonic() - self.begun, 1)
        self.steps.append({"at": at, "what": what, "done": done, **more})
        say(f"{at:7.1f} s  {what}{'' if done else ', FAILED'} {more or ''}")


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None
    finally:
        connection.close()


def acknowledge(port: int, story: Story) -> None:
    """Take alerts on, one after the other, until there are none or the load is over."""
    waiting: list[str] = []
    while not story.over.wait(ACKNOWLEDGED_EVERY):
        if not waiting:
            _, page = ask(port, "GET", "/v1/alerts?state=open&limit=100")
            waiting = [each["alert_id"] for each in page["items"]]
            if not waiting:
                return
        path = f"/v1/alerts/{waiting.pop()}/acknowledge"
        status, _ = ask(port, "POST", path, {"note": "load"})
        if status == 422:  # the body had to say who acts before people signed in
            status, _ = ask(port, "POST", path, {"note": "load", "actor": "load"})
        # An alert that the batch has closed meanwhile cannot be taken on: 409, and no event.
        story.acknowledged[str(status)] += 1


def put(story: Story, port: int, target: Path, bundle: Path, what: str) -> None:
    """Make a bundle the one that lies in the folder, and wait until it is the one that answers."""
    copy = target.parent / f".coming-{time.monotonic_ns()}"
    shutil.copytree(bundle, copy)
    digest = Bundle.load(copy).digest
    swap(copy, target)
    status, _ = ask(port, "POST", "/v1/models:refresh")
    deadline = time.monotonic() + SWAPPED_WITHIN
    while time.monotonic() < deadline:
        _, model = ask(port, "GET", "/v1/model")
        if model["loaded"]["bundle_digest"] == digest:
            story.note(what, done=status == 200, refresh=status, serves=digest[:12])
            return
        time.sleep(0.2)
    story.note(what, done=False, refresh=status, serves="still the one before")


def interfere(story: Story, running: Running, folder: Path, url: str, seconds: float) -> None:
    """Promote, grade everybody anew, and roll back, spread over the time."""
    bundle = folder / "home" / "journey" / "bundle"
    story.over.wait(seconds * 0.25)
    put(story, running.port, bundle, folder / "other", "promoted another bundle")
    story.over.wait(seconds * 0.15)
    story.note("batch begins")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tierwise", "batch", "journey", "--force"),
            *("--home", str(folder / "home"), "--published", str(folder / "published")),
            *("--bundle", str(bundle), "--database", url),
        ],
        cwd=ROOT,
        env=os.environ | CALM,
        capture_output=True,
        text=True,
        check=False,
    )
    status = done.returncode
    story.note("batch ended", done=status == 0, status=status, told=done.stderr.strip()[-300:])
    story.over.wait(seconds * 0.15)
    put(story, running.port, bundle, folder / "bundle", "rolled back to the first")


def say(text: str) -> None:
    """Write a line at once: whoever waits for minutes wants to see it."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
