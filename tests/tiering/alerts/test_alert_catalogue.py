"""The catalogue of alerts: what it holds, what a file must keep, and that every fault is told."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from tiering.alerts.catalogue import HEALTH, AlertCatalogue
from tiering.alerts.catalogue_file import load_catalogue, packaged_catalogue, parse_catalogue
from tiering.errors import SchemeError
from tiering.health import packaged_health

TEXT = (files("tiering.alerts") / "twelve.toml").read_text("utf-8")


@pytest.fixture
def catalogue() -> AlertCatalogue:
    return packaged_catalogue()


def faults(text: str) -> dict[str, str]:
    with pytest.raises(SchemeError) as caught:
        parse_catalogue(text)
    return {fault.path: fault.message for fault in caught.value.faults}


def test_there_are_twelve_warnings(catalogue: AlertCatalogue) -> None:
    """#80, X7: twelve, no more and no less, under a version."""
    assert len(catalogue.kinds) == len(set(catalogue.kinds)) == 12
    assert catalogue.version


def test_the_rules_of_the_documents_are_there(catalogue: AlertCatalogue) -> None:
    """#27, #28, #70, #76 to #79, #82 to #84, #86 to #88, X3, X4 each have an alert."""
    rows = {row for alert in catalogue.alerts for row in alert.requirement.split(", ")}
    assert rows >= {
        "#27", "#28", "#70", "#76", "#77", "#78", "#79", "#82", "#83", "#84", "#86", "#87", "#88",
        "X3", "X4",
    }  # fmt: skip


def test_the_strategic_tier_is_warned_of_earlier(catalogue: AlertCatalogue) -> None:
    """#76, #78, X4: -50 % for all, -30 % for the best tier with an analysis in 3 working days."""
    best, _, everybody = catalogue.alert("order_drop").levels
    assert (best.top_tiers, best.when) == (1, (("net_amount_drop_2m >= 0.3",),))
    assert (best.response_working_days, best.needs_analysis) == (3, True)
    assert best.owner == "account_manager"
    assert (everybody.top_tiers, everybody.tiers) == (None, ())
    assert everybody.when == (("net_amount_drop_2m >= 0.5",),)


def test_other_limits_of_the_documents(catalogue: AlertCatalogue) -> None:
    """#77, #79, #84, #86, #88: the numbers as written there."""
    levels = {alert.id: alert.levels for alert in catalogue.alerts}
    assert levels["overdue_payment"][-1].when == (("max_overdue_days >= 31",),)
    assert levels["collection"][0].when == (
        ("on_time_collection_rate_365d < 0.9",),
        ("max_overdue_days >= 1",),
    )
    assert levels["low_satisfaction"][0].when == (("low_csat_streak >= 3",),)
    assert levels["complaint_unsolved"][0].when == (("complaint_open_days >= 8",),)
    assert levels["complaint_unsolved"][0].response_hours == 24
    assert levels["market_shock"][0].response_hours == 48


def test_health_alerts_are_the_bands(catalogue: AlertCatalogue) -> None:
    """#82, #83, X3: limits, hours and owners are those of tiering/health.toml."""
    levels = catalogue.alert("health").levels
    bands = packaged_health().bands
    for place, level in enumerate(levels):
        assert level.severity == bands[place].id
        limit = f"health_score < {bands[place + 1].begin:g}"
        assert level.when == ((limit, "days_since_last_order < 180"),)
        assert level.response_hours == bands[place].response_hours
        assert level.owner == bands[place].owner
    assert [level.response_hours for level in levels] == [24, 24, 48]


def test_labels_and_hash(catalogue: AlertCatalogue) -> None:
    alert = catalogue.alert("order_drop")
    assert alert.label("en") != alert.label("zh")
    assert alert.playbook("en") != alert.playbook("zh")
    assert "net_amount_drop_2m" in alert.text("zh")
    assert {HEALTH, "churn_probability", "net_amount_drop_2m"} <= catalogue.indicators
    other = parse_catalogue(TEXT.replace("< 0.9", "< 0.8"))
    assert parse_catalogue(f"# a comment\n{TEXT}").sha256 == catalogue.sha256 != other.sha256
    with pytest.raises(KeyError):
        catalogue.alert("nothing")


def test_a_file_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(TEXT.replace('id = "twelve-warnings"', 'id = "own"'), "utf-8")
    assert load_catalogue(path).id == "own"
    with pytest.raises(SchemeError, match=r"no alert catalogue 'gone\.toml'"):
        load_catalogue("gone.toml")


def test_text_that_is_no_toml_or_of_the_wrong_kind() -> None:
    with pytest.raises(SchemeError, match="own is not valid TOML"):
        parse_catalogue("id = ", origin="own")
    assert set(faults(TEXT.replace("quiet_days = 30", 'quiet_days = "long"\nx = 1'))) == {
        "quiet_days",
        "x",
    }


@pytest.mark.parametrize(
    ("old", "new", "place", "told"),
    [
        ('id = "twelve-warnings"', 'id = "Twelve"', "id", "lower-case"),
        ('version = "1.0.0"', 'version = ""', "version", "missing"),
        ("quiet_days = 30", "quiet_days = -1", "quiet_days", "below 0"),
        ("live_limit = 200", "live_limit = 0", "live_limit", "at least 1"),
        ("visit = { label", "Visit = { label", "measures.Visit", "lower-case"),
        ('label_en = "Finance", ', "", "roles.finance.label_en", "missing"),
        ('id = "silence"', 'id = "churn_risk"', "alerts.id", "stands 2 times"),
        ('id = "silence"', 'id = "Silence"', "alerts.Silence.id", "lower-case"),
        ('label_zh = "流失风险高"', "", "alerts.churn_risk.label_zh", "missing"),
        ('requirement = "#70"', 'requirement = "70"', "alerts.churn_risk.requirement", "rows"),
        ("{churn_probability}。", "{churn}。", "alerts.churn_risk.text_zh", "not in the cat"),
        ("{churn_probability}。", "{churn。", "alerts.churn_risk.text_zh", "cannot be read"),
        ('owner = "coo"', 'owner = "ceo"', "alerts.health.levels[0].owner", "not one of"),
        ('severity = "red"\nwhen = [["h', 'severity = "yellow"\nwhen = [["h',
         "alerts.health.levels", "gravest first"),
        ("response_hours = 48\n\n[[alerts]]\nid = \"low", "\n[[alerts]]\nid = \"low",
         "alerts.health.levels[2]", "one of them"),
        ("response_hours = 48\n\n[[alerts]]\nid = \"low",
         "response_hours = 48\nresponse_working_days = 2\n\n[[alerts]]\nid = \"low",
         "alerts.health.levels[2]", "one of them"),
        ("response_hours = 48\n\n[[alerts]]\nid = \"low",
         "response_hours = -1\n\n[[alerts]]\nid = \"low",
         "alerts.health.levels[2]", "above 0"),
        ("top_tiers = 1\nwhen", "top_tiers = 0\nwhen",
          "alerts.order_drop.levels[0].top_tiers", "at least 1"),
        ("top_tiers = 1\nwhen", 'top_tiers = 1\ntiers = ["a:b"]\nwhen',
          "alerts.order_drop.levels[0]", "both"),
        ("top_tiers = 1\nwhen", 'tiers = ["b"]\nwhen',
          "alerts.order_drop.levels[0].tiers", "scheme:tier"),
        ('[["low_csat_streak >= 3"]]', "[]", "alerts.low_satisfaction.levels[0].when", "no cond"),
        ('[["low_csat_streak >= 3"]]', "[[]]", "alerts.low_satisfaction.levels[0].when", "no cond"),
        ("low_csat_streak >= 3", "low_csat_streak = 3",
         "alerts.low_satisfaction.levels[0].when", "is no condition"),
        ("low_csat_streak >= 3", "low_csat >= 3",
         "alerts.low_satisfaction.levels[0].when", "not in the catalogue"),
        ("low_csat_streak >= 3", "low_csat_streak unknown",
         "alerts.low_satisfaction.levels[0].when", "not measurable"),
    ],
)  # fmt: skip
def test_each_rule_tells_its_place(old: str, new: str, place: str, told: str) -> None:
    assert old in TEXT
    assert told in faults(TEXT.replace(old, new, 1))[place]


def test_eleven_alerts_are_too_few_and_thirteen_too_many() -> None:
    """#80, X7."""
    last = TEXT[TEXT.rindex("[[alerts]]\n") :]
    assert faults(TEXT.removesuffix(last)) == {"alerts": "has 11 entries, not 12 (X7)."}
    more = last.replace('id = "silence"', 'id = "more"').replace("label_", "text_", 0)
    more = re.sub(r'label_(en|zh) = "[^"]*"', r'label_\1 = "More \1"', more)
    assert faults(TEXT + more) == {"alerts": "has 13 entries, not 12 (X7)."}


def test_an_alert_without_levels_and_a_catalogue_without_roles() -> None:
    start = TEXT.index("# The best tier: from 30 %")
    without = TEXT[:start] + TEXT[TEXT.index('[[alerts]]\nid = "overdue_payment"') :]
    assert faults(without) == {"alerts.order_drop.levels": "is missing; an alert needs one."}
    no_measure = re.sub(r"(?m)^\w+ = \{ label_en.*\n", "", TEXT)
    found = faults(no_measure)
    assert (found["roles"], found["measures"]) == ("is empty.", "is empty.")


def test_all_faults_are_told_at_once() -> None:
    text = TEXT.replace("live_limit = 200", "live_limit = 0").replace(
        "quiet_days = 30", "quiet_days = -3"
    )
    with pytest.raises(SchemeError, match="own has 2 faults:") as caught:
        parse_catalogue(text, origin="own")
    assert "twelve.toml" in str(caught.value)
