"""Rows and what is read of them: windows, bars, trades, quotes, gaps, columns that users hand
in."""
