"""The bundle in use, and why a newer one is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jingxi_client._state import StateFolder
from jingxi_client.alarms import AlarmKind, Alarms
from jingxi_client.errors import BundleError, DecisionUnavailableError

if TYPE_CHECKING:
    from jingxi_client._engine import Engine


class Holder:
    """Takes bundles from a source, one after another; a `_sources.Target`. Safe to share between threads.

    `load` makes an engine of a serialized SignedBundle, trusted keys and the engine in use, and raises BundleError.
    """

    def __init__(self, load: Callable[..., Engine], trust: Any, state: StateFolder, alarms: Alarms) -> None:
        self._load = load
        self._trust = trust
        self._state = state
        self._alarms = alarms
        self._engine: Engine | None = None
        self._changed = threading.Condition()
        self._heard: float | None = None
        self._trouble = ""
        self._refused = ""
        kept = state.read_bundle()
        if kept is not None:
            self._take(kept, keep=False)

    @property
    def age(self) -> float | None:
        """For how many seconds the bundle was not heard to be in force; None before it ever was."""
        return None if self._heard is None else max(0.0, time.monotonic() - self._heard)

    @property
    def problem(self) -> str:
        """Why nothing newer is in use; empty when all is well."""
        return self._refused or self._trouble

    def require(self) -> Engine:
        """Return what to decide by. Raises DecisionUnavailableError."""
        engine = self._engine
        if engine is None:
            raise DecisionUnavailableError(f"there is no bundle to decide by yet{self._because()}")
        return engine

    def wait(self, timeout: float) -> None:
        """Wait until there is something to decide by. Raises DecisionUnavailableError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._engine is not None, timeout):
                raise DecisionUnavailableError(f"there was no bundle within {timeout} s{self._because()}")

    def known(self) -> tuple[int, str]:
        """Return revision and hash of the bundle in use; (0, "") without one."""
        engine = self._engine
        return (0, "") if engine is None else (engine.revision, engine.policy_hash)

    def arrived(self, data: bytes) -> None:
        """Take a bundle that a source has."""
        self._take(data, keep=True)

    def heard(self, stale_seconds: float) -> None:
        """Note that the bundle in use was in force so many seconds ago."""
        if self._engine is not None and not self._refused:
            self._heard = time.monotonic() - stale_seconds

    def trouble(self, message: str) -> None:
        """Note why nothing comes."""
        self._trouble = message

    def _take(self, data: bytes, *, keep: bool) -> None:
        """Bring a bundle into use if it may; else the one in use stays."""
        try:
            engine = self._load(data, self._trust, self._engine)
        except BundleError as error:
            self._refused = f"a bundle was refused ({error.reason}): {error}"
            self._alarms.tell(AlarmKind.BUNDLE_REFUSED, self._refused)
            return
        self._refused = ""
        if self._engine is not None and self.known() == (engine.revision, engine.policy_hash):
            return
        with self._changed:
            self._engine = engine
            self._changed.notify_all()
        if keep:
            try:
                self._state.keep_bundle(engine.signed)
            except OSError as error:
                self._alarms.tell(AlarmKind.STATE_DAMAGED, f"the bundle cannot be kept: {error.strerror}")

    def _because(self) -> str:
        return f": {self.problem}" if self.problem else ""
