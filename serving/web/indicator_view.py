"""The indicator table of a customer: every value, where it stands, what it adds."""

from __future__ import annotations

from dataclasses import dataclass

from features.schema import CATALOGUE, PREDICTIONS, Indicator
from serving.domain.grade import Contribution, Explanation, Grade
from serving.web.formats import Writer, known
from serving.wording import BASELINE, label_of


@dataclass(frozen=True, slots=True)
class IndicatorLine:
    """One indicator. ``points_width`` is None when the scheme does not weigh it itself."""

    label: str
    value: str
    has_data: bool
    prediction: bool
    points: str
    points_width: float | None
    contribution: str
    sign: str


@dataclass(frozen=True, slots=True)
class IndicatorGroup:
    """The indicators of one dimension."""

    label: str
    score: str
    lines: tuple[IndicatorLine, ...]


def sign_class(value: float) -> str:
    """Return the CSS class for what lifts (``up``) or lowers (``down``) a score noticeably."""
    if abs(value) < 0.005:
        return ""
    return "up" if value > 0 else "down"


def indicator_groups(
    writer: Writer, grade: Grade, explanation: Explanation
) -> tuple[IndicatorGroup, ...]:
    """Return one group per dimension of the scheme; unknown values are said, not zero.

    An indicator stands where the scheme weighs it, else in its catalogue dimension, also when
    it acts through a prediction whose points count elsewhere; what belongs to no dimension of
    the scheme comes last. So the contributions of all lines sum to the score less the base.
    """
    parts = explanation.by_indicator()
    points = _points(explanation)
    own = [dimension.id for dimension in grade.basis.dimensions]
    weighed = {_weighed(entry): entry.dimension for entry in explanation.entries}
    lines_of: dict[str, list[IndicatorLine]] = {}
    for entry in (*PREDICTIONS.values(), *CATALOGUE.values()):
        # A prediction that is neither made nor weighed is no missing data.
        if entry.name in grade.indicators or entry.name in points or _told(grade, entry):
            home = weighed.get(entry.name, entry.dimension.value)
            lines = lines_of.setdefault(home if home in own else "", [])
            lines.append(_line(writer, entry, grade, points, parts))
            if entry.name == "ltv" and BASELINE in parts:
                lines.append(_baseline_line(writer, parts[BASELINE]))
    groups = []
    for dimension in grade.basis.dimensions:
        lines = lines_of.get(dimension.id, [])
        score = known(grade.dimension_scores.get(dimension.id))
        groups.append(
            IndicatorGroup(
                label=dimension.label(writer.language),
                score=writer.words("customer.indicators.dimension_missing")
                if score is None
                else writer.words(
                    "customer.indicators.dimension_score", score=writer.points(score)
                ),
                lines=tuple(lines),
            )
        )
    if "" in lines_of:
        others = writer.words("customer.indicators.others")
        groups.append(IndicatorGroup(label=others, score="", lines=tuple(lines_of[""])))
    return tuple(groups)


def _weighed(entry: Contribution) -> str:
    """Return what the scheme weighs here: the indicator itself, or the channel's prediction."""
    return entry.indicator if entry.channel == "direct" else entry.channel


def _told(grade: Grade, entry: Indicator) -> bool:
    return grade.value(entry.name) is not None


def _points(explanation: Explanation) -> dict[str, float | None]:
    """Return the points of what the scheme weighs: direct indicators and predictions."""
    points: dict[str, float | None] = {}
    for entry in explanation.entries:
        points[_weighed(entry)] = known(entry.points)
    return points


def _line(
    writer: Writer,
    entry: Indicator,
    grade: Grade,
    points: dict[str, float | None],
    parts: dict[str, float],
) -> IndicatorLine:
    value = known(grade.value(entry.name))
    place = points.get(entry.name)
    if entry.name not in points:
        place_text = writer.words("customer.indicators.no_points")
    else:
        place_text = writer.points(place)
    part = parts.get(entry.name, 0.0)
    return IndicatorLine(
        label=writer.language.pick(entry.label_en, entry.label_zh),
        value=writer.measured(value, entry.unit),
        has_data=value is not None,
        prediction=entry.name in PREDICTIONS,
        points=place_text,
        points_width=None if place is None else round(place, 2),
        contribution=writer.plain(part, 2, signed=True),
        sign=sign_class(part),
    )


def _baseline_line(writer: Writer, part: float) -> IndicatorLine:
    return IndicatorLine(
        label=label_of(BASELINE, writer.lang),
        value=writer.absent,
        has_data=True,
        prediction=False,
        points=writer.words("customer.indicators.no_points"),
        points_width=None,
        contribution=writer.plain(part, 2, signed=True),
        sign=sign_class(part),
    )
