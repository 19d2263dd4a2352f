"""Prometheus' text of revisions that are compared on live calls, while they are.

| metric | type | labels |
|---|---|---|
| pdp_shadow_compared_total | counter | revision, live_revision |
| pdp_shadow_differing_total | counter | revision, live_revision |
| pdp_shadow_failed_total | counter | revision, live_revision |
| pdp_shadow_dropped_total | counter | revision, live_revision |

docs/guides/operation.md explains them; a test keeps both tables alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, get_args

from prometheus_client.core import CounterMetricFamily, Metric

from pdp.server.facts import ShadowCounts

What = Literal["compared", "differing", "failed", "dropped"]
Key = tuple[int, int, str]
"""The revision beside, the live one, and what was counted."""
_WHAT: tuple[What, ...] = get_args(What)
_HELP: dict[What, str] = {
    "compared": "Decisions compared with those of another revision.",
    "differing": "Compared decisions that differed.",
    "failed": "Decisions that the other revision could not make.",
    "dropped": "Calls not compared, for too many waited.",
}


def add(totals: Counter[Key], counts: ShadowCounts | None) -> None:
    """Add what one worker compared, if it did."""
    if counts is not None:
        for what in _WHAT:
            totals[counts["revision"], counts["live_revision"], what] += counts[what]


def of_shadows(totals: Counter[Key], running: Iterable[ShadowCounts]) -> Iterator[Metric]:
    """Yield the sums over all workers for the pairs that running ones compare; those of the past would only pile up."""
    pairs = sorted({(counts["revision"], counts["live_revision"]) for counts in running})
    if not pairs:
        return
    for what in _WHAT:
        metric = CounterMetricFamily(f"pdp_shadow_{what}", _HELP[what], labels=("revision", "live_revision"))
        for revision, live in pairs:
            metric.add_metric((str(revision), str(live)), totals[revision, live, what])
        yield metric
