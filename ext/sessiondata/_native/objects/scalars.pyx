"""Python numbers and times as C numbers, where they are not exactly a float and an int.

The names that they come under are for the message: a value that is none is an error that says what
it was and which symbol it was for.
"""

from cpython.float cimport PyFloat_AsDouble, PyFloat_CheckExact
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from libc.stdint cimport int64_t

from sessiondata._native.base.status cimport ERR_TS_RANGE, Offence, raise_status

from sessiondata.arguments import is_number
from sessiondata.errors import BarTypeError, TimeError, format_value, of_symbol
from sessiondata.time.instants import to_ns


cdef double number_of(object x, str column, str symbol) except? -1.0:
    """A Python number as a double; anything that is not a real number is a typed error."""
    # float() would accept these: a bool, the nanoseconds of a datetime64, the real part of a
    # complex scalar, the text in an array without dimensions.
    if PyFloat_CheckExact(x) or PyLong_CheckExact(x) or is_number(x):
        try:
            return PyFloat_AsDouble(x)
        except (TypeError, ValueError, OverflowError):
            pass
    raise BarTypeError(f"{column} must be a real number", symbol=symbol, value=f"{column}={format_value(x)}",
                       code="ERR_TYPE")


cdef int64_t time_of(object x, str symbol) except? -1:
    cdef int overflow = 0
    cdef int64_t ts_ns
    if not PyLong_CheckExact(x):
        try:
            return to_ns(x)
        except TimeError as error:
            raise of_symbol(error, symbol) from error
    ts_ns = PyLong_AsLongLongAndOverflow(x, &overflow)
    if overflow:
        raise_status(Offence(ERR_TS_RANGE, symbol=symbol, ts_ns=x))
    return ts_ns
