"""What tier service does, told apart from what the market does (requirement #110)."""
