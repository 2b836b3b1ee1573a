"""The data-quality report: what was refused, what is missing, what must not be believed."""
