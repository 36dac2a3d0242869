"""Numbers that compiled functions take and return: statuses, errors, columns."""

# What became of a bar.
REPEATED = 0
STORED = 1
LATE = 2
CORRECTED = 3
TOO_OLD = 4
OTHER_SESSION = 5

# Errors.
ERR_NOT_FINITE = -101
ERR_HIGH_LOW = -102
ERR_VOLUME = -103
ERR_NAT = -104
ERR_TS_RANGE = -105
ERR_SIZE = -106
ERR_INCONSISTENT = -107
ERR_LATER_SESSION = -201
ERR_NO_SESSION = -202
ERR_MEMORY = -205
ERR_NO_SYMBOL = -206
ERR_NO_SERIES = -207
ERR_INPUT_KIND = -208
ERR_UNIT = -209
ERR_LOST = -210
ERR_REENTRANT = -211

# Columns.
TIMESTAMP = 0
OPEN = 1
HIGH = 2
LOW = 3
CLOSE = 4
VOLUME = 5

# What a window over days has beside regular bars that have closed.
WITH_EXTENDED = 1
WITH_FORMING = 2

# What an event of a consumer of closed bars says.
CLOSED = 0
REVISED = 1

#: The time where there is none.
NAT = -(2**63)

COLUMNS = {"timestamp": TIMESTAMP, "open": OPEN, "high": HIGH, "low": LOW, "close": CLOSE, "volume": VOLUME}
