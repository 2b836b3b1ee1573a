"""What each tier is promised."""
