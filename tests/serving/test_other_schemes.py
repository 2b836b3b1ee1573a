"""Schemes that do not decide by score, through batch, API and pages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from features.schema import IndicatorFrame
from serving.app import create_app
from serving.batch import run_batch
from serving.settings import Settings
from tests.blank_store import blank_store
from tiering.scheme import parse_scheme
from training.bundle import Bundle

HEAD = """
version = "1"
title_en = "Small"
title_zh = "小方案"
confidence = 0.5
[referral]
band = 1.0
max_missing_weight = 0.9
[dimensions.money]
weight = 0.6
label_en = "Money"
label_zh = "金额"
indicators = { net_amount_365d = 1.0 }
[dimensions.rhythm]
weight = 0.4
label_en = "Rhythm"
label_zh = "频率"
indicators = { order_days_365d = 1.0 }
"""
TIERS = """
[[tiers]]
id = "top"
label_en = "Top"
label_zh = "顶层"
{top}
[[tiers]]
id = "foot"
label_en = "Foot"
label_zh = "底层"
{foot}
"""
LEVELS = """
levels = [
  {{ id = "high", label_en = "High", label_zh = "高", cut = {cut} }},
  {{ id = "low", label_en = "Low", label_zh = "低", cut = 0 }},
]
"""
RULES = 'id = "by-rule"' + HEAD + TIERS.format(top='when = [["net_amount_365d >= 500"]]', foot="")
MATRIX = (
    'id = "by-matrix"'
    + HEAD
    + '[[axes]]\ndimension = "money"'
    + LEVELS.format(cut=60)
    + TIERS.format(top='cells = ["high"]', foot='cells = ["low"]')
    + '[segments]\n[[segments.axes]]\ndimension = "rhythm"'
    + LEVELS.format(cut=50)
    + """
[[segments.classes]]
id = "often"
label_en = "Often"
label_zh = "高频"
cells = ["high"]
[[segments.classes]]
id = "seldom"
label_en = "Seldom"
label_zh = "低频"
cells = ["low"]
"""
)


@pytest.mark.parametrize("text", [RULES, MATRIX], ids=["rules", "matrix"])
def test_a_scheme_without_cuts_is_served_everywhere(
    text: str, tmp_path: Path, served_bundle: Bundle, frame: IndicatorFrame
) -> None:
    scheme = parse_scheme(text)
    other = replace(served_bundle, scheme=scheme)
    folder = tmp_path / "bundle"
    other.save(folder)
    settings = Settings(home=tmp_path, world="small", environment="test", bundle_dir=folder)
    store = blank_store(settings.database)
    run_batch(Bundle.load(folder), frame, store)
    store.dispose()
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        grades = client.get("/v1/grades?limit=500").json()["items"]
        assert {grade["tier"]["id"] for grade in grades} == {"top", "foot"}
        for grade in grades:
            assert grade["tier"]["cut"] is None
            assert grade["confidence"] <= 0.5
            held = grade["dimensions"][1]["score"]
            if scheme.segments:
                wanted = "often" if held >= 50 else "seldom"
                assert grade["segment"]["id"] == wanted
            else:
                assert grade["segment"] is None
        one = grades[0]["customer_id"]
        account = client.get(f"/v1/grades/{one}/explanation").json()
        total = account["base"] + sum(part["contribution"] for part in account["contributions"])
        assert total == pytest.approx(account["score"], abs=1e-9)
        for page in ("/", f"/customers/{one}", "/reviews"):
            for lang in ("en", "zh-CN"):
                told = client.get(page, headers={"accept-language": lang})
                assert told.status_code == 200, (page, told.text[:400])
        english = client.get(f"/customers/{one}", headers={"accept-language": "en"}).text
        assert "Other measures, not weighed" in english
        # Spend stands in the scheme's own dimension, not in the catalogue's.
        spend = english.index("Net spend, last 365 days", english.index('id="indicators-title"'))
        assert spend < english.index("Other measures, not weighed")
        if scheme.segments:
            page = client.get(f"/customers/{one}", headers={"accept-language": "zh-CN"}).text
            assert "频" in page
