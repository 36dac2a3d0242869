"""A store as a file."""
