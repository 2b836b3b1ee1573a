"""One customer by himself: from a few rows that somebody posts to the catalogue's indicators."""
