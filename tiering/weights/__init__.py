"""Weights from a panel and from data, blended, proposed anew, signed (#39, #40, #65)."""
