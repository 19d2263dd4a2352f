"""Callers, anomalies and addresses over a real staff port with TLS: who approves and reviews, and what is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from pdp.control.accounts import AnomalyRules
from pdp.control.accounts.unusual import USUAL_ACTIONS
from pdp.control.callers.tokens import token_hash
from pdp.server.staff.throttle import USUAL
from pdp.v1 import account_pb2, anomaly_pb2, caller_service_pb2
from tests.integration.accounts_steps import MANAGER, PASSWORD, USER, Person
from tests.integration.callers_steps import wanted
from tests.integration.revisions_steps import text
from tests.integration.staffed import Staffed, shown, staffed

CALLER, SECURITY = "/pdp.v1.CallerService/", "/pdp.v1.SecurityService/"
SESSION, POLICY = "/pdp.v1.SessionService/", "/pdp.v1.PolicyService/"
DENIED, EXHAUSTED = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.RESOURCE_EXHAUSTED
LOCK = anomaly_pb2.ANOMALY_ACTION_LOCK


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Staffed]:
    with staffed(tmp_path) as found:
        yield found


def admins(port: Staffed) -> list[Any]:
    """Return what two Admins show with their calls."""
    return [shown(port.token(person), person.device) for person in port.run(port.office.admins(2))]


def info(failed: grpc.RpcError) -> error_details_pb2.ErrorInfo:
    details = dict(failed.trailing_metadata())["grpc-status-details-bin"]  # type: ignore[attr-defined]
    found = error_details_pb2.ErrorInfo()
    status_pb2.Status.FromString(details).details[0].Unpack(found)
    return found


def test_a_caller_is_made_by_two_and_recorded_without_secrets(port: Staffed, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    one, two = admins(port)
    wish = caller_service_pb2.TokenWish(id="first")
    asked = port.call(f"{CALLER}CreateCaller", one, caller=wanted(), token=wish, reason="go-live")
    assert not asked.HasField("caller")
    assert asked.token.startswith("jx_")
    assert list(asked.change.widens) == ["caller"]
    port.fails(f"{CALLER}ApproveCallerChange", DENIED, one, id=asked.change.id)
    listed = port.call(f"{CALLER}ListCallerChanges", two, waiting=True)
    assert [change.id for change in listed.changes] == [asked.change.id]
    done = port.call(f"{CALLER}ApproveCallerChange", two, id=asked.change.id, reason="known to me")
    assert (done.caller.name, done.caller.version, done.change.state) == ("counter", 1, 2)
    added = port.call(
        f"{CALLER}AddCallerToken", one, name="counter", token=caller_service_pb2.TokenWish(id="second"), reason="rotate"
    )
    port.call(f"{CALLER}RefuseCallerChange", two, id=added.change.id, reason="not agreed")
    disabled = port.call(f"{CALLER}DisableCaller", two, name="counter", reason="token seen in a log")
    assert disabled.caller.disabled
    port.call(f"{CALLER}RevokeCallerToken", two, name="counter", id="first", reason="seen in a log")
    port.call(f"{CALLER}DeleteCaller", one, name="counter", reason="gone")
    kinds = [operation.kind for operation in port.operations if operation.kind.startswith("caller.")]
    assert kinds == [
        "caller.create", "caller.approve", "caller.approve", "caller.token.add", "caller.refuse", "caller.disable",
        "caller.token.revoke", "caller.delete",
    ]  # fmt: skip
    refused, approved = port.recorded("caller.approve")
    assert (refused["error"], refused["change"]) == ("access_denied", asked.change.id)
    assert (approved["asked_by"], approved["applications.after"]) == ("root-admin", "core-counter")
    assert (approved["tokens.before"], approved["tokens.after"], approved["widens"]) == ("", "first", "caller")
    assert port.recorded("caller.create")[0]["state"] == "waits"
    assert port.recorded("caller.disable")[0]["state.after"] == "disabled"
    assert port.recorded("caller.token.revoke")[0]["tokens.after"] == ""
    assert port.recorded("caller.delete")[0]["owner.before"] == "Zhang San"
    told = caplog.text + str(listed) + str(done) + "".join(map(str, port.operations))
    for token in (asked.token, added.token):
        for hidden in (token, token_hash(token), str(bytes.fromhex(token_hash(token)))):
            assert hidden not in told


def test_two_editors_and_pages(port: Staffed) -> None:
    one, two = admins(port)
    for name in ("a", "b", "c"):
        asked = port.call(f"{CALLER}CreateCaller", one, caller=wanted(name, applications=["x", "y"]), reason="set up")
        port.call(f"{CALLER}ApproveCallerChange", two, id=asked.change.id)
    first = port.call(f"{CALLER}ListCallers", one, page_size=2)
    rest = port.call(f"{CALLER}ListCallers", one, page_size=2, page_token=first.next_page_token)
    assert [caller.name for caller in (*first.callers, *rest.callers)] == ["a", "b", "c"]
    assert (rest.next_page_token, first.effective) == ("", True)
    for size in (-1, 1_001):
        port.fails(f"{CALLER}ListCallers", grpc.StatusCode.INVALID_ARGUMENT, one, page_size=size)
    narrow = wanted("a", applications=["x"], version=1)
    assert port.call(f"{CALLER}UpdateCaller", one, caller=narrow, reason="less").caller.version == 2
    with pytest.raises(grpc.RpcError) as caught:
        port.call(f"{CALLER}UpdateCaller", two, caller=wanted("a", applications=["y"], version=1), reason="other")
    assert caught.value.code() is grpc.StatusCode.ABORTED
    told = info(caught.value)
    assert (told.reason, told.metadata["actor"], told.metadata["version"]) == (
        "ERROR_REASON_CONFLICT", "root-admin", "2",
    )  # fmt: skip
    wrong = wanted("a", subjects=["*x"], certificates=["nothing"], version=2)
    words = port.fails(f"{CALLER}UpdateCaller", grpc.StatusCode.INVALID_ARGUMENT, one, caller=wrong, reason="x")
    assert "caller.subjects[0]" in words
    assert "caller.certificates[0]" in words


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[Any]:
    return [item for item in caplog.records if getattr(item, "pdp_event", ("",))[0] == name]


def hired(port: Staffed, level: account_pb2.AccountLevel, name: str) -> Person:
    async def hire() -> Person:
        one, two = await port.office.admins(2)
        person = await port.office.hire(one, two, name, level)
        await port.office.set_up(person)
        return person

    return port.run(hire())


def sign_in(port: Staffed, person: Person, **more: Any) -> Any:
    fields = {"name": person.name, "password": person.password, "code": person.code(port.office.clock),
              "device": person.device} | more  # fmt: skip
    port.office.clock.later(30)
    return port.call(f"{SESSION}SignIn", **fields)


def test_what_is_unusual_is_listed_reviewed_and_recorded(port: Staffed, caplog: pytest.LogCaptureFixture) -> None:
    person = hired(port, MANAGER, "wang")
    answer = sign_in(port, person, device=b"1" * 32)
    own = shown(answer.token, b"1" * 32)
    (found,) = port.call(f"{SECURITY}ListAnomalies", own, account="wang").anomalies
    assert (found.kind, found.severity) == (
        anomaly_pb2.ANOMALY_CLASS_NEW_DEVICE, anomaly_pb2.ANOMALY_SEVERITY_MEDIUM,
    )  # fmt: skip
    verdict = anomaly_pb2.ANOMALY_STATE_COMPROMISED
    words = port.fails(f"{SECURITY}ReviewAnomaly", DENIED, own, id=found.id, verdict=verdict, note="me")
    assert "themselves" in words
    other = port.run(port.office.hire(Person("root-admin"), Person("admin-1"), "zhao", MANAGER))
    port.run(port.office.set_up(other))
    theirs = shown(port.token(other), other.device)
    done = port.call(f"{SECURITY}ReviewAnomaly", theirs, id=found.id, verdict=verdict, note="it was not her")
    assert (done.anomaly.state, done.anomaly.reviewer) == (verdict, "zhao")
    assert port.code(f"{POLICY}ListDrafts", own) is grpc.StatusCode.UNAUTHENTICATED
    record = port.recorded("anomaly.review")[-1]
    assert (record["class"], record["account"], record["verdict"]) == ("new_device", "wang", "compromised")
    assert (record["state.before"], record["state.after"], record["compromised.after"]) == ("active", "locked", "yes")
    signed = [item for item in port.recorded("session.sign_in") if "anomalies" in item]
    assert [(item["unusual"], item["anomalies"]) for item in signed] == [("new_device, new_network", found.id)]
    assert port.recorded("session.unusual")[-1] == {"unusual": "new_device, new_network", "anomalies": found.id}
    assert events(caplog, "session.unusual")
    pages = port.call(f"{SECURITY}ListAnomalies", theirs, page_size=1, state=verdict)
    assert ([item.id for item in pages.anomalies], pages.next_page_token) == ([found.id], "")


def test_a_rule_locks_at_the_port_and_looks_like_any_failure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rules = AnomalyRules({**USUAL_ACTIONS, anomaly_pb2.ANOMALY_CLASS_NEW_DEVICE: LOCK})
    with staffed(tmp_path, anomalies=rules) as port:
        person = hired(port, USER, "zhang")
        words = port.fails(
            f"{SESSION}SignIn", grpc.StatusCode.UNAUTHENTICATED, name="zhang", password=person.password,
            code=person.code(port.office.clock), device=b"1" * 32,
        )  # fmt: skip
        wrong = port.fails(
            f"{SESSION}SignIn", grpc.StatusCode.UNAUTHENTICATED, name="nobody", password=PASSWORD, device=b"1" * 32
        )
        assert words == wrong
        record = port.recorded("session.failed")[0]
        assert (record["reason"], record["locked"], record["unusual"]) == (
            "anomaly", "true", "new_device, new_network",
        )  # fmt: skip
        assert (record["state.before"], record["state.after"]) == ("active", "locked")
        assert [item["unusual"] for item in port.recorded("session.unusual")] == ["new_device, new_network"]
        (event,) = events(caplog, "account.locked")
        assert "until somebody reviews it" in event.getMessage()


def test_an_emergency_waits_for_a_review_by_somebody_else(port: Staffed) -> None:
    async def made() -> list[Person]:
        one, two = await port.office.admins(2)
        people = [await port.office.hire(one, two, name, level) for name, level in
                  (("writer", USER), ("publisher", MANAGER), ("watcher", MANAGER))]  # fmt: skip
        for person in people:
            await port.office.set_up(person)
        return people

    writer, publisher, watcher = (shown(port.token(person), person.device) for person in port.run(made()))
    draft = port.call(f"{POLICY}SaveDraft", writer, name="a", sources=text(3)).draft
    draft = port.call(f"{POLICY}SubmitDraft", writer, name="a", version=draft.version).draft
    port.call(f"{POLICY}PublishDraft", publisher, name="a", version=draft.version, emergency=True, reason="leak")
    kind = anomaly_pb2.ANOMALY_CLASS_EMERGENCY_PUBLICATION
    (found,) = port.call(f"{SECURITY}ListAnomalies", watcher, kind=kind).anomalies
    assert (found.account, dict(found.details)) == ("publisher", {"revision": "1", "draft": "a", "reason": "leak"})
    verdict = anomaly_pb2.ANOMALY_STATE_LEGITIMATE
    port.fails(f"{SECURITY}ReviewAnomaly", DENIED, publisher, id=found.id, verdict=verdict, note="mine")
    port.call(f"{SECURITY}ReviewAnomaly", watcher, id=found.id, verdict=verdict, note="it was a leak")
    record = port.recorded("anomaly.review")[-1]
    assert (record["class"], record["revision"], record["verdict"]) == ("emergency_publication", "1", "legitimate")
    # What was approved as usual waits for nobody.
    draft = port.call(f"{POLICY}SaveDraft", writer, name="b", sources=text(4)).draft
    draft = port.call(f"{POLICY}SubmitDraft", writer, name="b", version=draft.version).draft
    draft = port.call(f"{POLICY}ApproveDraft", watcher, name="b", version=draft.version).draft
    port.call(f"{POLICY}PublishDraft", publisher, name="b", version=draft.version)
    assert len(port.call(f"{SECURITY}ListAnomalies", watcher, kind=kind).anomalies) == 1


def test_many_names_from_one_address_have_to_wait(port: Staffed, caplog: pytest.LogCaptureFixture) -> None:
    person = port.run(port.office.first())
    for number in range(USUAL):
        code = port.code(f"{SESSION}SignIn", name=f"n{number}", password=PASSWORD, device=bytes(32))
        assert code is grpc.StatusCode.UNAUTHENTICATED
    compared = port.office.accounts.hasher.verified
    words = port.fails(f"{SESSION}SignIn", EXHAUSTED, name="another", password=PASSWORD, device=bytes(32))
    assert "from this address; wait" in words
    # Not even who knows the password is let through: nobody learns whether it fits.
    port.fails(
        f"{SESSION}SignIn", EXHAUSTED, name=person.name, password=person.password, device=person.device,
        code=person.code(port.office.clock),
    )  # fmt: skip
    port.fails(f"{SESSION}CreateFirstAccount", EXHAUSTED, token=PASSWORD, name="x", owner="x", password=PASSWORD)
    assert port.office.accounts.hasher.verified == compared
    assert len(port.recorded("session.failed")) == USUAL
    assert port.recorded("session.throttled")
    assert events(caplog, "session.throttled")
