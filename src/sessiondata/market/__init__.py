"""The hours of markets: calendars, and the grid of one session."""
