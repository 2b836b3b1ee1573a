"""What the audit trail is told of a finished run."""

from __future__ import annotations

from collections.abc import Mapping

from serving.domain.canary import Canary
from serving.domain.event import Happening
from serving.domain.grade import Run
from serving.nightly.tally import Tally


def finished(
    run: Run, tally: Tally, alerts: Mapping[str, object], seals: Mapping[str, object]
) -> Happening:
    """Return the one event of a run.

    Parameters
    ----------
    alerts
        The counts of what became of them.
    seals
        What the run's rows are found out by (``serving.sealing.sealed``).
    """
    basis = run.basis
    return Happening(
        "run.finished",
        f"run:{run.run_id}",
        {
            "as_of": basis.as_of.isoformat(),
            "known_at": run.known_at.isoformat(),
            "fingerprint": run.fingerprint,
            "frame_sha256": run.frame_sha256,
            "manifest_sha256": run.manifest_sha256,
            "bundle_digest": basis.bundle_digest,
            "explainer": run.explainer,
            "model_version": basis.model_version,
            "scheme_id": basis.scheme_id,
            "scheme_version": basis.scheme_version,
            "scheme_sha256": basis.scheme_sha256,
            "lifecycles": {policy.id: policy.sha256 for policy in basis.lifecycles},
            "customers": run.customers,
            "referred": run.referred,
            "tiers": {summary.tier.id: summary.customers for summary in run.tiers},
            "previous_run_id": run.previous_run_id,
            "moves": dict(sorted(tally.moves.items())),
            "alerts": dict(alerts),
            **({} if run.canary is None else {"canary": canary_told(run.canary)}),
            **seals,
        },
    )


def canary_told(canary: Canary) -> dict[str, object]:
    """Return what the trail keeps of the second model of a run, and of whom it graded."""
    return {
        "plan_id": canary.plan_id,
        "bundle_digest": canary.basis.bundle_digest,
        "model_version": canary.basis.model_version,
        "explainer": canary.explainer,
        "share": canary.share,
        "salt": canary.salt,
        "customers": canary.customers,
        "referred": canary.referred,
    }
