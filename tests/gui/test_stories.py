"""Three people's work in the real window, from signing in on, at a `pdp serve` that decides by what they publish."""

from __future__ import annotations

import csv
import io
import json
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QFileDialog
from pytestqt.qtbot import QtBot

from admin_gui.services.texts import text_of
from admin_gui.views.policies import PoliciesScreen
from admin_gui.views.simulator import SimulatorScreen
from admin_gui.views.snapshots import SnapshotsScreen
from admin_gui.widgets.cell_editor import CellEditor
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import (
    account_pb2,
    account_service_pb2,
    account_service_pb2_grpc,
    decision_service_pb2,
    decision_service_pb2_grpc,
    policy_service_pb2,
    policy_service_pb2_grpc,
    types_pb2,
)
from tests.commands import program
from tests.gui.drafting import CORE, TEXTS
from tests.gui.people import QUICK, Bank, Seat
from tests.integration.accounts_steps import MANAGER, RESTRICTED, USER, Office, Person
from tests.integration.pki import Authority
from tests.integration.staffed import shown

SECONDS = 120
SCENARIOS = """
kind: Test
id: counter
title: {zh: 柜面, en: counter}
now: "2026-03-02T10:00:00+08:00"
request:
  subject: {id: T1, level: 2}
  action: {name: query}
  resource: {type: customer, id: C1, balance: 10.0}
  context: {menu: "3101"}
scenarios:
  - {id: junior, title: {zh: 初级柜员, en: a junior}, expect: {mobile: mobile, name: unmask}}
  - id: senior
    title: {zh: 高级柜员, en: a senior}
    request: {subject: {level: 4}}
    expect: {mobile: unmask, balance: {mask: {algorithm: full, length: 3}}}
"""
WRITER, APPROVER, TESTER, AUDITOR = "wei", "lan", "min", "sun"
RIGHTS = {
    WRITER: (USER, ("POLICY_READ", "POLICY_WRITE", "SIMULATE", "SNAPSHOT_READ")),
    APPROVER: (MANAGER, ("POLICY_READ", "POLICY_APPROVE", "POLICY_PUBLISH", "POLICY_EMERGENCY", "SIMULATE")),
    TESTER: (RESTRICTED, ("POLICY_READ", "SIMULATE")),
    AUDITOR: (MANAGER, ("SNAPSHOT_READ", "SNAPSHOT_EXPORT")),
}


class Service:
    """`pdp serve` with accounts over TLS, and nothing to decide by yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = Authority.make()
        authority.server().write(folder, "staff")
        (folder / "ca.pem").write_bytes(authority.pem)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"localhost:{port}"
        (folder / "pdp.yaml").write_text(
            f"data: data\nlisten: 127.0.0.1:0\nadmin: {{listen: 'off'}}\n{QUICK}"
            f"staff:\n  listen: 127.0.0.1:{port}\n  certificate: staff.crt\n  key: staff.key\n"
        )
        self._log = (folder / "serve.log").open("w+")
        command = [program(), "serve", "--config", str(folder / "pdp.yaml")]
        command += ["--ready-file", str(folder / "ready")]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        self.until(lambda: _listens(port))

    def until(self, so: Callable[[], bool]) -> None:
        """Wait for something that the service does."""
        deadline = time.monotonic() + SECONDS
        while not so():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._log.seek(0)
                raise AssertionError(self._log.read())
            select.select([], [], [], 0.02)

    def decisions(self) -> str:
        """Return where it decides, once there is something to decide by."""
        self.until((self.folder / "ready").exists)
        address: str = json.loads((self.folder / "ready").read_text())["address"]
        return address

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(SECONDS)
        self._log.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Branch(Bank):
    """The service with its people, a revision that they have published, and tellers who ask."""

    def __init__(self, service: Service) -> None:
        async def hiring(office: Office) -> Sequence[Person]:
            one, two = await office.admins(2)
            found = [await office.hire(one, two, name, level, list(map(_right, names)))
                     for name, (level, names) in RIGHTS.items()]  # fmt: skip
            for person in found:
                await office.set_up(person)
            return found

        super().__init__(service, hiring)  # type: ignore[arg-type]
        self.service = service
        credentials = grpc.ssl_channel_credentials((service.folder / "ca.pem").read_bytes())
        with grpc.secure_channel(service.address, credentials) as channel:
            self._publish(channel)
        self.calls = grpc.insecure_channel(service.decisions())
        self._decisions: Any = decision_service_pb2_grpc.DecisionServiceStub(self.calls)  # type: ignore[no-untyped-call]

    def decide(self, teller: str, level: int, customer: str = "C1") -> Any:
        """Ask for a customer's mobile number."""
        request = decision_service_pb2.DecideRequest(fields=["mobile"])
        request.subject.id, request.action.name = teller, "query"
        request.resource.type, request.resource.id = "customer", customer
        request.subject.attributes["level"].int_value = level
        request.context["menu"].string_value = "3101"
        return self._decisions.Decide(request, timeout=SECONDS)

    def _publish(self, channel: grpc.Channel) -> None:
        """Publish the first revision, without a window: that is not what is told here."""
        sessions: Any = account_service_pb2_grpc.SessionServiceStub(channel)  # type: ignore[no-untyped-call]
        policies: Any = policy_service_pb2_grpc.PolicyServiceStub(channel)  # type: ignore[no-untyped-call]
        tokens = {}
        for name in (WRITER, APPROVER):
            person = self.people[name]
            asked = account_service_pb2.SignInRequest(
                name=name, password=person.password, code=self.code(name), device=person.device
            )
            tokens[name] = shown(sessions.SignIn(asked, timeout=SECONDS).token, person.device)
        version = 0
        texts = {**TEXTS, "tests/counter.yaml": SCENARIOS}
        for method, who, more in (
            ("Save", WRITER, {"sources": text_of(texts).sources}), ("Submit", WRITER, {}),
            ("Approve", APPROVER, {}), ("Publish", APPROVER, {}),
        ):  # fmt: skip
            request = getattr(policy_service_pb2, f"{method}DraftRequest")(name="first", version=version, **more)
            answer = getattr(policies, f"{method}Draft")(request, metadata=tokens[who], timeout=SECONDS)
            version = 0 if method == "Publish" else answer.draft.version


def _right(name: str) -> account_pb2.Right:
    return account_pb2.Right(permission=account_pb2.Permission.Value(f"PERMISSION_{name}"))


@pytest.fixture(scope="module")
def branch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Branch]:
    service = Service(tmp_path_factory.mktemp("branch"))
    try:
        made = Branch(service)
        yield made
        made.calls.close()
    finally:
        service.end()


class Desk(Seat):
    """A window at which somebody has signed in."""

    def __init__(self, qtbot: QtBot, context: Context, branch: Branch, name: str) -> None:
        super().__init__(qtbot, context)
        self.connect(branch.endpoint)
        self.show(name, branch.people[name].password, branch.code(name))
        self.wait(lambda: not self.window.keeper.is_locked and len(self.window._screens) > 1)

    @property
    def places(self) -> list[str]:
        return [shown.key for shown in self.window._screens]

    @property
    def now(self) -> str:
        """Which screen is shown."""
        return next(shown.key for shown in self.window._screens if shown.widget is self.window.stack.currentWidget())

    def does(self, command: str) -> None:
        """Do what a command of the shown screen does."""
        [action] = [one for one in self.window.actions_.all if one.objectName() == command]
        assert action.isEnabled()
        action.trigger()

    def policies(self) -> PoliciesScreen:
        self.window.go("policies")
        found = self.window.shown_as("policies")
        assert isinstance(found, PoliciesScreen)
        self.wait(lambda: bool(found.workbench.documents))
        return found

    def simulator(self) -> SimulatorScreen:
        self.window.go("simulator")
        found = self.window.shown_as("simulator")
        assert isinstance(found, SimulatorScreen)
        self.wait(lambda: found.verdicts.rowCount() > 0)
        return found

    def snapshots(self) -> SnapshotsScreen:
        self.window.go("snapshots")
        found = self.window.shown_as("snapshots")
        assert isinstance(found, SnapshotsScreen)
        return found

    def records(self, question: str, count: int, kind: str = "decisions") -> SnapshotsScreen:
        """Look for records until so many are there: each is stored a moment after what it is about."""
        found = self.snapshots()
        found.bar.ask_for(question, kind)

        def there() -> bool:
            if not found.model.is_loading and found.model.known < count:
                found.search()
            return found.model.known >= count and found.model.row(0) is not None

        self.wait(there)
        assert found.model.known == count
        return found

    def story(self, screen: SnapshotsScreen, row: int = 0) -> str:
        """Choose a record, and read what is told about it."""
        with self.qtbot.waitSignal(screen.detail.told, timeout=SECONDS * 1_000):
            screen.table.selectRow(row)
        return screen.detail.page.toPlainText()


@pytest.fixture
def sit(
    qtbot: QtBot, context: Context, branch: Branch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Desk]]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    made: list[Desk] = []

    def sit(name: str) -> Desk:
        made.append(Desk(qtbot, context, branch, name))
        return made[-1]

    yield sit
    for desk in made:
        desk.close()


def typed(screen: PoliciesScreen, key: str, text: str) -> None:
    """Type into a cell of the first rule, as somebody does."""
    grid, model = screen.workbench.views.table.grid, screen.workbench.views.table.model
    grid.setCurrentIndex(model.index(0, [column.key for column in model.columns].index(key)))
    grid.setFocus()
    QTest.keyClick(grid, Qt.Key.Key_F2)
    editor = grid.findChild(CellEditor)
    assert isinstance(editor, CellEditor)
    editor.setText(text)
    QTest.keyClick(editor, Qt.Key.Key_Return)


def verdict(screen: SimulatorScreen, field: str) -> str:
    lines = (screen.verdicts.line(row) for row in range(screen.verdicts.rowCount()))
    return next((("clear" if one.unmasked else "masked") for one in lines if one.field == field), "")


def offered(screen: PoliciesScreen) -> set[str]:
    assert screen.lifecycle is not None
    review = screen.lifecycle.drafts.review
    return {name for name, button in review.buttons.items() if button.isVisibleTo(review)}


def test_the_administrator(sit: Callable[[str], Desk], branch: Branch) -> None:
    before = branch.decide("T-admin", 2)
    assert before.verdicts[0].effect == types_pb2.EFFECT_MASK
    wei = sit(WRITER)
    assert wei.places == ["start", "policies", "simulator", "snapshots", "dictionary", "cluster", "accounts"]
    screen = written(wei)
    tried(wei)
    foreseen(wei, screen, before.decision_id)
    handed_in(wei, screen)
    number = published(sit(APPROVER), wei)
    after = branch.decide("T-admin", 2)
    assert after.verdicts[0].effect == types_pb2.EFFECT_UNMASK
    told = wei.story(wei.records(f'id == "{after.decision_id}"', 1))
    assert "T-admin" in told
    assert "手机号" in told
    assert f"策略版本\n{number} " in told


def written(wei: Desk) -> PoliciesScreen:
    """Begin a draft, make a mistake in the table, see it, take it back, and write what is meant."""
    screen = wei.policies()
    assert screen.lifecycle is not None
    session, workbench = screen.lifecycle.session, screen.workbench
    wei.wait(session.line.new.isVisible)
    session.line.new.click()
    assert session.ask is not None
    session.ask.answer(name="senior", reason="2026-17")
    wei.wait(lambda: session.name == "senior" and not workbench.editor.isReadOnly())
    workbench.open_file(CORE)
    workbench.views.tabs.setCurrentIndex(1)
    wei.wait(lambda: workbench.views.table.model.attributes.is_known)
    typed(screen, "when", "subject.rank >= 2")
    wei.wait(lambda: workbench.found.model.rowCount() == 1)
    assert "subject.rank" in workbench.found.model.record(0).message.zh
    assert workbench.views.table.model.headerData(0, Qt.Orientation.Vertical) == "✕ 1"
    workbench.views.table.undo()
    typed(screen, "when:subject.level", ">= 2")
    wei.wait(lambda: "scenarios" in str([one.message for one in workbench._problems]))
    # A scenario of the set says otherwise now: it is mended as well.
    workbench.open_file("tests/counter.yaml")
    text = workbench.editor.toPlainText()
    workbench.editor.setPlainText(text.replace("expect: {mobile: mobile, name", "expect: {mobile: unmask, name"))
    wei.wait(lambda: workbench.found.counted.text() == "没有问题")
    workbench.open_file(CORE)
    assert "subject.level >= 2" in workbench.editor.toPlainText()
    return screen


def tried(wei: Desk) -> None:
    """Try a junior teller by the draft, beside what is in force."""
    screen = wei.simulator()
    screen.choose("counter/junior")
    wei.wait(lambda: verdict(screen, "mobile") == "masked")
    screen.situation.choose_edited(edited=True)
    wei.wait(lambda: verdict(screen, "mobile") == "clear")
    [line] = [one for one in map(screen.verdicts.line, range(screen.verdicts.rowCount())) if one.differs]
    assert line.beside is not None
    assert (line.field, line.beside.unmasked) == ("mobile", False)


def foreseen(wei: Desk, screen: PoliciesScreen, decision: str) -> None:
    """See which recorded decisions would change, and look at one of them."""
    wei.window.go("policies")
    assert screen.lifecycle is not None
    page = screen.lifecycle.impact
    screen.lifecycle.tabs.setCurrentWidget(page)
    page.choose("mine")
    assert page.text.key == "mine"
    panel = page.impact

    def there() -> bool:
        if panel.run.isVisible() and not examples():
            panel.begin()
        return bool(examples())

    def examples() -> list[int]:
        rows = range(panel.examples.rowCount())
        return [row for row in rows if panel.examples.record(row).id == decision]

    wei.wait(there)
    assert panel.result is not None
    assert 1 <= panel.result.more_shown <= panel.result.changed <= panel.result.read
    assert panel.groups.record(0).title.zh == "脱敏 → 明文"
    panel.example_table.setCurrentIndex(panel.examples.index(examples()[0], 0))
    panel.simulate.click()
    assert wei.now == "simulator"
    wei.window.go("policies")
    panel.snapshot.click()
    assert wei.now == "snapshots"


def handed_in(wei: Desk, screen: PoliciesScreen) -> None:
    wei.window.go("policies")
    assert screen.lifecycle is not None
    life = screen.lifecycle
    life.show_text()
    life.session.line.submit.click()
    review = life.drafts.review
    wei.wait(lambda: review.ask is not None)
    assert review.ask is not None
    review.ask.answer(reason="more tellers")
    wei.wait(lambda: "return" in offered(screen))
    # Whoever wrote it does not approve it.
    assert offered(screen) == {"open", "delete", "return"}
    wei.wait(lambda: bool(review.difference.said))
    assert "1 项可能使原来脱敏的内容明文显示" in review.difference.said


def published(lan: Desk, wei: Desk) -> int:
    """Approve and publish as somebody else; return the revision's number."""
    screen = lan.policies()
    assert screen.lifecycle is not None
    life = screen.lifecycle
    review, numbers = life.drafts.review, list[int]()
    review.published.connect(numbers.append)
    life.tabs.setCurrentWidget(life.drafts)
    life.drafts.choose("senior")
    lan.wait(lambda: review.draft is not None and review.draft.name == "senior" and bool(review.difference.said))
    assert offered(screen) == {"open", "approve", "return", "emergency"}
    assert review.draft is not None
    review.buttons["approve"].click()
    assert review.ask is not None
    assert review.draft.sources in str(
        [label.text() for label in review.ask.findChildren(type(life.session.line.said))]
    )
    review.ask.answer(reason="read")
    lan.wait(lambda: "publish" in offered(screen) and review.buttons["publish"].isEnabled())
    assert "emergency" not in offered(screen)
    review.buttons["publish"].click()
    review.ask.answer(reason="agreed")
    lan.wait(lambda: life.convergence.converged)
    assert "1/1 个节点生效" in life.convergence.said.zh
    lan.wait(lambda: life.catalogue.head == numbers[0])
    newest = life.history.model.record(0)
    assert (newest.who, newest.approvers, newest.origin.zh) == (APPROVER, APPROVER, "草稿 senior")
    # Whoever wrote it sees it when they look again.
    wei.does("reload")
    mine = wei.window.shown_as("policies")
    assert isinstance(mine, PoliciesScreen)
    assert mine.lifecycle is not None
    lifecycle = mine.lifecycle
    wei.wait(lambda: lifecycle.catalogue.head == numbers[0])
    return numbers[0]


def test_the_tester(sit: Callable[[str], Desk]) -> None:
    min_ = sit(TESTER)
    assert min_.places == ["start", "policies", "simulator", "dictionary", "accounts"]
    screen = min_.simulator()
    assert not screen._keep.isVisible()
    screen.choose("counter/senior")
    min_.wait(lambda: verdict(screen, "mobile") == "clear")
    assert "core/senior" in screen._explain._model.item(0, 0).text()
    # What a menu that no rule speaks of shows, and what an authorisation changes.
    screen.form._boxes["context.menu"].setEditText("9999")
    min_.wait(lambda: verdict(screen, "mobile") == "masked")
    screen.choose("counter/senior")
    min_.wait(lambda: verdict(screen, "mobile") == "clear")
    assert verdict(screen, "balance") == "masked"
    screen.situation.choose_step("supervisor")
    min_.wait(lambda: verdict(screen, "balance") == "clear")
    screen.situation.choose_step("over")
    min_.wait(lambda: verdict(screen, "balance") == "masked")
    min_.does("run-all")
    min_.wait(lambda: screen.run.rules.rowCount() == 2)
    results = [screen.run.results.record(row) for row in range(screen.run.results.rowCount())]
    assert [one.passed for one in results] == [True, True]
    rules = {one.rule: one.matched for one in map(screen.run.rules.record, range(2))}
    assert rules["core/approved"] == 0
    assert rules["core/senior"] >= 1
    # What no scenario has seen leads to its rule, which may be read and not written.
    unseen = next(row for row in range(2) if not screen.run.rules.record(row).matched)
    screen.run.place_chosen.emit(screen.run.rules.record(unseen).location)
    assert min_.now == "policies"
    policies = min_.policies()
    min_.wait(lambda: policies.workbench.path == CORE)
    assert policies.workbench.editor.isReadOnly()
    assert policies.lifecycle is not None
    assert not policies.lifecycle.session.line.new.isVisible()


def test_the_auditor(sit: Callable[[str], Desk], branch: Branch, context: Context, tmp_path: Path) -> None:
    for level in (3, 4, 2):
        branch.decide("T-audit", level, "C7")
    context.settings.setValue("snapshots/keys", [str(branch.service.folder / "data" / "keys" / "node.pub")])
    sun = sit(AUDITOR)
    assert "simulator" not in sun.places
    screen = sun.records('subject.id == "T-audit"', 3)
    screen = sun.records('subject.id == "T-audit" && subject.level >= 3', 2)
    told = sun.story(screen)
    assert "T-audit" in told
    assert "明文" in told
    row = screen.model.row(0)
    assert row is not None
    assert verified(sun, screen) == "proven"
    assert "已核验：与记录时一致" in screen.detail.page.toPlainText()

    target = tmp_path / "out.csv"
    dialog = screen.ask_export()
    assert dialog is not None
    what = dialog.widgets["what"]
    assert isinstance(what, QComboBox)
    with sun.qtbot.waitSignal(screen.exports.written, timeout=SECONDS * 1_000) as caught:
        dialog.answer(what=what.itemData(what.count() - 1), format="csv", reason="2026 年度审计")
        [files] = sun.window.findChildren(QFileDialog)
        files.selectFile(str(target))
        files.accept()
    assert caught.args == [target, 2]
    rows = list(csv.DictReader(io.StringIO(target.read_text(encoding="utf-8-sig"))))
    assert row.id in [one["编号"] for one in rows]
    assert oct(target.stat().st_mode & 0o777) == "0o600"
    told = sun.story(sun.records('kind.startsWith("snapshot.export")', 2, "operations"), 1)
    assert "导出快照（snapshot.export）" in told
    assert "2026 年度审计" in told
    assert AUDITOR in told


def verified(sun: Desk, screen: SnapshotsScreen) -> str:
    """Verify until a checkpoint covers the record."""
    found: list[object] = []
    screen.detail.verified.connect(found.append)

    def is_verified() -> bool:
        if not found and screen.detail.verify_button.isEnabled():
            screen.detail.verify()
        return bool(found)

    sun.wait(is_verified)
    assert screen.detail.evidence is not None
    return screen.detail.evidence.outcome
