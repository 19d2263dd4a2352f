"""What comes before and after a publication: the first draft of all, a rollout, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from admin_gui.domain.rights import EVERYTHING, Permission, Rights
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import types_pb2
from tests.gui.drafting import CORE, PATIENCE, TEXTS, Drafting, Seat, Sit, drafting
from tests.integration.accounts_steps import USER, Person
from tests.integration.revisions_steps import text
from tests.integration.staffed import Staffed, staffed

WRITER: frozenset[Permission] = frozenset({"policy_read", "policy_write", "simulate", "cluster_read"})


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


def test_a_revision_is_taken_back_with_a_reason(qtbot: QtBot, sit: Sit, service: Drafting) -> None:
    other = {**TEXTS, CORE: TEXTS[CORE].replace("subject.level >= 3", "subject.level >= 2")}
    first = service.call("GetRevision", revision=0).head.revision
    number = service.publish("senior", other)
    seat = sit()
    qtbot.waitUntil(lambda: seat.life.catalogue.head == number, timeout=PATIENCE)
    numbers: list[int] = []
    seat.routes.published.connect(numbers.append)
    page = seat.life.history
    seat.life.tabs.setCurrentWidget(page)
    qtbot.waitUntil(lambda: page.model.rowCount() == number, timeout=PATIENCE)
    assert (page.model.record(0).state.zh, page.model.record(0).origin.zh) == ("现行", "草稿 senior")
    page.choose(first)
    qtbot.waitUntil(lambda: page.back.isVisibleTo(page), timeout=PATIENCE)
    page.back.click()
    assert page.ask is not None
    page.ask.answer(reason="")
    assert page.ask.isVisible()
    page.ask.answer(reason="too many see it")
    qtbot.waitUntil(lambda: numbers == [seat.life.catalogue.head], timeout=PATIENCE)
    qtbot.waitUntil(lambda: seat.life.convergence.converged, timeout=PATIENCE)
    assert page.model.record(0).origin.zh == f"版本 {first} 的文本"
    assert service.decide(2).verdicts[0].effect == types_pb2.EFFECT_MASK


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


def test_the_first_draft_of_all_begins_from_a_folder(
    qtbot: QtBot, context: Context, port: Staffed, seats: list[Seat], tmp_path: Path
) -> None:
    async def hire() -> Person:
        one, two = await port.office.admins(2)
        found = await port.office.hire(one, two, "wei", USER)
        await port.office.set_up(found)
        return found

    (tmp_path / "ca.pem").write_bytes(port.authority.pem)
    wei = port.run(hire())
    writer = Seat(context, f"localhost:{port.server.address.port}", Rights(wei.name, WRITER), tmp_path / "ca.pem")
    writer.connection.sign_in(port.token(wei), wei.device)
    seats.append(writer)
    writer.begin()
    qtbot.waitUntil(lambda: writer.life._stack.currentIndex() == 1, timeout=PATIENCE)  # nothing is published
    writer.session.begin_folder("bank", {file.path: file.text for file in text(3).files})
    assert writer.session.ask is not None
    writer.session.ask.answer(name="first", reason="begun")
    qtbot.waitUntil(lambda: writer.session.name == "first", timeout=PATIENCE)
    chosen(qtbot, writer, "first")
    assert offered(writer) == {"submit", "edit", "delete"}
