"""Sessions played from files."""
