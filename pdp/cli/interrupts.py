"""Ctrl-C while a stream of answers is read."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc


@contextmanager
def pressing(press: Callable[[], object]) -> Iterator[None]:
    """Call `press` for Ctrl-C instead of raising KeyboardInterrupt.

    Python raises it wherever the main thread is, and that may be a place in grpc which swallows it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda _number, _frame: press())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def ending(call: grpc.Call) -> Iterator[None]:
    """End a call by Ctrl-C, and raise KeyboardInterrupt then."""
    pressed = threading.Event()

    def press() -> None:
        pressed.set()
        call.cancel()  # type: ignore[no-untyped-call]

    try:
        with pressing(press):
            yield
    except grpc.RpcError as error:
        if not pressed.is_set():
            raise
        raise KeyboardInterrupt from error
    if pressed.is_set():
        raise KeyboardInterrupt
