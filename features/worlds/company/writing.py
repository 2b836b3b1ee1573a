"""Write a simulated company to Parquet, a few blocks at a time: memory does not grow with it.

Layout of the folder: ``{table}.parquet`` for the ten tables, ``truth/{accounts,months,causes}
.parquet``, ``mapping.toml`` (takes the tables in as they are), and ``simulated.json``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.contract import CONTRACT
from features.errors import DataError
from features.worlds.company.blocks import count, simulate
from features.worlds.company.orders import EXPLAINED_EVERY, TENFOLD_EVERY
from features.worlds.company.seasons import FIRST_DAY, LAST_DAY, SHOCK_DAY, SHOCK_FALL, SHOCKED
from features.worlds.company.streams import BLOCK
from features.worlds.company.truth import TRUTHS

SIMULATED_JSON = "simulated.json"
TRUTH = "truth"
MAPPING = "mapping.toml"
CURRENCY = "CNY"
TERMS = (
    "Simulated by Tierwise from a seed: no real company, customer or payment. Fit to try "
    "the product, not evidence of how well it predicts."
)

LINES_PER_ACCOUNT = 43.5
"""Mean order lines of an account, returns included; see docs/simulated-company.md."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Written:
    """Rows written, by table; those of the truth are called ``truth/...``."""

    rows: Mapping[str, int]


def accounts_for(order_lines: int) -> int:
    """Return the number of accounts that have about so many order lines."""
    return max(1, round(order_lines / LINES_PER_ACCOUNT))


def write_company(
    out: Path, *, accounts: int, seed: int, chunk: int = 5_000, progress: Progress | None = None
) -> Written:
    """Simulate a company and write its tables, its truth and what it is.

    Parameters
    ----------
    out
        Folder to write; replaced as a whole, and only when all is well.
    accounts, seed
        See :func:`features.worlds.company.blocks.simulate`.
    chunk
        Accounts held in memory at a time, rounded up to whole blocks. The rows do not depend
        on it; the row groups of the files do.
    progress
        Called with what is done, accounts done, and accounts in all.

    Raises
    ------
    DataError
        If a number is not positive, or ``out`` holds anything but a simulated company.
    """
    for name, number in (("accounts", accounts), ("chunk", chunk)):
        if number < 1:
            raise DataError(
                f"A simulated company of {name} = {number} cannot be written.",
                hint="Give a whole number of 1 or more.",
                **{name: number},
            )
    tell = progress or (lambda _text, _done, _total: None)
    with _replaced(out) as folder, ExitStack() as stack:
        sink = _Sink(folder, stack)
        for done, block in enumerate(simulate(seed, accounts), 1):
            sink.take(block.tables)
            sink.take({f"{TRUTH}/{name}": table for name, table in block.truths.items()})
            if done % -(-chunk // BLOCK) == 0 or done == count(accounts):
                sink.flush()
                tell("simulate accounts", min(done * BLOCK, accounts), accounts)
        stack.close()  # the files are whole only now
        _describe(folder, sink.rows, accounts, seed)
    return Written(dict(sink.rows))


class _Sink:
    """Collects parts of tables and writes them to one Parquet file each."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        (folder / TRUTH).mkdir()
        self.rows = dict.fromkeys((*CONTRACT, *(f"{TRUTH}/{name}" for name in TRUTHS)), 0)
        self._folder, self._stack = folder, stack
        self._parts: dict[str, list[pa.Table]] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}

    def take(self, tables: Mapping[str, pa.Table]) -> None:
        for name, table in tables.items():
            self._parts.setdefault(name, []).append(table)
            self.rows[name] += table.num_rows

    def flush(self) -> None:
        for name, parts in self._parts.items():
            if name not in self._writers:
                path = self._folder / f"{name}.parquet"
                schema = parts[0].schema.with_metadata({"tierwise.simulated": "true"})
                writer = pq.ParquetWriter(path, schema, compression="zstd")
                self._writers[name] = self._stack.enter_context(writer)
            whole = pa.concat_tables(parts)
            self._writers[name].write_table(whole.replace_schema_metadata(None))
        self._parts.clear()


def _describe(folder: Path, rows: Mapping[str, int], accounts: int, seed: int) -> None:
    told = {
        "simulated": True,
        "terms": TERMS,
        "seed": seed,
        "accounts": accounts,
        "accounts_of_a_block": BLOCK,
        "first_day": str(FIRST_DAY),
        "last_day": str(LAST_DAY),
        "currency": CURRENCY,
        "code_version": _version(),
        "generator_sha256": _generator(),
        "shock": {"industry": SHOCKED, "from": str(SHOCK_DAY), "demand_lost": SHOCK_FALL},
        "tenfold_orders": {"accounts_to_one": TENFOLD_EVERY, "explained_one_in": EXPLAINED_EVERY},
        "rows": dict(rows),
    }
    text = json.dumps(told, ensure_ascii=False, indent=1)
    (folder / SIMULATED_JSON).write_text(text + "\n", "utf-8")
    lines = ['world = "b2b"', f'currency = "{CURRENCY}"', "simulated = true", f'terms = "{TERMS}"']
    for name, table in CONTRACT.items():
        lines += ["", f"[{name}]", f'file = "{name}.parquet"', f"[{name}.columns]"]
        lines += [f'{column} = "{column}"' for column in table.column_names]
    (folder / MAPPING).write_text("\n".join(lines) + "\n", "utf-8")


def _version() -> str:
    try:
        return version("tierwise")
    except PackageNotFoundError:
        return "unknown"


def _generator() -> str:
    """Return the SHA-256 of the code that draws the company."""
    sources = [
        part for part in files("features.worlds.company").iterdir() if part.name[-3:] == ".py"
    ]
    digest = sha256()
    for source in sorted(sources, key=lambda part: part.name):
        digest.update(source.read_bytes())
    return digest.hexdigest()


@contextmanager
def _replaced(out: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``out`` if the block succeeds."""
    ours = {SIMULATED_JSON, MAPPING, TRUTH, *(f"{table}.parquet" for table in CONTRACT)}
    if out.exists() and (not out.is_dir() or {entry.name for entry in out.iterdir()} - ours):
        raise DataError(
            f"{out} holds something else than a simulated company.",
            hint="Name a new or an empty folder; simulating replaces the whole folder.",
            path=str(out),
        )
    incoming = out.parent / f".{out.name}.incoming"
    try:
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir(parents=True)
    except OSError as error:
        raise DataError(
            f"{out} cannot be written: {error.strerror}.",
            hint="Name a folder that you may write to.",
            path=str(out),
        ) from error
    try:
        yield incoming
        shutil.rmtree(out, ignore_errors=True)
        incoming.replace(out)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
