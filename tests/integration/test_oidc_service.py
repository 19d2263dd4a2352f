"""SessionService at an OpenID provider, over a real staff port with TLS."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from pdp.control.accounts.oidc import flow
from pdp.server.staff.calls import MAX_OIDC
from pdp.v1 import account_pb2, account_service_pb2
from tests.integration.accounts_steps import USER, Hands, Person, secret_of
from tests.integration.oidc_provider import OpenIdProvider, openid_provider
from tests.integration.oidc_steps import REDIRECT, identity
from tests.integration.staffed import Staffed, shown, staffed

SESSION, POLICY = "/pdp.v1.SessionService/", "/pdp.v1.PolicyService/"
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenIdProvider]:
    with openid_provider(tmp_path_factory.mktemp("id"), Hands()) as made:
        yield made


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, provider: OpenIdProvider) -> Iterator[Staffed]:
    client = provider.client(seconds=1, label="Bank ID", second_factor_amr=("mfa",))
    with staffed(tmp_path_factory.mktemp("staff"), provider=client, issuer=provider.issuer) as found:
        yield found


@pytest.fixture
def person(port: Staffed, provider: OpenIdProvider) -> Person:
    """Somebody new, whom the provider knows."""
    provider.reset(port.office.clock)
    name = f"zhang-{secrets.token_hex(4)}"
    provider.subject = f"u-{name}"

    async def hired() -> Person:
        admins = [Person("root-admin"), Person("admin-1")]
        if not await port.office.accounts.all_accounts():
            admins = await port.office.admins(2)
        return await port.office.hire(admins[0], admins[1], name, USER, oidc=identity(provider.subject))

    return port.run(hired())


def finish(port: Staffed, provider: OpenIdProvider, person: Person, **more: Any) -> dict[str, Any]:
    """Begin, go to the provider, and return what finishes."""
    begun = port.call(f"{SESSION}BeginOidc", redirect_uri=REDIRECT, device=person.device)
    said = provider.browse(begun.authorization_url)
    assert said["state"] == begun.state
    return {
        "handle": begun.handle, "state": said["state"], "authorization_code": said["code"], "issuer": said["iss"],
        "device": person.device, "device_name": "desk 7",
    } | more  # fmt: skip


def test_a_session_as_by_a_password(port: Staffed, provider: OpenIdProvider, person: Person) -> None:
    begun = port.call(f"{SESSION}BeginOidc", redirect_uri=REDIRECT, device=person.device)
    assert (begun.seconds, begun.label, begun.provider_second_factor) == (flow.SECONDS, "Bank ID", True)
    answer = port.call(f"{SESSION}FinishOidc", **finish(port, provider, person))
    assert isinstance(answer, account_service_pb2.FinishOidcResponse)
    assert (list(answer.session.factors), answer.session.limited, answer.session.device_hash) == (["oidc"], True, b"")
    assert answer.account.oidc == account_pb2.OidcIdentity(issuer=provider.issuer, subject=provider.subject)
    mine = shown(answer.token, person.device)
    assert port.code(f"{POLICY}ListDrafts", mine) is grpc.StatusCode.PERMISSION_DENIED
    person.secret = secret_of(port.call(f"{SESSION}BeginTotp", mine).uri)
    port.call(f"{SESSION}ConfirmTotp", mine, code=person.code(port.office.clock))
    assert port.code(f"{POLICY}ListDrafts", mine) is grpc.StatusCode.OK
    # The token counts on its device alone, however it was come by.
    assert port.code(f"{POLICY}ListDrafts", shown(answer.token, bytes(32))) is UNAUTHENTICATED
    provider.claims = {"amr": ["mfa"]}
    answer = port.call(f"{SESSION}FinishOidc", **finish(port, provider, person))
    assert (list(answer.session.factors), answer.session.limited) == (["oidc", "oidc-mfa"], False)
    told = [dict(item.details) for item in port.operations if item.actor == person.name]
    entered = [item for item in told if "factors" in item]
    assert [(item["factors"], item["device"], item.get("limited")) for item in entered] == [
        ("oidc", "desk 7", "true"), ("oidc, oidc-mfa", "desk 7", None),
    ]  # fmt: skip


def test_whatever_fails_is_told_alike_and_recorded_with_its_reason(
    port: Staffed, provider: OpenIdProvider, person: Person
) -> None:
    before, words = len(port.operations), set()
    used = finish(port, provider, person)
    port.call(f"{SESSION}FinishOidc", **used)
    shown_codes = [used["authorization_code"]]
    cases: list[tuple[str, dict[str, Any]]] = [
        ("oidc_used", used), ("oidc_state", finish(port, provider, person, state="x")),
        ("oidc_code", finish(port, provider, person, authorization_code="x")),
        ("oidc_handle", finish(port, provider, person, handle="x")),
        ("oidc_device", finish(port, provider, person, device=bytes(32))),
    ]  # fmt: skip
    for _, fields in cases:
        shown_codes.append(fields["authorization_code"])
        words.add(port.fails(f"{SESSION}FinishOidc", UNAUTHENTICATED, **fields))
    fields = finish(port, provider, person)
    provider.subject = "u-nobody"
    words.add(port.fails(f"{SESSION}FinishOidc", UNAUTHENTICATED, **finish(port, provider, person)))
    words.add(port.fails(f"{SESSION}SignIn", UNAUTHENTICATED, name="nobody", password="", device=person.device))
    # As with a password: from outside nobody can tell one from the other.
    assert len(words) == 1
    failed = [item for item in port.operations[before:] if item.kind == "session.failed"]
    reasons = [*(reason for reason, _ in cases), "oidc_unknown", "unknown"]
    assert [item.details["reason"] for item in failed] == reasons
    assert failed[5].details["identity"] == "u-nobody"
    assert {item.actor for item in failed} == {"unknown"}
    told = "".join(map(str, port.operations))
    for hidden in (*(code for code in shown_codes if len(code) > 1), used["handle"], used["state"], fields["handle"]):
        assert hidden not in told


def test_what_cannot_be_begun(port: Staffed, provider: OpenIdProvider, person: Person, tmp_path: Path) -> None:
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    for redirect in ("https://evil.example/callback", "http://localhost:1/callback", ""):
        assert "redirect_uri" in port.fails(f"{SESSION}BeginOidc", invalid, redirect_uri=redirect, device=person.device)
    assert "32 random bytes" in port.fails(f"{SESSION}BeginOidc", invalid, redirect_uri=REDIRECT, device=b"x")
    with staffed(tmp_path) as without:
        for method, fields in (("BeginOidc", {"redirect_uri": REDIRECT}), ("FinishOidc", {"handle": "x"})):
            words = without.fails(f"{SESSION}{method}", grpc.StatusCode.FAILED_PRECONDITION, device=bytes(32), **fields)
            assert "no OpenID provider" in words


def test_a_provider_that_is_away_keeps_nobody_from_the_rest(
    port: Staffed, provider: OpenIdProvider, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    before = len(port.operations)
    asked = finish(port, provider, person)
    provider.silent.add("/token")
    call = port.channel.unary_unary(
        f"{SESSION}FinishOidc",
        request_serializer=account_service_pb2.FinishOidcRequest.SerializeToString,
        response_deserializer=account_service_pb2.FinishOidcResponse.FromString,
    )
    flows = [asked, *(finish(port, provider, person) for _ in range(MAX_OIDC + 3))]
    tries = [call.future(account_service_pb2.FinishOidcRequest(**fields), timeout=60) for fields in flows]
    # A slow provider holds places of its own: by a password one signs in as ever.
    assert port.code(f"{SESSION}SignIn", name="nobody", password="", device=person.device) is UNAUTHENTICATED
    codes = [attempt.code() for attempt in tries]
    assert set(codes) == {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}
    away = next(attempt for attempt in tries if attempt.code() is grpc.StatusCode.UNAVAILABLE)
    status = status_pb2.Status.FromString(dict(away.trailing_metadata())["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.reason == "ERROR_REASON_PROVIDER_UNAVAILABLE"
    assert "does not answer" in away.details()
    failed = [item.details["reason"] for item in port.operations[before:] if item.kind == "session.failed"]
    assert failed.count("oidc_provider") == codes.count(grpc.StatusCode.UNAVAILABLE)
    provider.silent.clear()
    port.call(f"{SESSION}FinishOidc", **finish(port, provider, person))
    # The log tells it once, and once that it is over.
    told = [item for item in caplog.records if getattr(item, "pdp_event", ("",))[0] == "session.provider"]
    assert [item.levelname for item in told] == ["WARNING", "INFO"]
    assert "does not answer" in str(told[0].__dict__)
