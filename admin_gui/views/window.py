"""The window: navigation on the left, one screen beside it, what is the matter above."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QHBoxLayout, QLabel, QListView, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from admin_gui.actions.palette import Palette
from admin_gui.actions.registry import Actions
from admin_gui.domain.failure import Failure
from admin_gui.domain.rights import EVERYTHING, Rights
from admin_gui.domain.say import Say, plain
from admin_gui.domain.workspace import Workspace, WorkspaceError, open_folder
from admin_gui.services.connection import Connection, Endpoint
from admin_gui.services.embedded import EmbeddedService
from admin_gui.theme.icons import icon
from admin_gui.views.places import PLACES
from admin_gui.views.routes import Routes
from admin_gui.views.screen import Desk, ScreenWidget
from admin_gui.views.start import StartScreen
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.context import Context

_NAME = Say("精细", "Jingxi")
_NAVIGATION = Say("导航", "Navigation")
_AWAY = Say("服务暂时不可用，正在自动重连…", "The service is away; reconnecting by itself…")
_FIRST = ("simulator", "policies", "snapshots", "grants", "accounts", "cluster")
"""What is shown first, where it may be."""
_START = Say("开始", "Start")
_NOT_CONNECTED = Say("未连接", "not connected")
_EMBEDDED = Say("本机：{folder}", "this machine: {folder}")


class Shown(NamedTuple):
    """A screen in the navigation, and its commands."""

    key: str
    say: Say
    widget: ScreenWidget
    actions: tuple[QAction, ...] = ()


class Window(QMainWindow):
    """The program's only window. `sample` is the folder of the sample bank, if it is there."""

    def __init__(self, context: Context, sample: Path | None) -> None:
        super().__init__()
        self._context = context
        self._service: EmbeddedService | None = None
        self._connection: Connection | None = None
        self._workspace: Workspace | None = None
        self._screens: list[Shown] = []
        self._where = _NOT_CONNECTED
        self.actions_ = Actions(self, context)
        self.start = StartScreen(context, sample)
        self.start.folder_chosen.connect(self.open_folder)
        self.start.endpoint_chosen.connect(lambda endpoint: self.connect_to(endpoint, plain(endpoint.address)))
        self._items = QStandardItemModel(self)
        self.navigation = QListView()
        self.navigation.setObjectName("navigation")
        self.navigation.setModel(self._items)
        context.language.bind(self.navigation, self.navigation.setAccessibleName, _NAVIGATION)
        self.navigation.setIconSize(QSize(20, 20))
        self.navigation.setFixedWidth(168)
        self.navigation.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.navigation.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.navigation.selectionModel().currentChanged.connect(lambda index, _: self._show(index.row()))
        self.stack = QStackedWidget()
        self.banner = Banner(context)
        self._status = QLabel()
        context.language.bind(self._status, self._status.setText, lambda: self._where)
        self.statusBar().addWidget(self._status)
        side = QVBoxLayout()
        side.setContentsMargins(12, 8, 12, 0)
        side.addWidget(self.banner)
        main = QVBoxLayout()
        main.setSpacing(0)
        main.addLayout(side)
        main.addWidget(self.stack, 1)
        inner = QWidget()
        row = QHBoxLayout(inner)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.navigation)
        row.addLayout(main, 1)
        self.setCentralWidget(inner)
        self.setMinimumSize(1080, 680)
        self.resize(1360, 840)
        context.language.bind(self, self.setWindowTitle, _NAME)
        context.language.changed.connect(self._write)
        context.theme.changed.connect(self._write)
        self._make_actions()
        self._put([Shown("start", _START, self.start)])
        if (state := context.settings.value("window/geometry")) is not None:
            self.restoreGeometry(state)

    def open_folder(self, folder: Path) -> None:
        """Begin with a policy folder: a service of its own is started for it."""
        try:
            workspace = open_folder(folder)
        except WorkspaceError as error:
            self.start.tell(Failure("INVALID_ARGUMENT", str(error)))
            return
        self._leave()
        self._workspace = workspace
        self.start.wait(waiting=True)
        service = EmbeddedService(folder, parent=self)
        service.ready.connect(lambda address: self.connect_to(Endpoint(address), _EMBEDDED.filled(folder=folder.name)))
        service.failed.connect(self._not_started)
        self._service = service
        service.start()

    def connect_to(self, endpoint: Endpoint, where: Say) -> None:
        """Begin with a service that is there already."""
        if self._connection is not None:
            self._connection.close()
        try:
            self._connection = Connection(endpoint, self)
        except OSError as error:
            self.start.tell(Failure("INVALID_ARGUMENT", str(error)))
            return
        self._connection.available.connect(self._heard)
        self._where = where
        self.start.wait(waiting=False)
        self.enter(EVERYTHING)

    def enter(self, rights: Rights) -> None:
        """Show what somebody with these rights may see of the service that is connected to."""
        if self._connection is None:
            return
        routes = Routes(self._connection)
        # The screen is shown before it hears what to show: these come before its own.
        routes.place_chosen.connect(lambda _: self.go("policies"))
        routes.scenario_chosen.connect(lambda _: self.go("simulator"))
        routes.snapshots_chosen.connect(lambda _: self.go("snapshots"))
        routes.snapshot_chosen.connect(lambda _: self.go("snapshots"))
        desk = Desk(self._context, self._connection, rights, routes, self._workspace)
        shown = [Shown("start", _START, self.start)]
        for place in PLACES:
            if rights.may_any(place.needs):
                widget = place.make(desk)
                shown.append(Shown(place.key, place.say, widget, self._actions_of(widget)))
        self._put(shown)
        self.go(next((key for key in _FIRST if any(one.key == key for one in shown)), "start"))

    def go(self, key: str) -> None:
        """Show a screen."""
        row = next((row for row, screen in enumerate(self._screens) if screen.key == key), 0)
        self.navigation.setCurrentIndex(self._items.index(row, 0))

    def shown_as(self, key: str) -> ScreenWidget:
        """Return the widget of a screen."""
        return next(screen.widget for screen in self._screens if screen.key == key)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """End what runs, and remember where the window was; unsaved changes are asked about first."""
        if not all(screen.widget.may_leave() for screen in self._screens):
            event.ignore()
            return
        self._context.settings.setValue("window/geometry", self.saveGeometry())
        self._context.settings.setValue("language", self._context.language.tongue)
        self._context.settings.setValue("shade", self._context.theme.shade)
        self._leave()
        super().closeEvent(event)

    def _leave(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._service is not None:
            self._service.stop()
            self._service = None
        self._workspace = None

    def _put(self, screens: list[Shown]) -> None:
        kept = {screen.widget for screen in screens}
        for screen in self._screens:
            self.stack.removeWidget(screen.widget)
            self.actions_.forget(screen.actions)
            if screen.widget not in kept:
                screen.widget.deleteLater()
        self._screens = screens
        for screen in screens:
            self.stack.addWidget(screen.widget)
        self._write()

    def _write(self) -> None:
        row = max(self.navigation.currentIndex().row(), 0)
        tokens = self._context.theme.tokens
        self.navigation.selectionModel().blockSignals(True)
        self._items.clear()
        for screen in self._screens:
            item = QStandardItem(icon(screen.key, tokens.text, tokens.on_accent), self._context.language(screen.say))
            self._items.appendRow(item)
        self.navigation.setCurrentIndex(self._items.index(min(row, len(self._screens) - 1), 0))
        self.navigation.selectionModel().blockSignals(False)
        self._status.setText(self._context.language(self._where))

    def _actions_of(self, widget: ScreenWidget) -> tuple[QAction, ...]:
        made = tuple(self.actions_.add(one.name, one.say, one.act, one.shortcut) for one in widget.commands())
        for action in made:
            action.setEnabled(False)
        return made

    def _show(self, row: int) -> None:
        if 0 <= row < len(self._screens):
            shown = self._screens[row]
            if self.stack.currentWidget() is not shown.widget:
                for screen in self._screens:
                    if screen.widget is self.stack.currentWidget():
                        screen.widget.leave()
                    for action in screen.actions:
                        action.setEnabled(screen is shown)
                self.stack.setCurrentWidget(shown.widget)
                shown.widget.load()

    def _not_started(self, failure: Failure) -> None:
        self._leave()
        self.go("start")
        self.start.tell(failure)

    def _heard(self, there: bool) -> None:
        if there:
            if self.banner.isVisible():
                self._screens[self.navigation.currentIndex().row()].widget.load()
            self.banner.clear()
        else:
            self.banner.say(_AWAY, "warning")

    def _make_actions(self) -> None:
        add, context = self.actions_.add, self._context
        add("palette", Say("查找命令…", "Find a command…"), self._palette, "Ctrl+P")
        add("chinese", Say("界面语言：中文", "Language: Chinese"), lambda: context.language.choose("zh"))
        add("english", Say("界面语言：英文", "Language: English"), lambda: context.language.choose("en"))
        add("light", Say("浅色外观", "Light appearance"), lambda: context.theme.choose("light"))
        add("dark", Say("深色外观", "Dark appearance"), lambda: context.theme.choose("dark"))
        add("reload", Say("刷新", "Refresh"), self._reload, QKeySequence.StandardKey.Refresh)
        add("quit", Say("退出", "Quit"), self.close, QKeySequence.StandardKey.Quit)

    def _reload(self) -> None:
        row = self.navigation.currentIndex().row()
        if row >= 0:
            self._screens[row].widget.load()

    def _palette(self) -> None:
        palette = Palette(self._context, self.actions_, self)
        palette.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        palette.move(self.mapToGlobal(self.rect().center()) - palette.rect().center())
        palette.show()
