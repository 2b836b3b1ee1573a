"""How probable it is that two customer records are one company: splink on DuckDB.

Records that share a name within one spelling error, an alias, a phone, a mailbox, a mail domain
or a tax id are compared; every comparison has ordered levels, and their weights are learnt from
the records themselves by expectation maximisation (Fellegi and Sunter 1969; Winkler 1988). Where
the records are too few to learn from, the weights written here stand.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from features.backends import connect
from features.errors import DataError
from features.identity.comparisons import LEVELS, comparable, comparison
from features.identity.records import Record

_COVERED = {
    "name": ("same", "same, few characters", "short form", "alias", "spelling, long name",
             "spelling", "same brand, other trade"),
    "tax_id": ("same",),
    "phone": ("same",),
    "email": ("same", "same domain"),
}  # fmt: skip
# Levels that only pairs in a common block can have: their number is known, not sampled.

_GAMMAS = tuple(f"gamma_{field}" for field in LEVELS)
_ANCHORS = (("tax_id",), ("phone",), ("email",), ("core", "place"))
# What, when equal, is near proof: the weights of the rest are learnt among such pairs.

_ROUNDS = 3
STEPS = _ROUNDS + 2
"""What :func:`score` does one after the other: names, rounds of learning, scores."""
_SAMPLE, _SEED = 300_000, 20261101
_SAMPLED = 500  # records needed for a sample of pairs to say more than the starting weights
_PRIOR_PAIRS = 30.0  # what the starting weights count beside the pairs that were observed


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records, by position, and how probable it is that they are one company.

    ``evidence`` gives the level of each comparison, by name; "missing" where a side lacks it.
    """

    left: int
    right: int
    probability: float
    evidence: Mapping[str, str]


def score(
    records: Sequence[Record],
    *,
    above: float,
    threads: int = 2,
    progress: Callable[[str], None] | None = None,
) -> list[Pair]:
    """Return the pairs that are one company with at least a probability, ordered by position.

    Parameters
    ----------
    records
        In an order of their own, for instance by id: the result depends on it only in that
        pairs name positions.
    above
        Least probability of a pair to be returned.
    threads
        Worker threads of the engine.
    progress
        Called before each of the :data:`STEPS`.

    Raises
    ------
    DataError
        If the extra ``resolve`` is not installed.
    """
    if len(records) < 2:
        return []
    try:
        from splink import DuckDBAPI, Linker, SettingsCreator, block_on
    except ImportError as error:
        raise DataError(
            "Customers cannot be resolved: splink is not installed.",
            hint="Install the extra: pip install 'tierwise[resolve]'.",
            package="splink",
        ) from error
    logging.getLogger("splink").setLevel(logging.ERROR)
    api = DuckDBAPI(connect(threads=threads, memory_limit="1500MB").con)
    rules: list[Any] = [
        *(block_on(field) for field in ("core", "brand", "tax_id", "phone", "email", "domain")),
        block_on("near", arrays_to_explode=["near"]),
        block_on("known", arrays_to_explode=["known"]),
    ]
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[comparison(field) for field in LEVELS],
        blocking_rules_to_generate_predictions=rules,
        retain_matching_columns=True,  # the levels come with them
        linker_uid="resolve",
    )
    tell = progress or (lambda _text: None)
    tell("take names apart")
    rows = comparable(records)
    table = api.register(rows)
    first = Linker(table, settings, log_level=None)
    if len(records) >= _SAMPLED:
        first.training.estimate_u_using_random_sampling(
            max_pairs=_SAMPLE, seed=_SEED, min_count_per_level=None, num_chunks=1
        )
    model = first.misc.save_model_to_json()
    for number in range(_ROUNDS):
        tell(f"learn the weights, {number + 1} of {_ROUNDS}")
        model = _learnt(model, partial(Linker, table, model, log_level=None), rows)
    last = Linker(table, model, log_level=None)
    tell("score the pairs")
    found = last.inference.predict(threshold_match_probability=above)
    columns = ", ".join(("unique_id_l", "unique_id_r", "match_probability", *_GAMMAS))
    return _pairs(_asked(found, f"SELECT {columns} FROM {{this}}"))


def _asked(predicted: Any, sql: str) -> pa.Table:
    """Return what a query says of predicted pairs, and drop them: there are millions."""
    answer = predicted.query_sql(sql)
    rows = answer.as_pyarrow_table()
    for table in (answer, predicted):
        table.drop_table_from_database_and_remove_from_cache()
    return rows


def _learnt(model: dict[str, Any], linked: Callable[[], Any], rows: pa.Table) -> dict[str, Any]:
    """Return the model with the weights that one round of learning gives it.

    The share of a level among matches (m) is learnt by splink's expectation maximisation among
    the pairs of an anchor. Its share among other pairs (u) is not the share among random pairs,
    as is usual: that contains the matches themselves, which for a rare name or a tax id are most
    of the pairs that agree. It is counted over all compared pairs, each by its probability of
    being no match, and divided by the number of all pairs.
    """
    gammas = ", ".join(_GAMMAS)
    # Exact sums, because those of floats depend on the order of the rows.
    share = "CAST(sum(CAST(match_probability AS DECIMAL(18, 12))) AS DOUBLE)"
    combinations = _asked(
        linked().inference.predict(),
        f"SELECT {gammas}, count(*) AS pairs, {share} AS matches FROM {{this}}"
        f" GROUP BY {gammas} ORDER BY {gammas}",
    )
    matches = np.asarray(combinations["matches"])
    others = np.asarray(combinations["pairs"]) - matches
    learnt = _among_anchors(linked, rows)
    n = rows.num_rows
    new = dict(model)
    # The 1 in 50 keeps two or three records from being all matches, or none.
    new["probability_two_random_records_match"] = (matches.sum() + 1) / (n * (n - 1) / 2 + 50)
    new["comparisons"] = []
    for learnable in model["comparisons"]:
        field = learnable["output_column_name"]
        gamma = np.asarray(combinations[f"gamma_{field}"])
        known = n - rows["core" if field == "name" else field].null_count
        total = max(known * (known - 1) / 2, 1)
        levels = [dict(level) for level in learnable["comparison_levels"]]
        spoken = levels[1:]
        for position, level in enumerate(spoken):
            label = level["label_for_charts"]
            start = LEVELS[field][position]
            if field in learnt:
                weight, m = learnt[field]
                level["m_probability"] = (weight * m[label] + _PRIOR_PAIRS * start[2]) / (
                    weight + _PRIOR_PAIRS
                )
            if label in _COVERED.get(field, ()):
                here = gamma == len(spoken) - 1 - position
                level["u_probability"] = (float(others[here].sum()) + 1) / (total + 1 / start[3])
        rest = 1 - sum(level["u_probability"] for level in spoken[:-1])
        spoken[-1]["u_probability"] = max(rest, 1e-6)
        new["comparisons"].append({**learnable, "comparison_levels": levels})
    return new


def _among_anchors(
    linked: Callable[[], Any], rows: pa.Table
) -> dict[str, tuple[float, dict[str, float]]]:
    """Return, by comparison, the number of pairs it was learnt from and m of each level.

    Each comparison is learnt among the pairs of the first anchor that has enough of them and
    is not its own.
    """
    from splink import block_on

    found: dict[str, tuple[float, dict[str, float]]] = {}
    for anchor in _ANCHORS:
        keys = [key for key in zip(*(rows[a].to_pylist() for a in anchor), strict=True) if all(key)]
        count = sum(k * (k - 1) // 2 for k in Counter(keys).values())
        own = {"name" if column == "core" else column for column in anchor}
        if count < _PRIOR_PAIRS or set(LEVELS) <= set(found) | own:
            continue
        linker = linked()
        linker.training.estimate_parameters_using_expectation_maximisation(
            block_on(*anchor), estimate_without_term_frequencies=True
        )
        for learnable in linker.misc.save_model_to_json()["comparisons"]:
            field = learnable["output_column_name"]
            if field not in own and field not in found:
                levels = learnable["comparison_levels"][1:]
                m = {level["label_for_charts"]: level["m_probability"] for level in levels}
                found[field] = (float(count), m)
    return found


def _pairs(found: pa.Table) -> list[Pair]:
    labels = {
        field: ["missing", *(level[0] for level in reversed(levels))]
        for field, levels in LEVELS.items()
    }
    levels = [found[f"gamma_{field}"].to_pylist() for field in LEVELS]
    # Some hundred combinations occur, among millions of pairs.
    evidence = {
        gammas: MappingProxyType(
            {field: labels[field][gamma + 1] for field, gamma in zip(LEVELS, gammas, strict=True)}
        )
        for gammas in set(zip(*levels, strict=True))
    }
    # Sums of floats depend on their order in the last digits; results must not.
    probability = np.round(np.asarray(found["match_probability"]), 6).tolist()
    pairs = [
        Pair(left, right, p, evidence[gammas])
        for left, right, p, *gammas_ in zip(
            found["unique_id_l"].to_pylist(),
            found["unique_id_r"].to_pylist(),
            probability,
            *levels,
            strict=True,
        )
        if (gammas := tuple(gammas_))
    ]
    return sorted(pairs, key=lambda pair: (pair.left, pair.right))
