"""What a program may count: each call to the service and each message."""

from __future__ import annotations

from typing import Protocol


class Metrics(Protocol):
    """Told as it happens, from the thread that asked; it must not block.

    The outcome of a call is its canonical gRPC code, such as `OK`; of a message `decided`, `fallback` or `refused`.
    """

    def call(self, method: str, outcome: str, seconds: float) -> None:
        """Hear of a call to the service, such as `Decide`."""

    def message(self, outcome: str, seconds: float) -> None:
        """Hear of a message that was masked, or that was not."""


class NoMetrics:
    """Counts nothing."""

    def call(self, method: str, outcome: str, seconds: float) -> None:
        """Do nothing."""

    def message(self, outcome: str, seconds: float) -> None:
        """Do nothing."""
