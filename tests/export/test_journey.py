"""The way of a cursor through an export: it is found, begun and ended, and asked for nothing in
between."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import sessiondata as sd
from sessiondata.store import cursor, cursors

ROOM = {cursor.__file__, cursors.__file__}

OPEN = 1_710_244_800_000_000_000
MINUTE = 60_000_000_000


def stays(work: Any) -> list[str]:
    """Functions of the room that were called from outside of it, in order."""
    found: list[str] = []

    def look(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename in ROOM:
            caller = frame.f_back
            if caller is None or caller.f_code.co_filename not in ROOM:
                found.append(frame.f_code.co_name)

    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(None)
    return found


@pytest.mark.parametrize("form", ["to_json", "to_dict"])
@pytest.mark.parametrize("name", [None, "ui"])
def test_a_cursor_makes_three_stays_at_most(form: str, name: str | None) -> None:
    data = sd.SessionData(None)
    spy = data.register_symbol("SPY")
    spy.append(OPEN, 1.0, 2.0, 0.5, 1.5, 3.0)
    data.export_cursor(name)
    export = getattr(data, form)
    expected = ["find", "begin_export", "end_export"]
    assert stays(lambda: export(cursor=name)) == expected
    spy.append(OPEN + MINUTE, 1.0, 2.0, 0.5, 1.5, 3.0)
    assert stays(lambda: export(False, cursor=name)) == expected
    assert stays(lambda: export(False, cursor=name, timestamps="iso")) == ["find", "begin_export"]
