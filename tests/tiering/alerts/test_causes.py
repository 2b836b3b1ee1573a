"""The split of causes of a drop: by hand, thin evidence, and the rules of its file (#85)."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from tiering.alerts.causes import Causes, packaged_causes, parse_causes, split_causes
from tiering.errors import SchemeError

POLICY = packaged_causes()
TEXT = (files("tiering.alerts") / "causes.toml").read_text("utf-8")


def split(*customers: dict[str, float]) -> Causes:
    names = {name for customer in customers for name in customer}
    values = {name: np.array([c.get(name, np.nan) for c in customers]) for name in names}
    return split_causes(POLICY, values, len(customers))


def test_adjustment_loss_and_neither() -> None:
    """#85: whole industry falling is an adjustment; complaints and a new buyer are a loss."""
    falling = {"industry_index_change_12m": -0.2, "document_download_count_30d": 2.0}
    leaving = {
        "complaint_count_180d": 2.0,
        "contact_change_count_730d": 1.0,
        "contact_tenure_days": 60.0,
    }
    causes = split(falling, leaving, falling | leaving, {})
    named = [None if cause is None else cause.id for cause in map(causes.of, range(4))]
    assert named == ["adjustment", "loss", None, None]
    assert causes.weight.tolist() == [[4, 0], [0, 4], [4, 4], [0, 0]]
    assert [each.id for each in causes.evidence(0)] == ["industry_falls", "still_reading"]
    assert causes.evidence(3) == ()
    assert not causes.known[3].any()


def test_a_lead_must_be_clear() -> None:
    causes = split(
        {"industry_index_change_12m": -0.2, "complaint_count_180d": 1.0},
        {"industry_index_change_12m": -0.2, "csat_mean_365d": 60.0},
        {"enquiry_count_90d": 1.0, "document_download_count_30d": 1.0},
    )
    # 3 against 2 leads by 1; 3 against 1 is clear; 2 against 0 is thin.
    assert causes.cause.tolist() == [-1, 0, -1]


def test_different_causes_have_different_playbooks() -> None:
    adjustment, loss = POLICY.causes
    for language in ("en", "zh"):
        assert adjustment.playbook(language) != loss.playbook(language)
        assert adjustment.label(language) != loss.label(language)


def test_an_unknown_column_speaks_for_nobody() -> None:
    causes = split_causes(POLICY, {}, 2)
    assert causes.cause.tolist() == [-1, -1]
    assert not causes.known.any()


@pytest.mark.parametrize(
    ("old", "new", "place", "told"),
    [
        ('id = "season"', 'id = "industry_falls"', "evidence.id", "stands 2 times"),
        ('label_zh = "近期有投诉。"', 'label_zh = ""', "evidence.complaints", "needs label_en"),
        ('cause = "loss"', 'cause = "lost"', "evidence.industry_steady.cause", "no cause"),
        ("enquiry_count_90d >= 1", "enquiry >= 1", "evidence.still_asking.when", "catalogue"),
        ("enquiry_count_90d >= 1", "enquiry = 1", "evidence.still_asking.when", "no condition"),
        ("enquiry_count_90d >= 1", "enquiry_count_90d unknown",
         "evidence.still_asking.when", "no evidence"),
        ("least = 3.0", "least = 8.5", "causes.adjustment", "weighs 8, below 8.5"),
    ],
)  # fmt: skip
def test_each_rule_tells_its_place(old: str, new: str, place: str, told: str) -> None:
    assert old in TEXT
    with pytest.raises(SchemeError) as caught:
        parse_causes(TEXT.replace(old, new, 1))
    found = {fault.path: fault.message for fault in caught.value.faults}
    assert told in found[place]


def test_text_that_is_no_toml_or_of_the_wrong_kind() -> None:
    with pytest.raises(SchemeError, match="own is not valid TOML"):
        parse_causes("id = ", origin="own")
    with pytest.raises(SchemeError, match="own has 2 faults"):
        parse_causes(TEXT.replace("lead = 2.0", "lead = 0\ncolour = 1"), origin="own")
