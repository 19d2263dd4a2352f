"""The cluster: which node decides by what, as it changes."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel, QVBoxLayout

from admin_gui.domain import nodes
from admin_gui.domain.failure import Failure
from admin_gui.domain.nodes import NodeLine
from admin_gui.domain.say import Say
from admin_gui.models.records import Column, RecordModel
from admin_gui.services.calls import Call
from admin_gui.services.cluster import Cluster
from admin_gui.views.screen import Desk, ScreenWidget
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.labels import title
from admin_gui.widgets.tables import row_table
from jingxi_client._gen.pdp.v1 import cluster_service_pb2

_TITLE: Final = Say("集群", "Cluster")
_COLORS: Final = {"good": "masked", "waiting": "warning", "bad": "danger", "quiet": "quiet"}
_COLUMNS: Final = (
    Column[NodeLine](Say("节点", "Node"), lambda line: line.name, width=130),
    Column[NodeLine](Say("状态", "State"), lambda line: line.health, lambda line: _COLORS[line.mood], 90),
    Column[NodeLine](Say("版本", "Revision"), lambda line: line.revision, width=80),
    Column[NodeLine](Say("策略哈希", "Policy hash"), lambda line: line.hash, lambda _: "quiet", 130),
    Column[NodeLine](Say("每秒裁决", "Decisions/s"), lambda line: line.decisions, width=90),
    Column[NodeLine](Say("待入库快照", "Records waiting"), lambda line: line.waiting, width=110),
    Column[NodeLine](Say("地址", "Address"), lambda line: line.address, width=170),
    Column[NodeLine](Say("标签", "Labels"), lambda line: line.labels, width=140),
    Column[NodeLine](Say("最近报告", "Last heard"), lambda line: line.seen, width=130),
    Column[NodeLine](Say("问题", "Trouble"), lambda line: line.trouble, lambda _: "danger", 240),
)
_AGAIN_MILLISECONDS: Final = 2_000


class ClusterScreen(ScreenWidget):
    """Follows the nodes for as long as it is shown."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._context = context = desk.context
        self._cluster = Cluster(desk.connection)
        self._call: Call | None = None
        self._said = Say("", "")
        self.banner = Banner(context)
        self.model = RecordModel[NodeLine](context, _COLUMNS, lambda line: line.name, self)
        self._again = QTimer(self, singleShot=True, interval=_AGAIN_MILLISECONDS)
        self._again.timeout.connect(self.load)
        self._summary = QLabel()
        self._summary.setObjectName("quiet")
        context.language.bind(self._summary, self._summary.setText, lambda: self._said)
        table = row_table(context, self.model, _TITLE, (column.width for column in _COLUMNS))
        column_of = QVBoxLayout(self)
        column_of.setContentsMargins(20, 14, 20, 14)
        column_of.addWidget(title(context, _TITLE))
        column_of.addWidget(self._summary)
        column_of.addWidget(self.banner)
        column_of.addWidget(table, 1)

    def load(self) -> None:
        """Follow the nodes from now on."""
        self.leave()
        self._call = self._cluster.watch()
        self._call.answered.connect(self._told)
        self._call.ended.connect(self._again.start)
        self._call.failed.connect(self._failed)

    def leave(self) -> None:
        """Follow them no more."""
        self._again.stop()
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _told(self, answer: cluster_service_pb2.WatchNodesResponse) -> None:
        self.banner.clear()
        self._said = nodes.summary(answer.nodes)
        self._summary.setText(self._context.language(self._said))
        self.model.show(nodes.lines(answer.nodes))

    def _failed(self, failure: Failure) -> None:
        self.banner.tell(failure, self.load)
        if failure.is_away:
            self._again.start()
