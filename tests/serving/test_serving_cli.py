"""``tierwise batch`` and ``tierwise serve``, and how light the service starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from features.manifest import Manifest
from features.parquet import write_frame
from features.schema import IndicatorFrame
from serving.cli import app
from serving.errors import BatchError
from serving.settings import Settings
from serving.store.grades import Grades
from serving.store.session import Database

Publish = Callable[[IndicatorFrame, Path], Manifest]


@pytest.fixture
def world(tmp_path: Path, bundle_dir: Path, frame: IndicatorFrame, publish_frame: Publish) -> Path:
    """A home with one published day and a bundle."""
    shutil.copytree(bundle_dir, tmp_path / "small" / "bundle")
    publish_frame(frame, tmp_path / "small" / "published")
    return tmp_path


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_batch_grades_the_latest_published_day(world: Path, frame: IndicatorFrame) -> None:
    output = invoke("batch", "small", "--home", str(world), "--by", "night")
    assert f"{len(frame)} customers graded as of {frame.as_of}" in output
    assert "Core customer" in output
    assert "opened" in output
    store = Database(f"sqlite:///{world / 'small' / 'tierwise.db'}")
    with store.read() as session:
        run = Grades(session).current_run()
        assert run is not None
        assert run.actor == "night"
        assert run.manifest_sha256 is not None
    store.dispose()
    again = invoke("batch", "small", "--home", str(world), "--as-of", str(frame.as_of))
    assert "nothing was written" in " ".join(again.split())


def test_batch_grades_a_bare_frame(tmp_path: Path, bundle_dir: Path, frame: IndicatorFrame) -> None:
    write_frame(frame, tmp_path / "frame.parquet")
    url = f"sqlite:///{tmp_path / 'x.db'}"
    output = invoke(
        *("batch", "--frame", str(tmp_path / "frame.parquet")),
        *("--bundle", str(bundle_dir), "--database", url, "--force"),
    )
    assert "graded" in output


@pytest.mark.parametrize(("given", "niceness"), [("low", 10), ("normal", 0)])
def test_a_batch_lets_others_go_first_unless_told_not_to(given: str, niceness: int) -> None:
    """In a process of its own: niceness cannot be taken back."""
    script = (
        "import os\n"
        "from typer.testing import CliRunner\n"
        "from serving import cli\n"
        "before = os.nice(0)\n"
        "CliRunner().invoke(cli.app, ['batch', 'nowhere', '--home', '/nonexistent'])\n"
        "print(os.nice(0) - before, os.sched_getscheduler(0) == os.SCHED_BATCH, before)"
    )
    environment = os.environ | {"TIERWISE_BATCH_PRIORITY": given}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    changed, is_batch, before = done.stdout.split()
    assert int(changed) == min(niceness, 19 - int(before))
    assert is_batch == str(given == "low")


def test_batch_refuses_contradictions(world: Path) -> None:
    result = CliRunner().invoke(
        app, ["batch", "--frame", "x.parquet", "--as-of", "2024-01-01", "--home", str(world)]
    )
    assert result.exit_code == 2
    with pytest.raises(BatchError, match="2020-01-01"):
        invoke("batch", "small", "--home", str(world), "--as-of", "2020-01-01")


def test_serve_answers_and_stops(world: Path) -> None:
    invoke("batch", "small", "--home", str(world))
    code = "from serving.cli import app; app()"
    arguments = ["serve", "small", "--home", str(world), "--port", "0"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        seen, address = [], None
        for line in process.stdout:
            seen.append(line)
            if found := re.search(r"running on (http://\S+)", line):
                address = found[1]
                break
        assert address, seen
        with urllib.request.urlopen(f"{address}/readyz") as answer:
            assert json.load(answer)["status"] == "ready"
        with urllib.request.urlopen(f"{address}/v1/grades/c-0007") as answer:
            assert json.load(answer)["customer_id"] == "c-0007"
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert any("Pages" in line for line in seen)
    assert any("/docs" in line for line in seen)
    assert re.search(r"method=GET .*route=/v1/grades/\{customer_id:path\} status=200", rest)


def test_the_web_process_stays_light(world: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from serving.settings import Settings;"
        "from serving.app import create_app; from fastapi.testclient import TestClient;"
        f"app = create_app(Settings(home=Path({str(world)!r}), world='small'));"
        "client = TestClient(app); client.get('/'); client.get('/readyz'); client.get('/docs');"
        "client.post('/v1/grades:simulate', json={'indicators': {'tenure_days': 5}});"
        "print(sorted({'mlflow', 'ibis', 'duckdb', 'sklearn.ensemble'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "WORLD", "DATABASE_URL", "BUNDLE_DIR", "PORT"):
        monkeypatch.delenv(f"TIERWISE_{name}", raising=False)
    plain = Settings()
    assert plain.database == f"sqlite:///{Path('var/journey/tierwise.db')}"
    assert plain.bundle == Path("var/journey/bundle")
    monkeypatch.setenv("TIERWISE_HOME", "/srv/tierwise")
    monkeypatch.setenv("TIERWISE_DATABASE_URL", "postgresql+psycopg://db/tierwise")
    given = Settings(world="b2b")
    assert given.bundle == Path("/srv/tierwise/b2b/bundle")
    assert given.database == "postgresql+psycopg://db/tierwise"
    with pytest.raises(ValidationError):
        given.port = 9  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Settings(port=70000)
