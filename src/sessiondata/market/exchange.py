"""Hours of exchanges, from exchange_calendars and pandas_market_calendars.

Both (and with them pandas) are imported when hours of an exchange are asked for, not before.

Rejected: one exchange_calendars table that grows with each date. Its XKRX needs 0.18 s a
year, so a session of 1965 would wait for sixty years of them; a table per decade waits for ten.
"""

from __future__ import annotations

import datetime as dt
import warnings
from typing import TYPE_CHECKING, Any

from sessiondata.errors import CalendarError, install_hint
from sessiondata.market.hours import FIRST_DATE, LAST_DATE, Hours, Table, frame_rows, rows_of_columns
from sessiondata.time.dates import to_named_zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["Exchange", "Globex", "exchange_name"]


class Exchange:
    """Hours of exchange_calendars: a table per decade, built when a date of it is first asked for.

    The range is the library's: from its `bound_min`, if the calendar has one, to its default end,
    about a year from now. The library could compute later dates, but no exchange has announced its
    holidays by then.
    """

    # Tables overlap by this much, so that the neighbours of a session at the turn of a decade are
    # nearly always in its own.
    _MARGIN = dt.timedelta(days=40)

    def __init__(self, name: str) -> None:
        self.name = name
        self._zone: ZoneInfo | None = None
        self._range: tuple[dt.date, dt.date] | None = None
        self._tables: dict[int, Table] = {}

    def recipe(self) -> dict[str, Any]:
        return {"kind": "known", "name": self.name}

    @property
    def zone(self) -> ZoneInfo:
        if self._zone is None:
            self.range_near(_today())
        assert self._zone is not None  # set together with the range
        return self._zone

    def range_near(self, day: dt.date) -> tuple[dt.date, dt.date]:
        if self._range is None:
            # The range is known once a table has been built. That of the date is needed next, so it
            # costs nothing extra. But the library refuses a decade that the range does not hold.
            try:
                self._table(min(max(day, FIRST_DATE), LAST_DATE).year // 10)
            except CalendarError:
                self._learn(self._load(None, None))
        assert self._range is not None
        return self._range

    def hours(self, day: dt.date) -> Hours:
        return self._table(day.year // 10).hours(day)

    def before(self, day: dt.date) -> dt.date | None:
        first, _ = self.range_near(day)
        tables = (self._table(decade) for decade in range(day.year // 10, first.year // 10 - 1, -1))
        return next((found for table in tables if (found := table.before(day))), None)

    def after(self, day: dt.date) -> dt.date | None:
        _, last = self.range_near(day)
        tables = (self._table(decade) for decade in range(day.year // 10, last.year // 10 + 1))
        return next((found for table in tables if (found := table.after(day))), None)

    def _table(self, decade: int) -> Table:
        table = self._tables.get(decade)
        if table is None:
            table = self._tables[decade] = self._build(decade)
        return table

    def _build(self, decade: int) -> Table:
        start, stop = dt.date(decade * 10, 1, 1) - self._MARGIN, dt.date(decade * 10 + 9, 12, 31) + self._MARGIN
        if self._range is None:
            # In the current decade the library chooses the end.
            built = self._load(start, stop if stop < _today() else None)
            self._learn(built)
        else:
            built = self._load(max(start, self._range[0]), min(stop, self._range[1]))
        assert self._range is not None  # set above
        known = max(start, self._range[0]), min(stop, self._range[1])
        return Table(self.name, self.zone, self._rows_of(built, *known))

    def _rows_of(self, built: Any, start: dt.date, stop: dt.date) -> list[tuple[dt.date, Hours]]:  # noqa: ARG002
        days = built.sessions.to_numpy().astype("datetime64[D]").tolist()
        pauses = [(built.break_starts_nanos, built.break_ends_nanos)]
        return rows_of_columns(days, built.opens_nanos, built.closes_nanos, pauses)

    def _load(self, start: dt.date | None, stop: dt.date | None) -> Any:
        """Calendar object of the library for a range of dates, or its default one."""
        import exchange_calendars

        # pandas warns of code inside the library, which the caller cannot change.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return exchange_calendars.get_calendar(
                    self.name, start=start and start.isoformat(), end=stop and stop.isoformat()
                )
            except Exception as error:
                # some calendars fail with some versions of pandas, with any error
                raise CalendarError(
                    f"exchange_calendars {exchange_calendars.__version__} cannot build {self.name!r}"
                    f" from {start or 'its first'} to {stop or 'its last date'}: {type(error).__name__}: {error}"
                ) from error

    def _learn(self, built: Any) -> None:
        self._zone = to_named_zone(getattr(built.tz, "key", str(built.tz)))
        bound = built.bound_min()
        first = FIRST_DATE if bound is None else max(bound.date(), FIRST_DATE)
        self._range = first, min(built.default_end().date(), LAST_DATE)


class Globex(Exchange):
    """Hours of CME's equity index futures, of pandas_market_calendars.

    exchange_calendars has a day of 17:00 to 17:00 without the maintenance break, closes at 12:00 or
    16:00 where the market closes at 10:30 or 12:15, and lacks the mornings of Good Friday. The
    range stays that of exchange_calendars.

    Rejected: a table of the differences, kept here. It would be wrong with the next announcement.
    """

    _MARKET = "CME Globex Equity"

    def _rows_of(self, built: Any, start: dt.date, stop: dt.date) -> list[tuple[dt.date, Hours]]:  # noqa: ARG002
        try:
            import pandas_market_calendars
        except ImportError as error:
            hint = install_hint("pandas_market_calendars", "calendars", error)
            raise CalendarError(
                f"the hours of calendar {self.name!r} come from pandas_market_calendars: {hint}"
            ) from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                market = pandas_market_calendars.get_calendar(self._MARKET)
                schedule = market.schedule(start, stop)
            except Exception as error:  # one of its releases was published without its own markets
                raise CalendarError(
                    f"pandas_market_calendars {pandas_market_calendars.__version__} cannot build {self._MARKET!r}"
                    f" from {start} to {stop}: {type(error).__name__}: {error}"
                ) from error
        return frame_rows(schedule)


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def exchange_name(name: str) -> str:
    """Name of an exchange in exchange_calendars, by the name or an alias."""
    try:
        import exchange_calendars
    except ImportError as error:
        hint = install_hint("exchange_calendars", "calendars", error)
        raise CalendarError(f"calendar {name!r} comes from exchange_calendars: {hint}", value=name) from error
    names = exchange_calendars.get_calendar_names()
    if name not in names:
        import difflib

        near = difflib.get_close_matches(name.upper(), names, n=4, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "exchange_calendars.get_calendar_names() lists them all"
        raise CalendarError(f"no calendar {name!r}; {hint}", value=name)
    return str(exchange_calendars.resolve_alias(name))
