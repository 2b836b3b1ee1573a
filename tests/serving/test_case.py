"""Review cases: due dates."""

from __future__ import annotations

from datetime import datetime

import pytest

from serving.domain.case import due_at


@pytest.mark.parametrize(
    ("opened", "due"),
    [
        (datetime(2024, 7, 1, 9, 30), datetime(2024, 7, 8, 9, 30)),  # Monday to Monday
        (datetime(2024, 7, 5, 9, 30), datetime(2024, 7, 12, 9, 30)),  # Friday to Friday
        (datetime(2024, 7, 6, 9, 30), datetime(2024, 7, 12, 9, 30)),  # Saturday: from Monday on
        (datetime(2024, 7, 7, 9, 30), datetime(2024, 7, 12, 9, 30)),  # Sunday likewise
    ],
)
def test_a_case_is_due_five_working_days_later(opened: datetime, due: datetime) -> None:
    assert due_at(opened) == due


def test_other_deadlines_can_be_asked_for() -> None:
    assert due_at(datetime(2024, 7, 1), working_days=0) == datetime(2024, 7, 1)
    assert due_at(datetime(2024, 7, 1), working_days=12) == datetime(2024, 7, 17)
