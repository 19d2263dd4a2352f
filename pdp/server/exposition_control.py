"""Prometheus' text of how this node stands to the control store.

| metric | type | labels |
|---|---|---|
| pdp_control_head_revision | gauge | |
| pdp_control_wanted_revision | gauge | |
| pdp_control_applied_revision | gauge | |
| pdp_control_refused_revision | gauge | code |
| pdp_control_store_age_seconds | gauge | |
| pdp_control_stale | gauge (0, 1) | |
| pdp_control_lease | gauge (0, 1) | |

docs/guides/operation.md explains them; a test keeps both tables alike.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from pdp.server.facts import ControlFacts


def of_node(facts: ControlFacts) -> Iterator[Metric]:
    """Yield how the node stands."""
    yield GaugeMetricFamily("pdp_control_head_revision", "Revision in force when the store was seen.", facts["head"])
    yield GaugeMetricFamily("pdp_control_wanted_revision", "Revision that this node should have.", facts["wanted"])
    yield GaugeMetricFamily("pdp_control_applied_revision", "Revision that this node decides by.", facts["applied"])
    refused = GaugeMetricFamily("pdp_control_refused_revision", "Revision that this node refuses.", labels=("code",))
    if "refused_code" in facts:
        refused.add_metric((facts["refused_code"],), facts["refused"])
    yield refused
    age = facts["store_age_seconds"]
    yield GaugeMetricFamily("pdp_control_store_age_seconds", "How long ago the control store was seen.", age)
    yield GaugeMetricFamily("pdp_control_stale", "1 while the store has been away for too long.", facts["stale"])
    lease = facts["lease"] == "held"
    yield GaugeMetricFamily("pdp_control_lease", "1 while the other nodes count this one as alive.", lease)
