"""Make the raw tables of the contract from a customer's own files, as a mapping says.

The format of the mapping file is told in :mod:`features.mapping.document`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import ibis
import ibis.expr.types as ir
from ibis.backends import BaseBackend

from features.backends import at_time_zone, try_strptime
from features.contract import CONTRACT, SourceTable
from features.door.casting import as_text, present
from features.door.checks import BREAK, EXCLUSION, SYSTEM, UNKNOWN_CODES, UNNUMBERED
from features.errors import MappingError
from features.mapping.databases import database, stage
from features.mapping.document import Mapping_, read_mapping
from features.mapping.files import FileFormat, read_files
from features.mapping.table import RULES, Rule, TableMapping
from features.mapping.units import decoded, multiplied, plain_number

__all__ = ["Mapping_", "apply_mapping", "read_mapping"]

# A time of day followed by Z or an offset such as +08:00.
_OFFSET = r":\d{2}(\.\d+)?\s*([zZ]|[+-]\d{2}(:?\d{2})?)$"
# Hours and minutes before an offset: the engine wants seconds there.
_NO_SECONDS = r"([T ]\d{2}:\d{2})(\s*([zZ]|[+-]\d{2}(:?\d{2})?))$"
_MONEY_DECIMALS, _NUMBER_DECIMALS = 4, 10


def apply_mapping(
    mapping: Mapping_,
    data_dir: Path,
    connection: BaseBackend,
    *,
    staging: Path | None = None,
    currency: str = "",
) -> dict[str, ir.Table]:
    """Return the raw tables that :func:`features.sources.ingest` takes.

    Parameters
    ----------
    mapping
        What :func:`read_mapping` read.
    data_dir
        Folder of the files.
    connection
        The engine that reads.
    staging
        Folder for copies of what a database holds; kept until the tables are ingested.
    currency
        What amounts are converted to; the mapping's own by default.

    Raises
    ------
    SourceNotFoundError
        If a file is not there.
    EmptySourceError
        If a file has no header.
    MappingError
        If a source lacks a mapped column, is not in the stated encoding, or has amounts in
        a currency without a rate.
    DataError
        If a database cannot be read.
    """
    system = _System(mapping, (currency or mapping.currency).upper())
    with database(mapping.url_env) if mapping.url_env else nullcontext() as source:
        raw = {}
        for name, mapped in mapping.tables.items():
            columns = mapped.source_columns()
            if mapped.relation:
                assert source is not None, "a relation without a database is refused on reading"
                if staging is None:
                    raise MappingError(
                        f"{name}: a relation needs a folder to be copied to.",
                        hint="Use features.mapping.systems.inflow, which makes one.",
                        table=name,
                    )
                copy = staging / f"{mapping.system or 'system'}-{name}.parquet"
                stage(source, mapped.relation, columns, name, copy)
                rows = connection.read_parquet(copy)
            else:
                form = FileFormat(mapped.encoding, mapped.delimiter)
                rows = read_files(data_dir, mapped.file, form, columns, name, connection)
            raw[name] = _mapped(rows, mapped, CONTRACT[name], system)
    return raw


@dataclass(frozen=True, slots=True)
class _System:
    """What holds for all tables of one system, and the currency of the folder."""

    mapping: Mapping_
    currency: str

    def rates(self) -> dict[str, Decimal]:
        """Return the factor of each currency that can be converted."""
        stated, own = self.mapping.currency_rates, self.mapping.currency.upper()
        if own not in stated and own != self.currency:
            raise MappingError(
                f"{self.mapping.path}: amounts in {own} cannot be put beside {self.currency}.",
                hint=f'State what one {own} is worth: [currency_rates] {own} = "...".',
                path=str(self.mapping.path),
                currency=own,
            )
        if stated.get(self.currency, Decimal(1)) != 1:
            raise MappingError(
                f"{self.mapping.path}: currency_rates.{self.currency} is not 1, "
                f"but amounts are converted to {self.currency}.",
                hint="State what one unit of each other currency is worth in it.",
                path=str(self.mapping.path),
                currency=self.currency,
            )
        return {**stated, self.currency: Decimal(1)}


def _mapped(rows: ir.Table, mapped: TableMapping, table: SourceTable, system: _System) -> ir.Table:
    kinds = {column.name: column.kind for column in table.columns}
    values: dict[str, ir.Value] = {}
    unknown: list[tuple[ir.BooleanValue, str]] = []
    for name, source in mapped.columns.items():
        value, kind = rows[source], kinds[name]
        if name in mapped.codes:
            value, strange = decoded(value, mapped.codes[name])
            unknown.append((strange, name))
        elif kind == "timestamp":
            value = _timestamp(value, mapped.timestamp_format, system.mapping.timezone)
        elif kind in ("money", "number"):
            value = plain_number(value, mapped.decimal, mapped.thousands)
        values[name] = value
    for name, constant in mapped.constants.items():
        values[name] = ibis.literal(constant)
    excluded = [(_matches(e.rule, rows, values), e.note) for e in mapped.exclude]
    for key, name in RULES.items():
        rule: Rule | None = getattr(mapped, key)
        if rule is not None:
            values[name] = _matches(rule, rows, values)
    if mapped.line_number:
        values |= {"line_id": ibis.null("string"), UNNUMBERED: ibis.literal(True)}
    _convert(values, mapped, table, system)
    _prefix(values, table, system.mapping)
    marks = {EXCLUSION: _told(excluded), UNKNOWN_CODES: _told(unknown)}
    name = system.mapping.system
    return rows.select(
        **values,
        **{mark: value for mark, value in marks.items() if value is not None},
        **({SYSTEM: ibis.literal(name)} if name else {}),
    )


def _convert(
    values: dict[str, ir.Value], mapped: TableMapping, table: SourceTable, system: _System
) -> None:
    """Multiply amounts and numbers by their scale, and amounts by the rate of their currency."""
    own, numbers = system.mapping.currency.upper(), table.of_kind("number")
    for name in (n for n in numbers if n in values):
        factor = mapped.scale.get(name, Decimal(1))
        values[name] = multiplied(values[name], [(None, factor)], _NUMBER_DECIMALS)
    money = [name for name in table.of_kind("money") if name in values]
    if not money:
        return
    rates = system.rates()
    code = None
    if "currency" in values:
        code = present(values["currency"].cast("string")).upper().fill_null(own)
        values["currency"] = ibis.ifelse(code.isin(list(rates)), system.currency, code)
    for name in money:
        scale = mapped.scale.get(name, Decimal(1))
        factors: list[tuple[ir.BooleanValue | None, Decimal]] = [(None, scale * rates[own])]
        if code is not None:  # of another currency nothing is said: the door refuses the run
            factors = [(code == currency, scale * rate) for currency, rate in rates.items()]
            factors.append((None, scale))
        values[name] = multiplied(values[name], factors, _MONEY_DECIMALS)


def _prefix(values: dict[str, ir.Value], table: SourceTable, mapping: Mapping_) -> None:
    """Make identifiers distinct from those of other systems."""
    prefixes = {"customer_id": mapping.id_prefix, "referrer_id": mapping.id_prefix}
    if table.key[0] in table.of_kind("text") and table.has_customer:
        prefixes = {table.key[0]: mapping.row_prefix, **prefixes}
    for name, prefix in prefixes.items():
        if prefix and name in values:
            values[name] = ibis.literal(prefix) + as_text(present(values[name]))


def _told(found: list[tuple[ir.BooleanValue, str]]) -> ir.Value | None:
    """Return the words of all conditions that hold for a row; null where none does."""
    if not found:
        return None
    words = [ibis.ifelse(holds, word, ibis.null("string")) for holds, word in found]
    return words[0] if len(words) == 1 else ibis.literal(BREAK).join(words).nullif("")


def _timestamp(value: ir.Value, layout: str | None, zone: str) -> ir.Value:
    """Return the time as UTC text, and text that is no time as it came.

    The check at the door sees what the file said, and puts the row in quarantine.
    """
    if value.type().is_timestamp() and value.type().timezone is not None:
        return value
    if value.type().is_timestamp() or value.type().is_date():
        return _utc(value.cast("timestamp"), zone)
    text = value.cast("string").strip()
    wall = text.try_cast("timestamp") if layout is None else try_strptime(text, layout)
    converted = _utc(wall, zone).cast("string")
    if layout is not None:  # what has another layout must not pass as ISO 8601 at the door
        return ibis.coalesce(converted, text + ibis.literal(f" (not {layout})"))
    stated = text.re_search(_OFFSET)
    zoned = text.re_replace(_NO_SECONDS, r"\1:00\2")
    return ibis.coalesce(ibis.ifelse(stated, zoned, converted), text)


def _utc(wall: ir.Value, zone: str) -> ir.Value:
    return wall if zone == "UTC" else at_time_zone(zone, wall).cast("timestamp")


def _matches(rule: Rule, rows: ir.Table, values: Mapping[str, ir.Value]) -> ir.BooleanValue:
    if rule.kind in ("prefix", "equals"):
        text = as_text(rows[rule.column]).strip()
        found = text.startswith(rule.values[0]) if rule.kind == "prefix" else text.isin(rule.values)
    else:
        name = "quantity" if rule.kind == "negative_quantity" else "net_amount"
        found = values[name].try_cast("float64") < 0
    return found.fill_null(False)
