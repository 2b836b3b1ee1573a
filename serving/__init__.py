"""The service: grades, explanations, review, pages."""
