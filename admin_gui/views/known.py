"""The services that were connected to before, to go on with."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from admin_gui.domain import profiles
from admin_gui.domain.profiles import Profile
from admin_gui.domain.say import Say
from admin_gui.models.records import Column, RecordModel
from admin_gui.views.profile import ProfileDialog
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import button, heading
from admin_gui.widgets.tables import row_table

_OPEN: Final = Say("连接", "Connect")
_SAVED: Final = Say("连接过的服务", "Services connected to before")
_EDIT: Final = Say("编辑…", "Edit…")
_DELETE: Final = Say("删除", "Delete")
_COLUMNS: Final = (
    Column[Profile](Say("名称", "Name"), lambda one: one.title, width=260),
    Column[Profile](Say("地址", "Address"), lambda one: one.address, width=320),
    Column[Profile](
        Say("证书", "Certificates"),
        lambda one: Say("自选 CA", "own CA") if one.ca else Say("系统信任", "the system's"),
        lambda _: "quiet",
        160,
    ),
    Column[Profile](Say("上次登录", "Signed in last"), lambda one: one.account or "–", lambda _: "quiet", 160),
)
_SETTING: Final = "start/profiles"


class Known(QFrame):
    """A table of profiles; hidden while there is none. Nothing in them is secret."""

    chosen = Signal(object)
    """A `Profile` to connect to."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.setObjectName("card")
        self.profiles = RecordModel[Profile](context, _COLUMNS, lambda one: one.address, self)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 14, 18, 14)
        column.addWidget(heading(context, _SAVED))
        self.table = table = row_table(context, self.profiles, _SAVED, (one.width for one in _COLUMNS))
        table.setFixedHeight(148)
        table.activated.connect(lambda _: self._choose_profile())
        column.addWidget(table)
        self.go = button(context, _OPEN, self._choose_profile, primary=True)
        self.edit = button(context, _EDIT, self._edit_profile)
        self.delete = button(context, _DELETE, self._delete_profile)
        row = QHBoxLayout()
        row.addWidget(self.go)
        row.addWidget(self.edit)
        row.addWidget(self.delete)
        row.addStretch(1)
        column.addLayout(row)
        self._show(profiles.read(str(context.settings.value(_SETTING, ""))))

    @property
    def all(self) -> list[Profile]:
        """The profiles, the one used last first."""
        return [self.profiles.record(row) for row in range(self.profiles.rowCount())]

    def _show(self, known: list[Profile]) -> None:
        self.profiles.show(known)
        self.setVisible(bool(known))
        if known and not self.table.currentIndex().isValid():
            self.table.setCurrentIndex(self.profiles.index(0, 0))

    def keep(self, known: list[Profile]) -> None:
        """Remember these from now on."""
        self._context.settings.setValue(_SETTING, profiles.write(known))
        self._show(known)

    def _chosen(self) -> Profile | None:
        index = self.table.currentIndex()
        return self.profiles.record(index.row()) if index.isValid() else None

    def _choose_profile(self) -> None:
        if (profile := self._chosen()) is not None:
            self.chosen.emit(profile)

    def _edit_profile(self) -> None:
        if (profile := self._chosen()) is not None:
            dialog = ProfileDialog(self._context, self, profile)
            dialog.chosen.connect(lambda made: self._replace(profile, made))
            dialog.open()

    def _replace(self, before: Profile, made: Profile) -> None:
        others = [one for one in self.all if one.address != before.address]
        self.keep(profiles.put(others, made))

    def _delete_profile(self) -> None:
        if (profile := self._chosen()) is not None:
            self.keep([one for one in self.all if one != profile])
