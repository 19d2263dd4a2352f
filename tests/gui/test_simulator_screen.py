"""The simulator against a real service: authorisation step by step, texts that are edited, all scenarios, tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from PySide6.QtCore import QModelIndex
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from admin_gui.domain import test_document
from admin_gui.domain.rights import EVERYTHING
from admin_gui.domain.say import plain
from admin_gui.domain.scenario import Scenario
from admin_gui.domain.verdicts import Line
from admin_gui.domain.workspace import open_folder
from admin_gui.services.connection import Connection, Endpoint
from admin_gui.views.routes import Routes
from admin_gui.views.screen import Desk
from admin_gui.views.simulator import SimulatorScreen
from admin_gui.widgets.ask import Ask
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import bundle_pb2, decision_service_pb2, simulation_service_pb2
from pdp.cli.main import main

PATIENCE = 60_000
POLICIES = Path(__file__).resolve().parent.parent.parent / "policies"
RICH = "authorisation-supervisor/before"


@pytest.fixture
def desk(qtbot: QtBot, context: Context, bank: str, tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "policies"
    shutil.copytree(POLICIES, folder)
    connection = Connection(Endpoint(bank))
    yield Desk(context, connection, EVERYTHING, Routes(connection), open_folder(folder))
    connection.close()


@pytest.fixture
def screen(qtbot: QtBot, desk: Desk) -> SimulatorScreen:
    made = SimulatorScreen(desk)
    qtbot.addWidget(made)
    made.show()
    made.load()
    qtbot.waitUntil(lambda: made.verdicts.rowCount() > 0, timeout=PATIENCE)
    return made


NOTHING = Line("", plain(""), "", False, "", plain(""), plain(""), "", plain(""))


def line(screen: SimulatorScreen, field: str) -> Line:
    lines = [screen.verdicts.line(row) for row in range(screen.verdicts.rowCount())]
    return next((one for one in lines if one.field == field), NOTHING)


def test_authorised_step_by_step(qtbot: QtBot, screen: SimulatorScreen) -> None:
    screen.choose(RICH)
    qtbot.waitUntil(lambda: line(screen, "mobile").rule == "core-counter/rich-contact", timeout=PATIENCE)
    screen.situation.choose_step("none")
    qtbot.waitUntil(lambda: not line(screen, "mobile").unmasked, timeout=PATIENCE)
    screen.situation.choose_step("supervisor")
    qtbot.waitUntil(lambda: line(screen, "mobile").rule == "authorisation/branch-head", timeout=PATIENCE)
    assert line(screen, "mobile").unmasked
    assert not line(screen, "card_cvv").unmasked
    screen.situation.level.setValue(1)
    qtbot.waitUntil(lambda: not line(screen, "mobile").unmasked, timeout=PATIENCE)
    screen.situation.level.setValue(5)
    qtbot.waitUntil(lambda: line(screen, "mobile").unmasked, timeout=PATIENCE)
    screen.situation.choose_step("over")
    qtbot.waitUntil(lambda: not line(screen, "mobile").unmasked, timeout=PATIENCE)
    assert screen.situation.level.isVisible()


def test_what_is_edited_stands_beside_what_is_in_force(qtbot: QtBot, screen: SimulatorScreen, desk: Desk) -> None:
    assert desk.workspace is not None
    path = "policies/core-counter.yaml"
    text = desk.workspace.texts[path]
    assert "mask: mobile-last4" in text
    desk.workspace.write(path, text.replace("mask: mobile-last4", "mask: hidden"))
    screen.choose(RICH)
    screen.situation.choose_edited(edited=True)
    qtbot.waitUntil(lambda: line(screen, "mobile").differs, timeout=PATIENCE)
    beside = line(screen, "mobile").beside
    assert beside is not None
    assert (beside.rule, beside.preview.zh) == ("core-counter/rich-contact", "*******8000")
    assert not line(screen, "name").differs
    assert "1 differ" in screen.result._summary.en
    screen.situation.choose_edited(edited=False)
    qtbot.waitUntil(lambda: line(screen, "mobile").beside is None, timeout=PATIENCE)


def test_all_scenarios_and_the_rules_that_they_reach(
    qtbot: QtBot, screen: SimulatorScreen, desk: Desk, qtmodeltester: ModelTester
) -> None:
    screen._run_all()
    qtbot.waitUntil(lambda: screen.run.rules.rowCount() > 0, timeout=PATIENCE)
    assert screen.run.results.rowCount() == len(screen._cases)
    assert all(screen.run.results.record(row).passed for row in range(screen.run.results.rowCount()))
    assert "0 failed" in screen.run._said.en
    for model in (screen.run.results, screen.run.rules):
        qtmodeltester.check(model)
    rules = [screen.run.rules.record(row) for row in range(screen.run.rules.rowCount())]
    assert max(rule.heat for rule in rules) == 1
    with qtbot.waitSignal(desk.routes.place_chosen, timeout=PATIENCE) as chosen:
        screen.run.place_chosen.emit(rules[0].location)
    assert chosen.args == [rules[0].location]
    screen.run.scenario_chosen.emit(RICH)
    qtbot.waitUntil(lambda: line(screen, "mobile").rule == "core-counter/rich-contact", timeout=PATIENCE)


def test_a_failing_scenario_comes_first(qtbot: QtBot, screen: SimulatorScreen) -> None:
    Response = simulation_service_pb2.RunScenariosResponse  # noqa: N806 - a type
    good = simulation_service_pb2.ScenarioResult(name="a/good")
    bad = simulation_service_pb2.ScenarioResult(name="a/bad")
    bad.differences.add(field="mobile", expected="unmask", got="mask")
    for result in (good, bad):
        screen.run._came(Response(total=2, result=result))
    assert "1 failed" in screen.run._said.en
    screen.run._came(Response(total=2, summary=simulation_service_pb2.ScenarioSummary(passed=1, failed=1)))
    assert [screen.run.results.record(row).name for row in (0, 1)] == ["a/bad", "a/good"]
    assert "应为 unmask" in screen.run.results.record(0).differences.zh


def test_a_run_that_is_stopped_tells_nothing_more(qtbot: QtBot, screen: SimulatorScreen) -> None:
    screen._run_all()
    call = screen.run._call
    assert call is not None
    screen.leave()
    assert call.is_over
    assert screen.run.results.rowCount() == 0
    assert not screen.run.stop.isVisible()


def test_a_request_is_kept_as_a_test_that_passes(
    qtbot: QtBot, screen: SimulatorScreen, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    screen.choose("authorisation-supervisor/after")
    qtbot.waitUntil(lambda: line(screen, "mobile").unmasked, timeout=PATIENCE)
    screen.ask_to_keep()
    ask = screen.findChild(Ask)
    assert ask is not None
    ask.answer(name="Kept Here", title="授权后")
    assert ask.isVisible()
    ask.answer(name="authorisation-supervisor", title="授权后")
    assert ask.isVisible()
    with qtbot.waitSignal(desk.routes.workspace_changed, timeout=PATIENCE):
        ask.answer(name="kept-here", title="授权后")
    assert desk.workspace is not None
    assert desk.workspace.changed == [test_document.FILE]
    screen.keep("kept-again", "再来一次")
    desk.workspace.save()
    assert desk.workspace.folder is not None
    with pytest.raises(SystemExit) as ended:
        main(["test", str(desk.workspace.folder), "-k", "kept-*"])
    assert ended.value.code == 0, capsys.readouterr().err
    made = list(yaml.safe_load_all(desk.workspace.texts[test_document.FILE]))
    assert [one["id"] for one in made] == ["kept-here", "kept-again"]
    assert made[0]["scenarios"][0]["expect"]["mobile"] == {"unmask": True, "rule": "authorisation/branch-head"}


def test_a_scenario_from_elsewhere_is_entered_whole(qtbot: QtBot, screen: SimulatorScreen, desk: Desk) -> None:
    request = decision_service_pb2.DecideRequest(fields=["mobile"], grant_ids=["G9"])
    request.subject.id = "T1001"
    request.subject.roles.append("senior_teller")
    request.resource.type, request.resource.id = "customer", "C2009"
    request.context["application"].string_value = "core-counter"
    grant = bundle_pb2.Grant(id="G9", kind="supervisor", subject_id="T1001", resource_type="customer")
    at = 1_772_416_800_000_000_000
    desk.routes.scenario_chosen.emit(
        Scenario(plain("counterexample"), request.SerializeToString(), at, (grant.SerializeToString(),))
    )
    qtbot.waitUntil(lambda: screen.verdicts.rowCount() == 1, timeout=PATIENCE)
    assert screen._question.grant_ids == ["G9"]
    assert screen.situation.frozen.isChecked()
    assert screen.situation.now_nanos() == at
    assert "counterexample" in screen.banner._said.en


def test_the_model_of_verdicts_is_sound(screen: SimulatorScreen, qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(screen.verdicts)
    assert screen.verdicts.rowCount(QModelIndex()) > 0


def test_what_was_entered_survives_another_text(qtbot: QtBot, screen: SimulatorScreen) -> None:
    screen.choose(RICH)
    before = screen.form.values()
    assert before["action.name"] == "query"
    screen.situation.choose_edited(edited=True)
    qtbot.waitUntil(lambda: line(screen, "mobile").beside is not None, timeout=PATIENCE)
    assert screen.form.values() == before
