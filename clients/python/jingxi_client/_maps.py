"""The message maps seen so far."""

from __future__ import annotations

import threading
from collections.abc import Callable

from jingxi_client import message_map
from jingxi_client._gen.pdp.v1 import decision_service_pb2 as api
from jingxi_client._state import StateFolder
from jingxi_client.errors import PathError
from jingxi_client.message_map import MessageMap

MAPS_KEPT = 8
"""Versions kept of one message's map: nodes may answer by different policy sets during a rollout."""


class Maps:
    """Of each message a few versions by policy hash, the latest last; the latest is in the state folder too.

    `trouble` hears when the folder cannot be written.
    """

    def __init__(self, state: StateFolder | None, trouble: Callable[[str], None]) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], dict[str, MessageMap]] = {}
        self._state = state
        self._trouble = trouble

    def latest(self, application: str, name: str) -> MessageMap | None:
        """Return the version that was got last by this client."""
        with self._lock:
            versions = self._kept.get((application, name), {})
            return next(reversed(versions.values()), None)

    def kept(self, application: str, name: str) -> MessageMap | None:
        """Return the latest version, also one of an earlier process."""
        found = self.latest(application, name)
        if found is None and self._state is not None:
            stored = self._state.read_map(application, name)
            try:
                found = None if stored is None else message_map.from_response(stored)
            except PathError:
                return None
        return found

    def get(self, application: str, name: str, policy_hash: str | None) -> MessageMap | None:
        """Return the version of a policy set."""
        with self._lock:
            return self._kept.get((application, name), {}).get(policy_hash or "")

    def keep(self, application: str, name: str, source: api.GetMessageMapResponse) -> MessageMap:
        """Keep and return a map that the service sent. Raises PathError."""
        found = message_map.from_response(source)
        with self._lock:
            versions = self._kept.setdefault((application, name), {})
            versions.pop(found.policy_hash, None)
            versions[found.policy_hash] = found
            while len(versions) > MAPS_KEPT:
                versions.pop(next(iter(versions)))
        if self._state is not None:
            try:
                self._state.keep_map(application, name, source)
            except OSError as error:
                self._trouble(f"the map of message `{name}` cannot be kept in the state folder: {error.strerror}")
        return found
