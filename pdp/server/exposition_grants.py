"""Prometheus' text of how this node stands to the grants of the control store.

| metric | type | labels |
|---|---|---|
| pdp_grants_active | gauge | |
| pdp_grants_honoured | gauge (0, 1) | |
| pdp_grants_revision | gauge | |
| pdp_grants_look_age_seconds | gauge | |
| pdp_grant_steps_total | counter | step |
| pdp_grants_expired_total | counter | |

docs/guides/operation.md explains them; a test keeps both tables alike.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from pdp.server.facts import GrantFacts


def of_grants(facts: GrantFacts) -> Iterator[Metric]:
    """Yield how the node stands."""
    yield GaugeMetricFamily("pdp_grants_active", "Grants that hold, as far as the node knows.", facts["active"])
    yield GaugeMetricFamily("pdp_grants_honoured", "1 while they count on this node.", facts["honoured"])
    yield GaugeMetricFamily("pdp_grants_revision", "State of the store that the node knows.", facts["revision"])
    if facts["look_age_seconds"] is not None:
        age = facts["look_age_seconds"]
        yield GaugeMetricFamily("pdp_grants_look_age_seconds", "How long ago none was missing.", age)
    steps = CounterMetricFamily("pdp_grant_steps", "What was done to grants through this node.", labels=("step",))
    for step, count in sorted(facts["steps"].items()):
        steps.add_metric((step,), count)
    yield steps
    yield CounterMetricFamily("pdp_grants_expired", "Grants that ran out.", facts["expired"])
