"""From published indicators to a signed-off model bundle."""
