"""What the audit trail is told of a finished run."""

from __future__ import annotations

from collections.abc import Mapping

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
            **seals,
        },
    )
