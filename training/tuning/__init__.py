"""Search recipe fields by backtest, without letting the search flatter itself."""
