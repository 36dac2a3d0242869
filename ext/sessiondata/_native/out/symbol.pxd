# One symbol of a document as JSON, and one series of it.

from sessiondata._native.objects.store cimport SymbolCore
from sessiondata._native.out.cursor cimport Cursor, Head, Visit
from sessiondata._native.out.in_order cimport SeriesText
from sessiondata._native.out.style cimport Style
from sessiondata._native.out.writer cimport ByteWriter


cdef int add_series(ByteWriter writer, Cursor cursor, SymbolCore core, Head* head, Py_ssize_t k, const Visit* visit,
                    dict pinned_gaps, dict pinned_quality, Style style) except -1
cdef int add_symbol(ByteWriter writer, Cursor cursor, Py_ssize_t i, bint delta, SeriesText* texts, dict pinned,
                    dict foreign, object source, Style style) except -1
