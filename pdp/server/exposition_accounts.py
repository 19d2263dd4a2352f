"""Prometheus' text of the people who sign in at the staff port of this node.

| metric | type | labels |
|---|---|---|
| pdp_sign_in_anomalies_total | counter | class |
| pdp_sign_ins_throttled_total | counter | |

docs/guides/operation.md explains them; a test keeps both tables alike.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric

from pdp.control.accounts.unusual import USUAL_ACTIONS, class_word
from pdp.server.facts import PeopleFacts


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
