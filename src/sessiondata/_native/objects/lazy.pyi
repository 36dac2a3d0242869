# Types of the compiled module; docstrings stand in ext/sessiondata/_native/objects/lazy.pyx.
from collections.abc import Callable
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")

class Lazy(Generic[_T]):
    text: str
    def __new__(cls, slot: str, make: Callable[[Any], _T], text: str = "") -> Lazy[_T]: ...
    def __get__(self, owner: Any, kind: Any) -> _T: ...
