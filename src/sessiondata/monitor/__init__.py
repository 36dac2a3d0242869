"""Gaps over time, and gaps across symbols."""
