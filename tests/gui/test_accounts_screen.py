"""Accounts in the desktop program at a real `pdp serve`: people, sign-ins, anomalies, reviews, and callers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from admin_gui.domain import sign_ins as told
from admin_gui.views.accounts.caller_form import CallerForm
from admin_gui.views.accounts.part import Once
from admin_gui.views.sign_in.password import PasswordPage
from admin_gui.widgets.context import Context
from pdp.control.accounts.permissions import all_rights
from pdp.v1 import account_pb2
from tests.gui.people import QUICK, Bank, Seat, at_device
from tests.integration.accounts_steps import MANAGER, RESTRICTED, Office, Person
from tests.integration.test_account_cli import Desk

READS = [account_pb2.Right(permission=account_pb2.PERMISSION_SNAPSHOT_READ)]
# A week is less than the notice, so all rights are due from the first day on; a strange device locks.
CONFIG = f"{QUICK}accounts:\n  review_days: 7\n  anomalies: {{new_device: lock}}\n"


async def hiring(office: Office) -> Sequence[Person]:
    """Two Admins, a Manager who reads all, and some who only read snapshots: one for each test that needs one."""
    one, two = await office.admins(2)
    others = [await office.hire(one, two, "zhao", MANAGER, all_rights(MANAGER))]
    others += [await office.hire(one, two, name, RESTRICTED, READS) for name in ("wu", "sun", "qian", "zhou")]
    for person in others:
        await office.set_up(person)
    return [one, two, *others]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    desk = Desk(tmp_path_factory.mktemp("desk"), CONFIG)
    yield Bank(desk, hiring)
    desk.end()


class Sitting:
    """Lets people of the bank sit down, each at a device of their own."""

    def __init__(self, qtbot: QtBot, context: Context, bank: Bank, homes: Path, patch: pytest.MonkeyPatch) -> None:
        self._qtbot, self._context, self._homes, self._patch = qtbot, context, homes, patch
        self.bank, self.seats = bank, list[Seat]()

    def at_door(self, name: str, *, strange: bool = False) -> Seat:
        """Return a window before somebody who has yet to sign in, perhaps on a device that nobody knows."""
        self._patch.setenv("XDG_CONFIG_HOME", str(self._homes / "strange"))
        if not strange:
            self.at_device(name)
        seat = Seat(self._qtbot, self._context)
        self.seats.append(seat)
        seat.connect(self.bank.endpoint)
        return seat

    def at_device(self, name: str) -> None:
        """Let whatever signs in next do so on the device of somebody."""
        at_device(self.bank.people[name], self._homes / name, self._patch)

    def __call__(self, name: str) -> Seat:
        """Return a window in which somebody has signed in."""
        seat = self.at_door(name)
        seat.enter(self.bank, name)
        return seat


@pytest.fixture
def sitting(
    qtbot: QtBot, context: Context, bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sitting]:
    made = Sitting(qtbot, context, bank, tmp_path, monkeypatch)
    yield made
    for seat in made.seats:
        seat.close()


def rows(listing: Any) -> list[Any]:
    return [listing.model.record(row) for row in range(listing.model.rowCount())]


def asked_until(seat: Seat, tab: Any, so: Any) -> None:
    """Ask for the sign-ins again until it is so: what was recorded is in the store a moment later."""

    def holds() -> bool:
        call = tab.sign_ins._call
        if call is None or not call.is_over:
            return False
        if so():
            return True
        tab.sign_ins.show_account(tab.sign_ins._account)
        return False

    seat.wait(holds)


def test_the_sign_ins_of_an_account_and_the_way_to_their_records(
    sitting: Sitting, qtmodeltester: ModelTester
) -> None:  # fmt: skip
    door = sitting.at_door("wu")
    assert "手机时间须准确" in door.fails("wu", "wrong")
    door.enter(sitting.bank, "wu")
    # Everybody sees their own.
    own = door.tab("own")
    asked_until(door, own, lambda: len(rows(own.sign_ins.list)) == 2)
    assert [told.outcome(one)[0].zh for one in rows(own.sign_ins.list)] == ["成功", "失败"]
    assert [told.how(one).zh for one in rows(own.sign_ins.list)] == ["口令、恢复码", "口令不对"]
    assert {told.place(one).zh for one in rows(own.sign_ins.list)} == {"127.0.0.1"}

    zhao = sitting("zhao")
    people = zhao.tab("people")
    zhao.wait(lambda: len(rows(people.list)) == 7)
    people.list.choose("wu")
    sign_ins = people.sign_ins
    asked_until(zhao, people, lambda: len(rows(sign_ins.list)) == 2)
    qtmodeltester.check(sign_ins.list.model)
    sign_ins.list.table.setCurrentIndex(sign_ins.list.model.index(1, 0))
    failed = sign_ins.list.current()
    snapshots: Any = zhao.window.shown_as("snapshots")
    sign_ins.list.table.activated.emit(sign_ins.list.table.currentIndex())
    assert zhao.window.stack.currentWidget() is snapshots
    zhao.wait(lambda: [snapshots.model.row(0).id] == [failed.id] if snapshots.model.rowCount() == 1 else False)
    zhao.window.go("accounts")
    assert sign_ins.all.isVisible()
    sign_ins.all.click()
    zhao.wait(lambda: snapshots.model.rowCount() == 2)
    # Nothing of one account stays when another one is chosen.
    zhao.window.go("accounts")
    people.list.choose("admin-1")
    assert not rows(sign_ins.list)

    # Who answers for accounts and may not read snapshots sees them all the same, and no way on.
    chen = sitting("root-admin")
    tab = chen.tab("people")
    chen.wait(lambda: len(rows(tab.list)) == 7)
    tab.list.choose("wu")
    asked_until(chen, tab, lambda: len(rows(tab.sign_ins.list)) == 2)
    assert not tab.sign_ins.all.isVisible()


def test_what_is_unusual_is_reviewed_by_hand_and_unlocks(sitting: Sitting, qtmodeltester: ModelTester) -> None:
    bank = sitting.bank
    # All that the account needs, shown on a device that is not one of its own: a rule locks it.
    door = sitting.at_door("sun", strange=True)
    assert "未能登录" in door.fails("sun", bank.people["sun"].password, bank.code("sun"))
    chen = sitting("root-admin")
    people = chen.tab("people")
    chen.wait(lambda: len(rows(people.list)) == 7)
    people.list.choose("sun")
    chen.wait(lambda: "新设备" in people.facts.toPlainText())
    assert "已锁定" in people.facts.toPlainText()
    # What a rule has locked is unlocked by a review alone, which is told instead of offered.
    assert "判为正常即解锁" in people.facts.toPlainText()
    assert (people.lock.isVisible(), people.unlock.isVisible()) == (False, False)

    tab = chen.tab("anomalies")
    chen.wait(lambda: len(rows(tab.list)) == 1)
    qtmodeltester.check(tab.list.model)
    [found] = rows(tab.list)
    assert tab.list.current().id == found.id
    assert (tab.fine.isVisible(), tab.bad.isVisible()) == (True, True)
    shown = tab.facts.toPlainText()
    assert "新设备" in shown
    assert "127.0.0.1" in shown
    tab.fine.click()
    chen.answer(tab, reason="a new laptop, by telephone")
    chen.wait(lambda: not rows(tab.list))
    tab.only_open.setChecked(False)
    chen.wait(lambda: len(rows(tab.list)) == 1)
    tab.list.choose(found.id)
    assert not tab.fine.isVisible()
    assert "a new laptop, by telephone" in tab.facts.toPlainText()
    people = chen.tab("people")
    active = account_pb2.ACCOUNT_STATE_ACTIVE
    chen.wait(lambda: [one.state for one in rows(people.list) if one.name == "sun"] == [active])
    sitting("sun")


def test_rights_are_found_by_name_and_confirmed_by_somebody_else(sitting: Sitting, qtmodeltester: ModelTester) -> None:
    zhao = sitting("zhao")
    tab = zhao.tab("reviews")
    zhao.wait(lambda: len(rows(tab.list)) == 7)
    qtmodeltester.check(tab.list.model)
    # It is the service that looks, at names and owners.
    tab.list.filter.setText("QIAN in pers")
    zhao.wait(lambda: [one.account for one in rows(tab.list)] == ["qian"])
    tab.list.choose("qian")
    assert tab.confirm.isVisible()
    tab.confirm.click()
    zhao.answer(tab, reason="still reads the records of the branch")
    # Its rights are due again within the notice, so it stays; but who has looked is told.
    zhao.wait(lambda: [one.confirmed_by for one in rows(tab.list)] == ["zhao"])
    tab.list.filter.setText("nobody at all")
    zhao.wait(lambda: not rows(tab.list))
    assert tab.list.empty.isVisible()
    tab.list.filter.setText("zhao")
    zhao.wait(lambda: [one.account for one in rows(tab.list)] == ["zhao"])
    tab.list.choose("zhao")
    assert not tab.confirm.isVisible()


def test_an_account_is_locked_and_its_sessions_end(sitting: Sitting) -> None:
    zhou, chen = sitting("zhou"), sitting("root-admin")
    tab = chen.tab("people")
    chen.wait(lambda: len(rows(tab.list)) == 7)
    tab.list.choose("root-admin")
    assert not tab.lock.isVisible()
    tab.list.filter.setText("zhou in")
    assert [one.name for one in rows(tab.list)] == ["zhou"]
    tab.list.choose("zhou")
    chen.wait(tab.end.isVisible)
    tab.end.click()
    signed = zhou.window.keeper._signed
    assert signed is not None
    chen.answer(tab, session=signed.answer.session.id, reason="seen elsewhere")
    # Whatever they do next leads to signing in, with what they had open kept; it was not done.
    own = zhou.tab("own")
    own.password.click()
    [page] = [one for one in own.findChildren(PasswordPage) if one.isVisible()]
    page.old.setText(sitting.bank.people["zhou"].password)
    page.new.setText("Another-Horse-8-Battery")
    page.again.setText("Another-Horse-8-Battery")
    sitting.at_device("zhou")
    own.load()
    zhou.wait(lambda: zhou.window.keeper.is_locked)
    assert not page.isVisible()
    zhou.show("zhou", sitting.bank.people["zhou"].password, sitting.bank.code("zhou"))
    zhou.wait(lambda: not zhou.window.keeper.is_locked)
    assert (page.isVisible(), page.new.text()) == (True, "Another-Horse-8-Battery")
    page.window().close()
    tab.lock.click()
    chen.answer(tab, reason="left the desk")
    chen.wait(tab.unlock.isVisible)
    chen.wait(lambda: "left the desk" in tab.facts.toPlainText())
    tab.unlock.click()
    chen.answer(tab, reason="is back")
    chen.wait(tab.lock.isVisible)


class Two:
    """Two Admins before the callers: what one asks for, the other approves."""

    def __init__(self, sitting: Sitting) -> None:
        self.one, self.two = sitting("root-admin"), sitting("admin-1")
        self.mine, self.theirs = self.one.tab("callers"), self.two.tab("callers")

    @property
    def form(self) -> CallerForm:
        """The form that is open."""
        [found] = [made for made in self.mine.findChildren(CallerForm) if made.isVisible()]
        return found

    def send(self, reason: str, **lines: str) -> CallerForm:
        """Enter some lines of the form that is open, and send it."""
        form = self.form
        for name, text in lines.items():
            getattr(form, name).setText(text)
        form.reason.setPlainText(reason)
        form.go.click()
        self.one.done(self.mine)
        return form

    def choose(self, name: str, version: int) -> None:
        """Look at a caller as it is at a version."""
        self.mine.load()
        self.one.wait(lambda: (name, version) in [(caller.name, caller.version) for caller in rows(self.mine.list)])
        self.mine.list.choose(name)

    def approve(self) -> str:
        """Let the second one approve what waits; return what they saw before."""
        self.theirs.load()
        self.two.wait(lambda: all(call.is_over for call in self.theirs._reads.values()))
        assert len(rows(self.theirs.changes)) == 1
        self.theirs.changes.choose(rows(self.theirs.changes)[0].id)
        seen: str = self.theirs.facts.toPlainText()
        self.theirs.approve.click()
        self.two.answer(self.theirs, reason="as agreed")
        self.two.wait(lambda: not rows(self.theirs.changes))
        return seen

    def make(self, name: str) -> str:
        """Ask for a caller; return its token, which is shown once."""
        self.mine.new.click()
        self.form.rate.setValue(500)
        self.send(
            "go-live", name=name, owner="Zhang San", applications="core-counter", subjects="T*",
            certificates=f"cn:Core {name}，dns:{name}.bank.example",
        )  # fmt: skip
        self.one.wait(lambda: bool(self.mine.findChildren(Once)))
        [once] = self.mine.findChildren(Once)
        token: str = once.secret.text()
        once.close_button.click()
        self.one.wait(lambda: len(rows(self.mine.changes)) == 1)
        return token


def test_a_caller_is_made_by_two(sitting: Sitting, qtmodeltester: ModelTester) -> None:
    two = Two(sitting)
    mine = two.mine
    mine.new.click()
    two.form.go.click()
    assert "名称" in two.form.banner._text.text()
    form = two.send("x", name="counter", owner="Zhang San", applications="core-counter", subjects="*x")
    # What the service refuses stands in the form with all that was entered.
    assert "caller.subjects[0]" in form.banner._text.text()
    assert (form.isVisible(), form.name.text(), mine.banner.isVisible()) == (True, "counter", False)
    form.reject()
    token = two.make("counter")
    qtmodeltester.check(mine.changes.model)
    mine.changes.choose(rows(mine.changes)[0].id)
    assert (mine.approve.isVisible(), mine.withdraw.isVisible()) == (False, True)
    seen = two.approve()
    assert "新的调用方" in seen
    assert token not in seen
    two.choose("counter", 1)
    shown = mine.facts.toPlainText()
    assert "每秒 500 次" in shown
    assert "最近使用 从未" in shown


def test_a_caller_is_widened_by_two_and_narrowed_by_one(sitting: Sitting) -> None:
    two = Two(sitting)
    mine = two.mine
    two.make("loans-desk")
    two.approve()
    two.choose("loans-desk", 1)
    mine.edit.click()
    form = two.form
    assert (form.name.isReadOnly(), form.subjects.text(), form.rate.value()) == (True, "T*", 500)
    form.explain.setChecked(True)
    two.send("loans ask too", applications="core-counter、loans")
    assert "第二人" in mine.banner._text.text()
    seen = two.approve()
    assert "core-counter → core-counter, loans" in seen
    assert "decide → decide, explain" in seen
    assert "T*" not in seen

    # Somebody who still looks at the caller as it was overwrites nothing.
    mine.edit.click()
    form = two.send("fewer", subjects="T1*")
    assert form.isVisible()
    assert "没有覆盖" in form.banner._text.text()
    form.reject()
    two.choose("loans-desk", 2)
    # Less of anything holds at once; what was not touched stays, a name in a certificate with its spaces.
    mine.edit.click()
    two.send("fewer", subjects="T1*")
    two.choose("loans-desk", 3)
    now = mine.list.current()
    assert list(now.certificates) == ["cn:Core loans-desk", "dns:loans-desk.bank.example"]
    assert (list(now.subjects), list(now.calls), now.rate.per_second) == (["T1*"], ["decide", "explain"], 500)
    assert not rows(mine.changes)
