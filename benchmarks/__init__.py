"""Benchmarks: what a bar, a gap scan and an export cost here, and in what people use today. See
README.md."""
