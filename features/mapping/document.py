"""One system's own tables, columns and codes, mapped to the source contract by a TOML file.

Format (every key not shown is an error)::

    world = "my-company"                # name of the data set
    currency = "EUR"                    # of amounts that state no other
    system = "erp"                      # optional: name of this system, where there are several
    timezone = "Europe/Berlin"          # of times that state no offset; default UTC
    terms = "Extract of our ERP"        # optional: where the data come from
    simulated = false                   # optional
    data = "exports"                    # optional: folder of the files, beside this file
    id_prefix = "erp-"                  # optional: put before customer_id and referrer_id
    row_prefix = "erp-"                 # optional: put before order_id, ticket_id and so on

    [currency_rates]                    # optional: 1 of each is so much of the folder's currency
    USD = "7.20"

    [database]                          # optional: for tables with `relation`
    url_env = "ERP_URL"                 # environment variable that holds the URL

    [orders]                            # and any other table of the contract
    file = "orders-*.csv"               # CSV or Parquet below the data folder; glob allowed
    relation = "sales.orders"           # or a table or view of the database
    columns = { order_id = "Belegnr", customer_id = "Kunde", net_amount = "Netto" }
    constants = { category = "spares" } # optional: the same value in every row
    timestamp_format = "%d.%m.%Y %H:%M" # optional: strptime; default ISO 8601
    encoding = "utf-8"                  # CSV only; any codec of Python, such as gb18030
    delimiter = ","                     # CSV only
    decimal = "."                       # of numbers written as text
    thousands = ""                      # of numbers written as text
    scale = { net_amount = 10000 }      # optional: exact factors, here of amounts in 万元
    codes.category = { "1" = "spares" } # optional: what codes mean; "*" = every other code
    line_number = false                 # orders only: number the lines where the file does not
    returns = "negative_quantity"       # orders only: which lines are returns
    cancelled = { column = "Status", equals = ["storno"] } # orders only
    exclude = [{ note = "postage", column = "Artikel", prefix = "P-" }]

``columns`` maps contract names to the source's names. ``returns``, ``cancelled`` and
``exclude`` take ``"negative_quantity"``, ``"negative_amount"``, ``{ column, prefix }`` or
``{ column, equals }``, where ``column`` is a column of the source; the first two take the
place of mapping ``is_return`` and ``is_cancelled``. A return must lower the sales
(``net_amount <= 0``). A credit note that reverses part of an earlier order is a return;
a cancelled line is left out everywhere, so cancel only what never happened. Excluded rows
go to quarantine with the note of the first rule that fits; a code that is not listed sends
its row there too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import available_timezones

from features.contract import CONTRACT, suggest
from features.errors import MappingError
from features.mapping.table import FACTOR, TYPES, TableMapping, factor_of, read_table


@dataclass(frozen=True, slots=True)
class Mapping_:  # noqa: N801 - typing's Mapping is needed beside it
    """A whole mapping; ``path`` is the file it was read from.

    A mapping that names no ``system`` stands alone: it has a ``world`` and orders.
    """

    path: Path
    world: str
    currency: str
    timezone: str
    terms: str
    simulated: bool
    tables: Mapping[str, TableMapping]
    system: str = ""
    data: str = ""
    id_prefix: str = ""
    row_prefix: str = ""
    url_env: str = ""
    currency_rates: Mapping[str, Decimal] = field(default_factory=dict)


def read_mapping(path: Path) -> Mapping_:
    """Read and check a mapping.

    Raises
    ------
    MappingError
        If the file is missing, is not TOML, or breaks the format; all faults at once.
    """
    try:
        # Decimals, so that a factor is exactly what was written.
        document = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise MappingError(
            f"The mapping {path} cannot be read: {error.strerror}.",
            hint="docs/examples/mapping.toml is one to start from.",
            path=str(path),
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(
            f"The mapping {path} is not valid TOML: {error}.",
            hint="A key may occur only once; texts stand in quotes; the file is UTF-8.",
            path=str(path),
        ) from error
    faults: list[str] = []
    mapping = _mapping(path, document, faults)
    if faults:
        raise MappingError(
            f"The mapping {path} has {len(faults)} fault(s): {'; '.join(faults)}.",
            hint="docs/how-to-use-your-own-data.md describes the format.",
            path=str(path),
            faults=faults,
        )
    return mapping


_TEXTS = ("world", "currency", "system", "timezone", "terms", "data", "id_prefix", "row_prefix")


def _mapping(path: Path, document: Mapping[str, Any], faults: list[str]) -> Mapping_:
    known: dict[str, type] = {
        **dict.fromkeys(CONTRACT, dict),
        **dict.fromkeys(_TEXTS, str),
        "simulated": bool,
        "currency_rates": dict,
        "database": dict,
    }
    right: dict[str, Any] = {}
    for key, value in document.items():
        if key not in known:
            faults.append(f"unknown key {key!r}{suggest(key, known)}")
        elif not isinstance(value, known[key]):
            faults.append(f"{key!r} must be a {TYPES[known[key]]}")
        else:
            right[key] = value
    needed = ("currency",) if document.get("system") else ("world", "currency")
    faults += [f"{key!r} is missing" for key in needed if not document.get(key)]
    if "orders" not in document and not document.get("system"):
        faults.append("the table [orders] is missing")
    zone = right.get("timezone", "UTC")
    if zone not in available_timezones():
        faults.append(f"unknown timezone {zone!r}{suggest(zone, available_timezones())}")
    tables = {
        name: read_table(right[name], CONTRACT[name], faults) for name in CONTRACT if name in right
    }
    if document.get("system") and not tables:
        faults.append("no table is mapped")
    url_env = _url_env(right.get("database"), tables, faults)
    return Mapping_(
        path=path,
        timezone=zone,
        simulated=right.get("simulated", False),
        tables=MappingProxyType(tables),
        url_env=url_env,
        currency_rates=_rates(right.get("currency_rates", {}), faults),
        **{key: right.get(key, "") for key in _TEXTS if key != "timezone"},
    )


def _url_env(
    database: Mapping[str, object] | None, tables: Mapping[str, TableMapping], faults: list[str]
) -> str:
    relations = [name for name, table in tables.items() if table.relation]
    if database is None:
        faults += [f"[{name}] 'relation' needs a [database]" for name in relations]
        return ""
    # A URL holds a password: the file says only where to look for it.
    extra = [key for key in database if key != "url_env"]
    faults += [f"[database] unknown key {key!r}{suggest(key, ['url_env'])}" for key in extra]
    name = database.get("url_env")
    if not isinstance(name, str) or not name.isidentifier():
        faults.append("[database] 'url_env' must be the name of an environment variable")
        return ""
    return name


def _rates(document: Mapping[str, object], faults: list[str]) -> Mapping[str, Decimal]:
    rates = {}
    for currency, value in document.items():
        rate = factor_of(value)
        if rate is None:
            faults.append(f"currency_rates.{currency} must be {FACTOR}")
        else:
            rates[currency.upper()] = rate
    return MappingProxyType(rates)
