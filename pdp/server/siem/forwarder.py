"""Leads events from the store of records to an output, in a thread of its own: at least once, each with its id.

Decisions never wait for it: it reads what is in the store already. While the output is away, nothing is kept in
memory; the marks stand still, and what came in meanwhile is read afterwards.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from pdp.errors import SiemError, StoreError
from pdp.server import logs
from pdp.server.facts import SiemFacts
from pdp.server.siem.events import own_event
from pdp.server.siem.feed import Feed
from pdp.server.siem.output import Output
from pdp.server.status import frames
from pdp.snapshot.watch import Marks

# Of its own: nobody else's draws depend on how often it looks.
_RANDOM = random.Random()  # noqa: S311 - no secret

POLL_SECONDS: Final = 0.5
_FIRST_WAIT_SECONDS: Final = 0.5
_SETTLE_SECONDS: Final = 0.25
_MAX_UNDER_WAY: Final = 64
"""Batches that may be on their way: a collector that confirms nothing is waited for."""

log = logging.getLogger(__name__)


class Forwarder:
    """Sends to one output from `start` to `stop`. `tell` hears of `siem.NAME_away` with why, and of its end."""

    def __init__(
        self,
        name: str,
        feed: Feed,
        output: Output,
        tell: Callable[[str, str], None],
        *,
        node: str,
        longest_wait: float,
    ) -> None:
        self._name = name
        self._feed = feed
        self._output = output
        self._tell = tell
        self._node = node
        self._longest_wait = longest_wait
        self._facts = SiemFacts(up=False, sent=0, failures=0, lag_records=0, lag_seconds=0.0, error="")
        self._stop = threading.Event()
        self._end_by = float("inf")
        self._sent_to: Marks | None = None
        # Where each batch ends that is out and may still be lost, and when it went.
        self._under_way: deque[tuple[Marks, float]] = deque()
        self._caught_up = time.monotonic()
        self._waits = 0
        self._store_away = False
        self._thread = threading.Thread(target=self._run, name=f"siem-{name}", daemon=True)

    def start(self) -> None:
        """Send from now on."""
        self._thread.start()

    def stop(self, grace: float) -> None:
        """Send what is in the store, for at most `grace` seconds, and end."""
        self._end_by = time.monotonic() + max(grace, 0.0)
        self._stop.set()
        self._thread.join(max(grace, 0.0) + 1)

    def facts(self) -> SiemFacts:
        """Return how it does."""
        facts = self._facts.copy()
        facts["lag_seconds"] = round(time.monotonic() - self._caught_up, 3) if facts["lag_records"] else 0.0
        return facts

    def _run(self) -> None:
        while not self._stop.is_set():
            self._stop.wait(self._step())
        # What was recorded while the service ended is told too, but nobody waits for somebody who is away.
        while self._facts["up"] and self._step() == 0 and time.monotonic() < self._end_by:
            pass
        while self._facts["up"] and self._under_way and time.monotonic() < self._end_by:
            time.sleep(_SETTLE_SECONDS)  # the other machine confirms meanwhile, or falls over
            self._step()
        self._output.close()
        self._feed.close()

    def _step(self) -> float:
        """Send what there is, and return after how many seconds to come again."""
        try:
            more = self._forward()
        except SiemError as error:
            return self._failed(str(error))
        except StoreError as error:
            return self._without_store(error)
        except OSError as error:
            return self._failed(f"the marks cannot be kept: {(error.strerror or str(error)).lower()}")
        except Exception as error:  # a SIEM must not go blind because of one record
            logs.event(
                log, logging.ERROR, "siem.failed", "security events cannot be sent; trying again",
                output=self._name, error=type(error).__name__, traceback=list(frames(error)),
            )  # fmt: skip
            return self._failed(f"unexpected {type(error).__name__}")
        self._waits = 0
        return 0.0 if more else POLL_SECONDS

    def _forward(self) -> bool:
        """Send a batch, and return whether there is more at once."""
        self._output.look()
        if self._sent_to is None:
            self._sent_to = self._feed.begin()
        self._settle()
        if not self._facts["up"]:
            self._facts["up"], self._facts["error"] = True, ""
            self._tell(f"siem.{self._name}_back", "security events are taken again")
        if len(self._under_way) >= _MAX_UNDER_WAY:
            return False
        batch = self._feed.read(self._sent_to)
        if self._store_away:
            self._say_of_store("siem.store_back", "the store of records is there again", success=True)
            self._store_away = False
        if batch.events:
            self._output.write(batch.events)
            self._facts["sent"] += len(batch.events)
        if batch.marks.counts != self._sent_to.counts or batch.marks.floor != self._sent_to.floor:
            self._under_way.append((batch.marks, time.monotonic()))
        self._sent_to = batch.marks
        self._settle()
        if batch.more:
            self._facts["lag_records"] = self._feed.lag(batch.marks)
        else:
            self._facts["lag_records"], self._caught_up = 0, time.monotonic()
        return batch.more

    def _settle(self) -> None:
        """Keep the marks of what cannot be lost any more."""
        if not self._under_way or not self._output.has_arrived():
            return
        sure = time.monotonic() - self._output.hold_seconds
        last: Marks | None = None
        while self._under_way and self._under_way[0][1] <= sure:
            last, _ = self._under_way.popleft()
        if last is not None:
            self._feed.keep(last)

    def _failed(self, words: str) -> float:
        """Begin again where it is sure that everything has arrived, after a while."""
        facts = self._facts
        facts["failures"] += 1
        facts["up"], facts["error"] = False, words
        self._output.close()
        self._under_way.clear()
        self._sent_to = None
        self._tell(f"siem.{self._name}_away", words)
        try:
            facts["lag_records"] = self._feed.lag(self._feed.begin())
        except (StoreError, OSError) as error:
            logs.event(log, logging.DEBUG, "siem.unseen", "what waits cannot be counted", reason=str(error))
        return self._wait()

    def _without_store(self, error: StoreError) -> float:
        """Say so by the output, which is there: no record can."""
        self._feed.close()
        if not self._store_away:
            self._store_away = True
            try:
                self._say_of_store("siem.store_away", str(error), success=False)
            except SiemError as failed:
                return self._failed(str(failed))
        return self._wait()

    def _say_of_store(self, kind: str, words: str, *, success: bool) -> None:
        self._output.write([own_event(self._node, kind, time.time_ns(), words, success=success)])

    def _wait(self) -> float:
        self._waits = min(self._waits + 1, 16)
        longest: float = min(_FIRST_WAIT_SECONDS * 2 ** (self._waits - 1), self._longest_wait)
        return longest * _RANDOM.uniform(0.75, 1.0)  # not all nodes at once
