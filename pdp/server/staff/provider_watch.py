"""Tells the log when the OpenID provider stops answering, and when it answers again: not for every sign-in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pdp.errors import ProviderError
from pdp.server import logs

log = logging.getLogger(__name__)


class ProviderWatch:
    """One for a server; threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._away: set[str] = set()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Run a step of signing in at the provider, such as `begin`. Raises what the step does."""
        try:
            yield
        except ProviderError as error:
            if self._turned(name, away=True):
                words = "nobody can sign in at the OpenID provider now"
                logs.event(log, logging.WARNING, "session.provider", words, step=name, reason=str(error))
            raise
        if self._turned(name, away=False):
            words = "people can sign in at the OpenID provider again"
            logs.event(log, logging.INFO, "session.provider", words, step=name)

    def _turned(self, name: str, *, away: bool) -> bool:
        with self._lock:
            turned = (name in self._away) != away
            (self._away.add if away else self._away.discard)(name)
        return turned
