# A cursor as columns of a file.

from sessiondata._native.out.cursor cimport Cursor


cdef tuple capture_cursor(Cursor cursor, dict numbers)
