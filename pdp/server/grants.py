"""The grants that programs ask: those of a file, for folder mode, and those of the control store."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pdp.control.grants.fence import uptime_nanos
from pdp.engine.bundle import grant_message
from pdp.engine.grants import GrantLedger
from pdp.errors import GrantFileError, GrantUseError, PolicyError
from pdp.lang.loader import load_grants
from pdp.v1 import account_pb2, bundle_pb2


class GrantTable(GrantLedger):
    """Grants by id: those of a file, and those of the control store, which count for a while after it was heard.

    A program asks it at every decision; what changes takes effect at the next one. The methods that change it belong to
    one thread.
    """

    __slots__ = (
        "_all", "_barred", "_counted", "_file", "_held", "_left", "_lock", "_revision", "_until", "_uptime", "loaded",
    )  # fmt: skip

    def __init__(self, uptime: Callable[[], int] = uptime_nanos) -> None:
        self._file: Mapping[str, bundle_pb2.Grant] = {}
        self._held: Mapping[str, bundle_pb2.Grant] = {}
        self._all: Mapping[str, bundle_pb2.Grant] = {}
        # Grants of limited use, the uses of each that are at hand, and why and until when one must not be used.
        self._counted: frozenset[str] = frozenset()
        self._left: dict[str, int] = {}
        self._barred: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()
        self._revision = 0
        self._until = 0
        self._uptime = uptime
        self.loaded = False

    @property
    def state(self) -> int:
        """The control store's revision that it reflects; 0 for none."""
        return self._revision

    @property
    def revision(self) -> int:
        """The same for those who demand one: 0 while grants of the control store do not count."""
        return self._revision if self.is_honoured else 0

    @property
    def is_honoured(self) -> bool:
        """Whether grants of the control store count now."""
        return self._uptime() < self._until

    def get(self, grant_id: str) -> bundle_pb2.Grant | None:
        """Return the grant of this id, be its time come and not over or not; None when there is none that counts."""
        grant = self._all.get(grant_id)
        if grant is None or grant_id not in self._held:
            return grant
        return None if self.why(grant_id) else grant

    def why(self, grant_id: str) -> str:
        """Return why a grant that exists must not be honoured; empty when it may be, or does not exist."""
        if grant_id not in self._held:
            return ""
        if not self.is_honoured:
            return "this node has not heard from the control store, so it may have been taken back"
        until, words = self._barred.get(grant_id, (0, ""))
        return words if until > self._uptime() else ""

    @property
    def current(self) -> Mapping[str, bundle_pb2.Grant]:
        """All grants that count; the next ones are in another mapping."""
        return self._all if not self._held or self.is_honoured else self._file

    def replace(self, grants: Mapping[str, bundle_pb2.Grant]) -> None:
        """Put other grants in place of all that are a file's."""
        self._file = grants
        self._join()
        self.loaded = True

    def change(
        self, put: Iterable[account_pb2.ActiveGrant], gone: Iterable[str], revision: int, *, reset: bool = False
    ) -> None:
        """Let grants of the control store hold, and others no more; with `reset` only these hold."""
        held = {} if reset else dict(self._held)
        counted = set[str]() if reset else set(self._counted)
        away = set(gone)
        for grant_id in away:
            held.pop(grant_id, None)
        for active in put:
            held[active.grant.id] = active.grant
            if active.max_uses:
                counted.add(active.grant.id)
        # INVARIANT: before they hold, or a use might not be counted.
        self._counted = self._counted | counted
        self._held = held
        self._join()
        self._revision = revision
        self._counted = frozenset(counted.intersection(held))
        with self._lock:
            for grant_id in [grant_id for grant_id in (*self._left, *self._barred) if grant_id not in self._counted]:
                self._left.pop(grant_id, None)
                self._barred.pop(grant_id, None)

    def honour_until(self, nanos: int) -> None:
        """Honour grants of the control store until then, as `fence.uptime_nanos` tells it."""
        self._until = nanos

    def spend(self, grant_ids: Iterable[str]) -> None:
        """Count a use of each of these that is limited, or of none. Raises GrantUseError when some is not at hand."""
        counted = [grant_id for grant_id in grant_ids if grant_id in self._counted]
        if not counted:
            return
        with self._lock:
            left = self._left
            if missing := [grant_id for grant_id in counted if left.get(grant_id, 0) < 1]:
                raise GrantUseError(missing)
            for grant_id in counted:
                left[grant_id] -= 1

    def has_uses(self, grant_ids: Iterable[str]) -> bool:
        """Whether it is worth deciding again: a use of each is at hand, or cannot be had."""
        return all(
            self._left.get(grant_id, 0) > 0 or self.get(grant_id) is None for grant_id in grant_ids
        )  # fmt: skip

    def add_uses(self, grant_id: str, count: int) -> None:
        """Have so many more uses at hand."""
        with self._lock:
            if grant_id in self._counted:
                self._left[grant_id] = self._left.get(grant_id, 0) + count
                # Answers may overtake each other.
                self._barred.pop(grant_id, None)

    def bar(self, grant_id: str, words: str, seconds: float = math.inf) -> None:
        """Do not honour a grant for a while, for ever by default; `words` say why. What is at hand stays so."""
        with self._lock:
            if self._left.get(grant_id, 0) < 1 and grant_id in self._held:
                self._barred[grant_id] = (self._uptime() + seconds * 1e9, words)

    def _join(self) -> None:
        self._all = {**self._file, **self._held} if self._held else self._file


def read_grants(path: Path) -> dict[str, bundle_pb2.Grant]:
    """Return the grants of a file. Raises PolicyError with every diagnostic, GrantFileError and OSError."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise GrantFileError(f"`{path}` is not UTF-8 at byte {error.start}; save it as UTF-8") from error
    specs, diagnostics = load_grants(path.name, text)
    if diagnostics.has_errors:
        raise PolicyError(f"`{path}` holds grants that cannot be used", diagnostics.sorted())
    return {grant_id: grant_message(spec) for grant_id, spec in specs.items()}
