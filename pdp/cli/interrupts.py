"""Ctrl-C while a stream of answers is read."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import grpc


@contextmanager
def ending(call: grpc.Call) -> Iterator[None]:
    """End a call by Ctrl-C, and raise KeyboardInterrupt then.

    Python raises it wherever the main thread is, and that may be a place in grpc which swallows it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = False

    def press(_number: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        call.cancel()  # type: ignore[no-untyped-call]

    before = signal.signal(signal.SIGINT, press)
    try:
        yield
    except grpc.RpcError as error:
        if not pressed:
            raise
        raise KeyboardInterrupt from error
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
