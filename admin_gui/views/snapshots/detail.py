"""One record beside the table: its story, its verification, and what can be done with it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QUrl, Signal
from PySide6.QtWidgets import QApplication, QHBoxLayout, QStackedWidget, QTextBrowser, QVBoxLayout, QWidget

from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.domain.snapshot_keys import KeysError, NodeKeys, read_keys
from admin_gui.domain.snapshot_proof import Evidence, Shown, verify
from admin_gui.domain.snapshot_scenario import scenario_of
from admin_gui.domain.snapshot_story import story_of
from admin_gui.domain.snapshot_words import Vocabulary
from admin_gui.services.calls import Call
from admin_gui.services.snapshots import Snapshots
from admin_gui.views.screen import Desk
from admin_gui.views.snapshots.choosers import Choosers
from admin_gui.views.snapshots.story import html_of
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.empty import Empty
from admin_gui.widgets.labels import button
from jingxi_client._gen.pdp.v1 import snapshot_service_pb2

_STORY: Final = Say("快照详情", "The record")
_VERIFY: Final = Say("核验", "Verify")
_TRY: Final = Say("在模拟器中打开", "Open in the simulator")
_COPY: Final = Say("复制编号", "Copy id")
_KEYS: Final = Say("选择公钥…", "Choose keys…")
_KEYS_HINT: Final = Say(
    "各节点的公钥文件 node.pub，可多选。应从节点直接取得，而不是从存储或网络。",
    "The nodes' public keys, node.pub, one or several. Get them from the nodes, not from the store or the network.",
)
_NONE: Final = Say("选一条快照", "Choose a record")
_NONE_TEXT: Final = Say(
    "这里讲述它的来龙去脉：谁、在哪里、看了谁、每个字段为何如此、谁批准的，以及如何证明。",
    "Its story is told here: who, where, about whom, why each field came out so, who allowed it, and how it is proved.",
)
_NOT_YET: Final = Say(
    "还没有检查点覆盖这条记录，几秒后再核验。", "No checkpoint covers this record yet; verify again soon."
)
_SETTING: Final = "snapshots/keys"


class Detail(QWidget):
    """Shows one record. `told` says that its story is shown, `verified` what its proof is worth."""

    told = Signal(str)
    verified = Signal(object)

    def __init__(self, desk: Desk, snapshots: Snapshots, choosers: Choosers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk, self._context, self._snapshots, self._choosers = desk, desk.context, snapshots, choosers
        self._words = Vocabulary()
        self._answer: snapshot_service_pb2.GetSnapshotResponse | None = None
        self._calls: list[Call] = []
        self.evidence: Evidence | None = None
        self.banner = Banner(desk.context)
        self.page = QTextBrowser()
        self.page.setOpenLinks(False)
        self.page.document().setDocumentMargin(12)
        self.page.anchorClicked.connect(self._follow)
        desk.context.language.bind(self.page, self.page.setAccessibleName, _STORY)
        self.verify_button = button(desk.context, _VERIFY, self.verify, primary=True)
        self.try_button = button(desk.context, _TRY, self.open_in_simulator)
        self._copy = button(desk.context, _COPY, self._copy_id)
        self.keys_button = button(desk.context, _KEYS, self.choose_keys)
        desk.context.language.bind(self.keys_button, self.keys_button.setToolTip, _KEYS_HINT)
        self._stack = QStackedWidget()
        self._stack.addWidget(Empty(desk.context, "snapshots", _NONE, _NONE_TEXT))
        self._stack.addWidget(self._told_page())
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 0, 0, 0)
        column.addWidget(self._stack)
        desk.context.language.changed.connect(self._write)
        desk.context.theme.changed.connect(self._write)

    def show_record(self, record_id: str) -> None:
        """Ask for a record and tell its story; one that was asked for before and has not come is let go."""
        self._end_calls()
        self.banner.clear()
        call = self._ask(self._snapshots.story(record_id))
        call.answered.connect(self._came)
        call.failed.connect(lambda failure: self._failed(failure, record_id))

    def show_nothing(self) -> None:
        """Tell no story."""
        self._end_calls()
        self._answer = self.evidence = None
        self._stack.setCurrentIndex(0)

    def speak(self, words: Vocabulary) -> None:
        """Call values as a policy set calls them."""
        self._words = words
        self._write()

    def verify(self) -> None:
        """Ask for the proof of the record that is shown, and check it here."""
        shown = self.shown
        if shown is None:
            return
        self.banner.clear()
        try:
            keys = self._trusted()
        except KeysError as error:
            self.banner.tell(Failure("FAILED_PRECONDITION", str(error)), self.choose_keys)
            return
        self.verify_button.setEnabled(False)
        call = self._ask(self._snapshots.proof(shown.id))
        call.answered.connect(lambda answer: self._proved(answer, shown, keys))
        call.failed.connect(self._unproved)

    def choose_keys(self) -> None:
        """Let somebody choose whom to trust, and verify again."""
        self._choosers.keys(self, self._context.language(_KEYS), self._take_keys)

    def open_in_simulator(self) -> None:
        """Try the decision again."""
        if self._answer is not None and self._answer.entry.record.HasField("snapshot"):
            self._desk.routes.scenario_chosen.emit(scenario_of(self._answer.entry.record.snapshot))

    @property
    def shown(self) -> Shown | None:
        """The record that is shown."""
        if self._answer is None:
            return None
        entry = self._answer.entry
        return Shown(entry.record, entry.stream, entry.sequence, self._answer.chain)

    def _told_page(self) -> QWidget:
        made = QWidget()
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        for each in (self.verify_button, self.keys_button, self.try_button, self._copy):
            row.addWidget(each)
        row.addStretch(1)
        column = QVBoxLayout(made)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.banner)
        column.addWidget(self.page, 1)
        return made

    def _came(self, answer: snapshot_service_pb2.GetSnapshotResponse) -> None:
        self._answer, self.evidence = answer, None
        is_decision = answer.entry.record.HasField("snapshot")
        self.try_button.setVisible(is_decision and self._desk.rights.may("simulate"))
        self.verify_button.setEnabled(True)
        self._stack.setCurrentIndex(1)
        self._write()
        shown = self.shown
        self.told.emit("" if shown is None else shown.id)

    def _proved(self, answer: snapshot_service_pb2.ProveSnapshotResponse, shown: Shown, keys: NodeKeys) -> None:
        self.verify_button.setEnabled(True)
        self.evidence = verify(answer.proof, shown, keys)
        self._write()
        self.page.verticalScrollBar().setValue(0)
        self.verified.emit(self.evidence)

    def _unproved(self, failure: Failure) -> None:
        self.verify_button.setEnabled(True)
        shown = self.shown
        if failure.reason == "NO_EVIDENCE" and shown is not None and not self._is_covered():
            self.banner.say(_NOT_YET, "warning")
            # Whether one covers it by now decides what the next failure means.
            self._ask(self._snapshots.story(shown.id)).answered.connect(self._looked_again)
        else:
            self.banner.tell(failure, self.verify)

    def _looked_again(self, answer: snapshot_service_pb2.GetSnapshotResponse) -> None:
        self._answer = answer
        self._write()

    def _is_covered(self) -> bool:
        return self._answer is not None and self._answer.checkpoint > 0

    def _failed(self, failure: Failure, record_id: str) -> None:
        self._stack.setCurrentIndex(1)
        self.banner.tell(failure, lambda: self.show_record(record_id))

    def _trusted(self) -> NodeKeys:
        # Qt's settings give a list of one as a text.
        chosen = self._context.settings.value(_SETTING) or []
        if chosen:
            return read_keys(*map(Path, [chosen] if isinstance(chosen, str) else chosen))
        # A service of one's own on this machine: its key lies beside its socket.
        address = self._desk.connection.endpoint.address
        own = Path(address.removeprefix("unix:")).parent / "keys" / "node.pub"
        return read_keys(own) if address.startswith("unix:") and own.is_file() else NodeKeys()

    def _take_keys(self, paths: list[Path]) -> None:
        try:
            read_keys(*paths)
        except KeysError as error:
            self.banner.tell(Failure("FAILED_PRECONDITION", str(error)), self.choose_keys)
            return
        self._context.settings.setValue(_SETTING, [str(path) for path in paths])
        self.verify()

    def _write(self) -> None:
        if self._answer is None:
            return
        at = self.page.verticalScrollBar().value()
        self.page.setHtml(html_of(story_of(self._answer, self._words), self._context, self.evidence))
        self.page.verticalScrollBar().setValue(at)

    def _follow(self, url: QUrl) -> None:
        if url.scheme() == "place":
            self._desk.routes.place_chosen.emit(url.path())

    def _copy_id(self) -> None:
        shown = self.shown
        if shown is not None:
            QApplication.clipboard().setText(shown.id)

    def _ask(self, call: Call) -> Call:
        self._calls = [one for one in self._calls if not one.is_over]
        self._calls.append(call)
        return call

    def _end_calls(self) -> None:
        for call in self._calls:
            call.cancel()
        self._calls = []
