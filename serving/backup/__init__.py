"""Backups: everything a service needs to go on, and what proves that it is all of it."""
