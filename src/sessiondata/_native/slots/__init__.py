"""Slots of a session: the grid, marks, gaps."""
