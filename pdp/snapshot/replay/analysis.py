"""Goes through the records of a time and tells what a candidate would change, with progress on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final

from pdp.errors import RequestError, Violation
from pdp.snapshot.filter import Node, nodes
from pdp.snapshot.filter.names import NAMES
from pdp.snapshot.query import DAY, Asking, where
from pdp.snapshot.replay.candidate import Candidate
from pdp.snapshot.replay.groups import Groups
from pdp.snapshot.replay.origin import read_origin
from pdp.snapshot.replay.replayer import Replayer
from pdp.snapshot.store.base import Place, Reader
from pdp.v1 import bundle_pb2, policy_service_pb2
from pdp.values import INT_MAX, INT_MIN, NANOS

LIMIT: Final = 1_000_000
EXAMPLES: Final = 3
MAX_EXAMPLES: Final = 20
SPAN: Final = 7 * DAY
PROGRESS_SECONDS: Final = 0.5
_PAGE: Final = 2_000
# So much is done between two looks at the clock.
_BATCH: Final = 250


@dataclass(frozen=True, slots=True)
class Order:
    """A checked request: which decisions, how many at most, and how many examples a group has."""

    filter: Node
    limit: int
    examples: int


def check(asking: Asking, request: policy_service_pb2.AnalyseImpactRequest) -> Order:
    """Return the order of a request. Raises FilterError, RequestError for a wrong time, limit or number of examples."""
    now = asking.clock()
    found: list[Violation] = []
    begin = getattr(request, "from")
    until = request.to.seconds * NANOS + request.to.nanos if request.HasField("to") else now + 1
    start = begin.seconds * NANOS + begin.nanos if request.HasField("from") else until - SPAN
    for name, moment in (("from", start), ("to", until)):
        if not INT_MIN <= moment <= INT_MAX:
            found.append(Violation(name, "is not a time in the years 1678 to 2262"))
    if not found and start > until:
        found.append(Violation("from", "is later than `to`; exchange them"))
    if request.limit < 0:
        found.append(Violation("limit", f"is {request.limit}, must be at least 1, or 0 for {LIMIT}"))
    if not 0 <= request.examples <= MAX_EXAMPLES:
        message = f"is {request.examples}, must be 1 to {MAX_EXAMPLES}, or 0 for {EXAMPLES}"
        found.append(Violation("examples", message))
    if found:
        raise RequestError(*found)
    moment, kind = NAMES["time"], NAMES["kind"]
    wanted: tuple[Node, ...] = (
        nodes.Compare(">=", moment, nodes.Constant(moment.kind, start)),
        nodes.Compare("<", moment, nodes.Constant(moment.kind, until)),
        nodes.Compare("==", kind, nodes.Constant(kind.kind, "decision")),
    )
    written = asking.filter(request.filter, now)
    return Order(
        nodes.All(wanted if written is None else (*wanted, written)),
        request.limit or LIMIT,
        request.examples or EXAMPLES,
    )


def analyse(
    reader: Reader,
    order: Order,
    signed: bundle_pb2.SignedBundle,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[policy_service_pb2.AnalyseImpactResponse, None, None]:
    """Yield how far it is, about twice a second, and at last the result; the newest records are read first.

    Memory is bounded whatever the number of records. Raises BundleError for a candidate that cannot be compiled, and
    StoreError.
    """
    condition = where(reader, order.filter)
    expected, _ = reader.count(condition, exact=False)
    expected = min(expected, order.limit)
    groups = Groups(order.examples)
    yield _told(groups, expected)
    replayer = Replayer(Candidate(signed), lambda policy_hash: read_origin(reader, policy_hash))
    after: Place | None = None
    left = order.limit
    due = clock() + PROGRESS_SECONDS
    while left > 0:
        page = reader.select(condition, after=after, oldest_first=False, limit=min(left, _PAGE), bare=True)
        for number, record in enumerate(page, 1):
            groups.add(record, *replayer.replay(record.body))
            if number % _BATCH == 0 and clock() >= due:
                yield _told(groups, expected)
                due = clock() + PROGRESS_SECONDS
        if len(page) < min(left, _PAGE):
            break
        left -= len(page)
        after = page[-1].place
    done = _told(groups, expected)
    done.expected = done.read
    done.done = True
    done.groups.extend(groups.result())
    yield done


def _told(groups: Groups, expected: int) -> policy_service_pb2.AnalyseImpactResponse:
    message = groups.totals()
    message.expected = expected
    return message
