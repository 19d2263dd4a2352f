"""Prometheus' text of the people who sign in at the staff port of this node, and of what waits for people.

| metric | type | labels |
|---|---|---|
| pdp_sign_in_anomalies_total | counter | class |
| pdp_sign_ins_throttled_total | counter | |
| pdp_anomalies_open | gauge | class |
| pdp_anomalies_open_seconds | gauge | class |
| pdp_rights_reviews | gauge | state |
| pdp_caller_access_ends | gauge | state |
| pdp_caller_token_unused_seconds | gauge | caller, token |

docs/guides/operation.md explains them; a test keeps both tables alike.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from pdp.control.accounts.unusual import USUAL_ACTIONS, class_word
from pdp.server.facts import EndingAccess, PeopleFacts, TokenUse, WaitingFacts


def of_people(facts: PeopleFacts | None) -> Iterator[Metric]:
    """Yield what was unusual; nothing where nobody signs in."""
    if facts is None:
        return
    found = CounterMetricFamily("pdp_sign_in_anomalies", "What was unusual about sign-ins.", labels=("class",))
    for word in map(class_word, USUAL_ACTIONS):
        found.add_metric((word,), facts["anomalies"].get(word, 0))
    yield found
    yield CounterMetricFamily(
        "pdp_sign_ins_throttled", "Sign-ins refused because too many failed from their address.", facts["throttled"]
    )
    if "waiting" in facts:
        yield from _of_waiting(facts["waiting"])


def of_callers(ending: Sequence[EndingAccess], uses: Sequence[TokenUse]) -> Iterator[Metric]:
    """Yield how many callers cannot call any more, or soon; and which tokens that are being rotated are still used."""
    found = GaugeMetricFamily("pdp_caller_access_ends", "Callers whose last token ends soon.", labels=("state",))
    over = sum(access["over"] for access in ending)
    found.add_metric(("soon",), len(ending) - over)
    found.add_metric(("over",), over)
    yield found
    unused = GaugeMetricFamily(
        "pdp_caller_token_unused_seconds", "Since this node was shown a token.", labels=("caller", "token")
    )
    for use in uses:
        unused.add_metric((use["caller"], use["token"]), use["unused"])
    yield unused


def _of_waiting(facts: WaitingFacts) -> Iterator[Metric]:
    count = GaugeMetricFamily("pdp_anomalies_open", "Anomalies that wait for a review.", labels=("class",))
    age = GaugeMetricFamily("pdp_anomalies_open_seconds", "Age of the oldest of them.", labels=("class",))
    now = time.time()
    for word, waiting in sorted(facts["anomalies"].items()):
        count.add_metric((word,), waiting["count"])
        age.add_metric((word,), max(now - waiting["since"], 0.0) if waiting["count"] else 0.0)
    reviews = GaugeMetricFamily("pdp_rights_reviews", "Accounts by the review of their rights.", labels=("state",))
    for word, number in sorted(facts["reviews"].items()):
        reviews.add_metric((word,), number)
    yield from (count, age, reviews)
