"""Grants as a worker holds them: those of a file and of the store, for how long, how often."""

from __future__ import annotations

import hashlib
import threading

import pytest

from pdp.engine.program import Program
from pdp.engine.recording import Notes
from pdp.errors import GrantUseError, StaleGrantsError
from pdp.server.grants import GrantTable
from pdp.v1 import account_pb2, bundle_pb2, decision_service_pb2, types_pb2
from tests.integration.deciding import signed
from tests.integration.running import DICTIONARY

SECRET = DICTIONARY.replace(
    "level: C3}", "level: C3}\n  cvv: {label: {zh: 码, en: cvv}, level: C3, never_unmask: true}"
)
ALL = """
kind: Policy
id: core
title: {zh: 核心柜面, en: core counter}
rules:
  - id: approved
    title: {zh: 经授权, en: authorised}
    when: [grant.active]
    fields: all
    except: [cvv]
    unmask: true
"""
MAP = """
---
kind: MessageMap
application: {application}
message: view
fields:
  balance: $.balance
"""


class Uptime:
    def __init__(self) -> None:
        self.now = 10**12

    def __call__(self) -> int:
        return self.now


def active(grant_id: str, max_uses: int = 0, **given: object) -> account_pb2.ActiveGrant:
    grant = bundle_pb2.Grant(
        id=grant_id, kind="supervisor", subject_id="T1", resource_type="customer", resource_id="C1",
        expires_at_nanos=1 << 62, approver="chen", **given,  # type: ignore[arg-type]
    )  # fmt: skip
    return account_pb2.ActiveGrant(grant=grant, max_uses=max_uses)


def table_of(*grants: account_pb2.ActiveGrant, uptime: Uptime | None = None) -> tuple[GrantTable, Uptime]:
    clock = uptime or Uptime()
    table = GrantTable(clock)
    table.change(grants, (), 7)
    table.honour_until(clock.now + 10**9)
    return table, clock


def decide(
    program: Program, *grant_ids: str, fields: tuple[str, ...] = ("balance",), at_least: int = 0
) -> decision_service_pb2.DecideResponse:
    request = decision_service_pb2.DecideRequest(
        subject=types_pb2.Subject(id="T1"), resource=types_pb2.Resource(type="customer", id="C1"), fields=fields,
        grant_ids=grant_ids, min_grant_revision=at_least,
    )  # fmt: skip
    return decision_service_pb2.DecideResponse.FromString(program.decide(request.SerializeToString()))


def shows(response: decision_service_pb2.DecideResponse) -> list[bool]:
    return [verdict.effect == types_pb2.EFFECT_UNMASK for verdict in response.verdicts]


def test_a_grant_of_the_store_counts_only_while_the_store_is_heard() -> None:
    table, clock = table_of(active("g1"))
    program = Program.from_bundle(signed(1, ALL, SECRET), grants=table)
    assert shows(decide(program, "g1")) == [True]
    clock.now += 10**9
    response = decide(program, "g1")
    assert shows(response) == [False]
    assert [(d.code, d.subject) for d in response.diagnostics] == [(types_pb2.DIAGNOSTIC_CODE_GRANT_INACTIVE, "g1")]
    assert not table.current
    table.honour_until(clock.now + 1)
    assert shows(decide(program, "g1")) == [True]


def test_a_grant_of_a_file_counts_whatever_the_store_does() -> None:
    table, clock = table_of(active("g1"))
    table.replace({"F1": active("F1").grant})
    program = Program.from_bundle(signed(1, ALL, SECRET), grants=table)
    assert set(table.current) == {"g1", "F1"}
    clock.now += 10**10
    assert shows(decide(program, "F1")) == [True]
    assert set(table.current) == {"F1"}


@pytest.mark.parametrize(
    ("context", "message", "is_shown"),
    [("core", "", True), ("", "core", True), ("core", "core", True), ("crm", "", False), ("", "crm", False),
     ("core", "crm", False), ("crm", "core", False), ("", "", False)],
)  # fmt: skip
def test_what_was_authorised_in_one_application_shows_nothing_in_another(
    context: str, message: str, is_shown: bool
) -> None:
    table, _ = table_of(active("g1", application="core"))
    maps = "".join(MAP.format(application=name) for name in ("core", "crm"))
    program = Program.from_bundle(signed(1, ALL, SECRET + maps), grants=table)
    item = decision_service_pb2.BatchItem(resource=types_pb2.Resource(type="customer", id="C1"))
    if message:
        item.message.application, item.message.name = message, "view"
    else:
        item.fields.append("balance")
    asked = decision_service_pb2.DecideBatchRequest(
        subject=types_pb2.Subject(id="T1"), items=[item], grant_ids=["g1"]
    )  # fmt: skip
    if context:
        asked.context["application"].string_value = context
    one = decision_service_pb2.DecideRequest(
        subject=asked.subject, resource=item.resource, fields=item.fields, grant_ids=["g1"], context=asked.context
    )
    if message:
        one.message.CopyFrom(item.message)
    decided = decision_service_pb2.DecideResponse.FromString(program.decide(one.SerializeToString()))
    batch = decision_service_pb2.DecideBatchResponse.FromString(program.decide_batch(asked.SerializeToString()))
    explained = decision_service_pb2.ExplainResponse.FromString(
        program.explain(decision_service_pb2.ExplainRequest(request=one).SerializeToString())
    )
    for answer in (decided, batch.results[0].decision, explained.decision):
        assert shows(answer) == [is_shown]
        codes = [found.code for found in answer.diagnostics if found.subject == "g1"]
        assert codes == ([] if is_shown else [types_pb2.DIAGNOSTIC_CODE_GRANT_MISMATCH])
    assert {rule.grant_id for rule in explained.rules if rule.wins} == ({"g1"} if is_shown else set())


def test_what_goes_is_gone_and_a_reset_leaves_only_what_it_says() -> None:
    table, _ = table_of(active("g1"), active("g2"))
    before = table.current
    table.change((), ("g1",), 8)
    assert table.get("g1") is None
    assert (table.why("g1"), table.revision) == ("", 8)
    assert table.current is not before
    assert set(before) == {"g1", "g2"}
    table.change((active("g3"),), (), 9, reset=True)
    assert set(table.current) == {"g3"}


def test_a_state_that_does_not_count_meets_no_demand() -> None:
    table, clock = table_of(active("g1"))
    known = table.revision
    clock.now += 10**10
    assert (table.state, table.revision) == (known, 0)
    program = Program.from_bundle(signed(1, ALL, SECRET), grants=table)
    with pytest.raises(StaleGrantsError):
        decide(program, "g1", at_least=known)
    table.honour_until(clock.now + 1)
    assert shows(decide(program, "g1", at_least=known)) == [True]


def test_a_request_may_demand_a_state_of_grants() -> None:
    table, _ = table_of(active("g1"))
    program = Program.from_bundle(signed(1, ALL, SECRET), grants=table)
    assert shows(decide(program, "g1", at_least=7)) == [True]
    with pytest.raises(StaleGrantsError, match="min_grant_revision: is 8, this node knows the grants of 7"):
        decide(program, "g1", at_least=8)


def test_no_grant_shows_what_is_never_shown() -> None:
    # A policy that says otherwise is refused when it is checked; here one has come through all the same.
    made = signed(
        1, ALL.replace("    except: [cvv]\n", ""), SECRET.replace("never_unmask: true", "never_unmask: false")
    )
    bundle = bundle_pb2.Bundle.FromString(made.bundle)
    next(field for field in bundle.fields if field.id == "cvv").never_unmask = True
    data = bundle.SerializeToString(deterministic=True)
    forced = bundle_pb2.SignedBundle(bundle=data, hash=hashlib.sha256(data).hexdigest(), revision=1)
    table, _ = table_of(active("g1", fields=["cvv", "balance"]), active("g2", levels=["C3"]), active("g3"))
    program = Program.from_bundle(forced, grants=table)
    for grant_id in ("g1", "g2", "g3"):
        assert shows(decide(program, grant_id, fields=("cvv", "balance"))) == [False, True]


def test_a_use_is_taken_when_something_is_shown_by_it_and_only_then() -> None:
    table, _ = table_of(active("g1", max_uses=3, fields=["balance"]))
    program = Program.from_bundle(signed(1, ALL, SECRET), grants=table)
    # Its field was not asked for, so nothing is shown by it.
    assert shows(decide(program, "g1", fields=("mobile",))) == [False]
    with pytest.raises(GrantUseError, match="g1"):
        decide(program, "g1")
    assert not table.has_uses(["g1"])
    table.add_uses("g1", 2)
    assert shows(decide(program, "g1")) == [True]
    assert shows(decide(program, "g1", fields=("mobile",))) == [False]
    assert shows(decide(program, "g1")) == [True]
    with pytest.raises(GrantUseError):
        decide(program, "g1")


def test_a_batch_is_one_use_and_leaves_no_record_when_there_is_none() -> None:
    table, _ = table_of(active("g1", max_uses=3))
    program = Program.from_bundle(signed(1, ALL, SECRET), grants=table)
    item = decision_service_pb2.BatchItem(resource=types_pb2.Resource(type="customer", id="C1"), fields=["balance"])
    request = decision_service_pb2.DecideBatchRequest(
        subject=types_pb2.Subject(id="T1"), items=[item] * 5, grant_ids=["g1"]
    ).SerializeToString()
    notes = Notes()
    notes.records.append((0, b"of before"))
    with pytest.raises(GrantUseError):
        program.decide_batch(request, notes=notes)
    assert notes.records == [(0, b"of before")]
    table.add_uses("g1", 1)
    response = decision_service_pb2.DecideBatchResponse.FromString(program.decide_batch(request))
    assert all(shows(result.decision) == [True] for result in response.results)
    with pytest.raises(GrantUseError):
        program.decide_batch(request)


def test_of_two_grants_both_are_used_or_none() -> None:
    table, _ = table_of(active("g1", max_uses=1), active("g2", max_uses=1))
    table.add_uses("g1", 1)
    with pytest.raises(GrantUseError, match="g2"):
        table.spend(["g1", "g2"])
    table.spend(["g1"])


def test_what_is_barred_is_masked_and_says_why() -> None:
    table, clock = table_of(active("g1", max_uses=1))
    program = Program.from_bundle(signed(1, ALL, SECRET), grants=table)
    table.bar("g1", "it was used as often as it may be", 0.5)
    assert table.has_uses(["g1"])
    response = decide(program, "g1")
    assert (shows(response), response.diagnostics[0].message) == ([False], "it was used as often as it may be")
    clock.now += 6 * 10**8
    with pytest.raises(GrantUseError):
        decide(program, "g1")
    # A use that was on its way when there seemed to be none.
    table.bar("g1", "used up")
    table.add_uses("g1", 1)
    assert shows(decide(program, "g1")) == [True]


def test_uses_of_what_was_taken_back_are_gone() -> None:
    table, _ = table_of(active("g1", max_uses=1))
    table.add_uses("g1", 1)
    table.change((), ("g1",), 8)
    table.change((active("g1", max_uses=1),), (), 9)
    assert not table.has_uses(["g1"])


def test_threads_never_spend_more_than_there_is() -> None:
    table, _ = table_of(active("g1", max_uses=1_000))
    table.add_uses("g1", 1_000)
    spent = []

    def work() -> None:
        count = 0
        try:
            while True:
                table.spend(["g1"])
                count += 1
        except GrantUseError:
            spent.append(count)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(spent) == 1_000
