"""Certified automation: who may be graded without an expert, with a bound on the mistakes."""
