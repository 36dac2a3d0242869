"""Kernels on plain arrays, and threads for many symbols."""
