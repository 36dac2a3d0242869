"""A store reads like a mapping of its symbols, and a symbol knows its store."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import pytest

import sessiondata as sd


def new_store(*names: str) -> sd.SessionData:
    data = sd.SessionData(None)
    for name in names:
        data.register_symbol(name)
    return data


def test_symbols_are_found_by_name() -> None:
    data = new_store("SPY", "QQQ")
    assert data["SPY"] is data.get_symbol_data("SPY") is data.symbols["SPY"]
    assert list(data) == ["SPY", "QQQ"]
    assert list(reversed(data)) == ["QQQ", "SPY"]
    assert len(data) == 2
    assert "SPY" in data
    assert "MSFT" not in data
    assert 0 not in data
    assert {name: data[name] for name in data} == dict(data.symbols)


@pytest.mark.parametrize("name", ["MSFT", 0, None, ["SPY"]])
def test_another_name_is_an_error_that_names_it(name: object) -> None:
    data = new_store("SPY")
    with pytest.raises(sd.UnknownNameError) as caught:
        data[name]  # type: ignore[index]
    assert isinstance(caught.value, KeyError)
    assert repr(name) in str(caught.value)
    assert caught.value.value == name


def test_a_store_without_symbols_is_no_false_one() -> None:
    data = new_store()
    assert (len(data), list(data)) == (0, [])
    assert data
    assert (data or None) is data


def test_a_symbol_knows_its_store() -> None:
    data = new_store("SPY", "QQQ")
    assert data["SPY"].store is data
    assert data["QQQ"].store is data
    assert data.register_symbol("SPY").store is data


@pytest.mark.parametrize("gone", ["remove_symbol", "clear"])
def test_a_symbol_that_was_removed_says_so(gone: str) -> None:
    data = new_store("SPY", "QQQ")
    spy, qqq = data["SPY"], data["QQQ"]
    if gone == "clear":
        data.clear()
    else:
        data.remove_symbol("SPY")
        assert qqq.store is data
    with pytest.raises(sd.SessionStateError, match="'SPY' was removed from its store") as caught:
        _ = spy.store
    assert caught.value.symbol == "SPY"
    again = data.register_symbol("SPY")
    assert again.store is data
    with pytest.raises(sd.SessionStateError):
        _ = spy.store


def test_a_store_that_nobody_holds_goes_though_its_symbols_know_it() -> None:
    data = new_store("SPY")
    held = weakref.ref(data)
    del data
    gc.collect()
    assert held() is None


def test_a_symbol_keeps_its_store() -> None:
    spy = new_store("SPY")["SPY"]
    gc.collect()
    assert spy.store["SPY"] is spy


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, sd.SessionData.copy, lambda data: pickle.loads(pickle.dumps(data))]
)
def test_symbols_of_a_copy_know_the_copy(copied: object) -> None:
    data = new_store("SPY")
    other = copied(data)  # type: ignore[operator]
    assert other["SPY"].store is other
    assert data["SPY"].store is data


def test_symbols_of_a_loaded_store_know_it() -> None:
    loaded = sd.loads(new_store("SPY").dumps())
    assert loaded["SPY"].store is loaded


def test_a_store_makes_a_dict_of_its_symbols() -> None:
    """Without `keys` it was read as pairs: {"G": "M"} of GE and GM."""
    data = sd.SessionData(None)
    symbols = {name: data.register_symbol(name) for name in ("GE", "GM")}
    assert dict(data) == symbols
    assert dict(**data) == symbols


LOOKS = {
    "iter": iter,
    "reversed": reversed,
    "keys": lambda held: held.keys(),
    "values": lambda held: (symbol.symbol for symbol in getattr(held, "symbols", held).values()),
    "items": lambda held: (name for name, _ in getattr(held, "symbols", held).items()),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("of", [lambda data: data, lambda data: data.symbols], ids=["store", "symbols"])
def test_symbols_may_come_and_go_during_a_loop(look: Any, of: Any) -> None:
    """Any thread may register one: the loop raised a RuntimeError."""
    data = sd.SessionData(None)
    for name in ("A", "B", "C"):
        data.register_symbol(name)
    seen = []
    for name in look(of(data)):
        seen.append(name)
        data.register_symbol(f"{name}{name}")
    assert sorted(seen) == ["A", "B", "C"]


def test_what_is_no_name_gets_no_advice_to_register_it() -> None:
    with pytest.raises(sd.UnknownNameError, match="unknown symbol 0; symbols are known by their names"):
        sd.SessionData(None)[0]  # type: ignore[index]
