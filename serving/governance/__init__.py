"""Who may see which data, how it leaves the house, and what becomes known of it (#99 to #103)."""
