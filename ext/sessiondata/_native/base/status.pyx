"""Status codes of nogil code; the one place where they become exceptions.

A kernel that may not touch the interpreter returns an int: zero or positive for the outcome of a
bar, negative (`ERR_*`) for the rule that it broke, in groups (-1xx a value, -2xx order and state).
`raise_status` looks the code up in one table, so every message has the same form: rule, row, value,
symbol, code.
"""

from sessiondata.copying import refuse_copy
from sessiondata.errors import BarError, LaterSessionError, SessionStateError, InputKindError, format_value
from sessiondata.time.units import unit_error

REASONS = ("ERR_NOT_FINITE", "ERR_HIGH_LOW", "ERR_VOLUME", "ERR_NAT", "ERR_TS_RANGE", "ERR_LATER_SESSION",
           "ERR_INCONSISTENT")
TICK_REASONS = ("ERR_NOT_FINITE", "ERR_SIZE", "ERR_NAT", "ERR_LATER_SESSION")

# status -> (code, rule, the values in the message)
_RULES = {
    ERR_NOT_FINITE: (
        "ERR_NOT_FINITE",
        "open, high, low, close and volume must be finite",
        ("open", "high", "low", "close", "volume"),
    ),
    ERR_HIGH_LOW: ("ERR_HIGH_LOW", "high must not be below low", ("high", "low")),
    ERR_VOLUME: ("ERR_VOLUME", "volume must not be negative", ("volume",)),
    ERR_INCONSISTENT: (
        "ERR_INCONSISTENT",
        "open and close must lie between low and high (strict=True)",
        ("open", "high", "low", "close"),
    ),
    ERR_NAT: ("ERR_NAT", "timestamp must not be NaT", ("ts_ns",)),
    ERR_TS_RANGE: ("ERR_TS_RANGE", "timestamp plus interval must fit in int64 nanoseconds", ("ts_ns",)),
    ERR_NO_SESSION: ("ERR_NO_SESSION", "no session has been started", ("ts_ns",)),
    ERR_TS_ORDER: ("ERR_TS_ORDER", "timestamps must not decrease", ("ts_ns",)),
    ERR_TS_REPEATED: ("ERR_TS_REPEATED", "timestamps must strictly increase", ("ts_ns",)),
    ERR_NO_SYMBOL: ("ERR_NO_SYMBOL", "the handle is of no symbol, or of one that is gone", ()),
    ERR_NO_SERIES: ("ERR_NO_SERIES", "the symbol holds no such series, or a series no such column", ()),
}


# kind -> names of its values, of those that must be finite, and of those that must not be negative
_TICKS = {
    "ticks": (("price", "size"), "price and size", "size"),
    "quotes": (("bid", "ask", "bid_size", "ask_size"), "bid, ask, bid_size and ask_size", "bid_size and ask_size"),
}
INPUT_KINDS = (None, "bars", "ticks", "quotes")


cdef class Offence:
    """A broken rule with the row that broke it; everything `raise_status` needs for the message."""

    def __reduce__(self):
        refuse_copy(self)

    def __init__(self, int status, symbol=None, row=None, ts_ns=None, open=None, high=None, low=None, close=None,
                 volume=None):
        self.status = status
        self.symbol, self.row, self.ts_ns = symbol, row, ts_ns
        self.open, self.high, self.low, self.close, self.volume = open, high, low, close, volume
        self.kind, self.input_kind, self.values, self.date = "bars", None, None, None


cdef int raise_status(Offence offence) except -1:
    """Raise the exception that belongs to a negative status."""
    if offence.status == ERR_MEMORY:
        raise MemoryError(f"no memory for more rows of symbol={offence.symbol!r}")
    if offence.status == ERR_INPUT_KIND:
        raise InputKindError(offence.symbol, INPUT_KINDS[offence.input_kind], offence.kind)
    if offence.status == ERR_LATER_SESSION:
        raise LaterSessionError(offence.symbol, offence.ts_ns, offence.date, offence.row)
    if offence.status == ERR_UNIT:
        raise unit_error(offence.ts_ns, symbol=offence.symbol, row=offence.row)
    code, rule, values = _broken(offence)
    if offence.status == ERR_NOT_FINITE:  # the culprits only
        values = {name: x for name, x in values.items() if not (x - x == 0.0)}
    value = ", ".join(f"{name}={format_value(x)}" for name, x in values.items())
    if offence.status == ERR_NO_SESSION:
        raise SessionStateError(f"{rule}: " + _place(offence) + f"{value} symbol={offence.symbol!r} ({code})",
                                symbol=offence.symbol, row=offence.row, value=offence.ts_ns, rule=rule, code=code)
    raise BarError(rule, symbol=offence.symbol, row=offence.row, value=value, code=code)


cdef tuple _broken(Offence offence):
    """(code, rule, values by name) of an offence."""
    if offence.status not in (ERR_NOT_FINITE, ERR_SIZE) or offence.kind not in _TICKS:
        code, rule, names = _RULES[offence.status]
        if offence.status == ERR_VOLUME and offence.volume >= 0.0:
            rule = "volume must be below 2**961 (1.9e289), so that sums of it are finite"
        return code, rule, {name: getattr(offence, name) for name in names}
    names, finite, positive = _TICKS[offence.kind]
    values = dict(zip(names, offence.values, strict=True))
    if offence.status == ERR_NOT_FINITE:
        return "ERR_NOT_FINITE", f"{finite} must be finite", values
    rule = f"{positive} must not be negative"
    if offence.kind == "ticks" and values["size"] >= 0.0:
        rule = "size must be below 2**961 (1.9e289), so that sums of it are finite"
    return "ERR_SIZE", rule, {name: x for name, x in values.items() if "size" in name}


cdef str _place(Offence offence):
    return "" if offence.row is None else f"row={offence.row} "
