"""What would lift the tier: the smallest feasible changes, verified by grading again (#96)."""
