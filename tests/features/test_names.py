from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import ContractError
from features.identity import names
from features.identity.names import CompanyName, company_name
from features.worlds.names import simulate_names


@pytest.mark.parametrize(
    ("text", "core", "brand", "place"),
    [
        ("上海华联科技有限公司", "华联科技", "华联", "shanghai"),
        ("華聯科技（上海）股份有限公司", "华联科技", "华联", "shanghai"),
        ("华 联 科 技", "华联科技", "华联", ""),
        ("浙江省杭州市鑫源(集团)有限责任公司", "鑫源", "鑫源", "hangzhou"),
        ("鑫源科技(中国)有限公司", "鑫源科技", "鑫源", ""),
        ("华联科技有限公司北京分公司", "华联科技", "华联", ""),
        ("中国建筑股份有限公司", "中国建筑", "中国", ""),
        ("北京银行", "北京银行", "北京", ""),
        ("The Nordwind Trading Co., Ltd.", "nordwindtrading", "nordwind", ""),
        ("ＮＯＲＤＷＩＮＤ　ＧｍｂＨ　＆　Ｃｏ．　ＫＧ", "nordwind", "nordwind", ""),
        ("Nordwind Maschinenbau GmbH, Berlin", "nordwindmaschinenbau", "nordwind", "berlin"),
        ("New York Valstone Optics S.A.", "valstoneoptics", "valstoneoptics", "newyork"),
        ("China Nordwind Ltd", "nordwind", "nordwind", ""),
        ("Nordwind Sp. z o.o.", "nordwind", "nordwind", ""),
        ("Müller & Söhne AG", "mullerandsohne", "mullerandsohne", ""),
        ("O'Neil Inc", "oneil", "oneil", ""),
        ("", "", "", ""),
    ],
)
def test_names_come_apart(text: str, core: str, brand: str, place: str) -> None:
    assert company_name(text) == CompanyName(core, brand, place)


def test_towns_of_the_data_are_taken_off_as_those_of_the_list_are() -> None:
    assert company_name("慈溪鑫源轴承厂").place == ""
    towns = frozenset({"慈溪", "graz"})
    assert company_name("慈溪市鑫源轴承有限公司", towns) == CompanyName(
        "鑫源轴承", "鑫源轴承", "慈溪"
    )
    assert company_name("鑫源轴承（慈溪）有限公司", towns).place == "慈溪"
    assert company_name("Graz Nordwind GmbH", towns) == CompanyName("nordwind", "nordwind", "graz")
    assert company_name("慈溪", towns).core == "慈溪"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("上海市", "shanghai"), ("浙江省", "zhejiang"), ("New York", "newyork"),
        ("Zürich", "zurich"), ("慈溪市", "慈溪"), (" ", ""),
    ],
)  # fmt: skip
def test_places_have_one_name(text: str, place: str) -> None:
    assert names.place(text) == place


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("+86 138-0013 8000", "13800138000"),
        ("0086 (021) 5555-1234", "2155551234"),
        ("０２１－５５５５１２３４", "2155551234"),
        ("00000000", ""),
        ("12345", ""),
    ],
)
def test_phones_have_one_spelling(text: str, digits: str) -> None:
    assert names.phone(text) == digits


def test_mail_and_tax_ids() -> None:
    assert names.email(" Info@Nordwind.DE ") == "info@nordwind.de"
    assert names.email("none") == ""
    assert names.mail_domain("info@nordwind.de") == "nordwind.de"
    assert names.mail_domain("nordwind@qq.com") == ""
    assert names.tax_id("9131-0000 ma1k") == "91310000MA1K"
    assert (names.tax_id("n/a"), names.tax_id("00000000")) == ("", "")


@given(st.text(max_size=60))
def test_any_text_has_parts_and_its_core_holds_its_brand(text: str) -> None:
    parts = company_name(text)
    assert parts.core.startswith(parts.brand)
    assert bool(parts.core) == any(mark.isalnum() for mark in parts.core)


@given(st.text("abcde", min_size=4, max_size=12), st.data())
def test_one_slip_leaves_a_common_neighbour(core: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(core) - 2))
    slips = [
        core[:at] + "x" + core[at + 1 :],
        core[:at] + "x" + core[at:],
        core[:at] + core[at + 1] + core[at] + core[at + 2 :],
    ]
    if len(core) > 4:
        slips.append(core[:at] + core[at + 1 :])
    for slip in slips:
        assert set(names.neighbours(core)) & set(names.neighbours(slip))


def test_neighbours_of_short_and_overlong_texts() -> None:
    assert names.neighbours("") == []
    assert names.neighbours("abc") == ["abc"]
    with pytest.raises(ContractError, match="201 characters"):
        names.neighbours("a" * 201)


def test_simulated_records_are_seeded_labelled_and_noisy_as_asked() -> None:
    clean, noisy = (simulate_names(400, noise=noise, seed=3) for noise in (0.0, 0.5))
    assert clean.equals(simulate_names(400, noise=0.0, seed=3), check_metadata=True)
    assert not clean["name"].equals(simulate_names(400, noise=0.0, seed=4)["name"])
    assert clean.schema.metadata[b"simulated"] == b"true"
    assert clean.column_names == [
        "customer_id", "name", "aliases", "city", "phone", "email", "tax_id", "company",
    ]  # fmt: skip
    assert len(set(clean["customer_id"].to_pylist())) == 400
    assert 180 < len(set(clean["company"].to_pylist())) < 270
    scripts = [any("一" <= c <= "鿿" for c in name) for name in clean["name"].to_pylist()]
    assert 0.45 < sum(scripts) / 400 < 0.75
    assert 0.5 < clean["tax_id"].null_count / 400 + 0.25 < 0.8
    assert simulate_names(200, presence=0.0)["phone"].null_count == 200
    cores = [len({company_name(n).core for n in t["name"].to_pylist()}) for t in (clean, noisy)]
    assert cores[1] > cores[0] * 1.15
