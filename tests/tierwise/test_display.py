from __future__ import annotations

import io

from rich.console import Console

from tierwise.display import following


def test_a_log_is_told_each_kind_of_work_once() -> None:
    out = io.StringIO()
    with following(Console(file=out, width=60)) as tell:
        for done in range(3):
            tell(f"indicators/2026-01-0{done + 1}.parquet", done, 3)
            tell(f"outcomes/2026-01-0{done + 1}-30d.parquet", done, 3)
        tell("backtest", 1, 4)
    assert out.getvalue().split("\n") == [
        "  indicators (0 of 3)",
        "  outcomes (0 of 3)",
        "  backtest (1 of 4)",
        "",
    ]


def test_a_terminal_sees_a_bar_that_moves() -> None:
    out = io.StringIO()
    with following(Console(file=out, width=80, force_terminal=True)) as tell:
        tell("indicators/2026-01-01.parquet", 7, 21)
    assert "indicators" in out.getvalue()
    assert "7/21" in out.getvalue()
