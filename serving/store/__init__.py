"""The service's store: the only place that speaks SQLAlchemy."""
