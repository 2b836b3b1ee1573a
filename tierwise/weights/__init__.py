"""``tierwise weights``: ask a panel, compare in pairs, blend with the data, sign."""
