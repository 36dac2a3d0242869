"""Bars as records, and what all bars of a series have in common.

    row of a ring + BarKind + hours of the session -> Bar (a named tuple, `objects/kept`)

Behind its fields a bar has two that are hidden: its kind, for the zone, and the hours of its
session, for where its slot ends. As fields they would be part of every comparison of two bars; as
classes, one for each zone, `type(bar)` would not be `Bar`.

The class itself is written in Python (`rows/bars`), where type checkers and readers look for it; it
hands itself over when it is made.
"""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int32_t

from datetime import UTC

import numpy as np

from sessiondata._native.objects.kept cimport Records, hidden_fields, keep_records, new_record
from sessiondata._native.slots.grid cimport Grid


cdef extern from *:
    """
    // Fill the fields of a new bar, none of which is set. False: no memory.
    static bool sd_fill_bar(PyObject* bar, long long ts, double open, double high, double low, double close,
                            double volume, bool forming, bool extended, long n_base, long n_expected,
                            PyObject* kind, PyObject* grid) {
        PyObject** const fields = sd_fields(bar);
        fields[0] = PyLong_FromLongLong(ts);
        fields[1] = PyFloat_FromDouble(open);
        fields[2] = PyFloat_FromDouble(high);
        fields[3] = PyFloat_FromDouble(low);
        fields[4] = PyFloat_FromDouble(close);
        fields[5] = PyFloat_FromDouble(volume);
        Py_INCREF(fields[6] = forming ? Py_True : Py_False);
        Py_INCREF(fields[7] = extended ? Py_True : Py_False);
        fields[8] = PyLong_FromLong(n_base);
        fields[9] = PyLong_FromLong(n_expected);
        Py_INCREF(fields[10] = kind);
        Py_INCREF(fields[11] = grid);
        bool whole = true;
        for (int i = 0; i < 10; ++i) whole = whole && fields[i] != nullptr;
        return whole;
    }

    static inline PyObject* sd_borrowed(PyObject** fields, int i) { return fields ? fields[i] : nullptr; }

    static inline void sd_set_hidden(PyObject** fields, int i, PyObject* value) {
        Py_INCREF(value);
        Py_XSETREF(fields[i], value);
    }
    """
    bint _fill_bar "sd_fill_bar"(object bar, int64_t ts, double open, double high, double low, double close,
                                 double volume, bint forming, bint extended, int32_t n_base, int64_t n_expected,
                                 object kind, object grid) noexcept
    PyObject* _borrowed "sd_borrowed"(PyObject** fields, int i) noexcept
    void _set_hidden "sd_set_hidden"(PyObject** fields, int i, object value) noexcept


cdef Records* _bars = NULL


@cython.final
@cython.no_gc  # names and a zone: in no circle
cdef class BarKind:
    """What all bars of a series have in common; makes records of its rows.

    Parameters
    ----------
    symbol, interval : str
    zone : tzinfo
        The exchange's.
    is_derived : bool
        The bars are aggregated from the base interval.
    step_ns, base_ns : int
        Lengths of the interval (0: "1d") and of the base, ns.
    """

    def __cinit__(self, str symbol not None, str interval not None, zone, bint is_derived, int64_t step_ns,
                  int64_t base_ns):
        self.symbol, self.interval, self.zone = symbol, interval, zone
        self.is_derived, self.step_ns, self.base_ns = is_derived, step_ns, base_ns

    def __reduce__(self):
        return BarKind, (self.symbol, self.interval, self.zone, self.is_derived, self.step_ns, self.base_ns)

    def __copy__(self):
        return self  # it never changes

    def __deepcopy__(self, memo):
        return self

    cdef object make(self, const Bar* row, bint forming, object grid):
        """A record of a row; `grid` are the hours of its session, or of several."""
        if type(grid) is Grid:
            return new_bar(self, row, forming, (<Grid>grid).base_slots_at(row.ts, self.step_ns, self.base_ns), grid)
        return new_bar(self, row, forming, grid.base_slots(row.ts, self.step_ns, self.base_ns), grid)


cdef object new_bar(BarKind kind, const Bar* row, bint forming, int64_t n_expected, object grid):
    bar = new_record(_bars)
    if not _fill_bar(bar, row.ts, row.open, row.high, row.low, row.close, row.volume, forming, n_expected == 0,
                     row.n_base, n_expected, <object>kind, grid):
        raise MemoryError("no memory for a bar")
    return bar


def set_bar_class(type record not None):
    """Make bars of this class: a named tuple of ten fields, without a dict."""
    global _bars
    _bars = keep_records(record, 10, 2)


def bar_zone(bar not None):
    """The exchange's zone of a bar; UTC of one that was made by hand."""
    cdef PyObject* kind = _borrowed(hidden_fields(_bars, bar), 0)
    return UTC if kind == NULL else (<BarKind>kind).zone


def bar_end_ns(bar not None):
    """Where the slot of a bar ends, ns; None of one that was made by hand."""
    cdef PyObject** fields = hidden_fields(_bars, bar)
    cdef PyObject* grid = _borrowed(fields, 1)
    if grid == NULL or type(<object>grid) is int:
        return None if grid == NULL else <object>grid
    return (<object>grid).slot_stops(np.array(bar[:1], np.int64), (<BarKind>fields[0]).step_ns).item()


def like_bar(bar not None, other not None):
    """A new bar, with zone and end of another one that it was made of; without the end, where it is
    of another time."""
    cdef PyObject** mine = hidden_fields(_bars, bar)
    cdef PyObject** fields = hidden_fields(_bars, other)
    if mine != NULL and fields != NULL and fields[0] != NULL:
        _set_hidden(mine, 0, <object>fields[0])
        if fields[1] != NULL and bar[0] == other[0]:
            _set_hidden(mine, 1, <object>fields[1])
    return bar


def pickled_bar(bar not None):
    """What `pickle` writes of a bar: values, kind and end; without the last two of one that was
    made by hand."""
    cdef PyObject* kind = _borrowed(hidden_fields(_bars, bar), 0)
    # attributes of an instance of a class that is derived from the record
    return restored_bar, (type(bar), tuple(bar), None if kind == NULL else <object>kind,
                          bar_end_ns(bar)), getattr(bar, "__dict__", None)


def restored_bar(type record not None, tuple values not None, BarKind kind, end_ns):
    """A bar that was pickled."""
    bar = record._make(values)
    cdef PyObject** fields = hidden_fields(_bars, bar)
    if fields != NULL and kind is not None:
        _set_hidden(fields, 0, kind)
        if end_ns is not None:
            _set_hidden(fields, 1, end_ns)
    return bar
