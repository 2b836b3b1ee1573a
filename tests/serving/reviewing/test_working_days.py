"""The panel's calendar in the service: what deadlines rest on, and what is told where it ends."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.cli import app as cli
from serving.reviewing.horizon import calendar_fault
from serving.settings import Settings
from serving.store.alerts import AlertStore
from serving.store.reviews import Reviews
from serving.store.session import Database
from tests.blank_store import blank_store
from tiering.errors import SchemeError
from tiering.panel.policy_file import load_panel, packaged_panel

TEXT = (files("tiering") / "panel" / "committee.toml").read_text("utf-8")
ENDED = """
[days_off]
id = "ours"
title_en = "Ours"
title_zh = "本公司"
known_until = 2024-12-31
"""
MORE = "known_until = 2999-12-31\nholidays = []\n"


@pytest.fixture
def world(tmp_path: Path, bundle_dir: Path, frame: IndicatorFrame, publish_frame: Callable) -> Path:
    """A home with a day to grade, a policy of its own with a calendar that has ended, and more."""
    shutil.copytree(bundle_dir, tmp_path / "small" / "bundle")
    publish_frame(frame, tmp_path / "small" / "published")
    ours = TEXT.replace('id = "committee"', 'id = "ours"').replace('"china"', '"ours"')
    (tmp_path / "panel.toml").write_text(f"{ours}\n{ENDED}", "utf-8")
    (tmp_path / "days.toml").write_text(MORE, "utf-8")
    blank_store(f"sqlite:///{tmp_path / 'small' / 'tierwise.db'}").dispose()
    return tmp_path


def test_it_is_told_as_soon_as_a_deadline_reaches_behind_the_calendar() -> None:
    policy = packaged_panel()
    # Ten working days, the longest of an alert, from the 17th of December on are the 31st.
    assert calendar_fault(policy, datetime(2026, 12, 17, 9)) is None
    told = calendar_fault(policy, datetime(2026, 12, 18, 9))
    assert told is not None
    assert "known until 2026-12-31" in told
    assert "10 working days reach 2027-01-04" in told
    assert "TIERWISE_DAYS_OFF" in told


def test_the_batch_and_the_service_go_by_the_policy_and_tell_where_it_ends(
    world: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TIERWISE_PANEL", str(world / "panel.toml"))

    def batch(*more: str) -> str:
        done = CliRunner().invoke(
            cli, ["batch", "small", "--home", str(world), *more], catch_exceptions=False
        )
        assert done.exit_code == 0, done.output
        return " ".join(done.output.split())

    def served() -> tuple[str | None, str]:
        caplog.clear()
        application = create_app(Settings(home=world, world="small", environment="test"))
        with TestClient(application) as client:
            told = client.get("/readyz").json()["calendar_fault"]
            metrics = client.get("/metrics").text
        application.state.database.dispose()
        return told, metrics

    assert "Days off (ours) are known until 2024-12-31" in batch()
    policy = load_panel(str(world / "panel.toml"))
    store = Database(f"sqlite:///{world / 'small' / 'tierwise.db'}")
    with store.read() as session:
        cases = Reviews(session).open_cases().values()
        assert {case.policy for case in cases} == {policy.name}
        assert {case.due_at for case in cases} == {policy.due_at(case.opened_at) for case in cases}
        alerts = AlertStore(session).uncleared().values()
        assert all(alert.standing.due_at > alert.standing.raised_at for alert in alerts)
    store.dispose()
    with caplog.at_level(logging.WARNING, "tierwise.app"):
        told, metrics = served()
        assert told is not None
        assert told in caplog.text
        assert "tierwise_days_off_known_until_seconds 1.735689599999999e+09" in metrics

        monkeypatch.setenv("TIERWISE_DAYS_OFF", str(world / "days.toml"))
        assert "Days off" not in batch("--force")
        told, metrics = served()
        assert told is None
        assert "Days off" not in caplog.text
    monkeypatch.setenv("TIERWISE_DAYS_OFF", str(world / "none.toml"))
    with pytest.raises(SchemeError, match="There is no file of days off"):
        served()
