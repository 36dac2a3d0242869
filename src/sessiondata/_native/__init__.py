"""Compiled modules by layer, and their stubs."""
