"""Prometheus' text of what is recorded: the workers' spools, the shipper, the store and its checkpoints.

| metric | type | labels |
|---|---|---|
| pdp_snapshots_total | counter | |
| pdp_snapshot_commit_seconds | summary | |
| pdp_snapshots_refused_total | counter | |
| pdp_snapshots_unrecorded_total | counter | |
| pdp_spool_failures_total | counter | |
| pdp_spool_rotations_total | counter | |
| pdp_spool_bytes | gauge | |
| pdp_spool_level | gauge (0 to 4) | worker |
| pdp_spool_quarantined | gauge | |
| pdp_shipper_up | gauge (0, 1) | |
| pdp_shipper_restarts_total | counter | |
| pdp_shipper_lag_records | gauge | |
| pdp_shipper_lag_bytes | gauge | |
| pdp_shipper_lag_seconds | gauge | |
| pdp_snapshots_shipped_total | counter | |
| pdp_store_up | gauge (0, 1) | |
| pdp_checkpoint_number | gauge | |
| pdp_checkpoint_age_seconds | gauge | |
| pdp_snapshot_alarm | gauge (1) | alarm |
| pdp_siem_up | gauge (0, 1) | output |
| pdp_siem_sent_total | counter | output |
| pdp_siem_failures_total | counter | output |
| pdp_siem_lag_records | gauge | output |
| pdp_siem_lag_seconds | gauge | output |

docs/guides/operation.md explains them; a test keeps both tables alike.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily

from pdp.server.facts import ShipperFacts, SiemFacts, SpoolCounts
from pdp.snapshot.spool.limits import SpoolLevel

READY = "ready"


def of_spools(totals: Counter[str], workers: Mapping[int, SpoolCounts]) -> Iterator[Metric]:
    """Yield what spools counted: the sums over all workers, and how each running one stands, by its number."""
    yield CounterMetricFamily("pdp_snapshots", "Records made durable on this machine.", totals["appended"])
    yield SummaryMetricFamily(
        "pdp_snapshot_commit_seconds", "Time to make records durable.",
        count_value=totals["commits"], sum_value=totals["commit_seconds"],
    )  # fmt: skip
    yield CounterMetricFamily(
        "pdp_snapshots_refused", "Decisions not answered for want of a durable record.", totals["refused"]
    )
    yield CounterMetricFamily(
        "pdp_snapshots_unrecorded", "Decisions answered without a durable record.", totals["unrecorded"]
    )
    yield CounterMetricFamily("pdp_spool_failures", "Times that records could not be made durable.", totals["failures"])
    yield CounterMetricFamily("pdp_spool_rotations", "Files that spools began after their first.", totals["rotations"])
    # Each looks at the folder that they share, at another time.
    size = max((counts.get("bytes", 0) for counts in workers.values()), default=0)
    yield GaugeMetricFamily("pdp_spool_bytes", "Size of all spools of this server.", size)
    level = GaugeMetricFamily("pdp_spool_level", "How far disk pressure has come.", labels=("worker",))
    for number, counts in sorted(workers.items()):
        level.add_metric((str(number),), SpoolLevel[counts.get("level", SpoolLevel.NORMAL.name)])
    yield level


def of_shipper(facts: ShipperFacts) -> Iterator[Metric]:
    """Yield how the shipper does."""
    yield GaugeMetricFamily("pdp_shipper_up", "1 while the shipper answers.", facts["state"] == READY)
    yield CounterMetricFamily("pdp_shipper_restarts", "Times the shipper was replaced.", facts["restarts"])
    told = facts.get("shipping")
    if told is None:
        return
    yield GaugeMetricFamily("pdp_shipper_lag_records", "Records that wait for the store.", told["lag_records"])
    yield GaugeMetricFamily("pdp_shipper_lag_bytes", "Their size.", told["lag_bytes"])
    yield GaugeMetricFamily("pdp_shipper_lag_seconds", "Age of the oldest of them.", told["lag_seconds"])
    yield CounterMetricFamily("pdp_snapshots_shipped", "Records brought into the store.", told["shipped"])
    yield GaugeMetricFamily("pdp_store_up", "1 while the store takes records.", told["store_up"])
    yield GaugeMetricFamily("pdp_spool_quarantined", "Files of spools that cannot be read.", told["quarantined"])
    yield GaugeMetricFamily("pdp_checkpoint_number", "Number of the last checkpoint.", told["checkpoint"])
    if told["checkpoint_at"]:
        age = max(time.time() - told["checkpoint_at"], 0.0)
        yield GaugeMetricFamily("pdp_checkpoint_age_seconds", "Age of the last checkpoint.", age)
    alarms = GaugeMetricFamily("pdp_snapshot_alarm", "1 for what stands wrong with records.", labels=("alarm",))
    for name in sorted(told["alarms"]):
        alarms.add_metric((name,), 1)
    yield alarms
    yield from _of_siem(told.get("siem", {}))


def _of_siem(outputs: Mapping[str, SiemFacts]) -> Iterator[Metric]:
    label = ("output",)
    up = GaugeMetricFamily("pdp_siem_up", "1 while security events are taken.", labels=label)
    sent = CounterMetricFamily("pdp_siem_sent", "Security events that went out.", labels=label)
    failures = CounterMetricFamily("pdp_siem_failures", "Times that security events were not taken.", labels=label)
    records = GaugeMetricFamily("pdp_siem_lag_records", "Records that wait for it.", labels=label)
    seconds = GaugeMetricFamily("pdp_siem_lag_seconds", "How long ago none waited.", labels=label)
    for name, facts in sorted(outputs.items()):
        up.add_metric((name,), facts["up"])
        sent.add_metric((name,), facts["sent"])
        failures.add_metric((name,), facts["failures"])
        records.add_metric((name,), facts["lag_records"])
        seconds.add_metric((name,), facts["lag_seconds"])
    yield from (up, sent, failures, records, seconds)
