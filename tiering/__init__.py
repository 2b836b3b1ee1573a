"""The grading policy: pure functions from numbers to tiers."""
