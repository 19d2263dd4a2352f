"""What workers count, sums over workers that come and go, and Prometheus' text."""

from __future__ import annotations

import re
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from pdp.engine.counts import Counts
from pdp.server import (
    exposition,
    exposition_accounts,
    exposition_audit,
    exposition_control,
    exposition_grants,
    exposition_shadow,
    metrics,
)
from pdp.server.exposition import History, is_ready, render
from pdp.server.facts import (
    ControlFacts,
    EndingAccess,
    Facts,
    GrantFacts,
    OpenAnomalies,
    ShadowCounts,
    ShipperFacts,
    Shipping,
    SiemFacts,
    Snapshot,
    SpoolCounts,
    WaitingFacts,
    WorkerFacts,
)
from pdp.server.latency import quantile
from pdp.server.metrics import BOUNDS, MAX_ATTRIBUTES, OTHER, WorkerMetrics

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guides" / "operation.md"


class FakeProgram:
    """Counts as a program does, and nothing else."""

    def __init__(self, revision: int, counts: Counts | None = None) -> None:
        self.revision, self.hash = revision, f"hash-{revision}"
        self.now = counts or Counts()

    def counts(self) -> Counts:
        return self.now.copy()

    def decide(self, *attributes: str) -> None:
        self.now.decisions += 1
        self.now.verdicts["mask", "C3"] += 2
        self.now.verdicts["unmask", "C1"] += 1
        self.now.undecided.update(attributes)


def worker(pid: int, state: str = "ready", **more: Any) -> WorkerFacts:
    facts = WorkerFacts(pid=pid, state=state, revision=1, hash="h", restarts=0, started_at=time.time())
    return facts | more  # type: ignore[return-value,operator]


def shipper(**more: Any) -> ShipperFacts:
    told = Shipping(
        shipped=12, lag_records=6, lag_bytes=600, lag_seconds=1.5, store_up=False, store_error="it is away",
        checkpoint=8, checkpoint_at=time.time() - 60, quarantined=7, alarms={"store.away": "it is away"},
        siem={"syslog": SiemFacts(up=False, sent=9, failures=3, lag_records=4, lag_seconds=2.5, error="gone")},
    )  # fmt: skip
    return ShipperFacts(pid=13, state="ready", restarts=2, started_at=time.time(), shipping=told) | more  # type: ignore[return-value,operator]


def facts_of(*workers: WorkerFacts, **more: Any) -> Facts:
    facts = Facts(workers=list(workers), revision=1, hash="h", started_at=time.time())
    return facts | more  # type: ignore[return-value,operator]


def snapshot_of(made: WorkerMetrics, **more: Any) -> Snapshot:
    return made.snapshot() | more  # type: ignore[return-value,operator]


def samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


# One worker


def test_calls_are_counted_by_method_and_code() -> None:
    made = WorkerMetrics(["Decide", "Explain"])
    for method, code in (("Decide", 0), ("Decide", 0), ("Decide", 3), ("Forged", 0), ("Decide", 99), ("Decide", -4)):
        made.observe(method, code, 0.001)
    told = made.snapshot()
    decide = {"OK": 2, "INVALID_ARGUMENT": 1, "UNKNOWN": 2}
    assert told["requests"] == {"Decide": decide, "Explain": {"OK": 0}, OTHER: {"OK": 1}}
    assert told["seconds"]["Decide"] == pytest.approx(0.005)


@given(st.lists(st.floats(0, 100), max_size=30))
def test_each_latency_falls_into_its_bucket(seconds: list[float]) -> None:
    made = WorkerMetrics(["Decide"])
    for value in seconds:
        made.observe("Decide", 0, value)
    counts = made.snapshot()["buckets"].get("Decide", [0] * (len(BOUNDS) + 1))
    for number, bound in enumerate(BOUNDS):
        assert sum(counts[: number + 1]) == sum(value <= bound for value in seconds)
    assert sum(counts) == len(seconds)


def test_threads_count_apart_and_are_told_together() -> None:
    made = WorkerMetrics(["Decide"])
    second = made.recorder()
    made.observe("Decide", 0, 0.001)
    second.observe("Decide", 0, 0.002)
    assert made.snapshot()["requests"] == {"Decide": {"OK": 2}}


def test_a_call_costs_less_than_a_microsecond_or_so() -> None:
    observe = WorkerMetrics(["Decide", "DecideBatch"]).observe
    rounds = []
    for _ in range(20):
        begun = time.thread_time_ns()
        for _ in range(2_000):
            observe("Decide", 0, 0.00004)
        rounds.append((time.thread_time_ns() - begun) / 2_000)
    # Twice what it may cost, for machines that are slower than those of a bank.
    assert statistics.median(rounds) < 2_000


def test_programs_follow_each_other_and_nothing_is_lost() -> None:
    made = WorkerMetrics(["Decide"])
    assert made.snapshot()["decisions"] == 0
    golden = FakeProgram(1)
    golden.decide("subject.level")  # a program's self-test is nobody's decision
    made.follow(golden)
    golden.decide("subject.level")
    assert made.snapshot()["revision"] == 1
    second = FakeProgram(2)
    made.follow(second)
    second.decide("subject.level", "context.menu")
    told = made.snapshot()
    assert (told["decisions"], told["revision"], told["hash"]) == (2, 2, "hash-2")
    assert told["verdicts"] == {"mask": {"C3": 4}, "unmask": {"C1": 2}}
    assert told["undecided"] == {"context.menu": 1, "subject.level": 2}


def test_attributes_of_many_revisions_stay_bounded_and_never_go_back() -> None:
    made = WorkerMetrics([])
    before: dict[str, int] = {}
    for revision in range(1, 8):
        program = FakeProgram(revision)
        made.follow(program)
        program.decide("always", *(f"r{revision}.a{number}" for number in range(100)))
        told = made.snapshot()["undecided"]
        assert len(told) <= MAX_ATTRIBUTES
        assert all(told[name] >= count for name, count in before.items())
        before = told
    assert sum(before.values()) == 7 * 101
    assert before["always"] == 7


def test_a_process_tells_its_memory_and_processor_time() -> None:
    told = WorkerMetrics([]).snapshot()
    assert told["rss_bytes"] > 1_000_000
    assert told["cpu_seconds"] > 0


# All workers


def test_a_replaced_worker_does_not_make_counters_go_back() -> None:
    history = History()
    old, other = WorkerMetrics(["Decide"]), WorkerMetrics(["Decide"])
    for _ in range(5):
        old.observe("Decide", 0, 0.001)
    other.observe("Decide", 0, 0.001)
    history.update([snapshot_of(old, pid=1), snapshot_of(other, pid=2)], [1, 2])
    assert history.totals().requests == Counter({("Decide", "OK"): 6})
    # Killed, not yet replaced; then replaced, once more under the process id of the dead one.
    history.update([snapshot_of(other, pid=2)], [2])
    assert history.totals().requests["Decide", "OK"] == 6
    fresh = WorkerMetrics(["Decide"])
    fresh.observe("Decide", 0, 0.001)
    history.update([snapshot_of(fresh, pid=1), snapshot_of(other, pid=2)], [1, 2])
    assert history.totals().requests["Decide", "OK"] == 7
    again = WorkerMetrics(["Decide"])
    again.observe("Decide", 3, 0.5)
    history.update([snapshot_of(again, pid=1)], [1, 2])
    assert history.totals().requests == Counter({("Decide", "OK"): 7, ("Decide", "INVALID_ARGUMENT"): 1})
    assert sum(history.totals().buckets["Decide"]) == 8


def test_a_worker_that_answers_late_counts_with_what_it_told_last() -> None:
    history = History()
    made = WorkerMetrics(["Decide"])
    made.observe("Decide", 0, 0.001)
    early = snapshot_of(made, pid=1)
    made.observe("Decide", 0, 0.001)
    late = snapshot_of(made, pid=1)
    for snapshots in ([early], [], [late], [early], []):
        history.update(snapshots, [1])
    assert history.totals().requests["Decide", "OK"] == 2


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["call", "kill", "late"])), max_size=40))
def test_sums_only_grow_and_count_every_call_that_was_told(steps: list[tuple[int, str]]) -> None:
    history, calls, last = History(), 0, 0
    running = [WorkerMetrics(["Decide"]) for _ in range(3)]
    pids = [1, 2, 3]
    for place, step in steps:
        if step == "call":
            running[place].observe("Decide", 0, 0.01)
            calls += 1
        elif step == "kill":
            history.update([snapshot_of(m, pid=p) for m, p in zip(running, pids, strict=True)], pids)
            running[place] = WorkerMetrics(["Decide"])
            pids[place] += 3 * (place == 1)  # one place gets a new process id, the others the same again
        told = [snapshot_of(m, pid=p) for m, p in zip(running, pids, strict=True)]
        history.update([] if step == "late" else told, pids)
        total = history.totals().requests["Decide", "OK"]
        assert total >= last
        assert step == "late" or total == calls
        last = total


def test_who_is_ready() -> None:
    assert is_ready(facts_of(worker(1), worker(2, "down")))
    assert not is_ready(facts_of(worker(1, "starting"), worker(2, "down")))
    assert not is_ready(facts_of(worker(1), draining=True))
    assert not is_ready(facts_of())


# Prometheus' text


NOTHING = OpenAnomalies(count=0, since=0.0)
ENDING = [
    EndingAccess(caller="old", seconds=-5.0, over=True), EndingAccess(caller="counter", seconds=60.0, over=False),
    EndingAccess(caller="loans", seconds=7200.0, over=False),
]  # fmt: skip
GRANTS = GrantFacts(
    active=3, revision=12, honoured=False, look_age_seconds=11.5, steps={"asked": 2, "approved": 1}, expired=4
)
CONTROL = ControlFacts(
    store="etcd", head=6, wanted=8, applied=7, candidate=True, store_age_seconds=61.5, store_error="away", stale=True,
    lease="none", refused=8, refused_code="golden_case", refused_error="1 of 2", refused_at=1.0,
)  # fmt: skip


def waiting() -> WaitingFacts:
    return WaitingFacts(
        looked_at=1.0, reviews={"confirmed": 5, "due": 2, "overdue": 1},
        anomalies={"new_device": OpenAnomalies(count=3, since=time.time() - 7200), "odd_hour": NOTHING},
    )  # fmt: skip


@pytest.fixture
def text() -> bytes:
    made = WorkerMetrics(["Decide"])
    program = FakeProgram(7)
    made.follow(program)
    program.decide("subject.level")
    made.observe("Decide", 0, 0.00006)
    made.observe("Decide", 13, 30.0)
    history = History()
    counts = SpoolCounts(
        appended=9, commits=4, commit_seconds=0.25, failures=2, rotations=1, refused=3, unrecorded=5, bytes=4096,
        level="SHED", quarantined=7, waiting=1,
    )  # fmt: skip
    compared = ShadowCounts(
        revision=6, live_revision=7, compared=20, differing=3, failed=2, dropped=1, examples=[]
    )  # fmt: skip
    history.update([snapshot_of(made, pid=11, audit=counts, shadow=compared)], [11])
    refused = {"at": 1.0, "reason": "x"}
    return render(
        history,
        facts_of(
            worker(11, revision=7), worker(12, "down", restarts=3), revision=7, hash="abc", policies_error=refused,
            loads={"policies": {"accepted": 2, "refused": 1}}, shipper=shipper(), control=CONTROL,
            grants=GRANTS, people={"anomalies": {"new_device": 4}, "throttled": 6, "waiting": waiting()},
            access_ends=ENDING,
            token_uses=[{"caller": "counter", "token": "old", "unused": 7.5}],
            reports={"fallbacks": {"fields": 8, "nothing": 0}},
        ),
    )  # fmt: skip


def test_the_text_says_what_was_counted(text: bytes) -> None:
    told = samples(text)
    expected = {
        ("pdp_requests_total", (("code", "OK"), ("method", "Decide"))): 1,
        ("pdp_reported_total", (("kind", "fallbacks"), ("shown", "fields"))): 8,
        ("pdp_requests_total", (("code", "INTERNAL"), ("method", "Decide"))): 1,
        ("pdp_request_seconds_bucket", (("le", "5e-05"), ("method", "Decide"))): 0,
        ("pdp_request_seconds_bucket", (("le", "0.0001"), ("method", "Decide"))): 1,
        ("pdp_request_seconds_bucket", (("le", "10"), ("method", "Decide"))): 1,
        ("pdp_request_seconds_bucket", (("le", "+Inf"), ("method", "Decide"))): 2,
        ("pdp_request_seconds_count", (("method", "Decide"),)): 2,
        ("pdp_request_seconds_sum", (("method", "Decide"),)): 30.00006,
        ("pdp_decisions_total", ()): 1,
        ("pdp_verdicts_total", (("effect", "mask"), ("level", "C3"))): 2,
        ("pdp_undecided_conditions_total", (("attribute", "subject.level"),)): 1,
        ("pdp_policy_revision", ()): 7,
        ("pdp_policy_info", (("hash", "abc"),)): 1,
        ("pdp_policy_refused", (("what", "policies"),)): 1,
        ("pdp_policy_refused", (("what", "grants"),)): 0,
        ("pdp_policy_loads_total", (("outcome", "refused"), ("what", "policies"))): 1,
        ("pdp_worker_up", (("worker", "0"),)): 1,
        ("pdp_worker_up", (("worker", "1"),)): 0,
        ("pdp_worker_revision", (("worker", "0"),)): 7,
        ("pdp_worker_restarts_total", (("worker", "1"),)): 3,
        ("pdp_ready", ()): 1,
        ("pdp_control_head_revision", ()): 6,
        ("pdp_control_wanted_revision", ()): 8,
        ("pdp_control_applied_revision", ()): 7,
        ("pdp_control_refused_revision", (("code", "golden_case"),)): 8,
        ("pdp_control_store_age_seconds", ()): 61.5,
        ("pdp_control_stale", ()): 1,
        ("pdp_control_lease", ()): 0,
        ("pdp_shadow_compared_total", (("live_revision", "7"), ("revision", "6"))): 20,
        ("pdp_shadow_differing_total", (("live_revision", "7"), ("revision", "6"))): 3,
        ("pdp_shadow_failed_total", (("live_revision", "7"), ("revision", "6"))): 2,
        ("pdp_shadow_dropped_total", (("live_revision", "7"), ("revision", "6"))): 1,
        ("pdp_snapshots_total", ()): 9,
        ("pdp_snapshot_commit_seconds_count", ()): 4,
        ("pdp_snapshot_commit_seconds_sum", ()): 0.25,
        ("pdp_snapshots_refused_total", ()): 3,
        ("pdp_snapshots_unrecorded_total", ()): 5,
        ("pdp_spool_failures_total", ()): 2,
        ("pdp_spool_rotations_total", ()): 1,
        ("pdp_spool_bytes", ()): 4096,
        ("pdp_spool_level", (("worker", "0"),)): 2,
        ("pdp_spool_quarantined", ()): 7,
        ("pdp_shipper_up", ()): 1,
        ("pdp_shipper_restarts_total", ()): 2,
        ("pdp_shipper_lag_records", ()): 6,
        ("pdp_shipper_lag_bytes", ()): 600,
        ("pdp_shipper_lag_seconds", ()): 1.5,
        ("pdp_snapshots_shipped_total", ()): 12,
        ("pdp_store_up", ()): 0,
        ("pdp_checkpoint_number", ()): 8,
        ("pdp_snapshot_alarm", (("alarm", "store.away"),)): 1,
        ("pdp_anomalies_open", (("class", "new_device"),)): 3,
        ("pdp_anomalies_open_seconds", (("class", "odd_hour"),)): 0,
        ("pdp_rights_reviews", (("state", "overdue"),)): 1,
        ("pdp_caller_access_ends", (("state", "soon"),)): 2,
        ("pdp_caller_access_ends", (("state", "over"),)): 1,
        ("pdp_caller_token_unused_seconds", (("caller", "counter"), ("token", "old"))): 7.5,
    }
    assert {key: told[key] for key in expected} == expected


def test_what_waits_grows_older(text: bytes) -> None:
    assert 7200 <= samples(text)["pdp_anomalies_open_seconds", (("class", "new_device"),)] < 7300


def test_a_store_that_is_away_makes_no_service_unready(text: bytes) -> None:
    told = samples(text)
    assert (told["pdp_store_up", ()], told["pdp_ready", ()]) == (0, 1)
    assert 60 <= told["pdp_checkpoint_age_seconds", ()] < 120


def test_the_spools_of_workers_that_are_gone_still_count() -> None:
    first, second = WorkerMetrics(["Decide"]), WorkerMetrics(["Decide"])
    counts = SpoolCounts(appended=5, commits=2, bytes=100, level="FULL")
    history = History()
    history.update([snapshot_of(first, pid=1, audit=counts)], [1])
    history.update([snapshot_of(second, pid=2, audit=counts | {"appended": 1, "level": "NORMAL"})], [2])
    told = samples(render(history, facts_of(worker(2), shipper=shipper())))
    assert (told["pdp_snapshots_total", ()], told["pdp_snapshot_commit_seconds_count", ()]) == (6, 4)
    assert (told["pdp_spool_bytes", ()], told["pdp_spool_level", (("worker", "0"),)]) == (100, 0)


def test_without_records_nothing_is_told_of_them() -> None:
    names = {name for name, _ in samples(render(History(), facts_of(worker(1), shipper=None)))}
    assert not any("spool" in name or "snapshot" in name or "shipper" in name for name in names)


def test_a_shipper_that_has_told_nothing_yet_is_only_up_or_down() -> None:
    facts = shipper(state="starting")
    del facts["shipping"]
    told = samples(render(History(), facts_of(worker(1), shipper=facts)))
    assert told["pdp_shipper_up", ()] == 0
    assert ("pdp_store_up", ()) not in told


def test_what_workers_compare_is_added_up_while_somebody_compares_it() -> None:
    made = [WorkerMetrics(["Decide"]) for _ in range(3)]
    pair = ShadowCounts(revision=6, live_revision=7, compared=5, differing=1, failed=0, dropped=0, examples=[])
    history = History()
    history.update([snapshot_of(made[0], pid=1, shadow=pair), snapshot_of(made[1], pid=2, shadow=pair)], [1, 2])
    history.update([snapshot_of(made[2], pid=3, shadow=pair)], [2, 3])  # one is gone, another came
    name, labels = "pdp_shadow_compared_total", (("live_revision", "7"), ("revision", "6"))
    assert samples(render(history, facts_of(worker(2), worker(3))))[name, labels] == 15
    other = pair | {"live_revision": 8, "compared": 0, "differing": 0}
    history.update([snapshot_of(made[1], pid=2, shadow=other), snapshot_of(made[2], pid=3)], [2, 3])
    told = samples(render(history, facts_of(worker(2), worker(3))))
    assert {labels: told[name, labels] for told_name, labels in told if told_name == name} == {
        (("live_revision", "8"), ("revision", "6")): 0
    }


def test_hostile_labels_stay_labels() -> None:
    text = render(History(), facts_of(hash='a"b\\c\nd'))
    assert ("pdp_policy_info", (("hash", 'a"b\\c\nd'),)) in samples(text)


def documented() -> dict[str, tuple[str, set[str]]]:
    rows = re.findall(r"^\| `(pdp_\w+)` \| (\w+) \|([^|]*)\|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: (kind, set(re.findall("`(.*?)`", labels))) for name, kind, labels in rows}


def test_the_guide_and_the_module_list_what_is_told(text: bytes) -> None:
    told = {
        family.name + ("_total" if family.type == "counter" else ""): (
            family.type,
            {label for sample in family.samples for label in sample.labels} - {"le"},
        )
        for family in text_string_to_metric_families(text.decode())
    }
    assert documented() == told
    modules = (
        exposition, exposition_accounts, exposition_audit, exposition_control, exposition_grants, exposition_shadow,
    )  # fmt: skip
    listed = "\n".join(str(module.__doc__) for module in modules)
    in_module = set(re.findall(r"^\| (pdp_\w+) \|", listed, re.MULTILINE))
    assert in_module == set(told)


def test_alerts_speak_of_metrics_that_exist_and_the_guide_of_every_alert(text: bytes) -> None:
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    known = {name for name, _ in samples(text)}
    for rule in rules:
        assert {"alert", "expr", "labels", "annotations"} <= set(rule)
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(re.findall(r"\bpdp_\w+", rule["expr"])) <= known, rule["alert"]
        assert rule["expr"].count("(") == rule["expr"].count(")")
    names = re.findall(r"^\| `(Pdp\w+)` \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert names == [rule["alert"] for rule in rules]


# Quantiles


@given(st.lists(st.floats(0, 12), min_size=1, max_size=60), st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(seconds: list[float], share: float) -> None:
    made = metrics.WorkerMetrics(["Decide"])
    for value in seconds:
        made.observe("Decide", 0, value)
    found = quantile(BOUNDS, made.snapshot()["buckets"]["Decide"], share)
    rank = max(int(-(-share * len(seconds) // 1)), 1)
    true = sorted(seconds)[rank - 1]
    assert found is not None
    low = max((bound for bound in BOUNDS if bound < true), default=0.0)
    high = min((bound for bound in BOUNDS if bound >= true), default=BOUNDS[-1])
    assert min(low, BOUNDS[-1]) <= found <= high


def test_no_calls_have_no_quantile() -> None:
    assert quantile((1.0,), (0, 0), 0.5) is None
