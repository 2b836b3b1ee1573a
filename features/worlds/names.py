"""Simulated company records with a known truth: who is whom under how many names.

Everything is invented and labelled **simulated**. The word lists are not those of
``features/identity/names.toml``: some places, trades and legal forms here are unknown to it, as
some of every real company list would be.

Regular variation (legal form left out or written otherwise, place added, dropped or in brackets,
short names, former names, width, case, traditional characters) is always on, at the rates of
:data:`VARIATION`; ``noise`` is the share of records whose name has a spelling error on top.

Two kinds of neighbours make it hard to be precise. *Namesakes* have the brand and trade of
another company in another city; *affiliates* share brand, city, switchboard and mail domain
with another company, but are a legal entity of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from features.worlds.spelling import MARKS, TRADITIONAL, misspelt, restyled

VARIATION: Mapping[str, float] = MappingProxyType(
    {
        "legal form dropped": 0.20,
        "other legal form": 0.10,
        "place dropped or added": 0.25,
        "short name": 0.06,
        "alias as name": 0.015,
        "width, case or punctuation": 0.12,
        "traditional characters": 0.03,
    }
)
"""Share of records with each regular variation, besides the spelling errors."""

PRESENCE: Mapping[str, float] = MappingProxyType(
    {"city": 0.80, "phone": 0.75, "email": 0.65, "tax_id": 0.60, "aliases": 0.60}
)
"""Share of records that state a field (aliases: of companies that have one)."""

NAMESAKES, AFFILIATES, ALIASED = 0.05, 0.03, 0.15
"""Shares of companies."""

_MOVED, _COLLEAGUE, _PRIVATE, _TAX_ERROR, _ELSEWHERE = 0.06, 0.35, 0.10, 0.01, 0.02
# Shares of records with another phone, another mailbox of the company, a mailbox elsewhere, a
# mistyped tax id, the city of a branch.


def _words(text: str, mark: str = " ") -> list[str]:
    return text.split(mark)


_TRADES_ZH = _words(
    "科技 贸易 电子科技 实业 机械制造 建材 食品 医疗器械 化工 物流 信息技术 网络科技 "
    "智能装备 新能源 新材料 精密五金 国际贸易 服饰 纺织 家具 环保工程 自动化设备 光电 "
    "生物科技 文化传媒 电气 塑胶制品 轴承 茶业 水务"
)
_CITIES_ZH = _words(
    "上海 北京 深圳 广州 杭州 南京 苏州 宁波 成都 武汉 西安 郑州 长沙 青岛 大连 天津 "
    "重庆 厦门 东莞 佛山 无锡 合肥 晋江 慈溪 临沂"
)
_FORMS_ZH = ("有限公司", "有限责任公司", "股份有限公司", "集团有限公司", "（集团）股份有限公司")
_SYLLABLES = _words(
    "nor del val mar tor bel gran hel kes lin mon os par quin ros sol ter ul ver wen "
    "bran cor dun el fal gar hart is jor kel lam mer nau or pol ren sten tal und vor wal "
    "xen yor zel alt ber"
)
_ENDINGS = _words("wind berg tech dyne field mark stone ton ia ex ova ium ford haus gate line")
_TRADES_EN = _words(
    "Trading|Technologies|Electronics|Industries|Logistics|Software|Machinery|Foods|Chemicals|"
    "Engineering|Materials|Packaging|Maschinenbau|Handel|Instruments|Optics|Brewing|Ceramics",
    "|",
)
_CITIES_EN = _words(
    "Berlin|Munich|Hamburg|London|New York|Chicago|Singapore|Shanghai|Shenzhen|Boston|Milan|Lyon|"
    "Rotterdam|Vienna|Toronto|Leeds|Graz",
    "|",
)
_FORMS_EN = ("Co., Ltd.", "Ltd.", "Limited", "Inc.", "Corporation", "GmbH", "AG", "GmbH & Co. KG",
             "LLC", "S.A.", "B.V.", "PLC")  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Company:
    chinese: bool
    brand: str
    trade: str
    city: str
    form: str
    phone: str
    domain: str
    tax_id: str
    alias: str


def simulate_names(
    n: int = 20_000, *, noise: float = 0.05, presence: float = 1.0, seed: int = 20261101
) -> pa.Table:
    """Return simulated customer records in random order.

    Parameters
    ----------
    n
        Number of records; on average 1.8 of a company.
    noise
        Share of records, 0 to 1, whose name has one (sometimes two) wrong, missing, extra or
        swapped characters.
    presence
        Factor, 0 to 1, on the rates of :data:`PRESENCE`.
    seed
        The same seed gives the same records.

    Returns
    -------
    pa.Table
        ``customer_id``, ``name``, ``aliases`` (separated by ``;``), ``city``, ``phone``,
        ``email``, ``tax_id``, all text, null where unknown; and the truth, ``company``. The
        metadata of the schema says ``simulated: true``.
    """
    rng = np.random.default_rng(seed)
    companies: list[_Company] = []
    owners: list[int] = []
    while len(owners) < n:
        companies.append(_company(rng, companies))
        records = int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.52, 0.27, 0.12, 0.05, 0.03, 0.01]))
        owners += [len(companies) - 1] * records
    owners = [owners[i] for i in rng.permutation(n)]
    rows = [_record(rng, companies[owner], noise, presence) for owner in owners]
    table = pa.table(
        {
            "customer_id": [f"C{number:07d}" for number in range(1, n + 1)],
            **{
                name: pa.array([row[name] for row in rows], pa.string())
                for name in ("name", "aliases", "city", "phone", "email", "tax_id")
            },
            "company": [f"T{owner:06d}" for owner in owners],
        }
    )
    return table.replace_schema_metadata({"simulated": "true", "seed": str(seed)})


def _company(rng: np.random.Generator, others: list[_Company]) -> _Company:
    chinese = bool(rng.random() < 0.6)
    city = str(rng.choice(_CITIES_ZH if chinese else _CITIES_EN))
    brand = _brand(rng, chinese)
    domain = f"{_syllables(rng, 3)}.{'cn' if chinese else 'com'}"
    new = _Company(
        chinese=chinese,
        brand=brand,
        trade=str(rng.choice(_TRADES_ZH if chinese else _TRADES_EN)),
        city=city,
        form=str(rng.choice(_FORMS_ZH, p=[0.7, 0.12, 0.1, 0.05, 0.03]))
        if chinese
        else str(rng.choice(_FORMS_EN)),
        phone=_phone(rng, chinese),
        domain=domain,
        tax_id=_tax_id(rng),
        alias="",
    )
    if rng.random() < ALIASED:
        new = replace(new, alias=_brand(rng, chinese and rng.random() < 0.4))
    kind = rng.random()
    if others and kind < NAMESAKES + AFFILIATES:
        other = others[int(rng.integers(len(others)))]
        new = replace(new, chinese=other.chinese, brand=other.brand, form=other.form)
        if kind < NAMESAKES:
            cities = [c for c in (_CITIES_ZH if other.chinese else _CITIES_EN) if c != other.city]
            return replace(new, trade=other.trade, city=str(rng.choice(cities)))
        trades = [t for t in (_TRADES_ZH if other.chinese else _TRADES_EN) if t != other.trade]
        return replace(new, city=other.city, phone=other.phone, domain=other.domain,
                       trade=str(rng.choice(trades)))  # fmt: skip
    return new


def _brand(rng: np.random.Generator, chinese: bool) -> str:
    if chinese:
        return "".join(rng.choice(list(MARKS), size=int(rng.choice([2, 3, 4], p=[0.6, 0.3, 0.1]))))
    word = _syllables(rng, int(rng.integers(1, 3))) + str(rng.choice(_ENDINGS))
    second = f" {_syllables(rng, 2).title()}" if rng.random() < 0.3 else ""
    return word.title() + second


def _syllables(rng: np.random.Generator, count: int) -> str:
    return "".join(rng.choice(_SYLLABLES, size=count))


def _phone(rng: np.random.Generator, chinese: bool) -> str:
    number = "".join(map(str, rng.integers(0, 10, 8)))
    return f"1{rng.integers(30, 99)}{number}" if chinese else f"44{rng.integers(10, 99)}{number}"


def _tax_id(rng: np.random.Generator) -> str:
    return "91" + "".join(rng.choice(list("0123456789ABCDEFGHJKLMNPQRTUWXY"), size=16))


def _record(
    rng: np.random.Generator, who: _Company, noise: float, presence: float
) -> dict[str, str | None]:
    phone = _phone(rng, who.chinese) if rng.random() < _MOVED else who.phone
    mailbox = _syllables(rng, 2) if rng.random() < _COLLEAGUE else "info"
    tax = misspelt(rng, who.tax_id, 1) if rng.random() < _TAX_ERROR else who.tax_id
    domain = "qq.com" if rng.random() < _PRIVATE else who.domain
    if domain != who.domain:
        mailbox = _syllables(rng, 3)
    city = who.city
    if rng.random() < _ELSEWHERE:
        city = str(rng.choice(_CITIES_ZH if who.chinese else _CITIES_EN))
    city += "市" if who.chinese and rng.random() < 0.3 else ""
    fields = {
        "city": city,
        "phone": _written_phone(rng, phone, who.chinese),
        "email": f"{mailbox}@{domain}",
        "tax_id": tax,
        "aliases": who.alias,
    }
    kept = {
        k: v if v and rng.random() < presence * PRESENCE[k] else None for k, v in fields.items()
    }
    return {"name": _written(rng, who, noise), **kept}


def _written_phone(rng: np.random.Generator, phone: str, chinese: bool) -> str:
    style = rng.integers(3)
    if style == 0:
        return phone
    prefix = ("+86 " if style == 1 else "") if chinese else "+"
    return f"{prefix}{phone[:3]}-{phone[3:7]} {phone[7:]}"


def _written(rng: np.random.Generator, who: _Company, noise: float) -> str:
    """Return one way to write a company's name."""
    rate = VARIATION
    space = "" if who.chinese else " "
    brand, trade, form = who.brand, who.trade, who.form
    if who.alias and rng.random() < rate["alias as name"] / ALIASED:
        brand = who.alias
        space, trade = ("", trade) if who.chinese and not brand.isascii() else (" ", "")
    if rng.random() < rate["short name"]:
        trade, form = (trade[:2] if who.chinese and rng.random() < 0.5 else ""), ""
    name = f"{brand}{space}{trade}".strip()
    if rng.random() < noise:
        name = misspelt(rng, name, 2 if rng.random() < 0.15 else 1)
    if rng.random() < rate["other legal form"]:
        form = str(rng.choice(_FORMS_ZH if who.chinese else _FORMS_EN))
    if rng.random() < rate["legal form dropped"]:
        form = ""
    usually = who.chinese  # 上海华联科技有限公司, but Nordwind Trading Ltd.
    placed = usually != (rng.random() < rate["place dropped or added"])
    if placed and who.chinese and rng.random() < 0.25:
        name = f"{name}（{who.city}）"
    elif placed:
        name = f"{who.city}{space}{name}"
    name = f"{name}{space}{form}".strip()
    if rng.random() < rate["width, case or punctuation"]:
        name = restyled(rng, name, who.chinese)
    if who.chinese and rng.random() < rate["traditional characters"]:
        name = name.translate(TRADITIONAL)
    return name
