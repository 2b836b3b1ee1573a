"""What the service speaks of: grades, explanations, review cases, audit events. No IO here."""
