"""Key figures with targets: the board of the grading."""
