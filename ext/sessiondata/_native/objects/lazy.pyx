"""An attribute of an object that is made when somebody first asks for it.

Rejected: a property in Python. It costs as much again as a call of `append_tick`, and two threads
that ask at once could get two objects.
"""

from sessiondata.copying import refuse_copy


cdef class Lazy:
    """An attribute that is made when it is first asked for: most symbols never need it. `slot`
    holds it, None before.

    In C, because a Python property would cost as much again as a call of `append_tick`, and so that
    two threads that ask at once get the same object: no Python code runs between the last look into
    the slot and what is put there."""

    cdef str _slot
    cdef object _make
    cdef readonly str text

    def __reduce__(self):
        refuse_copy(self)

    def __cinit__(self, str slot, make, str text=""):
        self._slot, self._make, self.text = slot, make, text

    @property
    def __doc__(self):
        return self.text

    def __get__(self, owner, kind):
        if owner is None:
            return self
        value = getattr(owner, self._slot)
        if value is None:
            made = self._make(owner)
            value = getattr(owner, self._slot)
            if value is None:
                setattr(owner, self._slot, made)
                value = made
        return value
