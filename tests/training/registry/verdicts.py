"""Verdicts of gates, as fixtures need them."""

from __future__ import annotations

from training.evaluation.gates import GateCheck, GateReport

PASSED = GateReport((GateCheck("churn.auc", True, 0.8, 0.6, ">=", "fine"),))
FAILED = GateReport(
    (
        GateCheck("churn.auc", True, 0.8, 0.6, ">=", "fine"),
        GateCheck("churn.ece", False, 0.31, 0.15, "<=", "calibrate"),
        GateCheck("ltv.mae.ratio", False, 1.4, 1.05, "<=", "serve the baseline"),
    )
)
