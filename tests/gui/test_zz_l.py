import pytest
from tests.gui.test_drafts import *
def test_x(qtbot, sit, service):
    seat = sit()
    begun(qtbot, seat, "gone")
    seat.life.drafts.choose("gone")
    qtbot.waitUntil(lambda: seat.review.draft is not None and seat.review.draft.name == "gone", timeout=PATIENCE)
    seat.review.buttons["delete"].click()
    seat.review.ask.answer(reason="not needed")
    import admin_gui.views.policies.session as S
    orig=seat.session.look_again
    qtbot.wait(3000); print("BANNER0", seat.session.autosave.draft is None, seat.session._reading.is_waiting); seat.session.look_again("gone"); qtbot.wait(1500)
    print("BANNER", seat.screen.banner._text.text(), seat.session.name, seat.session._number, seat.session._head, seat.session.autosave.state, seat.editor.isReadOnly(), seat.session._said.text())
    print([d.name for d in service.call("ListDrafts").drafts])
