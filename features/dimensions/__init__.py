"""Five dimensions of indicators; none of the five knows another."""
