"""The window: navigation on the left, one screen beside it, what is the matter above."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeGuard

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QHBoxLayout,
    QLabel,
    QListView,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from admin_gui.actions.palette import Palette
from admin_gui.actions.registry import Actions
from admin_gui.domain.failure import Failure
from admin_gui.domain.profiles import Profile
from admin_gui.domain.rights import Rights
from admin_gui.domain.say import Say, plain
from admin_gui.domain.workspace import Workspace, WorkspaceError, open_folder
from admin_gui.services.browser import Open, system_browser
from admin_gui.services.connection import Connection, Endpoint
from admin_gui.services.embedded import EmbeddedService
from admin_gui.theme.icons import icon
from admin_gui.views.places import PLACES
from admin_gui.views.routes import Routes
from admin_gui.views.screen import Desk, ScreenWidget
from admin_gui.views.sign_in.keeper import Keeper
from admin_gui.views.sign_in.session_bar import LOCK, SIGN_OUT, SessionBar
from admin_gui.views.start import StartScreen, endpoint_of
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

    def __init__(self, context: Context, sample: Path | None, browser: Open = system_browser) -> None:
        super().__init__()
        self._context = context
        self._hidden: list[QDialog] = []
        self._ending = False
        self._service: EmbeddedService | None = None
        self._connection: Connection | None = None
        self._workspace: Workspace | None = None
        self._screens: list[Shown] = []
        self._where = _NOT_CONNECTED
        self.actions_ = Actions(self, context)
        self.start = StartScreen(context, sample)
        self.start.folder_chosen.connect(self.open_folder)
        self.start.profile_chosen.connect(self._connect_profile)
        self.start.cancelled.connect(self._give_up)
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
        self.session = SessionBar(context, lambda: self.go("accounts"), self.lock, self.sign_out)
        self.session.hide()
        self.statusBar().addPermanentWidget(self.session)
        self._layers = QStackedWidget()
        self._lay_out()
        self.keeper = self._keep(browser)
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
        """Begin with a policy folder: a service of its own is started for it. Unsaved changes are asked about first."""
        try:
            workspace = open_folder(folder)
        except WorkspaceError as error:
            self.start.tell(Failure("INVALID_ARGUMENT", str(error)))
            return
        if not self._may_leave(lambda: self.open_folder(folder)):
            return
        self._begin_anew()
        self._workspace = workspace
        self.start.wait(waiting=True)
        service = EmbeddedService(folder, parent=self)
        service.ready.connect(lambda address: self.connect_to(Endpoint(address), _EMBEDDED.filled(folder=folder.name)))
        service.failed.connect(self._not_started)
        self._service = service
        service.start()

    def connect_to(self, endpoint: Endpoint, where: Say, account: str = "") -> None:
        """Begin with a service that is there already; `account` is who signed in there last."""
        self._close_connection()
        try:
            self._connection = Connection(endpoint, self)
        except OSError as error:
            self.start.tell(Failure("INVALID_ARGUMENT", str(error), "FILE"))
            return
        self._connection.available.connect(self._heard)
        self._where = where
        self._status.setText(self._context.language(where))
        self.start.wait(waiting=True, connecting=True)
        self.keeper.begin(self._connection, where, account)

    def enter(self, rights: Rights) -> None:
        """Show what somebody with these rights may see of the service that is connected to."""
        if self._connection is None:
            return
        self.keeper.entered_otherwise()
        self.start.wait(waiting=False)
        routes = Routes(self._connection)
        # The screen is shown before it hears what to show: these come before its own.
        routes.place_chosen.connect(lambda _: self.go("policies"))
        routes.scenario_chosen.connect(lambda _: self.go("simulator"))
        routes.snapshots_chosen.connect(lambda _: self.go("snapshots"))
        routes.snapshot_chosen.connect(lambda _: self.go("snapshots"))
        desk = Desk(self._context, self._connection, rights, routes, self._workspace)
        shown = [Shown("start", _START, self.start)]
        for place in PLACES:
            if not place.needs or rights.may_any(place.needs):
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
        if not self._ending:
            if not self._may_leave(self.close):
                event.ignore()
                return
            if self.keeper.account is not None and not self.keeper.is_locked:
                # The session ends with the program: that takes a moment, and then it is closed again.
                event.ignore()
                self._ending = True
                self.keeper.sign_out(self.close)
                return
        self._context.settings.setValue("window/geometry", self.saveGeometry())
        self._context.settings.setValue("language", self._context.language.tongue)
        self._context.settings.setValue("shade", self._context.theme.shade)
        self._leave()
        super().closeEvent(event)

    def lock(self) -> None:
        """Let nobody see the work until whoever is signed in signs in again."""
        self.keeper.lock()

    def sign_out(self) -> None:
        """End the session and go back to the start; unsaved changes are asked about first."""
        if self.keeper.account is not None and not self.keeper.is_locked and self._may_leave(self.sign_out):
            self.keeper.sign_out(self._begin_anew)

    def _lay_out(self) -> None:
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
        # What signs in lies over everything: nothing of the work is seen while it is locked.
        self._layers.addWidget(inner)
        self.setCentralWidget(self._layers)

    def _keep(self, browser: Open) -> Keeper:
        keeper = Keeper(self._context, self._layers, browser, self)
        keeper.entered.connect(self.enter)
        keeper.locked.connect(self._freeze)
        keeper.continued.connect(self._thaw)
        keeper.failed.connect(self._not_connected)
        keeper.left.connect(self._left)
        keeper.told.connect(lambda say: self.banner.clear() if say is None else self.banner.say(say, "warning"))
        keeper.account_changed.connect(self.session.show_account)
        keeper.signed_in_at.connect(self.start.used)
        return keeper

    def _connect_profile(self, profile: Profile) -> None:
        if not self._may_leave(lambda: self._connect_profile(profile)):
            return
        self._begin_anew()
        self.connect_to(endpoint_of(profile), plain(profile.title), profile.account)

    def _not_connected(self, failure: Failure) -> None:
        self._close_connection()
        self.start.tell(failure)

    def _give_up(self) -> None:
        self._leave()
        self.start.wait(waiting=False)

    def _may_leave(self, then: Callable[[], object]) -> bool:
        """Whether no screen has anything unsaved. The first that has is shown and asks, and `then` begins anew."""
        for screen in self._screens:
            if not screen.widget.may_leave(then):
                if not self.keeper.is_locked:
                    self.go(screen.key)
                return False
        return True

    def _left(self) -> None:
        if self.keeper.account is None or self._may_leave(self._left):
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._leave()
        self.start.wait(waiting=False)
        self._put([Shown("start", _START, self.start)])
        self.go("start")

    def _freeze(self) -> None:
        shown = self._shown_now()
        if shown is not None:
            shown.widget.leave()
        for screen in self._screens:
            for action in screen.actions:
                action.setEnabled(False)
        self._hidden = [widget for widget in QApplication.topLevelWidgets() if _is_open_dialog(widget)]
        for dialog in self._hidden:
            dialog.hide()

    def _thaw(self) -> None:
        for dialog in self._hidden:
            dialog.open()
        self._hidden = []
        shown = self._shown_now()
        if shown is not None:
            for action in shown.actions:
                action.setEnabled(True)
            shown.widget.load()

    def _close_connection(self) -> None:
        self.keeper.end()
        for dialog in self._hidden:
            dialog.deleteLater()
        self._hidden = []
        if self._connection is not None:
            self._connection.close()
            self._connection.deleteLater()
            self._connection = None

    def _shown_now(self) -> Shown | None:
        return next((screen for screen in self._screens if screen.widget is self.stack.currentWidget()), None)

    def _leave(self) -> None:
        self._close_connection()
        self._where = _NOT_CONNECTED
        if self._service is not None:
            self._service.stop()
            self._service.deleteLater()
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
        if self.keeper.is_locked:
            return
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
        add("lock", LOCK, self.lock, "Ctrl+L")
        add("sign_out", SIGN_OUT, self.sign_out)
        add("quit", Say("退出程序", "Quit"), self.close, QKeySequence.StandardKey.Quit)

    def _reload(self) -> None:
        if self.keeper.is_locked:
            return
        row = self.navigation.currentIndex().row()
        if row >= 0:
            self._screens[row].widget.load()

    def _palette(self) -> None:
        palette = Palette(self._context, self.actions_, self)
        palette.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        palette.move(self.mapToGlobal(self.rect().center()) - palette.rect().center())
        palette.show()


def _is_open_dialog(widget: QWidget) -> TypeGuard[QDialog]:
    return isinstance(widget, QDialog) and widget.isVisible()
