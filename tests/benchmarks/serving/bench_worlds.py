"""What is served in the serving benchmark: two bundles, graded stores, and rows for the peers."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from features.schema import CATALOGUE, FloatArray, IndicatorFrame
from serving.batch import run_batch
from serving.published import read_published
from serving.store.session import Database
from tests.benchmarks.measure import ROOT
from tests.serving.order_log import FIT_DAYS, RECIPE, SERVED_DAY, OrderLog, origin
from tiering.scheme import load_scheme
from training.bundle import Bundle
from training.dataset import TrainingSet
from training.fitting import Provenance, fit_bundle
from training.models.design import build
from training.recipe import parse_recipe

PAYLOADS = 400
INPUTS = 80
OWN_INPUTS = 3
"""Inputs of the churn model that no indicator brings: the baseline's own."""
CUSTOMERS = 20_000
GRADED = 1_000
ROUNDS, LEAVES = 500, 63


@dataclass(frozen=True, slots=True)
class World:
    """One model with everything that the servers and the requests need.

    Attributes
    ----------
    name, told
        Short name, and a sentence for the page.
    folder
        Holds ``bundle/``, ``tierwise.db``, ``model.txt`` (the churn booster) and ``rows.npy``.
    rows
        ``(PAYLOADS, f)`` inputs of the booster, nothing unknown.
    expected
        ``(PAYLOADS,)`` what the booster predicts for them.
    customers
        ``(PAYLOADS,)`` graded customers, ids.
    what_ifs
        ``(PAYLOADS,)`` all known indicators of the same customers.
    """

    name: str
    told: str
    folder: Path
    rows: FloatArray
    expected: FloatArray
    customers: list[str]
    what_ifs: list[dict[str, float]]


def champion(home: Path, kept: Path) -> World:
    """Return the shipped champion; without one, the demo trains it first."""
    state = home / "journey"
    if not (state / "bundle").is_dir() or not (state / "published").is_dir():
        command = [sys.executable, "-m", "tierwise", "demo", "--no-serve"]
        subprocess.run(command, cwd=ROOT, check=True)
    folder = _fresh(kept / "champion", Bundle.load(state / "bundle").digest)
    if not (folder / "bundle").is_dir():
        shutil.copytree(state / "bundle", folder / "bundle")
    frame, _ = read_published(state / "published", None)
    told = "the shipped champion (Complete Journey, 2,469 real households)"
    return _world("champion", told, folder, frame)


def reference(kept: Path) -> World:
    """Return the reference of the speed limits: 500 trees of 63 leaves on 80 inputs."""
    folder = kept / "reference"
    log = OrderLog(CUSTOMERS, seed=11)
    if not (folder / "bundle" / "bundle.json").is_file():
        _fit_reference(log).save(folder / "bundle")
    frame = _widened(log.frame(SERVED_DAY), 0)
    told = (
        f"the reference: a churn model of {ROUNDS} trees with {LEAVES} leaves on {INPUTS} inputs, "
        f"fitted by Tierwise's own code on {CUSTOMERS:,} **simulated** customers (its two value "
        "models have 25 trees of 7 leaves)"
    )
    few = IndicatorFrame(
        frame.as_of, frame.customer_id[:GRADED], frame.columns, frame.values[:GRADED]
    )
    return _world("reference", told, folder, few)


def _fresh(folder: Path, digest: str) -> Path:
    """Return the folder, emptied if it was made from another bundle."""
    mark = folder / "made-from"
    if not mark.is_file() or mark.read_text("utf-8") != digest:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        mark.write_text(digest, "utf-8")
    return folder


def _world(name: str, told: str, folder: Path, frame: IndicatorFrame) -> World:
    bundle = Bundle.load(folder / "bundle")
    database = folder / "tierwise.db"
    store = Database(f"sqlite:///{database}")
    try:
        store.upgrade()
        run_batch(bundle, frame, store)  # does nothing if these grades are there already
    finally:
        store.dispose()
    order = [frame.columns.index(column) for column in bundle.columns]
    drawn = np.random.default_rng(7).permutation(len(frame))[:PAYLOADS]
    values = np.ascontiguousarray(frame.values[drawn][:, order])
    churn = bundle.churn.correction
    start = churn.baseline(bundle.columns, values)
    rows = build(bundle.columns, values, start, scale=churn.scale).matrix
    # The peers' formats know no unknown value: they get the column's median.
    with np.errstate(all="ignore"):
        middle = [
            float(np.median(known)) if len(known := column[np.isfinite(column)]) else 0.0
            for column in rows.T
        ]
    rows = np.where(np.isfinite(rows), rows, middle)
    text = churn.trees["odds"].text
    (folder / "model.txt").write_text(text, "utf-8")
    np.save(folder / "rows.npy", rows)
    return World(
        name,
        told,
        folder,
        rows,
        1.0 / (1.0 + np.exp(-churn.trees["odds"].margin(rows))),
        [str(customer) for customer in frame.customer_id[drawn]],
        [_known(bundle.columns, row) for row in values.tolist()],
    )


def _known(columns: tuple[str, ...], row: list[float]) -> dict[str, float]:
    return {name: value for name, value in zip(columns, row, strict=True) if math.isfinite(value)}


def _fit_reference(log: OrderLog) -> Bundle:
    recipe = parse_recipe(
        RECIPE.replace("rounds = 25", f"rounds = {ROUNDS}", 1)
        .replace("num_leaves = 7", f"num_leaves = {LEAVES}", 1)
        .replace("learning_rate = 0.1", "learning_rate = 0.02", 1)
        .replace("lambda_l2 = 1.0", "lambda_l2 = 0.0", 1)
    )
    narrow = log.training_set((*FIT_DAYS, SERVED_DAY))
    whole = _widened(
        IndicatorFrame(SERVED_DAY, narrow.customer_id, narrow.columns, narrow.values), 1
    )
    wide = TrainingSet(
        columns=whole.columns,
        values=whole.values,
        customer_id=narrow.customer_id,
        as_of=narrow.as_of,
        churned=narrow.churned,
        net_value=narrow.net_value,
        eligible=narrow.eligible,
    )
    made_of = Provenance(
        "small", "EUR", simulated=True, data_fingerprint="f" * 64, code_version="bench"
    )
    bundle = fit_bundle(wide, origin(), recipe, load_scheme(), made_of)
    trees = bundle.churn.correction.trees["odds"]
    assert len(trees.names) == INPUTS
    assert trees.text.count("\nTree=") == ROUNDS
    assert trees.text.count(f"\nnum_leaves={LEAVES}\n") > 0.9 * ROUNDS
    return bundle


def _widened(frame: IndicatorFrame, seed: int) -> IndicatorFrame:
    """Return the frame with as many indicators as the reference has inputs for.

    What the order log does not tell is drawn: skewed amounts, small counts, rates; 3 % unknown.
    """
    told = [name for j, name in enumerate(frame.columns) if not np.isnan(frame.values[:, j]).all()]
    asked = [name for name in load_scheme().indicators if name in CATALOGUE]
    inputs = [name for name, each in CATALOGUE.items() if each.model_input]
    chosen = list(dict.fromkeys([*told, *asked, *inputs]))
    left = set([name for name in chosen if CATALOGUE[name].model_input][: INPUTS - OWN_INPUTS])
    # Code looks for those that are no inputs as well; nobody knows them here.
    columns = tuple(
        name for name, each in CATALOGUE.items() if name in left or not each.model_input
    )
    rng = np.random.default_rng(seed)
    n = len(frame)
    values = np.empty((n, len(columns)))
    for j, name in enumerate(columns):
        if name in told:
            values[:, j] = frame.values[:, frame.columns.index(name)]
            continue
        if name not in left:
            values[:, j] = math.nan
            continue
        unit = CATALOGUE[name].unit
        if unit in ("money", "days", "ratio"):
            column = np.round(rng.lognormal(1.0, 1.0, n), 3)
        elif unit == "count":
            column = rng.poisson(3.0, n).astype(np.float64)
        else:
            column = np.round(rng.random(n), 4) * (100.0 if unit == "score" else 1.0)
        column[rng.random(n) < 0.03] = math.nan
        values[:, j] = column
    return IndicatorFrame(frame.as_of, frame.customer_id, columns, values)


def body(rows: FloatArray) -> dict[str, Any]:
    """Return the peers' plain body: rows as lists of numbers."""
    return {"rows": rows.tolist()}


def as_json(document: object) -> str:
    """Return compact JSON, as a machine would send it."""
    return json.dumps(document, separators=(",", ":"))
