"""A scheme with the weights of a signed record (#39, #65)."""

from __future__ import annotations

from collections.abc import Iterator

from tiering.errors import Fault
from tiering.policy import DimensionWeight, Scheme
from tiering.scheme import parse_scheme, scheme_text
from tiering.weights.documents import refuse
from tiering.weights.record import WeightRecord
from tiering.weights.signoff import dimension_weights, indicator_weights


def reweigh(scheme: Scheme, record: WeightRecord, version: str) -> Scheme:
    """Return a scheme with the weights of a record, checked like any other scheme.

    Weights by lifecycle stage stay as they are: a record does not hold them.

    Parameters
    ----------
    version
        Of the new scheme.

    Raises
    ------
    WeightsError
        If the record is a draft, or is not for this scheme and all of its dimensions and
        indicators; all faults are listed.
    SchemeError
        If the scheme breaks a rule with these weights.
    """
    weights, inside = dimension_weights(record), indicator_weights(record)
    faults = list(_faults(scheme, record, version))
    if faults:
        raise refuse(
            f"Version {record.version} of the weights for {record.scheme}",
            faults,
            "Draw up a record for this scheme, with all of its dimensions and indicators.",
        )
    changed = scheme.model_copy(
        update={
            "version": version,
            "dimensions": tuple(
                _reweighed(dimension, weights[dimension.id], inside.get(dimension.id, {}))
                for dimension in scheme.dimensions
            ),
        }
    )
    return parse_scheme(scheme_text(changed), origin=scheme.id)


def _reweighed(
    dimension: DimensionWeight, weight: float, inside: dict[str, float]
) -> DimensionWeight:
    indicators = tuple(
        each.model_copy(update={"weight": inside.get(each.name, each.weight)})
        for each in dimension.indicators
    )
    return dimension.model_copy(update={"weight": weight, "indicators": indicators})


def _faults(scheme: Scheme, record: WeightRecord, version: str) -> Iterator[Fault]:
    if record.scheme != scheme.id:
        yield Fault("scheme", f"is {record.scheme!r}; this scheme is {scheme.id!r}.")
    if version == scheme.version:
        yield Fault("version", f"{version!r} is the scheme's own; other weights, other version.")
    named = {"dimensions": (set(record.dimensions), {each.id for each in scheme.dimensions})}
    for each in scheme.dimensions:
        if each.id in record.indicators:
            own = {indicator.name for indicator in each.indicators}
            named[f"indicators.{each.id}"] = (set(record.indicators[each.id]), own)
    for place, (given, own) in named.items():
        for name in sorted(own - given):
            yield Fault(place, f"lack {name!r} of the scheme.")
        for name in sorted(given - own):
            yield Fault(place, f"hold {name!r}, which the scheme does not.")
