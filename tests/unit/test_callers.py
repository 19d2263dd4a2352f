"""Callers files, who is recognised as which caller, and what each may ask for."""

from __future__ import annotations

import hashlib
import json
import logging
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pdp.errors import (
    AccessDeniedError,
    RateLimitedError,
    UnauthenticatedError,
)
from pdp.lang.loader import load_callers
from pdp.lang.loader.callers import CallerSpec, RateSpec
from pdp.server.callers import OPEN, Registry
from pdp.server.failures import Failures
from pdp.server.peers import Peer
from pdp.server.rate import Cells
from pdp.v1 import decision_service_pb2, types_pb2

TOKEN = "jx_" + "t" * 43
OTHER = "jx_" + "u" * 43
SECOND = 1_000_000_000


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


FILE = f"""
kind: Callers
callers:
  - name: counter
    title: {{zh: 核心柜面, en: core counter}}
    certificates: ["dns:Counter.Bank.example", "uri:spiffe://bank/counter", "cn:counter 01"]
    tokens:
      - {{id: a, sha256: "{digest(TOKEN)}"}}
      - {{id: old, sha256: "{digest("jx_old")}", expires_at: "2026-01-01T00:00:00Z"}}
      - {{id: lost, sha256: "{digest("jx_lost")}", disabled: true}}
    applications: [core-counter, teller-app]
    subjects: ["T*", "M1001"]
    rate: {{per_second: 2, burst: 3}}
  - name: audit
    tokens: [{{id: a, sha256: "{digest(OTHER)}"}}]
    applications: ["*"]
    subjects: ["*"]
    calls: [decide, explain]
  - name: gone
    tokens: [{{id: a, sha256: "{digest("jx_gone")}"}}]
    certificates: ["cn:gone"]
    applications: ["*"]
    subjects: ["*"]
    disabled: true
"""


def registry(text: str = FILE, **options: Any) -> Registry:
    specs, diagnostics = load_callers("callers.yaml", text)
    assert [item.message for item in diagnostics.sorted()] == []
    return Registry(specs, **options)


def identify(peer: Peer, **options: Any) -> str:
    return registry(**options).identify(peer).name


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        (Peer(TOKEN), "counter"),
        (Peer(OTHER), "audit"),
        (Peer(None, ("dns:counter.bank.example",)), "counter"),
        (Peer(None, ("dns:other", "uri:spiffe://bank/counter")), "counter"),
        (Peer(None, ("cn:counter 01",)), "counter"),
        (Peer(TOKEN, ("cn:counter 01",)), "counter"),
        (Peer(TOKEN, ("cn:some proxy",)), "counter"),
    ],
)
def test_recognises_a_caller(peer: Peer, name: str) -> None:
    assert identify(peer) == name


@pytest.mark.parametrize(
    ("peer", "reason"),
    [
        (Peer(), "neither a token nor a certificate"),
        (Peer(None, ("dns:stranger",)), "neither a token nor a certificate"),
        (Peer(None, ("dns:counter 01",)), "neither a token nor a certificate"),  # a common name is no host name
        (Peer(None, ("cn:counter.bank.example",)), "neither a token nor a certificate"),
        (Peer(None, ("dns:sub.counter.bank.example",)), "neither a token nor a certificate"),
        (Peer("jx_guess"), "the token is not known"),
        (Peer(""), "the token is not known"),
        (Peer("\ud800"), "the token is not known"),
        (Peer("jx_guess", ("cn:counter 01",)), "the token is not known"),  # a wrong token is not overlooked
        (Peer(digest(TOKEN)), "the token is not known"),  # the file's hash opens nothing
        (Peer("jx_lost"), "the token is disabled"),
        (Peer("jx_gone"), "the caller is disabled"),
        (Peer(None, ("cn:gone",)), "the caller is disabled"),
        (Peer(OTHER, ("cn:counter 01",)), "token and certificate belong to different callers"),
    ],
)
def test_refuses_who_is_not_known(peer: Peer, reason: str) -> None:
    with pytest.raises(UnauthenticatedError, match=reason):
        identify(peer)


def test_refuses_a_certificate_of_two_callers() -> None:
    text = FILE.replace('    applications: ["*"]', '    certificates: ["cn:audit"]\n    applications: ["*"]', 1)
    with pytest.raises(UnauthenticatedError, match="different callers"):
        registry(text).identify(Peer(None, ("cn:audit", "cn:counter 01")))


def test_a_token_expires_at_its_time() -> None:
    end = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z
    assert identify(Peer("jx_old"), clock=lambda: end - 1) == "counter"
    with pytest.raises(UnauthenticatedError, match="the token has expired"):
        identify(Peer("jx_old"), clock=lambda: end)


def test_tokens_are_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    known = registry()
    for token in ("jx_guess", "jx_old", "jx_lost", "jx_gone"):
        with pytest.raises(UnauthenticatedError) as raised:
            known.identify(Peer(token, (), "ipv4:10.1.2.3:5000"))
        assert token not in str(raised.value)
    assert len(caplog.records) == 4
    for record in caplog.records:
        name, details = record.pdp_event  # type: ignore[attr-defined]
        assert name == "caller.refused"
        assert details["address"] == "ipv4:10.1.2.3:5000"
        assert not any(token in json.dumps(details) for token in ("jx_", digest("jx_guess"), digest("jx_old")))
    found = [record.pdp_event[1].get("token_id") for record in caplog.records]  # type: ignore[attr-defined]
    assert found == [None, "old", "lost", "a"]


def test_who_keeps_failing_is_slowed_down_and_others_are_not(caplog: pytest.LogCaptureFixture) -> None:
    now = [0]
    known = registry(failures=Failures(lambda: now[0]))

    def fail(port: int, host: str = "10.1.2.3") -> type[BaseException]:
        with pytest.raises((UnauthenticatedError, RateLimitedError)) as raised:
            known.identify(Peer("jx_guess", (), f"ipv4:{host}:{port}"))
        return raised.type

    outcomes = [fail(port) for port in range(200)]
    assert outcomes[:20] == [UnauthenticatedError] * 20
    assert set(outcomes[20:]) == {RateLimitedError}
    assert len(caplog.records) == 20
    assert fail(1, "10.1.2.4") is UnauthenticatedError
    assert known.identify(Peer(OTHER, (), "ipv4:10.1.2.3:1")).name == "audit"
    now[0] += 10 * SECOND
    assert fail(5) is UnauthenticatedError
    assert caplog.records[-1].pdp_event[1]["suppressed"] == 181  # type: ignore[attr-defined]


def test_failures_of_many_addresses_are_bounded() -> None:
    failures = Failures()
    for number in range(3_000):
        failures.add(f"ipv6:[2001:db8::{number:x}]:443")
    assert len(failures._buckets) == 1_024


def request(subject: str = "T1", application: str | None = "core-counter", message: str | None = None) -> Any:
    made = decision_service_pb2.DecideRequest(subject=types_pb2.Subject(id=subject))
    if application is not None:
        made.context["application"].string_value = application
    if message is not None:
        made.message.application = message
    return made


def batch(*messages: str | None, **parties: Any) -> Any:
    single = request(**parties)
    made = decision_service_pb2.DecideBatchRequest(subject=single.subject, context=single.context)
    for message in messages:
        item = made.items.add()
        if message is not None:
            item.message.application = message
    return made


def explain(**parties: Any) -> Any:
    return decision_service_pb2.ExplainRequest(request=request(**parties))


def message_map(application: str) -> Any:
    return decision_service_pb2.GetMessageMapRequest(application=application, name="x")


def a_list() -> Any:
    made = request(application=None)
    made.context["application"].string_list.values.append("core-counter")
    return made


ALLOWED = {
    "a prefix": request("T1"),
    "the bare prefix": request("T"),
    "an exact id": request("M1001"),
    "another application": request(application="teller-app"),
    "both": request(message="teller-app"),
    "a message alone": request(application=None, message="core-counter"),
    "a batch": batch(None, None),
    "a batch of messages": batch("core-counter", "teller-app", application=None),
    "an explanation": explain(),
    "a map": message_map("core-counter"),
}
DENIED = {
    "another subject": (request("X1"), "subject.id: the caller `counter` may not ask for `X1`"),
    "a longer subject": (request("M10012"), "subject.id"),
    "case counts": (request("t1"), "subject.id"),
    "no subject": (request(""), "subject.id"),
    "another application": (request(application="loans"), "context.application: .* `loans`"),
    "another message": (request(message="loans"), "message.application: .* `loans`"),
    "no application": (request(application=None), "must say for which application"),
    "an empty application": (request(application=""), "context.application"),
    "a list of applications": (a_list(), "context.application"),
    "one item of a batch": (batch("core-counter", "loans"), r"items\[1\].message.application: .* `loans`"),
    "an item without": (batch("core-counter", None, application=None), "must say for which application"),
    "a batch's subject": (batch(None, subject="X1"), "subject.id"),
    "an explanation": (explain(subject="X1"), "subject.id"),
    "a map": (message_map("loans"), "application: .* `loans`"),
}


@pytest.mark.parametrize("made", ALLOWED.values(), ids=ALLOWED)
def test_a_caller_may_ask_for_its_own(made: Any) -> None:
    before = made.SerializeToString(deterministic=True)
    registry().identify(Peer(TOKEN)).check(made)
    assert made.SerializeToString(deterministic=True) == before  # looking into a map must not add to it


@pytest.mark.parametrize(("made", "message"), DENIED.values(), ids=DENIED)
def test_a_caller_may_not_ask_for_others(made: Any, message: str) -> None:
    with pytest.raises(AccessDeniedError, match=message):
        registry().identify(Peer(TOKEN)).check(made)


@pytest.mark.parametrize("made", [*ALLOWED.values(), *(made for made, _ in DENIED.values())])
def test_a_star_and_an_open_server_allow_all(made: Any) -> None:
    registry().identify(Peer(OTHER)).check(made)
    OPEN.identify(Peer()).check(made)


def test_a_new_kind_of_request_does_not_slip_through() -> None:
    with pytest.raises(TypeError):
        registry().identify(Peer(TOKEN)).check(types_pb2.Subject())


def test_explain_must_be_allowed() -> None:
    known = registry()
    for method in ("Decide", "DecideBatch", "DecideStream", "Explain", "GetMessageMap"):
        known.identify(Peer(OTHER)).admit(method)
        OPEN.identify(Peer()).admit(method)
    with pytest.raises(AccessDeniedError, match="may not call Explain"):
        known.identify(Peer(TOKEN)).admit("Explain")


def test_denials_are_logged_without_what_was_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caller = registry().identify(Peer(TOKEN))
    for _ in range(100):
        with pytest.raises(AccessDeniedError):
            caller.check(request("secret-subject"))
    assert len(caplog.records) == 5
    event, details = caplog.records[0].pdp_event  # type: ignore[attr-defined]
    assert (event, details) == ("caller.denied", {"caller": "counter", "suppressed": 0, "what": "subject"})


def test_a_caller_is_held_to_its_rate() -> None:
    caller = registry().identify(Peer(TOKEN))
    for _ in range(3):
        caller.admit("Decide")
    with pytest.raises(RateLimitedError, match="the caller `counter` asks too often") as raised:
        caller.admit("Decide")
    assert 0 < raised.value.retry_seconds <= 0.5


def test_a_batch_counts_its_items() -> None:
    caller = registry().identify(Peer(TOKEN))
    caller.admit("DecideBatch")
    caller.check(batch(*[None] * 10))
    with pytest.raises(RateLimitedError) as raised:
        caller.admit("Decide")
    assert 3.5 < raised.value.retry_seconds <= 4  # ten for three at two a second, and the next one


def limited(*rates: tuple[str, int]) -> list[CallerSpec]:
    return [CallerSpec(name, (f"cn:{name}",), (), ("*",), ("*",), rate=RateSpec(1, burst)) for name, burst in rates]


def admitted(known: Registry, name: str, limit: int = 50) -> int:
    caller = known.identify(Peer(None, (f"cn:{name}",)))
    for count in range(limit):
        try:
            caller.admit("Decide")
        except RateLimitedError:
            return count
    return limit


def test_a_reload_forgets_no_calls(tmp_path: Path) -> None:
    cells = Cells.local()
    first = Registry(limited(("b", 8)), cells=cells)
    assert admitted(first, "b") == 8
    data = json.loads(json.dumps(Registry(limited(("a", 8), ("b", 8)), slots=first.serialize()["slots"]).serialize()))
    second = Registry.deserialize(data, cells=cells)
    assert admitted(second, "b") == 0
    assert admitted(second, "a") == 8


def test_workers_share_a_rate() -> None:
    alone = [Registry(limited(("a", 8)), workers=4) for _ in range(4)]
    assert sum(admitted(one, "a") for one in alone) == 8
    cells = Cells.create()
    data = Registry(limited(("a", 8))).serialize()
    together = [Registry.deserialize(data, cells=Cells.attach(cells.fd or 0), workers=4) for _ in range(4)]
    # Whichever worker a caller's connections fall to, it has its whole rate.
    assert [admitted(one, "a") for one in together] == [8, 0, 0, 0]


def test_a_registry_travels_without_secrets(tmp_path: Path) -> None:
    path = tmp_path / "callers.yaml"
    path.write_text(FILE)
    loaded = Registry.load(path)
    text = json.dumps(loaded.serialize())
    assert "jx_" not in text
    again = Registry.deserialize(json.loads(text))
    assert again.specs == loaded.specs
    assert again.identify(Peer(TOKEN)).name == "counter"


def test_slots_stay_over_loads(tmp_path: Path) -> None:
    path = tmp_path / "callers.yaml"
    path.write_text(FILE)
    first = Registry.load(path)
    path.write_text(
        FILE.replace(
            "  - name: counter",
            '  - name: a-first-one\n    certificates: ["cn:1"]\n'
            '    applications: ["*"]\n    subjects: ["*"]\n    rate: {per_second: 1}\n  - name: counter',
        )
    )
    second = Registry.load(path, first)
    assert second.serialize()["slots"] == {"counter": 0, "a-first-one": 1}


@pytest.mark.slow
@pytest.mark.parametrize("peer", [Peer(TOKEN), Peer(None, ("dns:counter.bank.example", "cn:x"))], ids=["token", "name"])
def test_recognising_and_checking_is_cheap(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    text = FILE.replace("per_second: 2, burst: 3", "per_second: 1000000, burst: 1000000")
    known, asked = registry(text), request()

    def call() -> None:
        found = known.identify(peer)
        found.admit("Decide")
        found.check(asked)

    best, floor = best_of(call), best_of(lambda: digest(TOKEN))
    print(f"{best:.2f} µs, hashing a token {floor:.2f} µs")
    assert best < 20 * floor  # against something, for a machine may be slow or busy


def best_of(call: Callable[[], object], number: int = 20_000) -> float:
    return min(timeit.repeat(call, number=number, repeat=5)) / number * 1e6
