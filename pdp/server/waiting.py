"""What waits for people: anomalies and publications to review, rights to confirm, callers whose access ends.

All nodes see the same in the control store, each looks for itself. What is asked of this node is seen by it at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from typing import Final

from pdp.control import tasks
from pdp.control.accounts import Accounts
from pdp.control.accounts.unusual import SEVERITIES, class_word
from pdp.errors import BlobError, CompactedError, ControlStoreError
from pdp.lang.loader.callers import CallerSpec
from pdp.server import logs
from pdp.server.facts import EndingAccess, OpenAnomalies, WaitingFacts
from pdp.v1 import account_pb2

LOOK_SECONDS: Final = 30.0
"""How often a node looks unbidden."""
PAUSE_SECONDS: Final = 0.25
"""How long it waits at least, whatever is done meanwhile."""
SOON_DAYS: Final = 14
"""So long before a caller's last token ends it is told."""
_DAY: Final = 86_400 * 10**9
_STATES = {
    "confirmed": account_pb2.RIGHTS_REVIEW_STATE_CONFIRMED,
    "due": account_pb2.RIGHTS_REVIEW_STATE_DUE,
    "overdue": account_pb2.RIGHTS_REVIEW_STATE_OVERDUE,
}
# Of its own: nobody else's draws depend on how often it looks.
_RANDOM = random.Random()  # noqa: S311 - no secret

log = logging.getLogger(__name__)


class WaitingWatch:
    """Looks from `start` to `stop`; in the event loop that the control store lives in."""

    def __init__(self, accounts: Accounts, clock: Callable[[], int]) -> None:
        """`clock` gives nanoseconds since 1970."""
        self._accounts = accounts
        self._clock = clock
        self._again = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""
        self.facts: WaitingFacts | None = None
        """What was seen last; None before the first time."""

    def start(self) -> None:
        """Look from now on."""
        self._task = asyncio.create_task(self._keep_looking())

    async def stop(self) -> None:
        """Look no more."""
        await tasks.end([self._task] if self._task is not None else [])

    def look_soon(self) -> None:
        """Look again, for something was done."""
        self._again.set()

    async def look(self) -> None:
        """See what waits. Raises ControlStoreError, BlobError and CompactedError."""
        anomalies = await self._accounts.open_anomalies()
        reviews = await self._accounts.count_rights_reviews()
        told = {}
        for kind in SEVERITIES:
            waiting = anomalies.get(kind)
            told[class_word(kind)] = OpenAnomalies(
                count=0 if waiting is None else waiting.number, since=0.0 if waiting is None else waiting.since / 1e9
            )
        self.facts = WaitingFacts(
            looked_at=self._clock() / 1e9,
            anomalies=told,
            reviews={word: reviews.get(state, 0) for word, state in _STATES.items()},
        )

    async def _keep_looking(self) -> None:
        while True:
            self._again.clear()
            trouble = ""
            try:
                await self.look()
            except (ControlStoreError, BlobError, CompactedError) as error:
                trouble = str(error)
            if trouble and not self._trouble:
                words = "what waits for people cannot be seen; what was seen last is told"
                logs.event(log, logging.WARNING, "waiting.unseen", words, reason=trouble)
            self._trouble = trouble
            await asyncio.sleep(PAUSE_SECONDS)
            await self._wait(LOOK_SECONDS * _RANDOM.uniform(0.75, 1.25))  # not all nodes at once

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._again.wait()
        except TimeoutError:
            return


def access_ends(callers: Iterable[CallerSpec], now: int) -> list[EndingAccess]:
    """Return the callers whose last token ends within two weeks of a time in nanoseconds since 1970, or has ended while
    no certificate lets them in; the first stands first. Those that are disabled call no more on purpose.
    """
    found = []
    for caller in callers:
        tokens = [token.expires_at for token in caller.tokens if not token.disabled]
        if caller.disabled or not tokens or None in tokens:
            continue
        ends = max(at for at in tokens if at is not None)
        over = ends <= now
        if ends - now <= SOON_DAYS * _DAY and not (over and caller.certificates):
            found.append(EndingAccess(caller=caller.name, seconds=round((ends - now) / 1e9, 3), over=over))
    return sorted(found, key=lambda access: (access["seconds"], access["caller"]))
