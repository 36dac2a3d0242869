"""Files of bars."""
