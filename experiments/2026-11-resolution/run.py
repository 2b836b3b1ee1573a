"""Precision and recall of three ways to resolve simulated customers, side by side.

    .venv/bin/python experiments/2026-11-resolution/run.py

Both baselines are given more than we have: rapidfuzz gets our blocks, and the threshold that is
best by the truth.
"""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rapidfuzz import fuzz

from features.identity.linkage import score
from features.identity.names import company_name
from features.identity.records import read_records
from features.identity.resolve import resolve
from features.worlds.names import simulate_names

RECORDS, SEEDS = 20_000, (20261101, 99, 31337, 4242, 7, 13)
HARDER: tuple[dict[str, float], ...] = (
    {"noise": 0.0},
    {"noise": 0.10},
    {"noise": 0.20},
    {"noise": 0.05, "presence": 0.8},
    {"noise": 0.05, "presence": 0.5},
)
REMOVED = (("tax_id",), ("tax_id", "phone", "email"), ("tax_id", "phone", "email", "aliases"))


def pairwise(truth: Sequence[object], found: Sequence[object]) -> tuple[float, float]:
    """Return precision and recall over all pairs of records in one group."""

    def pairs(keys: Iterable[object]) -> int:
        return sum(n * (n - 1) // 2 for n in Counter(keys).values())

    both = pairs(zip(truth, found, strict=True))
    return both / max(pairs(found), 1), both / pairs(truth)


def components(n: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Return the group of each record when pairs are joined."""
    owner = list(range(n))

    def root(number: int) -> int:
        while owner[number] != number:
            owner[number] = owner[owner[number]]
            number = owner[number]
        return number

    for left, right in pairs:
        owner[root(left)] = root(right)
    return [root(number) for number in range(n)]


def fuzzy(
    texts: list[str], blocks: list[tuple[int, int]], truth: list[str]
) -> tuple[float, float, float]:
    """Return precision, recall and threshold of the ratio at its best F1 within blocks.

    Once for the pairs as they are and once with what follows from them (A is B, B is C); the
    better of the two counts.
    """
    ratios = np.array([fuzz.ratio(texts[left], texts[right]) for left, right in blocks])
    right_pairs = np.array([truth[left] == truth[right] for left, right in blocks])
    all_pairs = sum(n * (n - 1) // 2 for n in Counter(truth).values())
    best = (0.0, 0.0, 0.0, 0.0)
    for threshold in range(60, 101, 2):
        chosen = np.flatnonzero(ratios >= threshold)
        groups = components(len(texts), (blocks[at] for at in chosen))
        hits = float(right_pairs[chosen].sum())
        for precision, recall in (
            pairwise(truth, groups),
            (hits / max(len(chosen), 1), hits / all_pairs),
        ):
            f1 = 2 * precision * recall / max(precision + recall, 1e-9)
            best = max(best, (f1, precision, recall, float(threshold)))
    return best[1:]


@contextmanager
def written(table: pa.Table) -> Iterator[Path]:
    """Yield a folder that holds the records without the truth."""
    with TemporaryDirectory() as name:
        pq.write_table(table.drop_columns("company"), Path(name) / "customers.parquet")
        yield Path(name)


def ours(table: pa.Table) -> tuple[list[str], str, float]:
    """Return the master of each record, the length of the review list, and seconds."""
    with written(table) as folder:
        start = time.perf_counter()
        found = resolve(read_records(folder), folder / "out")
        seconds = time.perf_counter() - start
        masters = pq.read_table(folder / "out" / "masters.parquet")["master_id"].to_pylist()
    return masters, f"{found.review:,} to review", seconds


def in_scripts(
    table: pa.Table, found: Sequence[object], say: Callable[[str, tuple[float, float]], None]
) -> None:
    """Tell precision and recall among the companies of each script."""
    names, truth = table["name"].to_pylist(), table["company"].to_pylist()
    chinese = {
        t for t, name in zip(truth, names, strict=True) if any("一" <= c <= "鿿" for c in name)
    }
    for title, wanted in (("Chinese", True), ("Latin", False)):
        rows = [i for i, t in enumerate(truth) if (t in chinese) is wanted]
        say(title, pairwise([truth[i] for i in rows], [found[i] for i in rows]))


def say(title: str, figures: tuple[float, float], note: str = "") -> None:
    """Print a line of the comparison."""
    print(f"{title:<48} {figures[0]:.4f} {figures[1]:.4f}  {note}", flush=True)


def compared(seed: int) -> None:
    """Print the baselines and ours on one set."""
    table = simulate_names(RECORDS, noise=0.05, seed=seed)
    truth, names = table["company"].to_pylist(), table["name"].to_pylist()
    say(f"{seed}: exact name after trimming", pairwise(truth, [name.strip() for name in names]))
    cores = [company_name(name).core for name in names]
    say(f"{seed}: exact normalised name", pairwise(truth, cores))
    with written(table) as folder:
        blocks = [(p.left, p.right) for p in score(read_records(folder), above=1e-9)]
    for title, texts in (("name", [n.strip() for n in names]), ("normalised name", cores)):
        precision, recall, threshold = fuzzy(texts, blocks, truth)
        note = f"threshold {threshold:.0f}"
        say(f"{seed}: rapidfuzz ratio of the {title}", (precision, recall), note)
    masters, review, seconds = ours(table)
    say(f"{seed}: ours", pairwise(truth, masters), f"{review}, {seconds:.1f} s")
    in_scripts(table, masters, lambda title, figures: say(f"{seed}: ours, {title}", figures))


def harder(seed: int) -> None:
    """Print ours on sets that are harder, or easier, than the one of record."""
    for options in HARDER:
        table = simulate_names(RECORDS, seed=seed, **options)  # type: ignore[arg-type]
        _told(", ".join(f"{key} {value}" for key, value in options.items()), table)
    for columns in REMOVED:
        table = simulate_names(RECORDS, noise=0.05, seed=seed)
        for name in columns:
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, pa.nulls(RECORDS, pa.string()))
        _told(f"without {', '.join(columns)}", table)


def _told(title: str, table: pa.Table) -> None:
    masters, review, seconds = ours(table)
    figures = pairwise(table["company"].to_pylist(), masters)
    say(f"ours, {title}", figures, f"{review}, {seconds:.1f} s")


def main(*seeds: int) -> None:
    """Print the comparison on each seed, then ours on harder sets of the first."""
    print(f"{RECORDS:,} records, 5 % name noise: precision and recall")
    for seed in seeds or SEEDS:
        compared(seed)
    harder((seeds or SEEDS)[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"peak memory {peak:.2f} GB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
