"""What was certified, on what evidence, and until when: text that a reviewer can check."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tiering.certification.bounds import upper_bound
from tiering.certification.search import Promise, most_generous
from tiering.certification.trial import BoolArray, Trial
from tiering.errors import PolicyError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Risk:
    """Mistakes among those selected of one origin, of one tier, or of all.

    Attributes
    ----------
    of
        ISO day of the origin, index of the issued tier, or ``all``.
    candidates, selected
        Customers that could have been selected, and that were.
    errors, two_steps
        Those selected whose tier was not the realised one; was two or more from it.
    risk
        ``errors`` over ``selected``; None where nobody was selected.
    upper
        Upper bound of the risk at the certificate's ``delta``, for this row alone. Of ``all``:
        the largest of the origins', as customers come back from origin to origin.
    """

    of: str
    candidates: int
    selected: int
    errors: int
    two_steps: int
    risk: float | None
    upper: float


@dataclass(frozen=True, slots=True)
class Certificate:
    """A threshold on the confidence, above which tiers are issued without an expert.

    Attributes
    ----------
    definition
        What "the right tier" means: ``hindsight`` or ``value``
        (``training/evaluation/judged.py``).
    model
        Digest of the model that the confidence comes from, hex; the certificate is about its
        numbers and no others.
    level, delta, margin
        The promise (:class:`~tiering.certification.search.Promise`).
    threshold
        Least confidence of an automatic decision; None: nothing could be certified, everyone is
        referred.
    origins, tiers, total
        The evidence at the threshold: by calibration origin, by issued tier, and together.
    suspended
        ISO day of the closed origin that broke the promise; None while it holds.
    """

    definition: str
    model: str
    level: float
    delta: float
    margin: float
    threshold: float | None
    origins: tuple[Risk, ...]
    tiers: tuple[Risk, ...]
    total: Risk
    suspended: str | None = None

    @property
    def in_force(self) -> bool:
        """Whether anybody may be decided automatically."""
        return self.threshold is not None and self.suspended is None

    @property
    def digest(self) -> str:
        """SHA-256 of the content, hex."""
        return hashlib.sha256(_canonical(asdict(self)).encode()).hexdigest()

    def suspend(self, day: str) -> Certificate:
        """Return the certificate out of force, because the origin of ``day`` broke it."""
        return replace(self, suspended=day)

    def to_json(self) -> str:
        """Return the certificate as JSON, its digest beside it."""
        content = {"format": FORMAT, **asdict(self), "digest": self.digest}
        return json.dumps(content, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Certificate:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        PolicyError
            If the text is of another format, incomplete or altered.
        """
        try:
            content = json.loads(text)
            form, digest = content.pop("format"), content.pop("digest")
            found = cls(**_rows(content))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise PolicyError(
                f"The certificate cannot be read: {error}.", hint="Certify again."
            ) from error
        if form != FORMAT or found.digest != digest:
            raise PolicyError(
                "The certificate was altered, or is of another format.",
                hint="Certify again.",
                format=form,
                digest=digest,
            )
        return found


def certify(trial: Trial, promise: Promise, *, definition: str, model: str) -> Certificate:
    """Certify the most generous threshold of a promise on closed origins.

    Parameters
    ----------
    trial
        Customers of one or several closed origins whose outcomes took no part in fitting the
        model of confidence.
    definition, model
        See :class:`Certificate`.
    """
    threshold = most_generous(trial, promise)
    selected = trial.selected(threshold)

    def row(of: str, rows: BoolArray) -> Risk:
        return _risk(of, trial, selected, rows, promise.delta)

    origins = tuple(row(day, np.equal(trial.origin, day)) for day in trial.origins)
    total = row("all", np.ones(len(trial), dtype=np.bool_))
    return Certificate(
        definition=definition,
        model=model,
        level=promise.level,
        delta=promise.delta,
        margin=promise.margin,
        threshold=threshold,
        origins=origins,
        tiers=tuple(row(str(k), np.equal(trial.tier, k)) for k in range(trial.tiers)),
        total=replace(total, upper=max((each.upper for each in origins), default=1.0)),
    )


def _risk(of: str, trial: Trial, selected: BoolArray, rows: BoolArray, delta: float) -> Risk:
    here = selected & rows
    n, errors = int(here.sum()), int((here & trial.wrong).sum())
    return Risk(
        of=of,
        candidates=int((trial.candidate & rows).sum()),
        selected=n,
        errors=errors,
        two_steps=int((here & trial.far).sum()),
        risk=errors / n if n else None,
        upper=float(upper_bound(np.array(errors), np.array(n), delta)),
    )


def _rows(content: dict[str, Any]) -> dict[str, Any]:
    read: Mapping[str, Any] = {
        "origins": tuple(Risk(**row) for row in content["origins"]),
        "tiers": tuple(Risk(**row) for row in content["tiers"]),
        "total": Risk(**content["total"]),
    }
    return {**content, **read}


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
