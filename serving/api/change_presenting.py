"""From a customer's grades over time to what goes over the wire."""

from __future__ import annotations

from collections.abc import Sequence

from features.schema import CATALOGUE, PREDICTIONS
from serving import changing
from serving.api import change_schemas as schemas
from serving.api import presenting
from serving.change_words import tell_change
from serving.domain.grade import LANGS, Grade, Lang, Run
from serving.reasons import label_of


def past(run: Run, graded: Grade, hidden: Sequence[str] = ()) -> schemas.PastGrade:
    """Present a grade of a run; parts that are ``hidden`` from whoever asks are null."""
    return schemas.PastGrade(
        grade_id=graded.grade_id,
        run_id=run.run_id,
        as_of=run.basis.as_of,
        finished_at=run.finished_at,
        score=graded.score,
        tier=presenting.tier_of(graded.tier),
        raw_tier=graded.tenure.raw_tier if graded.tenure else graded.tier.id,
        referred=graded.referred,
        churn_probability=None if "churn" in hidden else graded.churn_probability,
        ltv=None if "ltv" in hidden else graded.ltv,
        masked=[part for part in hidden if part in ("churn", "ltv")],
        model=presenting.model(graded.basis),
        scheme=presenting.scheme(graded.basis),
    )


def change(
    found: changing.ScoreChange, before: Run, after: Run, lang: Lang | None
) -> schemas.Change:
    """Present why a score is another than it was, in one language or in all."""
    labels = {
        each.id: presenting.text_of(each.label_en, each.label_zh)
        for basis in (found.before.basis, found.after.basis)
        for each in basis.dimensions
    }
    return schemas.Change(
        customer_id=found.after.customer_id,
        before=past(before, found.before),
        after=past(after, found.after),
        points=found.points,
        how=found.how,
        dimensions=[
            schemas.DimensionChange(id=name, label=labels[name], points=points)
            for name, points in found.by_dimension().items()
        ],
        parts=[_part(part) for part in found.parts],
        texts={
            each: list(tell_change(found, each)) for each in LANGS if lang is None or each == lang
        },
    )


def _part(part: changing.ChangePart) -> schemas.ChangePart:
    name = part.indicator
    described = None if name is None else CATALOGUE.get(name) or PREDICTIONS.get(name)
    return schemas.ChangePart(
        kind=part.kind,
        indicator=name,
        label=None
        if name is None
        else presenting.text_of(*(label_of(name, lang) for lang in LANGS)),
        dimension=part.dimension,
        unit=described.unit if described else None,
        value_before=part.value_before,
        value_after=part.value_after,
        contribution_before=part.before,
        contribution_after=part.after,
        points=part.points,
    )
