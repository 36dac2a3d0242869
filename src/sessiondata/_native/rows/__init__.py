"""Rings of rows, and rows made of rows."""
