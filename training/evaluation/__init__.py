"""What speaks for or against a version: backtest beside baselines, stress, gates."""
