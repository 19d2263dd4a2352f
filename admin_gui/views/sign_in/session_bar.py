"""Who is signed in, in the status bar, with what they can do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QToolButton

from admin_gui.domain.say import Say, plain
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import account_pb2

_WHO: Final = Say("{owner}（{name}）", "{owner} ({name})")
_NAME: Final = Say("登录者", "Who is signed in")
SIGN_OUT: Final = Say("退出登录", "Sign out")
OWN: Final = Say("我的账户", "My account")
LOCK: Final = Say("锁定", "Lock")


class SessionBar(QToolButton):
    """A button with a menu; hidden while nobody is signed in."""

    def __init__(
        self, context: Context, own: Callable[[], object], lock: Callable[[], object], out: Callable[[], object]
    ) -> None:
        super().__init__()
        self._context = context
        self._said = plain("")
        self.setObjectName("session")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        menu = QMenu(self)
        for say, act in ((OWN, own), (LOCK, lock), (SIGN_OUT, out)):
            action = QAction(menu)
            context.language.bind(action, action.setText, say)
            action.triggered.connect(lambda _=False, act=act: act())
            menu.addAction(action)
        self.setMenu(menu)
        context.language.bind(self, self.setText, lambda: self._said)
        context.language.bind(self, self.setAccessibleName, _NAME)
        self.hide()

    def show_account(self, account: account_pb2.Account | None) -> None:
        """Show who is signed in; None for nobody."""
        if account is not None:
            owner = account.owner or account.name
            self._said = _WHO.filled(owner=owner, name=account.name)
            self.setText(self._context.language(self._said))
        self.setVisible(account is not None)
