"""How people decide about grades: who sits on the panel, what it takes, and what it came to."""
