"""Customer indicators: the only place that reads source data."""
