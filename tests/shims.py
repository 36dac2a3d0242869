"""The private names that tests touch, and why. Whoever changes one of them finds its tests here."""

from __future__ import annotations

import datetime as dt

import sessiondata as sd


def hours_by_date(calendar: sd.SessionCalendar) -> dict[dt.date, sd.SessionGrid]:
    """What a calendar has found out: another release of a library of calendars would have found
    something else."""
    return calendar._grids


def usual_closes_by_date(calendar: sd.SessionCalendar) -> dict[dt.date, int]:
    """The same of usual closes."""
    return calendar._usual_closes
