"""Certify at every test origin, again and again, and set the result beside what others do.

A run stands at a test origin, draws the calibration customers anew (with all their rows: they
come back from origin to origin), certifies, and looks at what became of those it would have
decided automatically at the test origin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import lightgbm as lgb
import numpy as np

from features.schema import FloatArray
from tests.benchmarks.certified.bench_rows import BoolArray, IntArray, Judgement, Rows
from tiering.certification.certificate import certify
from tiering.certification.search import Promise, last_to_hold
from tiering.certification.trial import Trial
from tiering.certification.watch import watch
from training.evaluation.certification import roles
from training.models.tier_confidence import (
    TierConfidence,
    confidence_of,
    fit_tier_confidence,
    likeliest,
)

Issue = Literal["scheme", "model"]
"""Whose tier is issued: the scheme's where the model agrees, or the model's likeliest."""

ISSUES: tuple[Issue, ...] = ("scheme", "model")

COMPARED = "hindsight"
"""The definition that certificates govern by; rivals are set beside it."""

SEED = 20261122


@dataclass(frozen=True, slots=True, eq=False)
class Stand:
    """A test origin: the model learned before it, and the customers to calibrate and test on."""

    at: int
    day: str
    calibration: tuple[int, ...]
    calibration_customers: tuple[np.ndarray, ...]
    model: TierConfidence
    calibrate: Mapping[Issue, Trial]
    test: Mapping[Issue, Trial]
    margin: FloatArray
    top: FloatArray
    likely: IntArray


def stand_at(judged: Judgement, at: int, definition: str) -> Stand | None:
    """Learn what can be learned on the day of an origin; None if too little has closed."""
    rows = judged.rows
    part = roles([each.day for each in rows], rows[at].day, judged.horizon_days)
    if part is None:
        return None
    learn = [(rows[k].view, rows[k].right[definition]) for k in part.learn]
    model = fit_tier_confidence(learn, definition=definition, seed=SEED)
    probability = model.probabilities(rows[at].view)
    calibrate = {
        issue: _joined([_trial(model.probabilities(rows[k].view), rows[k], definition, issue)
                        for k in part.calibrate])
        for issue in ISSUES
    }  # fmt: skip
    return Stand(
        at=at,
        day=str(rows[at].day),
        calibration=part.calibrate,
        calibration_customers=tuple(rows[k].customer_id for k in part.calibrate),
        model=model,
        calibrate=calibrate,
        test={issue: _trial(probability, rows[at], definition, issue) for issue in ISSUES},
        margin=rows[at].margin,
        top=_plain_top(learn, rows[at]) if definition == COMPARED else np.empty(0),
        likely=likeliest(probability),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Calibration rows sorted once, so that a resample costs no more than its sums."""

    promise: Promise
    order: tuple[IntArray, ...]
    ends: tuple[IntArray, ...]
    wrong: tuple[IntArray, ...]

    @classmethod
    def of(cls, trial: Trial, promise: Promise, *, only: str | None = None) -> Prepared:
        """Sort the candidates of each origin, or of one alone, the surest first."""
        order, ends, wrong = [], [], []
        for origin in (only,) if only is not None else trial.origins:
            here = np.flatnonzero(
                (trial.origin == origin) & trial.candidate & ~np.isnan(trial.confidence)
            )
            here = here[np.argsort(-trial.confidence[here], kind="stable")]
            order.append(here)
            ends.append(
                np.searchsorted(-trial.confidence[here], -np.asarray(promise.grid), side="right")
            )
            wrong.append(trial.wrong[here].astype(np.int64))
        return cls(promise, tuple(order), tuple(ends), tuple(wrong))

    def threshold(self, times: IntArray) -> float | None:
        """Return what ``most_generous`` says if row ``i`` is there ``times[i]`` times."""
        selected, errors = [], []
        for here, end, wrong in zip(self.order, self.ends, self.wrong, strict=True):
            drawn = times[here]
            selected.append(np.concatenate([[0], np.cumsum(drawn)])[end])
            errors.append(np.concatenate([[0], np.cumsum(drawn * wrong)])[end])
        return last_to_hold(np.array(selected), np.array(errors), self.promise)


def certified_runs(stand: Stand, issue: Issue, promise: Promise, resamples: int) -> dict[str, Any]:
    """Return what was certified once on all calibration customers, and again on resamples."""
    calibrate, test = stand.calibrate[issue], stand.test[issue]
    rng = np.random.default_rng([SEED, stand.at])
    certificate = certify(calibrate, promise, definition=stand.model.definition, model="")
    _, seen = watch(certificate, test)
    chosen = test.selected(certificate.threshold)
    prepared = Prepared.of(calibrate, promise)
    drawn = [
        _outcome(test, prepared.threshold(times)) for times in _resampled(stand, rng, resamples)
    ]
    return {
        "day": stand.day,
        "n": len(test),
        "threshold": certificate.threshold,
        "upper": certificate.total.upper,
        "calibration_risk": certificate.total.risk,
        "auto": float(chosen.mean()),
        "errors": seen.errors,
        "selected": seen.selected,
        "two_steps": int((chosen & test.far).sum()),
        "watch_broken": seen.broken,
        "by_tier": [
            [int((chosen & (test.tier == k)).sum()),
             int((chosen & (test.tier == k) & test.wrong).sum())]
            for k in range(test.tiers)
        ],
        "accuracy": float(1.0 - test.wrong.mean()),
        "runs_auto": [share for share, _ in drawn],
        "runs_risk": [risk for _, risk in drawn],
    }  # fmt: skip


def other_calibrations(stand: Stand, promise: Promise, resamples: int) -> dict[str, Any]:
    """Return what runs decide and get wrong if the same origins are used in another way.

    ``pooled``: rows of all calibration origins counted together, as if they were independent.
    ``latest``: the latest calibration origin alone.
    """
    calibrate, test = stand.calibrate["scheme"], stand.test["scheme"]
    pooled = replace(calibrate, origin=np.full(len(calibrate), calibrate.origins[-1]))
    latest = replace(calibrate, origin=np.where(
        calibrate.origin == calibrate.origins[-1], calibrate.origin, ""))  # fmt: skip
    found: dict[str, Any] = {}
    for name, trial in (("pooled", pooled), ("latest", latest)):
        prepared = Prepared.of(trial, promise, only=calibrate.origins[-1])
        rng = np.random.default_rng([SEED, stand.at])
        drawn = [
            _outcome(test, prepared.threshold(times)) for times in _resampled(stand, rng, resamples)
        ]
        found[name] = {
            "runs_auto": [share for share, _ in drawn],
            "runs_risk": [risk for _, risk in drawn],
        }
    return found


def compared(stand: Stand, auto: float, risk: float, band: float) -> dict[str, float]:
    """Return the shares that other rules decide at the same realised risk, on the test origin.

    Both rivals are given the best threshold in hindsight, which nobody has on the day.

    Parameters
    ----------
    auto, risk
        What the certificate decided, and how many of those were wrong, as shares.
    band
        The scheme's own margin, points.
    """
    test = stand.test["scheme"]
    sure = np.where(np.isnan(stand.margin), np.inf, stand.margin)
    blocked = ~stand.test["model"].candidate
    outside = ~blocked & (sure >= band)
    return {
        "auto": auto,
        "risk": risk,
        "fixed_band": _share_at(np.where(blocked, -1.0, sure), test.wrong, risk),
        "top_probability": _share_at(np.where(blocked, -1.0, stand.top), test.wrong, risk),
        "oracle_threshold": _share_at(
            np.where(test.candidate, test.confidence, -1.0), test.wrong, risk
        ),
        "scheme_band_auto": float(outside.mean()),
        "scheme_band_risk": float(test.wrong[outside].mean()) if outside.any() else float("nan"),
    }


def _trial(probability: FloatArray, rows: Rows, definition: str, issue: Issue) -> Trial:
    likely = likeliest(probability)
    tier = rows.view.tier if issue == "scheme" else likely
    return Trial(
        origin=np.full(len(tier), str(rows.day)),
        confidence=confidence_of(probability, tier),
        tier=tier,
        right=rows.right[definition],
        candidate=~rows.blocked & (likely == tier),
        tiers=rows.view.tiers,
    )


def _joined(parts: Sequence[Trial]) -> Trial:
    names = ("origin", "confidence", "tier", "right", "candidate")
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Trial(**columns, tiers=parts[0].tiers)


def _resampled(stand: Stand, rng: np.random.Generator, resamples: int) -> list[IntArray]:
    """Return how often each calibration row is drawn; customers are drawn whole."""
    everyone, number = np.unique(np.concatenate(stand.calibration_customers), return_inverse=True)
    n = len(everyone)
    return [np.bincount(rng.integers(0, n, n), minlength=n)[number] for _ in range(resamples)]


def _outcome(test: Trial, threshold: float | None) -> tuple[float, float]:
    chosen = test.selected(threshold)
    return float(chosen.mean()), float(test.wrong[chosen].mean()) if chosen.any() else 0.0


def _share_at(order: FloatArray, wrong: BoolArray, risk: float) -> float:
    """Return the largest share with ``order`` at or above some cut and no more risk, >= 0."""
    able = order >= 0.0
    descending = np.argsort(-order[able], kind="stable")
    ranked, mistakes = order[able][descending], np.cumsum(wrong[able][descending])
    n = np.arange(1, len(ranked) + 1)
    # A cut cannot part equal values.
    last = np.append(ranked[1:] != ranked[:-1], True) if len(ranked) else np.zeros(0, bool)
    fits = np.flatnonzero(last & (mistakes <= risk * n + 1e-9))
    return float(n[fits[-1]] / len(order)) if fits.size else 0.0


def _plain_top(learn: Sequence[tuple[Any, IntArray]], rows: Rows) -> FloatArray:
    """Return the top probability of a plain multiclass LightGBM; -1 where it disagrees.

    Fitted on the same earlier origins with the library's defaults on scores, points of the
    dimensions and predictions: what one would do first.
    """
    matrix = np.concatenate([_plain(view) for view, _ in learn])
    label = np.concatenate([right for _, right in learn])
    parameters = {
        "objective": "multiclass",
        "num_class": rows.view.tiers,
        "verbosity": -1,
        "num_threads": 1,
        "seed": SEED,
        "deterministic": True,
        "force_row_wise": True,
    }
    booster = lgb.train(parameters, lgb.Dataset(matrix, label=label), num_boost_round=100)
    probability = np.asarray(booster.predict(_plain(rows.view), num_threads=1))
    return np.where(probability.argmax(axis=1) == rows.view.tier, probability.max(axis=1), -1.0)


def _plain(view: Any) -> FloatArray:
    return np.column_stack([view.score, view.churn, view.ltv, view.lower, view.upper,
                            view.dimensions])  # fmt: skip
