"""Purchase models, boosted corrections, calibration, intervals: what predicts churn and value."""
