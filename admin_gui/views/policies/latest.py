"""One question at a time: an answer that was overtaken must not come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from admin_gui.domain.failure import Failure
from admin_gui.services.calls import Call


class Latest:
    """Holds the call whose answer matters."""

    def __init__(self) -> None:
        self._call: Call | None = None

    def follow(self, call: Call, answered: Callable[[Any], object], failed: Callable[[Failure], object]) -> Call:
        """Wait for this call instead of the one before, which is cancelled."""
        self.drop()
        self._call = call
        call.answered.connect(answered)
        call.failed.connect(failed)
        return call

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is still to come."""
        return self._call is not None and not self._call.is_over

    def drop(self) -> None:
        """Wait for nothing any more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
