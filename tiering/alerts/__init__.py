"""Early warning: twelve alerts, what is behind them, and what becomes of them (#76 to #89)."""
