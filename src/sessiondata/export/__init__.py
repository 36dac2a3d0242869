"""Documents, deltas and other views of the store for others."""
