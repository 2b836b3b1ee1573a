from __future__ import annotations

import pytest

from features.errors import DataError
from features.identity.comparisons import LEVELS, comparable
from features.identity.linkage import STEPS, score
from features.identity.records import Record


def test_few_records_are_scored_by_the_starting_weights() -> None:
    one = Record("1", "上海华联科技有限公司", phone="13800138000", tax_id="91310000MA1K00000A")
    same = Record("2", "华联科技", phone="+86 138 0013 8000", tax_id="91310000MA1K00000A")
    other = Record("3", "Nordwind Trading Ltd.", city="Berlin")
    assert score([one], above=0.1) == []
    assert score([one, other], above=0.1) == []
    (found,) = score([one, same, other], above=0.1)
    assert (found.left, found.right) == (0, 1)
    assert found.probability > 0.99
    assert found.evidence == {
        "name": "same", "tax_id": "same", "phone": "same", "email": "missing", "place": "missing",
    }  # fmt: skip


def test_aliases_and_former_names_are_evidence() -> None:
    left = Record("1", "天津光永自动化设备", aliases=("Gridyne",), city="天津", phone="02288880001")
    right = Record("2", "Gridyne Ltd.", city="Tianjin", phone="22 8888 0001")
    (found,) = score([left, right], above=0.1)
    assert found.evidence["name"] == "alias"
    assert found.evidence["place"] == "same"


def test_what_everybody_shares_identifies_nobody() -> None:
    crowd = [Record(str(n), f"Firm{n:03d}", phone="13800138000") for n in range(80)]
    crowd += [Record(f"w{n}", "散客散客", tax_id=f"9131{n:08d}") for n in range(401)]
    table = comparable(crowd)
    assert table["phone"].null_count == len(crowd)
    assert table["core"].null_count == 401
    assert all(not near for near in table["near"].to_pylist()[80:])


def test_levels_share_out_matches_and_others_whole() -> None:
    for levels in LEVELS.values():
        assert sum(level[2] for level in levels) == pytest.approx(1, abs=1e-3)
        assert sum(level[3] for level in levels) == pytest.approx(1, abs=2e-3)
        assert levels[-1][1] == "ELSE"


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "splink", None)
    with pytest.raises(DataError, match=r"tierwise\[resolve\]"):
        score([Record("1", "a"), Record("2", "b")], above=0.1)


def test_progress_is_told_step_by_step() -> None:
    told: list[str] = []
    score([Record("1", "上海华联"), Record("2", "华联")], above=0.1, progress=told.append)
    assert len(told) == STEPS == len(set(told))


def test_endings_that_many_brands_have_are_taken_for_trades() -> None:
    brands = [
        "华联",
        "鑫源",
        "宏达",
        "金诚",
        "信德",
        "永康",
        "安明",
        "辉腾",
        "天海",
        "龙凤",
        "祥云",
    ]
    records = [Record(brand, f"{brand}轴承厂") for brand in brands]
    assert comparable(records[:5])["brand"].to_pylist()[0] == "华联轴承厂"
    names = [f"{brand}轴承有限公司" for brand in brands]
    table = comparable([Record(name, name) for name in [*names, "祥云"]])
    assert table["brand"].to_pylist()[0] == "华联"
    assert table["brand"].to_pylist()[-1] == table["brand"].to_pylist()[-2] == "祥云"


def test_a_private_mailbox_is_no_other_company() -> None:
    left = Record("1", "Nordwind Trading", email="info@nordwind.de")
    by_mail = {}
    for mail in ("nord@gmx.de", "info@gridyne.com"):
        (found,) = score([left, Record("2", "Nordwind Trading", email=mail)], above=1e-6)
        by_mail[found.evidence["email"]] = found.probability
    assert by_mail["a private one"] > by_mail["other"]


def test_one_of_two_places_is_enough() -> None:
    left = Record("1", "上海华联科技有限公司", city="慈溪")
    (found,) = score([left, Record("2", "华联科技", city="Shanghai")], above=1e-6)
    assert found.evidence["place"] == "same"
