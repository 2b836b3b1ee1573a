"""The progress bar of all commands: on a terminal, as long as it moves."""

from __future__ import annotations

import io

from rich.console import Console

from features.commands.terminal import bar


def moved(console: Console) -> None:
    with bar(console, "opening", text="{task.description:>12}") as tell:
        tell("backtest", 3, 4)


def test_a_terminal_sees_what_is_done_and_how_far() -> None:
    out = io.StringIO()
    moved(Console(file=out, width=80, force_terminal=True))
    assert "    backtest" in out.getvalue()
    assert "3/4" in out.getvalue()


def test_a_log_sees_nothing_of_it() -> None:
    out = io.StringIO()
    moved(Console(file=out, width=80))
    assert out.getvalue().strip() == ""
