"""Counts what Python does for an answer: the same number each time, on every machine."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def instructions(call: Callable[[], object]) -> int:
    """
    Return how many instructions of Python a call takes, once it is warm.

    What is done in C, as reading JSON or checking a model, counts as the one that calls it.
    """
    call()
    found = 0

    def count(frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401  (itself, which has no type of its own)
        nonlocal found
        if event == "call":
            frame.f_trace_lines, frame.f_trace_opcodes = False, True
        elif event == "opcode":
            found += 1
        return count

    during(call, sys.gettrace, sys.settrace, count)
    return found


def models(call: Callable[[], object]) -> int:
    """Return how often a call has pydantic check something: the costly steps that are in C."""
    call()
    found = 0

    def count(_frame: FrameType, event: str, called: object) -> None:
        nonlocal found
        if event == "c_call" and getattr(called, "__name__", "") in CHECKS:
            found += 1

    during(call, sys.getprofile, sys.setprofile, count)
    return found


def during(
    call: Callable[[], object],
    get: Callable[[], Any],
    put: Callable[[Any], None],
    watcher: Callable[..., Any],
) -> None:
    """Call something while it is watched, and put back who watched before."""
    before = get()
    put(watcher)
    try:
        call()
    finally:
        put(before)


# Of pydantic-core's SchemaValidator and SchemaSerializer.
CHECKS = frozenset({"validate_python", "validate_json", "to_python", "to_json"})
