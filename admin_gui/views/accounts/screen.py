"""The accounts' screen: a tab for each thing that whoever is here may see."""

from __future__ import annotations

from functools import partial
from typing import Final

from PySide6.QtWidgets import QTabWidget, QVBoxLayout

from admin_gui.domain.say import Say
from admin_gui.views.accounts.anomalies import AnomaliesTab
from admin_gui.views.accounts.callers import CallersTab
from admin_gui.views.accounts.own import OwnTab
from admin_gui.views.accounts.part import Tab
from admin_gui.views.accounts.people import PeopleTab
from admin_gui.views.accounts.requests import RequestsTab
from admin_gui.views.accounts.reviews import ReviewsTab
from admin_gui.views.screen import Desk, ScreenWidget
from admin_gui.widgets.labels import title

_TITLE: Final = Say("账户", "Accounts")
_SETTING: Final = "accounts/tab"


class AccountsScreen(ScreenWidget):
    """Shows tabs by rights. Where nobody signs in there are only the systems that call."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._context = context = desk.context
        self.tabs: dict[str, Tab] = {}
        rights, people = desk.rights, not desk.rights.everything
        if people:
            self.tabs["own"] = OwnTab(desk)
            if rights.may("account_read"):
                self.tabs["people"] = PeopleTab(desk)
            if rights.may_any(("account_read", "account_ask", "account_review", "account_approve")):
                self.tabs["requests"] = RequestsTab(desk)
            if rights.may_any(("account_read", "account_review")):
                self.tabs["reviews"] = ReviewsTab(desk)
            if rights.may("security_review"):
                self.tabs["anomalies"] = AnomaliesTab(desk)
        if rights.may("caller_manage"):
            self.tabs["callers"] = CallersTab(desk)
        self.widget = QTabWidget(documentMode=True)
        context.language.bind(self.widget, self.widget.setAccessibleName, _TITLE)
        for tab in self.tabs.values():
            row = self.widget.addTab(tab, "")
            context.language.bind(tab, partial(self.widget.setTabText, row), tab.title)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 14, 20, 14)
        column.addWidget(title(context, _TITLE))
        column.addWidget(self.widget, 1)
        self.show_tab(str(context.settings.value(_SETTING, "")))
        self.widget.currentChanged.connect(self._changed)
        self._shown: Tab | None = None

    def show_tab(self, name: str) -> None:
        """Show a tab, where there is one of this name."""
        if name in self.tabs:
            self.widget.setCurrentWidget(self.tabs[name])

    def load(self) -> None:
        """Ask for what the tab shows."""
        self._shown = next((tab for tab in self.tabs.values() if tab is self.widget.currentWidget()), None)
        if self._shown is not None:
            self._shown.load()

    def leave(self) -> None:
        """Ask for nothing any more."""
        if self._shown is not None:
            self._shown.leave()

    def _changed(self) -> None:
        self.leave()
        name = next((name for name, tab in self.tabs.items() if tab is self.widget.currentWidget()), "")
        self._context.settings.setValue(_SETTING, name)
        self.load()
