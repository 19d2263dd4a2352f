"""The grants' screen against a real node: a business system asks, the one who sits here decides."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from admin_gui.domain import grants
from admin_gui.domain.rights import EVERYTHING, Rights
from admin_gui.domain.say import plain
from admin_gui.services.connection import Connection, Endpoint
from admin_gui.views.grants import GrantsScreen
from admin_gui.views.routes import Routes
from admin_gui.views.screen import Desk
from admin_gui.views.window import Window
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import account_pb2
from tests.integration.clustered import Node
from tests.integration.test_grant_cli import System, node, system

__all__ = ["node", "system"]

PATIENCE = 60_000


@pytest.fixture
def desk(qtbot: QtBot, context: Context, node: Node) -> Iterator[Desk]:
    connection = Connection(Endpoint(f"unix:{node.folder}/data/staff.sock"))
    yield Desk(context, connection, EVERYTHING, Routes(connection))
    connection.close()


@pytest.fixture
def screen(qtbot: QtBot, desk: Desk) -> GrantsScreen:
    made = GrantsScreen(desk)
    qtbot.addWidget(made)
    made.show()
    made.load()
    qtbot.waitUntil(lambda: "balance" in made._labels, timeout=PATIENCE)
    return made


def choose(qtbot: QtBot, screen: GrantsScreen, grant: str) -> grants.Line:
    """Read again until the grant is there, choose it and return its line."""
    screen.load()

    def rows() -> list[str]:
        return [screen.model.record(row).id for row in range(screen.model.rowCount())]

    qtbot.waitUntil(lambda: grant in rows(), timeout=PATIENCE)
    row = rows().index(grant)
    screen.table.setCurrentIndex(screen.model.index(row, 0))
    return screen.model.record(row)


def state(screen: GrantsScreen, grant: str) -> int:
    return screen._records[grant].state


def test_a_grant_is_approved_holds_and_is_taken_back(
    qtbot: QtBot, screen: GrantsScreen, desk: Desk, system: System, qtmodeltester: ModelTester
) -> None:
    grant = system.ask(fields=["balance"]).grant.grant.id
    line = choose(qtbot, screen, grant)
    assert (line.state.zh, line.subject, line.resource) == ("待审批", "T1", "customer:C1")
    assert line.covers.en == "balance"
    assert not screen.detail.revoke.isVisible()
    assert not system.shows(grant)

    screen.detail.approve.click()
    qtbot.waitUntil(lambda: state(screen, grant) == account_pb2.GRANT_STATE_ACTIVE, timeout=PATIENCE)
    assert system.shows(grant)
    assert not screen.detail.approve.isVisible()
    assert not screen.detail.revoke.isEnabled()

    screen.detail.why.setText("done")
    screen.detail.revoke.click()
    qtbot.waitUntil(lambda: state(screen, grant) == account_pb2.GRANT_STATE_REVOKED, timeout=PATIENCE)
    assert not system.shows(grant)
    assert "done" in screen.detail._course.text()

    with qtbot.waitSignal(desk.routes.snapshots_chosen, timeout=PATIENCE) as chosen:
        screen.detail.used.click()
    assert chosen.args == [f'grant("{grant}")']
    qtmodeltester.check(screen.model)


def test_what_is_refused_needs_a_reason_and_keeps_it(qtbot: QtBot, screen: GrantsScreen, system: System) -> None:
    grant = system.ask().grant.grant.id
    choose(qtbot, screen, grant)
    assert not screen.detail.refuse.isEnabled()
    screen.detail.why.setText("没有必要")
    screen.detail.refuse.click()
    qtbot.waitUntil(lambda: state(screen, grant) == account_pb2.GRANT_STATE_REFUSED, timeout=PATIENCE)
    assert "没有必要" in screen.detail._course.text()


def test_what_somebody_asks_for_here_waits_for_another(qtbot: QtBot, screen: GrantsScreen) -> None:
    screen.ask()
    form = screen.form
    form.lines["resource"].setText("customer")
    form.send()
    assert "对象" in form.banner._said.zh
    form.lines["resource"].setText("customer:C9")
    form.send()
    assert "理由" in form.banner._said.zh
    form.lines["subject"].setText("T7")
    form.lines["reason"].setText("counter")
    form.choose({"balance", "C2"})
    form.uses.setValue(2)
    form.send()

    def asked() -> bool:
        return screen.model.rowCount() > 0 and screen.model.record(0).subject == "T7"

    qtbot.waitUntil(asked, timeout=PATIENCE)
    record = screen._records[screen.model.record(0).id]
    assert (list(record.grant.fields), list(record.grant.levels), record.max_uses) == (["balance"], ["C2"], 2)
    assert screen.detail._own.isVisible()
    assert not screen.detail.approve.isVisible()
    assert form.lines["reason"].text() == ""


def test_a_refusal_of_the_service_is_shown_and_may_be_tried_again(
    qtbot: QtBot, screen: GrantsScreen, system: System
) -> None:
    grant = system.ask().grant.grant.id
    choose(qtbot, screen, grant)
    with qtbot.waitSignal(screen._grants.approve(grant, "elsewhere").ended, timeout=PATIENCE):
        pass
    screen.decide("refuse", grant, "too late")
    qtbot.waitUntil(lambda: screen.banner.property("kind") == "danger", timeout=PATIENCE)
    assert screen.banner.isVisible()
    qtbot.waitUntil(screen.detail.revoke.isVisible, timeout=PATIENCE)


def test_what_may_be_done_follows_rights() -> None:
    record = account_pb2.GrantRecord(state=account_pb2.GRANT_STATE_ASKED, steps=[account_pb2.GrantStep(actor="li")])
    record.grant.subject_id = "T1"

    def rights(name: str, *permissions: str) -> Rights:
        return Rights(name, frozenset(permissions))

    assert grants.may_decide(record, rights("chen", "grant_approve"))
    assert not grants.may_decide(record, rights("chen", "grant_read"))
    assert not grants.may_decide(record, rights("li", "grant_approve"))
    assert not grants.may_decide(record, rights("T1", "grant_approve"))
    assert not grants.may_revoke(record, rights("chen", "grant_approve"))
    record.state = account_pb2.GRANT_STATE_ACTIVE
    assert grants.may_revoke(record, rights("li"))
    assert not grants.may_decide(record, rights("chen", "grant_approve"))
    assert not grants.may_revoke(record, rights("wu", "grant_read"))


def test_who_may_only_read_is_offered_nothing_else(qtbot: QtBot, desk: Desk, window: Window) -> None:
    reading = dataclasses.replace(desk, rights=Rights("wu", frozenset({"grant_read"})))
    screen = GrantsScreen(reading)
    qtbot.addWidget(screen)
    screen.show()
    assert not screen.new.isVisible()
    assert screen.commands() == ()
    window.connect_to(desk.connection.endpoint, plain("node"))
    window.enter(reading.rights)
    # Everybody has a page of their own.
    assert [screen.key for screen in window._screens] == ["start", "grants", "accounts"]
