"""Accounts in the desktop program at a real `pdp serve`: from the first one to an auditor; and a system that calls."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from admin_gui.domain import accounts as words
from admin_gui.domain.account_story import account_sections, request_sections, risk_say
from admin_gui.domain.rights import Rights, rights_of
from admin_gui.domain.say import Say, plain
from admin_gui.services.connection import Endpoint
from admin_gui.views.accounts import AccountsScreen
from admin_gui.views.accounts.ask import AskForAccount
from admin_gui.views.accounts.part import Once, Tab
from admin_gui.views.window import Window
from admin_gui.widgets.ask import Ask
from admin_gui.widgets.context import Context
from pdp.control.accounts import permissions, totp
from pdp.v1 import account_pb2
from tests.integration.accounts_steps import PASSWORD, secret_of
from tests.integration.test_account_cli import Desk

PATIENCE = 60_000
JUDGE = (
    account_pb2.PERMISSION_ACCOUNT_ASK, account_pb2.PERMISSION_ACCOUNT_REVIEW, account_pb2.PERMISSION_ACCOUNT_APPROVE,
    account_pb2.PERMISSION_SECURITY_REVIEW, account_pb2.PERMISSION_CALLER_MANAGE,
)  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("desk"))
    yield made
    made.end()


class Person:
    """Somebody with a window, a device and recovery codes of their own."""

    def __init__(self, qtbot: QtBot, context: Context, desk: Desk) -> None:
        self.qtbot, self.desk = qtbot, desk
        self.window = Window(context, None)
        self.window.show()
        self.codes: list[str] = []

    def connect(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
        self.window.connect_to(Endpoint(self.desk.address, self.desk.folder / "ca.pem"), plain("bank"))
        self.wait(lambda: self.window.keeper.screen is not None)

    def wait(self, so: Any) -> None:
        self.qtbot.waitUntil(so, timeout=PATIENCE)

    def sign_in(self, name: str, password: str, code: str = "") -> None:
        screen = self.window.keeper.screen
        assert screen is not None
        screen.form.name.setText(name)
        screen.form.password.setText(password)
        screen.form.code.setText(code)
        screen.form.go.click()

    def set_up(self, *, change: str = "") -> None:
        """Do what a new account owes, and go on to work."""
        screen = self.window.keeper.screen
        assert screen is not None
        if change:
            self.wait(lambda: screen.pages.current is screen.password)
            screen.password.new.setText(change)
            screen.password.again.setText(change)
            screen.password.go.click()
        self.wait(screen.totp.code.isVisible)
        secret = secret_of(screen.totp._uri)
        screen.totp.code.setText(totp.code_at(secret, totp.step_at(time.time_ns())))
        screen.totp.go.click()
        self.wait(lambda: screen.pages.current is screen.recovery)
        self.codes = screen.recovery.codes.toPlainText().split()
        screen.recovery.put_away.setChecked(True)
        screen.recovery.go.click()
        self.wait(lambda: not self.window.keeper.is_locked)
        self.window.go("accounts")

    def tab(self, name: str) -> Any:
        screen = self.window.shown_as("accounts")
        assert isinstance(screen, AccountsScreen)
        screen.show_tab(name)
        return screen.tabs[name]

    def answer(self, tab: Tab, **answers: Any) -> None:
        """Answer the dialog that a button has opened, and wait until it is done."""
        [ask] = [one for one in tab.findChildren(Ask) if one.isVisible()]
        ask.answer(**answers)
        call = tab._does
        assert call is not None
        self.wait(lambda: call.is_over)

    def close(self) -> None:
        self.window._leave()
        self.window.close()
        self.window.deleteLater()


@pytest.fixture
def people(qtbot: QtBot, context: Context, desk: Desk) -> Iterator[tuple[Person, Person]]:
    made = Person(qtbot, context, desk), Person(qtbot, context, desk)
    yield made
    for one in made:
        one.close()


def ask_for(tab: Any, name: str, level: int, rights: tuple[int, ...]) -> None:
    tab.new.click()
    [form] = [one for one in tab.findChildren(AskForAccount) if one.isVisible()]
    form.go.click()
    assert form.banner.isVisible()
    form.name.setText(name)
    form.owner.setText(f"{name} in person")
    form.level.setCurrentIndex(form.level.findData(level))
    for right in rights:
        form.grant(right)
    form.why.setText("of the same desk")
    form.reason.setPlainText("new colleague")
    form.go.click()


def offered(tab: Any) -> set[str]:
    return {name for name, one in tab._buttons.items() if one.isVisible()}


def carry_out(person: Person, tab: Any) -> str:
    """Carry the chosen request out, and return the password that is shown once."""
    person.wait(lambda: offered(tab) >= {"execute"})
    tab.execute.click()
    person.answer(tab)
    person.wait(lambda: bool(tab.findChildren(Once)))
    [once] = tab.findChildren(Once)
    secret: str = once.secret.text()
    once.close_button.click()
    return secret


def make_first(chen: Person, token: str) -> None:
    screen = chen.window.keeper.screen
    assert screen is not None
    first = screen.first
    assert screen.pages.current is first
    for given, chosen in ((token, "Too-Short-1"), ("x" * len(token), PASSWORD)):
        first.token.setText(given)
        first.name.setText("chen")
        first.owner.setText("Chen Wei")
        first.password.setText(chosen)
        first.again.setText(chosen)
        first.go.click()
        chen.wait(lambda: not first.is_waiting)
        assert first.banner.isVisible()
    first.token.setText(token)
    first.go.click()
    chen.wait(lambda: screen.pages.current is screen.form)
    chen.sign_in("chen", PASSWORD)
    chen.set_up()


def judge(person: Person, tab: Any, beside: str) -> str:
    """Review, approve and carry out what is chosen; return the first password."""
    person.wait(lambda: offered(tab) == {"review", beside})
    tab.review.click()
    person.answer(tab, reason="known to me")
    person.wait(lambda: "approve" in offered(tab))
    tab.approve.click()
    person.answer(tab)
    return carry_out(person, tab)


def asks(person: Person, name: str, level: int, rights: tuple[int, ...]) -> Any:
    """Ask for an account, and return the tab of requests."""
    tab = person.tab("people")
    ask_for(tab, name, level, rights)
    call = tab._does
    person.wait(lambda: call.is_over)
    return person.tab("requests")


def test_from_the_first_account_to_an_auditor(
    people: tuple[Person, Person], desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    qtmodeltester: ModelTester,
) -> None:  # fmt: skip
    chen, li = people
    chen.connect(tmp_path / "chen", monkeypatch)
    make_first(chen, desk.said[0].split("--token ")[1].split()[0])

    # Nobody else is there who could judge: the first Admin may hire the second one alone.
    tab = asks(chen, "li", account_pb2.ACCOUNT_LEVEL_ADMIN, JUDGE)
    given = judge(chen, tab, "withdraw")

    li.connect(tmp_path / "li", monkeypatch)
    li.sign_in("li", given)
    li.set_up(change=f"{PASSWORD}-2")
    mine = asks(li, "wu", account_pb2.ACCOUNT_LEVEL_RESTRICTED, (account_pb2.PERMISSION_SNAPSHOT_READ,))
    li.wait(lambda: mine.list.current() is not None)
    li.wait(lambda: offered(mine) == {"withdraw"})
    qtmodeltester.check(mine.list.model)
    tab.load()
    given = judge(chen, tab, "refuse")

    auditor = li
    auditor.window.sign_out()
    auditor.wait(lambda: auditor.window.stack.currentWidget() is auditor.window.start)
    auditor.connect(tmp_path / "wu", monkeypatch)
    auditor.sign_in("wu", given)
    auditor.set_up(change=f"{PASSWORD}-3")
    window = auditor.window
    assert [one.key for one in window._screens] == ["start", "snapshots", "accounts"]
    assert list(auditor.window.shown_as("accounts").tabs) == ["own"]  # type: ignore[attr-defined]
    presence = window.keeper.presence
    assert presence is not None
    presence._last -= presence._idle_seconds
    presence.look()
    assert window.keeper.is_locked
    auditor.sign_in("wu", f"{PASSWORD}-3", auditor.codes[0])
    auditor.wait(lambda: not window.keeper.is_locked)

    lock_and_unlock(chen)
    own_sessions(auditor)


def lock_and_unlock(chen: Person) -> None:
    tab = chen.tab("people")
    tab.load()
    chen.wait(lambda: tab.list.model.rowCount() == 3)
    tab.list.choose("chen")
    assert not tab.lock.isVisible()
    tab.list.filter.setText("wu in")
    assert tab.list.model.rowCount() == 1
    tab.list.choose("wu")
    chen.wait(tab.end.isVisible)
    tab.end.click()
    chen.answer(tab, reason="seen elsewhere")
    tab.lock.click()
    chen.answer(tab, reason="left the desk")
    chen.wait(tab.unlock.isVisible)
    assert "left the desk" in tab.facts.toPlainText() or tab.list.current().state_reason
    tab.unlock.click()
    chen.answer(tab, reason="is back")
    chen.wait(tab.lock.isVisible)
    reviews = chen.tab("reviews")
    reviews.which.setCurrentIndex(reviews.which.findData(account_pb2.RIGHTS_REVIEW_STATE_CONFIRMED))
    chen.wait(lambda: reviews.list.model.rowCount() > 0)


def own_sessions(auditor: Person) -> None:
    """Their session was ended by somebody else: whatever they do next leads to signing in."""
    auditor.tab("own").load()
    auditor.wait(lambda: auditor.window.keeper.is_locked)


def test_a_system_that_calls_where_nobody_signs_in(
    qtbot: QtBot, window: Window, bank: str, qtmodeltester: ModelTester
) -> None:
    window.connect_to(Endpoint(bank), plain("bank"))
    qtbot.waitUntil(lambda: any(one.key == "accounts" for one in window._screens), timeout=PATIENCE)
    window.go("accounts")
    screen = window.shown_as("accounts")
    assert isinstance(screen, AccountsScreen)
    tab: Any = screen.tabs["callers"]

    def does(**answers: Any) -> None:
        [ask] = [one for one in tab.findChildren(Ask) if one.isVisible()]
        ask.answer(**answers)
        call = tab._does
        qtbot.waitUntil(lambda: call.is_over, timeout=PATIENCE)

    tab.new.click()
    does(name="core-counter", owner="Zhang San", applications="core-counter，loans", reason="the counter")
    qtbot.waitUntil(lambda: bool(tab.findChildren(Once)), timeout=PATIENCE)
    [once] = tab.findChildren(Once)
    token = once.secret.text()
    once.close_button.click()
    qtbot.waitUntil(lambda: tab.list.model.rowCount() == 1, timeout=PATIENCE)
    tab.list.choose("core-counter")
    assert len(token) > 20
    assert token not in tab.facts.toPlainText()
    assert "core-counter, loans" in tab.facts.toPlainText()
    tab.revoke.click()
    does(reason="no longer used")
    tab.disable.click()
    does(reason="stopped")
    qtbot.waitUntil(tab.enable.isVisible, timeout=PATIENCE)
    assert "stopped" in tab.facts.toPlainText()
    qtmodeltester.check(tab.list.model)
    tab.delete.click()
    does(reason="replaced")
    qtbot.waitUntil(lambda: tab.list.model.rowCount() == 0, timeout=PATIENCE)


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
