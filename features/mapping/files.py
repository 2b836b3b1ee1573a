"""Read the CSV and Parquet files of a data folder, and say clearly what is wrong with them."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.csv
from ibis.backends import BaseBackend

from features.backends import ENGINE_ERRORS
from features.contract import suggest
from features.errors import DataError, EmptySourceError, MappingError, SourceNotFoundError
from features.mapping.headers import check_columns

_CHUNK = 1 << 20
_GUESSES = ("utf-8", "gb18030", "cp1252", "utf-16")


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How a CSV file is written."""

    encoding: str = "utf-8"
    delimiter: str = ","


def read_files(
    data_dir: Path,
    pattern: str,
    form: FileFormat,
    columns: Sequence[str],
    table: str,
    connection: BaseBackend,
) -> ir.Table:
    """Return the rows of all files that match, lazily where the format allows.

    Parameters
    ----------
    data_dir, pattern
        Folder, and a file name or glob below it; read in the order of their names.
    form
        How CSV files are written; of no matter to Parquet.
    columns
        Columns that must be there.
    table
        Contract name, for messages.
    connection
        The engine that reads.

    Raises
    ------
    SourceNotFoundError
        If the folder or the file is not there.
    EmptySourceError
        If a CSV file has no header.
    MappingError
        If a column is missing, or the encoding is wrong.
    DataError
        If a file is damaged.
    """
    paths = _find(data_dir, pattern, table)
    if all(path.suffix.lower() == ".parquet" for path in paths):
        try:
            rows = connection.read_parquet([str(path) for path in paths])
        except ENGINE_ERRORS as error:
            raise DataError(
                f"{table}: {paths[0]} is not a readable Parquet file: {str(error).splitlines()[0]}",
                hint="Export it again.",
                table=table,
                path=str(paths[0]),
            ) from error
        check_columns(rows.columns, columns, str(paths[0]), table)
        return rows
    parts = []
    for path in paths:
        header = _header(path, form, table)
        check_columns(header, columns, str(path), table, form.delimiter)
        parts.append(_csv(path, form, header, table, connection).select(*columns))
    return parts[0] if len(parts) == 1 else ibis.union(*parts)


def _find(data_dir: Path, pattern: str, table: str) -> list[Path]:
    if not data_dir.is_dir():
        raise SourceNotFoundError(
            f"The data folder {data_dir} is not there.",
            hint="Name the folder that holds the files of the mapping.",
            path=str(data_dir),
        )
    try:
        paths = sorted(path for path in data_dir.glob(pattern) if path.is_file())
    except ValueError as error:  # "**" beside other characters
        raise MappingError(
            f"{table}: {pattern!r} cannot be looked for: {error}.",
            hint="Use * for any part of a name, and **/ for any folder.",
            table=table,
        ) from error
    if not paths:
        near = suggest(pattern, (p.name for p in data_dir.iterdir()))
        raise SourceNotFoundError(
            f"{table}: no file {pattern!r} in {data_dir}{near}.",
            hint="Correct 'file' in the mapping or put the file there.",
            table=table,
            path=str(data_dir / pattern),
        )
    return paths


def _header(path: Path, form: FileFormat, table: str) -> list[str]:
    """Return the column names of a CSV file, after reading the whole of it as text once."""
    _check_encoding(path, form.encoding, table)
    encoding = "utf-8-sig" if form.encoding.lower() in {"utf-8", "utf8"} else form.encoding
    with path.open(encoding=encoding, newline="") as stream:
        header = next(csv.reader(stream, delimiter=form.delimiter), [])
    names = [name.strip() for name in header]
    if not any(names):
        raise EmptySourceError(
            f"{table}: {path} is empty: it has not even a header.",
            hint="Export it again, with the names of the columns in the first line.",
            table=table,
            path=str(path),
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise MappingError(
            f"{table}: {path} has several columns named {', '.join(map(repr, twice))}.",
            hint="Give each column its own name.",
            table=table,
            path=str(path),
            columns=twice,
        )
    return names


def _check_encoding(path: Path, encoding: str, table: str) -> None:
    try:
        with path.open(encoding=encoding, newline="") as stream:
            while stream.read(_CHUNK):
                pass
    except LookupError as error:
        raise MappingError(
            f"{table}: unknown encoding {encoding!r}.",
            hint=f"Use for instance one of: {', '.join(_GUESSES)}.",
            table=table,
        ) from error
    except UnicodeError as error:
        fitting = [guess for guess in _GUESSES if guess != encoding and _decodes(path, guess)]
        advice = f"Set 'encoding'; {' and '.join(fitting)} may fit." if fitting else ""
        raise MappingError(
            f"{table}: {path} is not written in {encoding}: {error}.",
            hint=advice or "Export it again as UTF-8.",
            table=table,
            path=str(path),
            fitting=fitting,
        ) from error


def _decodes(path: Path, encoding: str) -> bool:
    """Tell whether the beginning of a file makes lines of text in an encoding."""
    with path.open("rb") as stream:
        sample = stream.read(_CHUNK)
    decoder = codecs.getincrementaldecoder(encoding)()  # a sample may end inside a character
    try:
        return "\n" in decoder.decode(sample, final=len(sample) < _CHUNK)
    except UnicodeError:
        return False


def _csv(
    path: Path, form: FileFormat, header: list[str], table: str, connection: BaseBackend
) -> ir.Table:
    """Return a CSV file with all columns as text."""
    if form.encoding.lower() in {"utf-8", "utf8", "ascii"}:
        return connection.read_csv(
            str(path),
            columns=dict.fromkeys(header, "string"),
            auto_detect=False,
            header=True,
            delim=form.delimiter,
            quote='"',
            escape='"',
        )
    # The engine reads UTF-8 only; other encodings go through memory.
    try:
        rows = pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(
                encoding=form.encoding, column_names=header, skip_rows=1
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=form.delimiter, newlines_in_values=True
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{table}: {path} cannot be read: {error}.",
            hint="Check that each line has as many fields as the header.",
            table=table,
            path=str(path),
        ) from error
    return ibis.memtable(rows)
