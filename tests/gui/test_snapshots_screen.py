"""Records in the real window's screen against a real service: told, proven, changed, tried again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PySide6.QtCore import QEventLoop, QUrl
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from admin_gui.domain.failure import Failure
from admin_gui.domain.rights import EVERYTHING
from admin_gui.domain.scenario import Scenario
from admin_gui.services.connection import Connection, Endpoint
from admin_gui.services.embedded import EmbeddedService
from admin_gui.views.routes import Routes
from admin_gui.views.screen import Desk
from admin_gui.views.snapshots import SnapshotsScreen
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import (
    decision_service_pb2,
    decision_service_pb2_grpc,
    policy_service_pb2,
    simulation_service_pb2,
    simulation_service_pb2_grpc,
    snapshot_service_pb2,
)
from tests.gui.conftest import POLICIES
from tests.gui.test_snapshots_table import Given

PATIENCE = 90_000
TELLERS = 12


@pytest.fixture(scope="module")
def recorded(qapp: QApplication) -> Iterator[str]:
    """The staff port of a service that has decided every scenario of the sample bank once."""
    service = EmbeddedService(POLICIES)
    told: list[str | Failure] = []
    service.ready.connect(told.append)
    service.failed.connect(told.append)
    service.start()
    while not told:
        qapp.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    [address] = told
    assert isinstance(address, str), address
    decisions = json.loads(service._ready_file.read_text())["address"]
    with grpc.insecure_channel(address) as staff, grpc.insecure_channel(decisions) as calls:
        simulation = simulation_service_pb2_grpc.SimulationServiceStub(staff)  # type: ignore[no-untyped-call]
        text = policy_service_pb2.PolicyText(revision=0)
        bundle = simulation.DescribePolicies(simulation_service_pb2.DescribePoliciesRequest(text=text)).bundle
        stub = decision_service_pb2_grpc.DecisionServiceStub(calls)  # type: ignore[no-untyped-call]
        for case in bundle.golden_cases[:40]:
            request = decision_service_pb2.DecideRequest.FromString(case.request)
            request.ClearField("grant_ids")
            if request.HasField("message") or not request.fields:
                continue
            stub.Decide(request)
    yield address
    service.stop()


@pytest.fixture
def screen(qtbot: QtBot, context: Context, recorded: str, tmp_path: Path) -> Iterator[SnapshotsScreen]:
    connection = Connection(Endpoint(recorded))
    made = SnapshotsScreen(Desk(context, connection, EVERYTHING, Routes(connection)), Given(tmp_path / "out.csv"))
    made.resize(1200, 760)
    made.show()
    made.load()
    searched(qtbot, made, TELLERS)
    qtbot.waitUntil(lambda: bool(made.model._words.labels), timeout=PATIENCE)
    yield made
    made.leave()
    made.close()
    connection.close()
    made.deleteLater()


def searched(qtbot: QtBot, screen: SnapshotsScreen, least: int = 1) -> None:
    """Search until so many records are found: they reach the store a moment after the answers, one after another."""

    def has_records() -> bool:
        if not screen.model.is_loading and screen.model.known < least:
            screen.search()
        return not screen.model.is_loading and screen.model.known >= least

    qtbot.waitUntil(has_records, timeout=PATIENCE)


def choose(qtbot: QtBot, screen: SnapshotsScreen, row: int = 0) -> None:
    qtbot.waitUntil(lambda: screen.model.row(row) is not None, timeout=PATIENCE)
    with qtbot.waitSignal(screen.detail.told, timeout=PATIENCE):
        screen.table.selectRow(row)


def verify(qtbot: QtBot, screen: SnapshotsScreen) -> None:
    """Verify until a checkpoint covers the record."""
    found: list[object] = []
    screen.detail.verified.connect(found.append)

    def is_verified() -> bool:
        if not found and screen.detail.verify_button.isEnabled():
            screen.detail.verify()
        return bool(found)

    qtbot.waitUntil(is_verified, timeout=PATIENCE)
    screen.detail.verified.disconnect(found.append)


def test_a_record_is_told_and_proven(qtbot: QtBot, screen: SnapshotsScreen) -> None:
    screen.bar.ask_for("flagged", "decisions")
    searched(qtbot, screen)
    choose(qtbot, screen)
    page = screen.detail.page.toPlainText()
    assert "每个字段" in page
    assert "链中位置" in page
    # The service's own key lies beside its socket: it is its owner who looks.
    verify(qtbot, screen)
    assert screen.detail.evidence is not None
    assert screen.detail.evidence.outcome == "proven"
    assert screen.detail.evidence.root in screen.detail.page.toPlainText()


def test_a_changed_proof_is_named(qtbot: QtBot, screen: SnapshotsScreen, monkeypatch: pytest.MonkeyPatch) -> None:
    choose(qtbot, screen)
    honest = screen.detail._proved

    def tampered(answer: snapshot_service_pb2.ProveSnapshotResponse, *rest: object) -> None:
        changed = snapshot_service_pb2.ProveSnapshotResponse()
        changed.CopyFrom(answer)
        changed.proof.record.record += b"\x1a\x00"  # another field, empty and unknown
        honest(changed, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(screen.detail, "_proved", tampered)
    verify(qtbot, screen)
    assert screen.detail.evidence is not None
    assert screen.detail.evidence.outcome == "broken"
    page = screen.detail.page.toPlainText()
    assert "核验失败" in page
    assert "✗ 记录与其链值一致" in page


def test_a_key_that_is_not_trusted_proves_nothing_yet(
    qtbot: QtBot, screen: SnapshotsScreen, context: Context, tmp_path: Path
) -> None:
    key = tmp_path / "other.pub"
    public = Ed25519PrivateKey.generate().public_key()
    key.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert isinstance(screen._choosers, Given)
    screen._choosers.trusted = [key]
    choose(qtbot, screen)
    verify(qtbot, screen)
    assert screen.detail.evidence is not None
    assert screen.detail.evidence.outcome == "proven"  # by the key beside the service's own socket
    with qtbot.waitSignal(screen.detail.verified, timeout=PATIENCE):
        screen.detail.keys_button.click()
    assert screen.detail.evidence is not None
    assert screen.detail.evidence.outcome == "unsigned"
    screen._choosers.trusted = [key, tmp_path / "empty.pub"]
    (tmp_path / "empty.pub").touch()
    screen.detail.keys_button.click()
    assert "no public key" in screen.detail.banner._text.text()
    context.settings.setValue("snapshots/keys", str(tmp_path / "gone.pub"))
    screen.detail.verify()
    assert "cannot read" in screen.detail.banner._text.text()


def test_a_decision_is_tried_again_in_the_simulator(qtbot: QtBot, screen: SnapshotsScreen) -> None:
    screen.bar.tabs.setCurrentIndex(1)
    qtbot.waitUntil(lambda: screen.model.known > 0 and not screen.model.is_loading, timeout=PATIENCE)
    choose(qtbot, screen)
    with qtbot.waitSignal(screen._desk.routes.scenario_chosen, timeout=PATIENCE) as caught:
        screen.detail.try_button.click()
    scenario = caught.args[0]
    assert isinstance(scenario, Scenario)
    request = decision_service_pb2.DecideRequest.FromString(scenario.request)
    row = screen.model.row(0)
    assert row is not None
    assert (request.subject.id, scenario.now_nanos) == (row.who, row.time_nanos)
    assert request.fields


def test_other_screens_lead_here(qtbot: QtBot, screen: SnapshotsScreen) -> None:
    row = screen.model.row(2)
    assert row is not None
    routes = screen._desk.routes
    with qtbot.waitSignal(screen.detail.told, timeout=PATIENCE) as caught:
        routes.snapshot_chosen.emit(row.id)
    assert caught.args == [row.id]
    qtbot.waitUntil(lambda: screen.model.known == 1, timeout=PATIENCE)
    with qtbot.waitSignal(routes.place_chosen, timeout=PATIENCE) as place:
        screen.detail.page.anchorClicked.emit(QUrl("place:policies/core-counter.yaml:12:3"))
    assert place.args == ["policies/core-counter.yaml:12:3"]
    routes.snapshots_chosen.emit('subject.id == "nobody"')
    qtbot.waitUntil(screen.empty.isVisible, timeout=PATIENCE)
    assert screen._clear.isVisible()
    screen._clear.click()
    qtbot.waitUntil(lambda: screen.model.known >= TELLERS, timeout=PATIENCE)
