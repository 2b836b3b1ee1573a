"""Which customers are one company: entity resolution, and sources under master ids."""
