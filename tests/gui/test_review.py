"""From a changed rule to the snapshot of a decision by it: written by one person, approved by another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from admin_gui.domain.rights import EVERYTHING, Permission, Rights
from admin_gui.domain.scenario import Scenario
from admin_gui.services.calls import Call
from admin_gui.services.simulation import Simulation
from admin_gui.services.snapshots import Snapshots
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import decision_service_pb2, policy_service_pb2, types_pb2
from tests.gui.drafting import CORE, PATIENCE, TEXTS, Drafting, Seat, Sit, drafting
from tests.integration.accounts_steps import MANAGER, USER, Person
from tests.integration.revisions_steps import text
from tests.integration.staffed import Staffed, staffed

WRITER: frozenset[Permission] = frozenset({"policy_read", "policy_write", "simulate", "cluster_read"})
APPROVER: frozenset[Permission] = frozenset(
    {"policy_read", "policy_approve", "policy_publish", "policy_emergency", "simulate", "cluster_read", "snapshot_read"}
)


@pytest.fixture(scope="module")
def service() -> Iterator[Drafting]:
    with drafting() as found:
        yield found


@pytest.fixture
def seats() -> Iterator[list[Seat]]:
    made: list[Seat] = []
    yield made
    for seat in made:
        seat.end()


@pytest.fixture
def sit(qtbot: QtBot, context: Context, service: Drafting, seats: list[Seat]) -> Sit:
    def sit(rights: Rights | None = None) -> Seat:
        seat = Seat(context, service.staff, rights or EVERYTHING)
        seats.append(seat)
        seat.begin()
        qtbot.waitUntil(
            lambda: bool(seat.screen.workbench.documents) and bool(seat.life.catalogue.head), timeout=PATIENCE
        )
        return seat

    return sit


def chosen(qtbot: QtBot, seat: Seat, name: str) -> None:
    """Choose a draft, as the lists have it now."""
    seat.screen.load()
    seat.life.tabs.setCurrentWidget(seat.life.drafts)
    seat.life.drafts.choose(name)
    qtbot.waitUntil(
        lambda: seat.review.draft is not None and seat.review.draft.name == name and bool(seat.review.difference.said),
        timeout=PATIENCE,
    )


def offered(seat: Seat) -> set[str]:
    return {name for name, button in seat.review.buttons.items() if button.isVisibleTo(seat.review)}


def press(seat: Seat, action: str, **answers: str) -> None:
    seat.review.buttons[action].click()  # type: ignore[index]
    assert seat.review.ask is not None
    seat.review.ask.answer(**answers)


def written(qtbot: QtBot, seat: Seat) -> None:
    """Begin a draft, make a mistake, mend it, and hand the draft in."""
    seat.session.begin()
    assert seat.session.ask is not None
    seat.session.ask.answer(name="senior")
    qtbot.waitUntil(lambda: seat.session.name == "senior", timeout=PATIENCE)
    seat.screen.workbench.open_file(CORE)
    seat.write("subject.level >= 3", "subject.rank >= 2")
    found = seat.screen.workbench.found.model
    qtbot.waitUntil(lambda: found.rowCount() == 1, timeout=PATIENCE)
    seat.write("subject.rank >= 2", "subject.level >= 2")
    qtbot.waitUntil(lambda: found.rowCount() == 0, timeout=PATIENCE)
    # It is saved first, and shown with what it changes.
    seat.session.line.submit.click()
    qtbot.waitUntil(lambda: seat.review.ask is not None, timeout=PATIENCE)
    assert seat.review.ask is not None
    seat.review.ask.answer(reason="more tellers")


def analysed(qtbot: QtBot, seat: Seat) -> tuple[list[Scenario], list[str]]:
    """Analyse the impact, and open its example in the simulator and as a snapshot; return which."""
    panel = seat.review.impact
    for _ in range(40):
        # A record is in the store a moment after its decision.
        panel.begin()
        qtbot.waitUntil(lambda: panel.result is not None, timeout=PATIENCE)
        if panel.result is not None and panel.result.read:
            break
    assert panel.result is not None
    assert (panel.result.read, panel.result.changed, panel.result.more_shown) == (1, 1, 1)
    assert panel.groups.record(0).title.zh == "脱敏 → 明文"
    scenarios: list[Scenario] = []
    snapshots: list[str] = []
    seat.routes.scenario_chosen.connect(scenarios.append)
    seat.routes.snapshot_chosen.connect(snapshots.append)
    panel.simulate.click()
    panel.snapshot.click()
    assert snapshots == [panel.examples.record(0).id]
    return scenarios, snapshots


def simulated(qtbot: QtBot, seat: Seat, scenario: Scenario) -> list[int]:
    """Return the effects that the draft's text has for a request."""
    question = decision_service_pb2.DecideRequest.FromString(scenario.request)
    del question.fields[:]
    question.fields.append("mobile")
    draft = seat.review.draft
    assert draft is not None
    text = policy_service_pb2.PolicyText(hash=draft.sources)
    return [
        verdict.effect
        for verdict in answer_of(
            qtbot, Simulation(seat.connection).simulate(text, question)
        ).explained.decision.verdicts
    ]


def answer_of(qtbot: QtBot, call: Call) -> Any:
    """Return what is answered; None for a failure."""
    told: list[Any] = []
    call.answered.connect(told.append)
    qtbot.waitUntil(lambda: call.is_over, timeout=PATIENCE)
    return told[0] if told else None


def test_a_rule_is_changed_tried_published_and_found_in_a_snapshot(
    qtbot: QtBot, sit: Sit, service: Drafting, qtmodeltester: ModelTester
) -> None:
    assert service.decide(2).verdicts[0].effect == types_pb2.EFFECT_MASK
    seat = sit()
    written(qtbot, seat)
    qtbot.waitUntil(lambda: service.call("GetDraft", name="senior").draft.state == 2, timeout=PATIENCE)
    chosen(qtbot, seat, "senior")
    assert "1 项可能使原来脱敏的内容明文显示" in seat.review.difference.said
    told = seat.review.difference.meaning.toPlainText()
    assert "core/senior" in told
    assert "mobile" in told
    qtbot.waitUntil(seat.editor.isReadOnly, timeout=PATIENCE)

    scenarios, _ = analysed(qtbot, seat)
    qtmodeltester.check(seat.review.impact.groups)
    assert simulated(qtbot, seat, scenarios[0]) == [types_pb2.EFFECT_UNMASK]

    # Put in force; the nodes are followed, and others are told.
    numbers: list[int] = []
    seat.routes.published.connect(numbers.append)
    assert offered(seat) == {"open", "delete", "return", "publish"}
    press(seat, "publish", reason="agreed")
    qtbot.waitUntil(lambda: seat.life.convergence.converged, timeout=PATIENCE)
    assert "1/1 个节点生效" in seat.life.convergence.said.zh
    qtbot.waitUntil(lambda: numbers == [seat.life.catalogue.head], timeout=PATIENCE)
    decision = service.decide(2)
    assert decision.verdicts[0].effect == types_pb2.EFFECT_UNMASK
    stories = (answer_of(qtbot, Snapshots(seat.connection).story(decision.decision_id)) for _ in range(40))
    story = next(story for story in stories if story is not None)
    assert f"revision: {numbers[0]}" in str(story)
    taken_back(qtbot, seat, numbers)
    assert service.decide(2).verdicts[0].effect == types_pb2.EFFECT_MASK


def taken_back(qtbot: QtBot, seat: Seat, numbers: list[int]) -> None:
    """Roll back to the first revision, with a reason."""
    page = seat.life.history
    seat.life.tabs.setCurrentWidget(page)
    qtbot.waitUntil(lambda: page.model.rowCount() == 2, timeout=PATIENCE)
    assert (page.model.record(0).state.zh, page.model.record(0).origin.zh) == ("现行", "草稿 senior")
    page.choose(1)
    qtbot.waitUntil(lambda: page.back.isVisibleTo(page), timeout=PATIENCE)
    page.back.click()
    assert page.ask is not None
    page.ask.answer(reason="")
    assert page.ask.isVisible()
    page.ask.answer(reason="too many see it")
    qtbot.waitUntil(lambda: len(numbers) == 2 and seat.life.catalogue.head == numbers[1], timeout=PATIENCE)
    qtbot.waitUntil(lambda: seat.life.convergence.converged, timeout=PATIENCE)
    assert page.model.record(0).origin.zh == "版本 1 的文本"


def test_a_rollout_is_shown_and_stopped(qtbot: QtBot, sit: Sit, service: Drafting) -> None:
    draft = service.save("first-some", {**TEXTS, CORE: TEXTS[CORE].replace("level >= 3", "level >= 5")})
    service.call("SubmitDraft", name="first-some", version=draft.version)
    seat = sit()
    chosen(qtbot, seat, "first-some")
    seat.review.buttons["publish"].click()
    assert seat.review.ask is not None
    seat.review.ask.answer(labels="ring")
    assert seat.review.ask.isVisible()
    seat.review.ask.answer(labels="ring=canary", sample="50", most="1")
    page = seat.life.history
    qtbot.waitUntil(lambda: page.rollout.isVisibleTo(page), timeout=PATIENCE)
    assert "ring=canary" in page._rolling.text()
    assert seat.life.catalogue.rollout is not None
    assert seat.life.catalogue.rollout.rollout.max_difference == 0.01
    page.stop.click()
    assert page.ask is not None
    page.ask.answer(reason="enough")
    qtbot.waitUntil(lambda: not page.rollout.isVisibleTo(page), timeout=PATIENCE)
    assert service.call("GetRollout").rollout.stopped_because


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Staffed]:
    (tmp_path / "staff").mkdir()
    with staffed(tmp_path / "staff") as found:
        yield found


def test_nobody_approves_their_own(
    qtbot: QtBot, context: Context, port: Staffed, seats: list[Seat], tmp_path: Path
) -> None:
    async def hire() -> list[Person]:
        one, two = await port.office.admins(2)
        found = [await port.office.hire(one, two, name, level) for name, level in (("wei", USER), ("lan", MANAGER))]
        for person in found:
            await port.office.set_up(person)
        return found

    (tmp_path / "ca.pem").write_bytes(port.authority.pem)
    wei, lan = port.run(hire())

    def seat(person: Person, permissions: frozenset[Permission]) -> Seat:
        address = f"localhost:{port.server.address.port}"
        made = Seat(context, address, Rights(person.name, permissions), tmp_path / "ca.pem")
        made.connection.sign_in(port.token(person), person.device)
        seats.append(made)
        made.begin()
        return made

    writer, approver = seat(wei, WRITER), seat(lan, APPROVER)
    qtbot.waitUntil(lambda: writer.life._stack.currentIndex() == 1, timeout=PATIENCE)  # nothing is published
    writer.session.begin_folder("bank", {file.path: file.text for file in text(3).files})
    assert writer.session.ask is not None
    writer.session.ask.answer(name="first", reason="begun")
    qtbot.waitUntil(lambda: writer.session.name == "first", timeout=PATIENCE)
    chosen(qtbot, writer, "first")
    assert offered(writer) == {"submit", "edit", "delete"}
    press(writer, "submit", reason="ready")
    qtbot.waitUntil(lambda: "approve" not in offered(writer) and "return" in offered(writer), timeout=PATIENCE)
    assert offered(writer) == {"open", "delete", "return"}

    chosen(qtbot, approver, "first")
    assert offered(approver) == {"open", "approve", "return", "emergency"}
    approver.review.buttons["approve"].click()
    assert approver.review.ask is not None
    assert approver.review.draft is not None
    shown = approver.review.ask.findChildren(type(approver.session.line.said))[1].text()
    assert approver.review.draft.sources in shown
    assert "尚未分析" in shown
    approver.review.ask.answer(reason="read")
    qtbot.waitUntil(lambda: "publish" in offered(approver), timeout=PATIENCE)
    assert "emergency" not in offered(approver)
    press(approver, "publish", reason="agreed")
    page = approver.life.history
    qtbot.waitUntil(lambda: page.model.rowCount() == 1, timeout=PATIENCE)
    assert (page.model.record(0).who, page.model.record(0).approvers) == ("lan", "lan")
