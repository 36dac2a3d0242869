"""Instants, zones, intervals and dates."""
