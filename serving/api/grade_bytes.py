"""A grade as the bytes of its JSON, ``schemas.Grade``.

Its labels, weights, promises, model and scheme are those of everybody who is graded by the same
bundle; a dozen numbers and the reasons are its own. So the former are written once. That the bytes
are those of the schema's models is held by ``tests/serving/test_grade_bytes.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.json import encode
from pydantic import TypeAdapter

from serving.api import presenting
from serving.api.account_bytes import numbers_of
from serving.api.parts import Instant, Out
from serving.domain.case import ReviewCase
from serving.domain.grade import Basis, Grade
from serving.domain.tenure import TierTenure

_MOST = 8
"""Forms kept: more bases than are asked at a time."""
_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


def written(graded: Grade, case: ReviewCase | None) -> bytes:
    """Return a grade of which nothing is masked, and which no panel overruled, with its open case.

    One of a what-if belongs to no run, and has neither a case nor a tenure.
    """
    form, tier = _form_of(graded.basis), graded.tier
    score, up, down, churn, value, lower, upper, confidence, *dimensions = numbers_of(
        [
            *(graded.score, graded.margin_up, graded.margin_down, graded.churn_probability),
            *(graded.ltv, graded.ltv_lower, graded.ltv_upper, graded.confidence),
            *[graded.dimension_scores.get(name) for name in form.dimensions],
        ]
    )
    parts = [
        b'{"customer_id":%b' % encode(graded.customer_id or None),
        b',"grade_id":%b' % encode(graded.grade_id or None),
        form.began,
        *(score, form.tiers[tier.index]),
        *(b',"margin":{"up":', up, form.next_tiers[tier.index], down),
        *(b'},"churn":{"probability":', churn, form.churn, value),
        *(b',"lower":', lower, b',"upper":', upper, form.ltv),
        b"},".join([a + b for a, b in zip(form.dimensions.values(), dimensions, strict=True)]),
        b'}],"lifecycle":[' if dimensions else b'],"lifecycle":[',
        b",".join([form.stages[each, graded.stages[each]] for each in form.policies]),
        b'],"segment":',
        b"null" if graded.segment is None else form.segments.get(graded.segment, b"null"),
        *(b',"confidence":', confidence, b',"tenure":', _tenure(graded.tenure)),
        *(b',"policy":', form.promised(graded)),
        *(b',"referral":{"referred":', b"true" if graded.referred else b"false"),
        *(b',"reasons":', _reasons(graded), b',"case_id":', *_case(case), b'},"override":null'),
        form.ended,
    ]
    return b"".join(parts)


def _reasons(graded: Grade) -> bytes:
    if not graded.reasons:
        return b"[]"
    said = zip(graded.reasons, _both(graded.reason_texts), strict=True)
    return encode([{"code": code, "text": text} for code, text in said])


def _both(texts: Mapping[str, tuple[str, ...]]) -> list[dict[str, str]]:
    pairs = zip(texts.get("en", ()), texts.get("zh-CN", ()), strict=True)
    return [{"en": en, "zh-CN": zh} for en, zh in pairs]


def _tenure(tenure: TierTenure | None) -> bytes:
    if tenure is None:
        return b"null"
    told = encode({"raw_tier": tenure.raw_tier, "since": tenure.since})
    rest = encode({"codes": tenure.codes, "texts": _both(tenure.texts)})
    (days_left,) = numbers_of([tenure.days_left])
    parts = (told[:-1], b',"pending_since":', encode(tenure.pending_since))
    return b"".join((*parts, b',"days_left":', days_left, b",", rest[1:]))


def _case(case: ReviewCase | None) -> tuple[bytes, bytes, bytes]:
    due_at = b"null" if case is None else _INSTANT.dump_json(case.due_at)
    return encode(None if case is None else case.case_id), b',"due_at":', due_at


@dataclass(frozen=True, slots=True)
class _Form:
    """What every grade of a basis says alike, as JSON.

    Attributes
    ----------
    began
        From the run's id to the score.
    tiers, next_tiers
        By a tier's index: it with the words before and after, and the next better one.
    churn, ltv
        What stands behind the probability, and behind the interval.
    dimensions
        By id, each up to its score.
    policies
        Ids of the lifecycle policies.
    stages, segments
        By policy and id; by id.
    ended
        All behind the override.
    """

    basis: Basis
    began: bytes
    tiers: tuple[bytes, ...]
    next_tiers: tuple[bytes, ...]
    churn: bytes
    ltv: bytes
    dimensions: Mapping[str, bytes]
    policies: tuple[str, ...]
    stages: Mapping[tuple[str, str], bytes]
    segments: Mapping[str, bytes]
    ended: bytes
    _packs: dict[tuple[str, str], bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, basis: Basis) -> _Form:
        """Write what the grades of a basis have in common."""
        tiers = [_json(presenting.tier_of(tier)) for tier in basis.tiers]
        same = presenting.same_for(basis)
        model, scheme = _json(same.model), _json(same.scheme)
        rest = encode({"world": basis.world, "simulated": basis.simulated, "masked": []})
        return cls(
            basis=basis,
            began=b',"run_id":%b,"as_of":%b,"score":' % (encode(basis.run_id), encode(basis.as_of)),
            tiers=tuple(b',"tier":%b' % tier for tier in tiers),
            next_tiers=tuple(b',"next_tier":%b,"down":' % each for each in (b"null", *tiers)),
            churn=b',"horizon_days":%d},"ltv":{"value":' % basis.churn_horizon_days,
            ltv=b',"horizon_days":%d,"currency":%b},"dimensions":['
            % (basis.ltv_horizon_days, encode(basis.currency)),
            dimensions={
                each.id: b'{"id":%b,"label":%b,"weight":%b,"score":'
                % (encode(each.id), _json(label), *numbers_of([each.weight]))
                for each, label in zip(basis.dimensions, same.dimensions, strict=True)
            },
            policies=tuple(policy.id for policy in basis.lifecycles),
            stages={key: _json(stage) for key, stage in same.stages.items()},
            segments={key: _json(segment) for key, segment in same.segments.items()},
            ended=b',"model":%b,"scheme":%b,%b' % (model, scheme, rest[1:]),
        )

    def promised(self, graded: Grade) -> bytes:
        """Write what a customer is promised, the same for all of a tier and its risks."""
        pack = graded.pack
        if pack is None:
            return b"null"
        key = graded.tier.id, pack.risk.flag if pack.risk else ""
        found = self._packs.get(key)
        if found is None:
            found = self._packs[key] = _json(presenting.policy(pack))
        return found


_FORMS: dict[int, _Form] = {}


def _form_of(basis: Basis) -> _Form:
    # By its number: to hash a basis takes as long as to write it. It is kept, and its number so.
    found = _FORMS.get(id(basis))
    if found is None:
        found = _Form.of(basis)
        for old in list(_FORMS)[: -(_MOST - 1)]:
            _FORMS.pop(old, None)
        _FORMS[id(basis)] = found
    return found


def _json(told: Out) -> bytes:
    return told.__pydantic_serializer__.to_json(told, by_alias=True)
