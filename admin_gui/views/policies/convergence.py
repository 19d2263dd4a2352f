"""After a publication: which nodes decide by it, which do not yet, and why."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout

from admin_gui.domain import rollouts
from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say, plain
from admin_gui.services.cluster import Cluster
from admin_gui.services.connection import Connection
from admin_gui.views.policies.latest import Latest
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import button
from jingxi_client._gen.pdp.v1 import cluster_service_pb2

_PATIENCE_MILLIS: Final = 60_000
_ASKING: Final = Say(
    "版本 {revision} 已发布，正在查看各节点…", "Revision {revision} is published; looking at the nodes…"
)
_LATE: Final = Say("；未在 60 秒内全部生效", "; not all within 60 seconds")
_AGAIN: Final = Say("继续等待", "Keep waiting")
_CLOSE: Final = Say("关闭", "Close")


class Convergence(QFrame):
    """A banner that follows the nodes until all decide by a revision."""

    def __init__(self, context: Context, connection: Connection) -> None:
        super().__init__()
        self.setObjectName("banner")
        self._context = context
        self._cluster = Cluster(connection)
        self._latest = Latest()
        self._revision = 0
        self.said = Say("", "")
        """How it stands, in words."""
        self._missing: list[rollouts.Missing] = []
        self.converged = False
        self._text = QLabel(textInteractionFlags=Qt.TextInteractionFlag.TextSelectableByMouse)
        self._why = QLabel(wordWrap=True, textInteractionFlags=Qt.TextInteractionFlag.TextSelectableByMouse)
        self._again = button(context, _AGAIN, lambda: self.follow(self._revision))
        row = QHBoxLayout()
        row.addWidget(self._text, 1)
        row.addWidget(self._again)
        row.addWidget(button(context, _CLOSE, self.end))
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 6, 8, 6)
        column.addLayout(row)
        column.addWidget(self._why)
        context.language.changed.connect(self._write)
        self.hide()

    def follow(self, revision: int) -> None:
        """Follow this revision from now on."""
        self._revision, self.converged, self._missing = revision, False, []
        self._again.hide()
        self._say(_ASKING.filled(revision=revision), "info")
        self.show()
        self._latest.follow(self._cluster.await_revision(revision, _PATIENCE_MILLIS), self._told, self._failed)

    def end(self) -> None:
        """Follow nothing any more."""
        self._latest.drop()
        self.hide()

    def _told(self, answer: cluster_service_pb2.AwaitRevisionResponse) -> None:
        self._missing = rollouts.missing(answer)
        said, kind = rollouts.reached(answer, self._revision), "info"
        if answer.done:
            self.converged = answer.converged
            self._again.setVisible(not answer.converged)
            if not answer.converged:
                said, kind = Say(said.zh + _LATE.zh, said.en + _LATE.en), "warning"
        if any(one.refuses for one in self._missing):
            kind = "danger"
        self._say(said, kind)

    def _failed(self, failure: Failure) -> None:
        self._again.show()
        self._say(failure.say, "warning")

    def _say(self, said: Say, kind: str) -> None:
        self.said = said
        self.setProperty("kind", kind)
        self.style().unpolish(self)
        self.style().polish(self)
        self._write()

    def _write(self) -> None:
        say = self._context.language
        self._text.setText(say(self.said))
        self._text.setAccessibleName(self._text.text())
        told = [f"{one.node}：{say(one.why)}" for one in self._missing]
        self._why.setText("\n".join(say(plain(line)) for line in told))
        self._why.setVisible(bool(told))
