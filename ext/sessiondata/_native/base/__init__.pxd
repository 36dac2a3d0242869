# Statuses, time arithmetic, guards, and which vector code runs.
