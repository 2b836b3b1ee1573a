"""Between rows of runs and the runs of the domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from serving.domain.canary import Canary
from serving.domain.grade import Basis, LayoutEntry, Run, TierSummary
from serving.domain.labels import DimensionLabel, SegmentLabel, TierLabel
from serving.domain.lifecycle import LifecycleLabel, StageLabel
from serving.store.tables import RunRow
from tiering.packs.pack import Packs


def run_values(run: Run) -> dict[str, object]:
    """Return the columns of a run."""
    basis = run.basis
    return {
        "run_id": run.run_id,
        "as_of": basis.as_of,
        "known_at": run.known_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "actor": run.actor,
        "fingerprint": run.fingerprint,
        "frame_sha256": run.frame_sha256,
        "manifest_sha256": run.manifest_sha256,
        "customers": run.customers,
        "referred": run.referred,
        "world": basis.world,
        "currency": basis.currency,
        "simulated": basis.simulated,
        "model_version": basis.model_version,
        "bundle_digest": basis.bundle_digest,
        "trained_as_of": basis.trained_as_of,
        "churn_horizon_days": basis.churn_horizon_days,
        "ltv_horizon_days": basis.ltv_horizon_days,
        "scheme_id": basis.scheme_id,
        "scheme_version": basis.scheme_version,
        "scheme_sha256": basis.scheme_sha256,
        "tiers": [asdict(summary) for summary in run.tiers],
        "dimensions": [asdict(dimension) for dimension in basis.dimensions],
        "layout": _layout_document(run.layout),
        "lifecycles": [asdict(policy) for policy in basis.lifecycles],
        "segments": [asdict(segment) for segment in basis.segments],
        "packs": basis.packs.model_dump(mode="json", exclude_none=True),
        "previous_run_id": run.previous_run_id,
        "columns": list(run.columns),
        "explainer": run.explainer,
        "canary": None if run.canary is None else _canary_document(run.canary),
    }


def run_of(row: RunRow) -> Run:
    """Return the run of a row."""
    basis = basis_of(row)
    return Run(
        run_id=row.run_id,
        basis=basis,
        known_at=row.known_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        actor=row.actor,
        fingerprint=row.fingerprint,
        frame_sha256=row.frame_sha256,
        manifest_sha256=row.manifest_sha256,
        customers=row.customers,
        referred=row.referred,
        tiers=tuple(TierSummary(**{**t, "tier": TierLabel(**t["tier"])}) for t in row.tiers),
        layout=layout_of(row.layout),
        previous_run_id=row.previous_run_id,
        columns=tuple(row.columns),
        explainer=row.explainer,
        canary=None if row.canary is None else canary_of(row.canary, basis),
    )


def canary_of(document: Mapping[str, Any], champion: Basis) -> Canary:
    """Return the second model of a run whose first rests on ``champion``."""
    trained = document["trained_as_of"]
    return Canary(
        plan_id=document["plan_id"],
        basis=replace(
            champion,
            model_version=document["model_version"],
            bundle_digest=document["bundle_digest"],
            trained_as_of=None if trained is None else date.fromisoformat(trained),
            canary=True,
        ),
        layout=layout_of(document["layout"]),
        columns=tuple(document["columns"]),
        explainer=document["explainer"],
        share=document["share"],
        salt=document["salt"],
        customers=document["customers"],
        referred=document["referred"],
    )


def _canary_document(canary: Canary) -> dict[str, object]:
    basis = canary.basis
    return {
        "plan_id": canary.plan_id,
        "model_version": basis.model_version,
        "bundle_digest": basis.bundle_digest,
        "trained_as_of": None if basis.trained_as_of is None else basis.trained_as_of.isoformat(),
        "layout": _layout_document(canary.layout),
        "columns": list(canary.columns),
        "explainer": canary.explainer,
        "share": canary.share,
        "salt": canary.salt,
        "customers": canary.customers,
        "referred": canary.referred,
    }


def _layout_document(layout: Sequence[LayoutEntry]) -> list[list[str]]:
    return [[entry.indicator, entry.channel, entry.dimension] for entry in layout]


def layout_of(document: Sequence[Sequence[str]]) -> tuple[LayoutEntry, ...]:
    """Return what the numbers of a run's explanations stand for."""
    return tuple(LayoutEntry(*entry) for entry in document)


def basis_of(row: RunRow) -> Basis:
    """Return what the grades of a run rest on."""
    return Basis(
        run_id=row.run_id,
        as_of=row.as_of,
        world=row.world,
        currency=row.currency,
        simulated=row.simulated,
        model_version=row.model_version,
        bundle_digest=row.bundle_digest,
        trained_as_of=row.trained_as_of,
        churn_horizon_days=row.churn_horizon_days,
        ltv_horizon_days=row.ltv_horizon_days,
        scheme_id=row.scheme_id,
        scheme_version=row.scheme_version,
        scheme_sha256=row.scheme_sha256,
        tiers=tuple(TierLabel(**summary["tier"]) for summary in row.tiers),
        dimensions=tuple(DimensionLabel(**dimension) for dimension in row.dimensions),
        lifecycles=tuple(
            LifecycleLabel(**{**policy, "stages": tuple(StageLabel(**s) for s in policy["stages"])})
            for policy in row.lifecycles
        ),
        segments=tuple(SegmentLabel(**segment) for segment in row.segments),
        packs=Packs.model_validate(row.packs),
    )
