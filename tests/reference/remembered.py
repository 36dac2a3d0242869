"""Answers that are computed once and kept until something changes: a comparison asks for the same
dozens of times.

Whatever takes something, or is told something, empties `answers`. Nobody changes an answer.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Protocol, TypeVar


class Asked(Protocol):
    """Who is asked about an interval, and keeps the answers."""

    answers: dict[tuple[str, str], tuple[int | None, Any]]

    def as_of(self) -> int | None: ...


Who = TypeVar("Who", bound=Asked)
Answer = TypeVar("Answer")
Question = Callable[[Who, str], Answer]


def until_changed(question: Question[Who, Answer]) -> Question[Who, Answer]:
    """Keep the answers to a question that has nothing to do with the time."""
    return _remembered(question, lambda _: None)


def as_of_now(question: Question[Who, Answer]) -> Question[Who, Answer]:
    """Keep the answers to a question of which the answer depends on `as_of` too."""
    return _remembered(question, lambda who: who.as_of())


def _remembered(question: Question[Who, Answer], moment: Callable[[Who], int | None]) -> Question[Who, Answer]:
    name = question.__name__

    @functools.wraps(question)
    def ask(who: Who, interval: str) -> Answer:
        now, found = moment(who), who.answers.get((name, interval))
        if found is None or found[0] != now:
            found = who.answers[name, interval] = (now, question(who, interval))
        answer: Answer = found[1]
        return answer

    return ask
