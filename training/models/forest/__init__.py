"""Trees compiled: LightGBM's predictions to the bit, and exact Shapley values of them."""
