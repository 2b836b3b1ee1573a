"""A second model for a share of the customers: started, compared, promoted or stopped."""
