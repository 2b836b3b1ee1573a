"""The dimension scores of a customer beside the portfolio, in words."""

from __future__ import annotations

from dataclasses import dataclass

from serving.domain.grade import Explanation, Grade
from serving.web.formats import Writer, known
from serving.web.indicator_view import sign_class
from serving.web.summary import Summary


@dataclass(frozen=True, slots=True)
class DimensionLine:
    """One line of the dimension table; ``width`` (0 to 100) is None without data."""

    label: str
    weight: str
    score: str
    width: float | None
    median: str
    contribution: str
    sign: str


def dimension_lines(
    writer: Writer, grade: Grade, explanation: Explanation, summary: Summary
) -> tuple[DimensionLine, ...]:
    """Return one line per dimension of the scheme."""
    sums = explanation.by_dimension()
    lines = []
    for dimension in grade.basis.dimensions:
        score = known(grade.dimension_scores.get(dimension.id))
        part = sums.get(dimension.id, 0.0)
        no_data = writer.words("number.no_data")
        lines.append(
            DimensionLine(
                label=dimension.label(writer.language),
                weight=writer.percent(dimension.weight, 0),
                score=no_data if score is None else writer.points(score),
                width=None if score is None else round(score, 2),
                median=writer.points(summary.dimension_medians.get(dimension.id)),
                contribution=writer.plain(part, 2, signed=True),
                sign=sign_class(part),
            )
        )
    return tuple(lines)


def missing_text(writer: Writer, grade: Grade) -> str:
    """Name the dimensions without data; empty when there is none."""
    names = [
        dimension.label(writer.language)
        for dimension in grade.basis.dimensions
        if known(grade.dimension_scores.get(dimension.id)) is None
    ]
    if not names:
        return ""
    joined = writer.language.pick(", ", "、").join(names)
    return writer.words("customer.radar.missing", dimensions=joined)
