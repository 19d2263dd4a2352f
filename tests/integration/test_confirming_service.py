"""Ways to sign in, and the periodic review of rights, over a real staff port with TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from pdp.control.accounts import ReviewRules
from pdp.control.accounts.oidc import OidcRules
from pdp.server.staff.throttle import USUAL
from pdp.v1 import account_pb2
from tests.integration.accounts_steps import MANAGER, PASSWORD, RISK, Hands
from tests.integration.oidc_provider import openid_provider
from tests.integration.staffed import Staffed, shown, staffed

ACCOUNT, SESSION = "/pdp.v1.AccountService/", "/pdp.v1.SessionService/"
DAY = 86_400
DENIED, EXHAUSTED = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.RESOURCE_EXHAUSTED
INVALID, PRECONDITION = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Staffed]:
    with staffed(tmp_path, review=ReviewRules(60, limits=True)) as found:
        yield found


def test_who_is_nobody_learns_the_ways_and_no_names(port: Staffed, monkeypatch: pytest.MonkeyPatch) -> None:
    told = port.call(f"{ACCOUNT}GetSignInMethods")
    assert (told.password, told.first_account_missing, told.second_factor) == (True, True, True)
    assert not told.oidc_providers
    port.run(port.office.first())
    told = port.call(f"{ACCOUNT}GetSignInMethods")
    assert not told.first_account_missing

    # From now on no store is asked, and no password is compared: whoever asks a lot makes nobody wait.
    async def unused() -> bool:
        raise AssertionError

    monkeypatch.setattr(port.office.accounts, "was_begun", unused)
    port.office.accounts.hasher.verified = 0
    assert port.call(f"{ACCOUNT}GetSignInMethods") == told
    assert port.office.accounts.hasher.verified == 0
    assert "root-admin" not in str(told)
    before = len(port.operations)
    # A session that is none is not looked at either.
    assert port.call(f"{ACCOUNT}GetSignInMethods", shown("x", bytes(32))) == told
    assert len(port.operations) == before


def test_an_address_that_has_to_wait_learns_nothing(port: Staffed) -> None:
    invalid = {"name": "nobody", "password": PASSWORD, "device": bytes(32)}
    for _ in range(USUAL):
        port.code(f"{SESSION}SignIn", **invalid)
    assert "too many sign-ins failed" in port.fails(f"{ACCOUNT}GetSignInMethods", EXHAUSTED)
    assert port.recorded("session.throttled") == [{"suppressed": "0"}]


def test_the_provider_is_one_of_the_ways(tmp_path: Path) -> None:
    with openid_provider(tmp_path, Hands()) as provider:
        client = provider.client(label="Bank ID", label_zh="行员统一认证")
        folder = tmp_path / "staff"
        folder.mkdir()
        with staffed(folder, provider=client, issuer=provider.issuer, second_factor=False) as port:
            told = port.call(f"{ACCOUNT}GetSignInMethods")
            (found,) = told.oidc_providers
            assert (found.id, found.issuer) == ("oidc", provider.issuer)
            assert (found.label_zh, found.label_en, told.second_factor) == ("行员统一认证", "Bank ID", False)


@pytest.mark.parametrize(
    ("label", "label_zh", "told"),
    [
        ("", "", ("id.bank.example",) * 2),
        ("Bank", "", ("Bank",) * 2),
        ("", "行", ("行",) * 2),
        ("B", "行", ("行", "B")),
    ],
)
def test_a_provider_always_has_a_name(label: str, label_zh: str, told: tuple[str, str]) -> None:
    rules = OidcRules("https://id.bank.example:8443/realms/staff", "jingxi", label=label, label_zh=label_zh)
    assert (rules.label_in("zh"), rules.label_in("en")) == told


def test_rights_are_confirmed_by_somebody_else_and_recorded(port: Staffed) -> None:
    one, two = port.run(port.office.admins(2))
    judge = port.run(port.office.hire(one, two, "wang", MANAGER))
    port.run(port.office.set_up(judge))
    port.office.clock.later(90 * DAY)
    mine = {person.name: shown(port.token(person), person.device) for person in (one, two, judge)}
    first = port.call(f"{ACCOUNT}ListRightsReviews", mine["wang"], page_size=2)
    assert (len(first.reviews), first.review_days) == (2, 60)
    rest = port.call(f"{ACCOUNT}ListRightsReviews", mine["wang"], page_size=2, page_token=first.next_page_token)
    reviews = {item.account: item for item in (*first.reviews, *rest.reviews)}
    assert list(reviews) == [one.name, two.name, "wang"]
    assert rest.next_page_token == ""
    overdue = account_pb2.RIGHTS_REVIEW_STATE_OVERDUE
    assert {item.state for item in reviews.values()} == {overdue}
    assert not any(item.reading_only for item in reviews.values())
    text = one.name[1:-1].upper()
    (found,) = port.call(f"{ACCOUNT}ListRightsReviews", mine["wang"], text=text).reviews
    assert found.account == one.name
    # A page belongs to what was looked for.
    port.fails(
        f"{ACCOUNT}ListRightsReviews", INVALID, mine["wang"], page_size=2, page_token=first.next_page_token, text=text
    )
    port.fails(f"{ACCOUNT}ListRightsReviews", INVALID, mine["wang"], text="a\nb")
    port.fails(f"{ACCOUNT}ListRightsReviews", INVALID, mine["wang"], page_size=1001)
    port.fails(f"{ACCOUNT}ListRightsReviews", INVALID, mine["wang"], page_token="x")  # noqa: S106 - no secret
    leave = account_pb2.Account(name=two.name)
    asked = port.call(
        f"{ACCOUNT}AskForRights", mine["wang"], kind=account_pb2.REQUEST_KIND_CLOSE, wanted=leave, risk=RISK, reason="x"
    ).request
    seen = {"name": one.name, "version": reviews[one.name].version, "reason": "still leads accounts"}
    port.fails(f"{ACCOUNT}ConfirmRights", DENIED, mine[one.name], **seen)
    port.fails(f"{ACCOUNT}ConfirmRights", PRECONDITION, mine["wang"], **(seen | {"version": 7}))
    port.fails(f"{ACCOUNT}ConfirmRights", INVALID, mine["wang"], **(seen | {"reason": ""}))
    review = port.call(f"{ACCOUNT}ConfirmRights", mine["wang"], **seen).review
    assert (review.state, review.confirmed_by) == (account_pb2.RIGHTS_REVIEW_STATE_CONFIRMED, "wang")
    refused, _, done = port.recorded("account.confirm")
    assert (refused["error"], refused["account"]) == ("access_denied", one.name)
    assert (done["reason"], done["level"], done["version"]) == ("still leads accounts", "admin", "1")
    assert "account-approve" in done["rights"]
    assert (done["confirmed.before"], done["confirmed.after"].endswith(" by wang")) == ("", True)
    actors = [item.actor for item in port.operations if item.kind == "account.confirm"]
    assert actors == [one.name, "wang", "wang"]

    # Now that somebody is there who may confirm them, the others only read.
    told = port.call(f"{SESSION}GetSession", mine["wang"])
    assert (told.session.reading_only, told.session.limited) == (True, False)
    assert port.code("/pdp.v1.PolicyService/ListDrafts", mine["wang"]) is grpc.StatusCode.OK
    words = port.fails("/pdp.v1.PolicyService/PublishDraft", DENIED, mine["wang"], name="a", version=1)
    assert "overdue for a review" in words
    assert "pdp account confirm wang" in words
    port.fails(f"{ACCOUNT}RefuseRequest", DENIED, mine["wang"], id=asked.id, reason="y")
    listed = port.call(f"{ACCOUNT}ListRightsReviews", mine["wang"], state=overdue)
    assert {item.account: item.reading_only for item in listed.reviews} == {two.name: True, "wang": True}
    port.call(f"{ACCOUNT}ConfirmRights", mine[one.name], name="wang", version=reviews["wang"].version, reason="needed")
    assert port.code("/pdp.v1.PolicyService/PublishDraft", mine["wang"], name="a", version=1) is not DENIED
