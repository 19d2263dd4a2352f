"""From a service without accounts to one that somebody else has hired: a real `pdp serve`, and its real work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from admin_gui.services.connection import Endpoint
from admin_gui.views.accounts.ask import AskForAccount
from admin_gui.views.accounts.part import Once
from admin_gui.widgets.context import Context
from pdp.control.accounts import totp
from pdp.v1 import account_pb2
from tests.gui.people import QUICK, Seat
from tests.integration.accounts_steps import PASSWORD, secret_of
from tests.integration.test_account_cli import Desk

JUDGE = (account_pb2.PERMISSION_ACCOUNT_ASK, account_pb2.PERMISSION_ACCOUNT_REVIEW,
         account_pb2.PERMISSION_ACCOUNT_APPROVE)  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("desk"), QUICK)
    yield made
    made.end()


@pytest.fixture
def seats(qtbot: QtBot, context: Context) -> Iterator[tuple[Seat, Seat]]:
    made = Seat(qtbot, context), Seat(qtbot, context)
    yield made
    for one in made:
        one.close()


def set_up(seat: Seat, *, change: str = "") -> None:
    """Do what a new account owes, and go on to work."""
    screen = seat.window.keeper.screen
    assert screen is not None
    if change:
        seat.wait(lambda: screen.pages.current is screen.password)
        screen.password.new.setText(change)
        screen.password.again.setText(change)
        screen.password.go.click()
    seat.wait(screen.totp.code.isVisible)
    secret, here = secret_of(screen.totp._uri), totp.step_at(time.time_ns())
    near = {totp.code_at(secret, here + offset) for offset in range(-150, 150)}
    wrong = next(code for code in map("{:06}".format, range(1_000)) if code not in near)
    # A telephone that is ten minutes slow is told so; one that shows anything else is not.
    for code, said in ((totp.code_at(secret, here - 20), "手机时间比本机慢约 1"), (wrong, "此刻显示的 6 位数字")):
        screen.totp.code.setText(code)
        screen.totp.go.click()
        seat.wait(lambda: not screen.totp.is_waiting)
        assert said in screen.totp.banner._text.text()
    screen.totp.code.setText(totp.code_at(secret, totp.step_at(time.time_ns())))
    screen.totp.go.click()
    seat.wait(lambda: screen.pages.current is screen.recovery)
    screen.recovery.put_away.setChecked(True)
    screen.recovery.go.click()
    seat.wait(lambda: not seat.window.keeper.is_locked)
    seat.window.go("accounts")


def make_first(chen: Seat, token: str) -> None:
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
    chen.show("chen", PASSWORD)
    set_up(chen)


def ask_for(seat: Seat, name: str, level: int, rights: tuple[int, ...]) -> Any:
    """Ask for an account by the form, and return the tab of requests."""
    tab = seat.tab("people")
    tab.new.click()
    [form] = [one for one in tab.findChildren(AskForAccount) if one.isVisible()]
    form.go.click()
    assert form.banner.isVisible()
    form.level.setCurrentIndex(form.level.findData(level))
    for right in rights:
        form.grant(right)  # type: ignore[arg-type]
    form.owner.setText(f"{name} in person")
    form.why_risk.setText("of the same desk")
    form.reason.setPlainText("new colleague")
    # What the service refuses stands in the form, which keeps all that was entered.
    form.name.setText(name.upper())
    form.go.click()
    seat.wait(form.go.isEnabled)
    assert "小写字母" in form.banner._text.text()
    assert (form.isVisible(), form.owner.text(), tab.banner.isVisible()) == (True, f"{name} in person", False)
    form.name.setText(name)
    form.go.click()
    seat.done(tab)
    assert not [one for one in tab.findChildren(AskForAccount) if one.isVisible()]
    return seat.tab("requests")


def offered(tab: Any) -> set[str]:
    return {name for name, one in tab._buttons.items() if one.isVisible()}


def judge(seat: Seat, tab: Any, beside: str) -> str:
    """Review, approve and carry out what is chosen; return the password that is shown once."""
    seat.wait(lambda: offered(tab) == {"review", beside})
    tab.review.click()
    seat.answer(tab, reason="known to me")
    seat.wait(lambda: "approve" in offered(tab))
    tab.approve.click()
    seat.answer(tab)
    seat.wait(lambda: offered(tab) >= {"execute"})
    tab.execute.click()
    seat.answer(tab)
    seat.wait(lambda: bool(tab.findChildren(Once)))
    [once] = tab.findChildren(Once)
    secret: str = once.secret.text()
    once.close_button.click()
    return secret


def test_from_the_first_account_to_one_that_two_have_made(
    seats: tuple[Seat, Seat], desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtmodeltester: ModelTester
) -> None:
    chen, li = seats
    endpoint = Endpoint(desk.address, desk.folder / "ca.pem")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "chen"))
    chen.connect(endpoint)
    make_first(chen, desk.said[0].split("--token ")[1].split()[0])

    # Nobody else is there who could judge: the first Admin may hire the second one alone.
    tab = ask_for(chen, "li", account_pb2.ACCOUNT_LEVEL_ADMIN, JUDGE)
    given = judge(chen, tab, "withdraw")

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "li"))
    li.connect(endpoint)
    li.show("li", given)
    set_up(li, change=f"{PASSWORD}-2")
    mine = ask_for(li, "wu", account_pb2.ACCOUNT_LEVEL_RESTRICTED, (account_pb2.PERMISSION_SNAPSHOT_READ,))
    li.wait(lambda: mine.list.current() is not None)
    li.wait(lambda: offered(mine) == {"withdraw"})
    qtmodeltester.check(mine.list.model)
    tab.load()
    assert len(judge(chen, tab, "refuse")) > 12
    people = chen.tab("people")
    people.load()
    chen.wait(lambda: people.list.model.rowCount() == 3)
    assert [people.list.model.record(row).name for row in range(3)] == ["chen", "li", "wu"]
