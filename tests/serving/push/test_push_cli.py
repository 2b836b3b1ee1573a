"""``tierwise deliver`` and ``tierwise webhooks``."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from serving.errors import AbsentError
from serving.push_cli import app
from serving.settings import Settings
from tests.serving.push.conftest import Happen, Subscribe
from tests.serving.push.receiver import Receiver
from tierwise.cli import load


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """`deliver` sets the log up for its process, which here is everybody's."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level


def invoke(own: Settings, *arguments: str) -> str:
    home = ["small", "--home", str(own.home)]
    result = CliRunner().invoke(app, [*arguments, *home], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_deliver_list_and_replay(
    own: Settings, receiver: Receiver, subscribe: Subscribe, happen: Happen
) -> None:
    webhook, _ = subscribe(receiver.url, "tier.changed")
    happen("c-1", "c-2")
    assert "2 arrived, 0 tries failed" in invoke(own, "deliver", "--once")
    assert len(receiver.arrived) == 2
    assert "tier.changed" in invoke(own, "webhooks", "list")
    replay = ("webhooks", "replay", webhook.webhook_id)
    assert "0 messages" in invoke(own, *replay)
    assert "2 messages" in invoke(own, *replay, "--everything", "--since", "2024-07-01")
    invoke(own, "deliver", "--once")
    assert len(receiver.arrived) == 4
    with pytest.raises(AbsentError):
        invoke(own, "webhooks", "replay", "none")


def test_both_are_commands_of_tierwise() -> None:
    assert load("deliver").name == "deliver"
    assert set(load("webhooks").commands) == {"list", "replay"}
