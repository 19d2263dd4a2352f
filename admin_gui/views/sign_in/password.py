"""Another password, be it wanted or demanded."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Signal

from admin_gui.domain.say import Say
from admin_gui.services.session import Sessions
from admin_gui.views.sign_in.form import PASSWORD_HINT, told_password
from admin_gui.views.sign_in.page import Page
from admin_gui.widgets.context import Context
from admin_gui.widgets.fields import secret_field
from admin_gui.widgets.labels import button, quiet

_TITLE: Final = Say("更换口令", "Change the password")
_FORCED: Final = Say(
    "此口令是他人交给您的，或已到期。更换后才能继续。",
    "This password was given to you by somebody else, or has reached its end. Choose another one to go on.",
)
_ABOUT: Final = Say("更换后，您在其他设备上的会话会结束。", "Your sessions on other devices end with it.")
_OLD: Final = Say("原口令", "Password so far")
_NEW: Final = Say("新口令", "New password")
_AGAIN: Final = Say("再输入一次新口令", "The new one once more")
_DIFFER: Final = Say("两次输入的新口令不同。", "The two new passwords differ.")
_EMPTY: Final = Say("请填写新口令。", "Enter a new password.")
_CHANGE: Final = Say("更换", "Change it")


class PasswordPage(Page):
    """Asks for another password; for the one so far only where nobody has just typed it."""

    changed = Signal(str)
    """It is changed; the new one."""

    def __init__(self, context: Context, sessions: Sessions, *, forced: bool = False) -> None:
        super().__init__(context, _TITLE, _FORCED if forced else _ABOUT)
        self._sessions = sessions
        self.old = secret_field(context, self.column, _OLD)
        self.new = secret_field(context, self.column, _NEW)
        self.again = secret_field(context, self.column, _AGAIN)
        self.column.addWidget(quiet(context, PASSWORD_HINT))
        self.go = button(context, _CHANGE, self._change, primary=True)
        for line, following in ((self.old, self.new), (self.new, self.again)):
            line.returnPressed.connect(following.setFocus)
        self.again.returnPressed.connect(self.go.click)
        self.finish(self.go)

    def begin(self, old: str = "") -> None:
        """Ask; `old` is the password so far, if it is known."""
        self.banner.clear()
        self.old.setText(old)
        self.new.clear()
        self.again.clear()
        (self.new if old else self.old).setFocus()

    def _change(self) -> None:
        if not self.new.text():
            self.banner.say(_EMPTY, "warning")
            self.new.setFocus()
            return
        if self.new.text() != self.again.text():
            self.banner.say(_DIFFER, "warning")
            self.again.setFocus()
            return
        new = self.new.text()
        call = self._sessions.change_password(self.old.text(), new)
        self.follow(call, lambda _: self._done(new), told_password)

    def _done(self, new: str) -> None:
        for line in (self.old, self.new, self.again):
            line.clear()
        self.changed.emit(new)
