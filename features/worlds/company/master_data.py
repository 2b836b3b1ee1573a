"""Customer records of the simulated company: names, second entries, gaps and grades."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features.schema import FloatArray
from features.worlds.company.accounts import REGIONS, Accounts
from features.worlds.company.columns import customer_ids, from_cells, pick, table
from features.worlds.company.seasons import INDUSTRIES, BoolArray, IntArray, clock
from features.worlds.company.streams import BLOCK, stream
from features.worlds.spelling import MARKS, misspelt, restyled

NO_INDUSTRY = 0.30
"""Share of customers whose industry nobody entered (#5)."""

GRADES = ("AAA", "AA", "A", "BBB", "BB", "B", "CCC", "CC", "C", "D")
DATA_CLASSES = ("公开", "内部", "秘密", "机密")
_SIZES = ("small", "medium", "large")
_TRADES = (
    ("汽车零部件", "汽车配件", "Automotive"), ("化工", "精细化工", "Chemicals"),
    ("电子科技", "光电", "Electronics"), ("食品", "饮料", "Foods"),
    ("机械制造", "智能装备", "Machinery"), ("纺织", "服饰", "Textiles"),
)  # fmt: skip
_CITIES = (
    ("上海", "苏州", "杭州", "宁波"), ("深圳", "广州", "东莞", "佛山"),
    ("北京", "天津", "青岛", "大连"), ("成都", "重庆", "昆明", "贵阳"),
    ("武汉", "长沙", "郑州", "合肥"),
)  # fmt: skip
_LATIN_CITIES = ("Shanghai", "Shenzhen", "Tianjin", "Chongqing", "Wuhan")
_FORMS = ("有限公司", "有限责任公司", "股份有限公司")
_SYLLABLES = (
    *("an", "bei", "chang", "da", "fu", "guo", "hai", "hong", "hua", "jia", "jin", "ke", "lan"),
    *("li", "ming", "nan", "ping", "qing", "rui", "shan", "sheng", "tai", "tong", "wan", "wei"),
    *("xin", "xing", "yang", "yi", "yuan", "yun", "ze", "zhen", "zhi", "zhong"),
)
_TAX_MARKS = np.frombuffer(b"0123456789ABCDEFGHJKLMNPQRTUWXY", dtype=np.uint8)


def customers(seed: int, block: int, a: Accounts, accounts: int) -> pa.Table:
    """Return the customer records of a block; a second entry is spelled in another way."""
    rng = stream(seed, block, "customers")
    place = np.arange(BLOCK)
    second = a.company != place
    created = a.start - rng.integers(1, 60, BLOCK) + clock(rng, BLOCK)
    names, aliases = _names(rng, a, second)
    referrer = np.floor(rng.random(BLOCK) * place).astype(np.int64)
    referred = (rng.random(BLOCK) < 0.15) & (referrer < place) & (a.company[referrer] != a.company)
    yearly = a.yearly
    credit = np.digitize(-a.payment + rng.normal(0, 0.5, BLOCK), np.linspace(-1.7, 2.2, 9))
    secret = np.digitize(np.log(yearly) + rng.normal(0, 0.7, BLOCK), np.log([8e3, 1.2e5, 5e5]))
    columns = {
        "created_at": created,
        "recorded_at": created + rng.uniform(1, 20, BLOCK) / 1_440,
        "name": pa.array(names),
        "aliases": pa.array(aliases),
        "phone": pa.array(_phones(rng, a.company, second)),
        "email": pa.array(_emails(rng, a.company)),
        "tax_id": _tax_ids(rng, a.company),
        "industry": pick(INDUSTRIES, a.industry, rng.random(BLOCK) >= NO_INDUSTRY),
        "region": pick(REGIONS, a.region),
        "size": pick(_SIZES, np.digitize(a.value, [3_300, 10_800])),
        "owner": pick([f"manager-{i}" for i in range(1, 25)], (place + block) % 24),
        "acquisition_cost": rng.lognormal(6.5, 0.6, BLOCK),
        "credit_grade": pick(GRADES, credit, rng.random(BLOCK) < 0.85),
        "data_class": pick(DATA_CLASSES, secret),
        "referrer_id": _masked(customer_ids(a.first + referrer), referred),
    }
    return table("customers", place, a.first, columns, accounts=accounts)


def _names(
    rng: np.random.Generator, a: Accounts, second: BoolArray
) -> tuple[list[str], list[str | None]]:
    """Return names and aliases; the second entry of a company has its name in another form."""
    draws = rng.random((BLOCK, 8))
    marks = rng.integers(0, len(MARKS), (BLOCK, 4))
    names: list[str] = []
    aliases: list[str | None] = []
    for i in range(BLOCK):
        root, other = int(a.company[i]), bool(second[i])
        own, style = draws[root], draws[i]
        trade = _TRADES[a.industry[i]]
        if own[0] < 0.12:
            brand = "".join(_SYLLABLES[m % len(_SYLLABLES)] for m in marks[root, :3]).title()
            full = f"{brand} {trade[2]} ({_LATIN_CITIES[a.region[i]]}) Co., Ltd."
            short = f"{brand} {trade[2]}"
        else:
            brand = "".join(
                MARKS[m] for m in marks[root, : 2 + int(own[1] > 0.3) + int(own[1] > 0.85)]
            )
            kind = trade[int(own[2] > 0.7)]
            city = _CITIES[a.region[i]][int(own[3] * 4)]
            full = f"{city}{brand}{kind}{_FORMS[int(own[4] ** 2 * 3)]}"
            short = f"{brand}{kind[:2]}"
        brief = own[5] < 0.08
        name = full if brief == other else short
        if other and style[6] < 0.25:
            name = misspelt(rng, name, 1) if style[6] < 0.1 else restyled(rng, name, own[0] >= 0.12)
        names.append(name)
        aliases.append(short if name != short and style[7] < 0.3 else None)
    return names, aliases


def _phones(rng: np.random.Generator, company: IntArray, second: BoolArray) -> list[str | None]:
    numbers = rng.integers(10**8, 10**9, BLOCK)
    moved = second & (rng.random(BLOCK) < 0.3)
    known = rng.random(BLOCK) < 0.85
    dialled = np.where(moved, numbers, numbers[company])
    return [f"1{3 + n % 7}{n}" if k else None for n, k in zip(dialled, known, strict=True)]


def _emails(rng: np.random.Generator, company: IntArray) -> list[str | None]:
    parts = rng.integers(0, len(_SYLLABLES), (BLOCK, 4))[company]
    boxes = rng.choice(["info", "purchasing", "office"], BLOCK, p=[0.5, 0.3, 0.2])
    known = rng.random(BLOCK) < 0.75
    return [
        f"{box}@{''.join(_SYLLABLES[p] for p in own)}.example" if k else None
        for box, own, k in zip(boxes, parts, known, strict=True)
    ]


def _tax_ids(rng: np.random.Generator, company: IntArray) -> pa.Array:
    cells = np.empty((BLOCK, 18), dtype=np.uint8)
    cells[:, :2] = np.frombuffer(b"91", dtype=np.uint8)
    cells[:, 2:] = _TAX_MARKS[rng.integers(0, len(_TAX_MARKS), (BLOCK, 16))]
    return _masked(from_cells(cells[company]), rng.random(BLOCK) < 0.65)


def _masked(values: pa.Array, known: BoolArray | FloatArray) -> pa.Array:
    """Return the values, null where they are not known."""
    return values.take(pa.array(np.arange(len(values)), mask=~np.asarray(known, dtype=bool)))
