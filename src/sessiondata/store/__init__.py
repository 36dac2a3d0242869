"""The store: its symbols, their history, their indicators."""
