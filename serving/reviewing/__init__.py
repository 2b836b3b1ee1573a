"""Reviews, overrides and appeals: each step with its record in the trail, or none of it."""
