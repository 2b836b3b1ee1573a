"""Input worlds: real demo logs and a simulated company, in the source contract."""
