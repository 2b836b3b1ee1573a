"""Versions, champion and challenger, promotions and their history; the one home of MLflow."""
