"""The words of accounts, rights, requests and sign-ins, and what is offered to whom."""

from __future__ import annotations

from typing import Any

from admin_gui.domain import accounts as words
from admin_gui.domain import sign_ins as told
from admin_gui.domain.account_story import account_sections, request_sections, risk_say
from admin_gui.domain.rights import Rights, rights_of
from admin_gui.domain.say import Say, plain
from jingxi_client._gen.pdp.v1 import account_service_pb2 as messages
from pdp.control.accounts import permissions
from pdp.v1 import account_pb2


def test_levels_are_those_of_the_service() -> None:
    assert {level: set(may) for level, may in words.MAY_HAVE.items()} == {
        level: set(may) for level, may in permissions.MAY_HAVE.items()
    }
    assert {level: set(may) for level, may in words.BRINGS.items()} == {
        level: set(may) for level, may in permissions.BRINGS.items()
    }
    assert set(words.PERMISSIONS) == set(account_pb2.Permission.values()) - {0}


def test_nobody_is_offered_what_is_their_own() -> None:
    asked = account_pb2.RequestStep(state=account_pb2.REQUEST_STATE_ASKED, actor="li")
    request: Any = account_pb2.RightsRequest(
        id="1", kind=account_pb2.REQUEST_KIND_CREATE, state=account_pb2.REQUEST_STATE_ASKED, steps=[asked],
        wanted=account_pb2.Account(name="wu", level=account_pb2.ACCOUNT_LEVEL_ADMIN), risk="low: known",
    )  # fmt: skip
    every = frozenset({"account_ask", "account_review", "account_approve"})

    def may(name: str, *permissions: Any, alone: bool = False) -> set[str]:
        return set(words.offers(request, Rights(name, frozenset(permissions or every)), alone=alone))

    assert may("li") == {"withdraw"}
    assert may("li", alone=True) == {"review", "withdraw"}
    assert may("wu") == {"refuse"}
    assert may("chen") == {"review", "refuse"}
    assert may("chen", "account_approve") == {"refuse"}
    assert may("chen", "policy_read") == set()
    request.state = account_pb2.REQUEST_STATE_APPROVED
    assert may("li") == {"execute", "withdraw"}
    assert may("wu") == {"refuse"}
    request.state = account_pb2.REQUEST_STATE_DONE
    assert may("chen") == set()
    assert request_sections(request)[0].lines[3][1] == Say("低：known", "low: known")
    assert risk_say("odd") == plain("odd")


def test_bounded_rights_are_told_and_offered_only_where_the_service_takes_them() -> None:
    rights: Any = [
        account_pb2.Right(permission=account_pb2.PERMISSION_GRANT_ASK, scope=account_pb2.Scope(branches=["0101"])),
        account_pb2.Right(permission=account_pb2.PERMISSION_POLICY_READ, scope=account_pb2.Scope(applications=["a"])),
        account_pb2.Right(permission=account_pb2.PERMISSION_SIMULATE),
    ]
    assert rights_of("wu", rights) == Rights("wu", frozenset({"grant_ask", "simulate"}))
    assert words.rights_say(rights).zh == "申请授权（机构 0101）、查看策略（应用 a）、模拟"
    window = account_pb2.TimeWindow(days=[1, 5], from_minute=480, to_minute=1140)
    account: Any = account_pb2.Account(name="wu", windows=[window], networks=["10.0.0.0/8"])
    [*_, bounds] = account_sections(account, rights)
    assert [value for _, value in bounds.lines] == ["10.0.0.0/8", Say("周一五 08:00-19:00", "Mon Fri 08:00-19:00")]


def test_a_sign_in_is_told_in_words() -> None:
    failed = messages.SIGN_IN_OUTCOME_FAILED
    one: Any = messages.SignInRecord(outcome=failed, reason="password", during="account.password", address="10.1.0.9")
    assert told.how(one) == Say("口令不对（更换口令时）", "wrong password (changing the password)")
    assert told.outcome(one) == (Say("失败", "failed"), "danger")
    assert told.place(one) == plain("10.1.0.9")
    one = messages.SignInRecord(reason="oidc_nonce", city="上海", address="10.1.0.9", unusual=["new_device", "later"])
    assert told.how(one).zh == "身份提供方：oidc_nonce"
    assert told.place(one).en == "10.1.0.9 (上海)"
    assert told.unusual(one) == Say("新设备、later", "new device, later")
    # What a newer service tells is shown as it is.
    assert told.how(messages.SignInRecord(reason="new")) == plain("new")
    assert told.outcome(messages.SignInRecord()) == (Say("未知", "unknown"), "quiet")
    assert told.place(messages.SignInRecord()) == Say("本机", "this machine")
    assert set(told.OUTCOMES) == set(messages.SignInOutcome.values()) - {0}
    assert told.filter_of("wu").startswith('subject.id == "wu" && kind in ["session.sign_in"')
