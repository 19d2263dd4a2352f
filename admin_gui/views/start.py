"""The first screen: where to begin."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from admin_gui.domain import profiles
from admin_gui.domain.failure import Failure
from admin_gui.domain.profiles import Profile
from admin_gui.domain.say import Say
from admin_gui.services.connection import Endpoint
from admin_gui.views.known import Known
from admin_gui.views.profile import ProfileDialog
from admin_gui.views.screen import ScreenWidget
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import button, heading, quiet, title

_TITLE = Say("精细：字段级访问控制", "Jingxi: access control field by field")
_ABOUT = Say(
    "柜员看到的每个字段：明文还是脱敏、由哪条规则决定。",
    "For every field a teller sees: clear or masked, and by which rule.",
)
_SAMPLE = Say("打开示例银行", "Open the sample bank")
_SAMPLE_ABOUT = Say(
    "一家虚构银行的完整策略：柜面、信贷、信用卡、理财、客服。在本机运行，不影响任何系统。",
    "The policy set of a made-up bank: counter, loans, cards, wealth, call centre. It runs here and touches nothing.",
)
_FOLDER = Say("打开策略目录", "Open a policy folder")
_FOLDER_ABOUT = Say(
    "编辑和试验本机上的策略文件；程序会为它启动一个本机服务。",
    "Edit and try policy files of this machine; a service is started for them here.",
)
_CONNECT = Say("连接到集群", "Connect to a cluster")
_CONNECT_ABOUT = Say(
    "输入管理端口的地址，例如 pdp.bank.example:7443 或 unix:/run/pdp/staff.sock。",
    "Give the address of the staff port, such as pdp.bank.example:7443 or unix:/run/pdp/staff.sock.",
)
_ADDRESS = Say("地址", "Address")
_OPEN = Say("连接", "Connect")
_STARTING = Say("正在启动本机服务…", "Starting the service on this machine…")
_CONNECTING = Say("正在连接…", "Connecting…")
_CANCEL = Say("取消", "Cancel")
_MORE = Say("证书…", "Certificates…")
_CHOOSE = Say("选择策略目录", "Choose a policy folder")


class StartScreen(ScreenWidget):
    """Three ways to begin."""

    folder_chosen = Signal(object)
    """A `Path` to begin with."""
    profile_chosen = Signal(object)
    """A `Profile` to connect to."""
    cancelled = Signal()
    """Whoever waits for a connection waits no more."""

    def __init__(self, context: Context, sample: Path | None) -> None:
        super().__init__()
        self._context = context
        self._sample = sample
        self._waits_for = _STARTING
        self.banner = Banner(context)
        self._progress = QProgressBar(minimum=0, maximum=0, textVisible=False)
        self._progress.setFixedHeight(4)
        self._starting = quiet(context, lambda: self._waits_for)
        self.sample = button(context, _SAMPLE, self._open_sample, primary=True)
        self.sample.setEnabled(sample is not None)
        self.folder = button(context, _FOLDER, self._choose_folder)
        self._address = QLineEdit(str(context.settings.value("start/address", "")))
        context.language.bind(self._address, self._address.setPlaceholderText, _ADDRESS)
        context.language.bind(self._address, self._address.setAccessibleName, _ADDRESS)
        self._address.returnPressed.connect(self._connect)
        self._open = button(context, _OPEN, self._connect)
        self.more = button(context, _MORE, self._describe)
        self.known = Known(context)
        self.known.chosen.connect(self.profile_chosen)
        self._cancel = button(context, _CANCEL, self.cancelled.emit)
        self._lay_out()
        self.wait(waiting=False)

    def _lay_out(self) -> None:
        context = self._context
        grid = QGridLayout()
        grid.setSpacing(16)
        address = QWidget()
        row = QHBoxLayout(address)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._address, 1)
        row.addWidget(self.more)
        row.addWidget(self._open)
        for place, (say, about, widget) in enumerate(
            (
                (_SAMPLE, _SAMPLE_ABOUT, self.sample),
                (_FOLDER, _FOLDER_ABOUT, self.folder),
                (_CONNECT, _CONNECT_ABOUT, address),
            )
        ):
            grid.addWidget(self._card(say, about, widget), 0, place)
            grid.setColumnStretch(place, 1)
        inner = QWidget()
        inner.setMaximumWidth(1080)
        column = QVBoxLayout(inner)
        column.setSpacing(10)
        column.addStretch(2)
        column.addWidget(title(context, _TITLE))
        column.addWidget(quiet(context, _ABOUT))
        column.addSpacing(14)
        column.addWidget(self.banner)
        column.addLayout(grid)
        column.addSpacing(4)
        column.addWidget(self.known)
        column.addWidget(self._progress)
        waits = QHBoxLayout()
        waits.addWidget(self._starting, 1)
        waits.addWidget(self._cancel)
        column.addLayout(waits)
        column.addStretch(3)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(28, 20, 28, 20)
        outer.addStretch(1)
        outer.addWidget(inner, 20)
        outer.addStretch(1)

    def wait(self, *, waiting: bool, connecting: bool = False) -> None:
        """Show that something is being started or connected to, or no more."""
        self._waits_for = _CONNECTING if connecting else _STARTING
        self._starting.setText(self._context.language(self._waits_for))
        self._progress.setVisible(waiting)
        self._starting.setVisible(waiting)
        self._cancel.setVisible(waiting and connecting)
        for widget in (self.sample, self.folder, self._open, self.more, self.known):
            widget.setEnabled(not waiting and (widget is not self.sample or self._sample is not None))
        if waiting:
            self.banner.clear()

    def tell(self, failure: Failure) -> None:
        """Show why it did not begin."""
        self.wait(waiting=False)
        self.banner.tell(failure)

    def _card(self, say: Say, about: Say, widget: QWidget) -> QFrame:
        card = QFrame()
        card.setObjectName("card")
        column = QVBoxLayout(card)
        column.setContentsMargins(18, 16, 18, 16)
        column.addWidget(heading(self._context, say))
        text = quiet(self._context, about)
        text.setAlignment(Qt.AlignmentFlag.AlignTop)
        text.setMinimumHeight(84)
        column.addWidget(text, 1)
        column.addWidget(widget)
        return card

    def _open_sample(self) -> None:
        if self._sample is not None:
            self.folder_chosen.emit(self._sample)

    def _choose_folder(self) -> None:
        before = str(self._context.settings.value("start/folder", str(Path.home())))
        chosen = QFileDialog.getExistingDirectory(self, self._context.language(_CHOOSE), before)
        if chosen:
            self._context.settings.setValue("start/folder", chosen)
            self.folder_chosen.emit(Path(chosen))

    def used(self, address: str, account: str) -> None:
        """Remember who signed in at an address."""
        self.known.keep(profiles.used(self.known.all, address, account))

    def _describe(self) -> None:
        dialog = ProfileDialog(self._context, self, Profile(self._address.text().strip()))
        dialog.chosen.connect(self._begin_with)
        dialog.open()

    def _begin_with(self, profile: Profile) -> None:
        self.known.keep(profiles.put(self.known.all, profile))
        self.profile_chosen.emit(profile)

    def _connect(self) -> None:
        address = self._address.text().strip()
        known = next((one for one in self.known.all if one.address == address), None)
        profile = known or Profile(address)
        wrong = profiles.problem(profile)
        if wrong is not None:
            self.banner.say(wrong, "danger")
            return
        self._context.settings.setValue("start/address", address)
        self._begin_with(profile)


def endpoint_of(profile: Profile) -> Endpoint:
    """Return where a profile leads."""
    ca, certificate, key = (Path(path) if path else None for path in (profile.ca, profile.certificate, profile.key))
    return Endpoint(profile.address, ca, certificate, key)
