"""What is compared of two customer records, and the levels on which it may agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from features.identity import names
from features.identity.names import CompanyName
from features.identity.records import Record

_LATIN = "strlen(core_l) = length(core_l) AND strlen(core_r) = length(core_r)"
# The engine's string distances count bytes; what has only one-byte characters is Latin here.

_LONG = "greatest(length(brand_l), length(brand_r))"
_LONG_BRAND = f"(({_LATIN} AND {_LONG} >= 9) OR {_LONG} BETWEEN 4 AND 8 AND NOT ({_LATIN}))"
# A slip in a brand of two characters gives another brand; in four, it hardly does.

LEVELS: Mapping[str, tuple[tuple[str, str, float, float], ...]] = {
    "name": (
        ("same", "core_l = core_r AND strlen(core_l) >= 12", 0.6, 5e-6),
        ("same, few characters", "core_l = core_r", 0.15, 2e-5),
        (
            "short form",
            "(brand_l = brand_r AND (core_l = brand_l OR core_r = brand_r))"
            " OR ((starts_with(core_l, core_r) OR starts_with(core_r, core_l))"
            " AND least(strlen(core_l), strlen(core_r)) >= 8)",
            0.07,
            1e-5,
        ),
        (
            "alias",
            "list_has_any(known_l, [core_r, brand_r]) OR list_has_any(known_r, [core_l, brand_l])"
            " OR list_has_any(known_l, known_r)",
            0.03,
            5e-6,
        ),
        (
            "spelling, long name",
            f"(list_has_any(near_l, near_r) AND (brand_l = brand_r OR {_LONG_BRAND}))"
            f" OR ({_LATIN} AND least(length(core_l), length(core_r)) >= 12"
            " AND damerau_levenshtein(core_l, core_r) <= 2)",
            0.06,
            5e-6,
        ),
        ("spelling", "list_has_any(near_l, near_r)", 0.03, 2e-5),
        (
            "same brand, other trade",
            "brand_l = brand_r AND jaro_winkler_similarity("
            "substr(core_l, length(brand_l) + 1), substr(core_r, length(brand_r) + 1)) < 0.8",
            0.002,
            1e-5,
        ),
        (
            "similar",
            f"brand_l = brand_r OR ({_LATIN} AND jaro_winkler_similarity(core_l, core_r) >= 0.9)"
            " OR (len(marks_l) > 0 AND len(list_intersect(marks_l, marks_r))"
            " >= 0.75 * greatest(len(marks_l), len(marks_r)))",
            0.03,
            0.001,
        ),
        ("other script", "(len(marks_l) > 0) <> (len(marks_r) > 0)", 0.01, 0.45),
        ("other", "ELSE", 0.018, 0.549),
    ),
    "tax_id": (
        ("same", "tax_id_l = tax_id_r", 0.96, 1e-5),
        ("spelling", "damerau_levenshtein(tax_id_l, tax_id_r) <= 1", 0.03, 1e-5),
        ("other", "ELSE", 0.01, 0.99998),
    ),
    "phone": (
        ("same", "phone_l = phone_r", 0.85, 1e-4),
        ("other", "ELSE", 0.15, 0.9999),
    ),
    "email": (
        ("same", "email_l = email_r", 0.45, 1e-4),
        ("same domain", "domain_l = domain_r", 0.35, 2e-4),
        ("a private one", "domain_l IS NULL OR domain_r IS NULL", 0.19, 0.2),
        ("other", "ELSE", 0.01, 0.7997),
    ),
    "place": (
        ("same", "list_has_any(places_l, places_r)", 0.95, 0.05),
        ("other", "ELSE", 0.05, 0.95),
    ),
}
"""By comparison: level, condition, and its share among matches and among others, as a start."""

_NULLS = {
    **{field: f"{field}_l IS NULL OR {field}_r IS NULL" for field in LEVELS},
    "name": "core_l IS NULL OR core_r IS NULL",
    "place": "len(places_l) = 0 OR len(places_r) = 0",
}
_FILLER = 60  # a phone or tax id of more records than this identifies nobody
_TOWN = 3  # a city of so many records is taken off names as well
_CROWD = 400  # nor does a name: "walk-in customer"
_NEIGHBOURS = 40  # nor is what so many names are one slip away from a name misspelt
_TRADE, _TRADE_SHARE = 10, 0.001  # an ending of so many brands, and of the records, is a trade


def comparable(records: Sequence[Record]) -> pa.Table:
    """Return what is compared of each record, ``(n,)`` rows; null where unknown."""
    cities = Counter(names.place(record.city) for record in records)
    towns = frozenset(c for c, count in cities.items() if count >= _TOWN and len(c) > 1)
    parts = [names.company_name(record.name, towns) for record in records]
    least = max(_TRADE, round(_TRADE_SHARE * len(records)))
    trades = names.learnt_trades(parts, least)
    rows = [
        _comparable(number, record, part, towns, trades)
        for number, (record, part) in enumerate(zip(records, parts, strict=True))
    ]
    text, texts = pa.string(), pa.list_(pa.string())
    schema = pa.schema(
        [("unique_id", pa.int64())]
        + [(n, text) for n in ("core", "brand", "place", "phone", "email", "domain", "tax_id")]
        + [(n, texts) for n in ("known", "near", "marks", "places")]
    )
    return _without_fillers(pa.Table.from_pylist(rows, schema))


def comparison(field: str) -> dict[str, Any]:
    """Return a comparison as splink takes it."""
    levels: list[dict[str, Any]] = [
        {"sql_condition": _NULLS[field], "label_for_charts": "missing", "is_null_level": True}
    ]
    for label, condition, m, u in LEVELS[field]:
        level = {
            "sql_condition": condition,
            "label_for_charts": label,
            "m_probability": m,
            "u_probability": u,
        }
        levels.append(level)
    return {"output_column_name": field, "comparison_levels": levels}


def _comparable(
    number: int,
    record: Record,
    parts: CompanyName,
    towns: frozenset[str],
    trades: frozenset[str],
) -> dict[str, object]:
    brand = names.shortened(parts.brand, trades)
    known = {p for alias in record.aliases for p in _parts(alias, towns, trades)}
    known -= {parts.core, brand, ""}
    address = names.email(record.email)
    city = names.place(record.city)
    return {
        "unique_id": number,
        "core": parts.core or None,
        "brand": brand or None,
        "known": sorted(known | {parts.core}) if known else [],
        "near": names.neighbours(parts.core),
        "marks": [] if parts.core.isascii() else sorted(set(parts.core)),
        "place": city or parts.place or None,
        "places": sorted({city, parts.place} - {""}),
        "phone": names.phone(record.phone) or None,
        "email": address or None,
        "domain": names.mail_domain(address) or None,
        "tax_id": names.tax_id(record.tax_id) or None,
    }


def _parts(alias: str, towns: frozenset[str], trades: frozenset[str]) -> tuple[str, str]:
    parts = names.company_name(alias, towns)
    return parts.core, names.shortened(parts.brand, trades)


def _without_fillers(rows: pa.Table) -> pa.Table:
    """Blank what so many records share that it identifies nobody."""
    for field in ("phone", "email", "domain", "tax_id", "core", "brand"):
        values = rows[field].to_pylist()
        limit = _CROWD if field in {"core", "brand"} else _FILLER
        often = {value for value, count in Counter(values).items() if value and count > limit}
        if often:
            kept = pa.array([None if v in often else v for v in values], pa.string())
            rows = rows.set_column(rows.schema.get_field_index(field), field, kept)
    cores = rows["core"].to_pylist()
    for field, limit in (("near", _NEIGHBOURS), ("known", _CROWD)):
        lists = [v if core else [] for v, core in zip(rows[field].to_pylist(), cores, strict=True)]
        # Neighbours are counted by name, other names by record.
        told = dict(zip(cores, lists, strict=True)).values() if field == "near" else lists
        counts = Counter(value for values in told for value in values)
        kept = pa.array(
            [[v for v in values if counts[v] <= limit] for values in lists],
            pa.list_(pa.string()),
        )
        rows = rows.set_column(rows.schema.get_field_index(field), field, kept)
    return rows
