"""What would be shown, and below it why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from admin_gui.domain.say import Say
from admin_gui.domain.verdicts import Line
from admin_gui.models.verdicts import SHOWN, VerdictModel
from admin_gui.views.simulator.explain import ExplainTree
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import heading
from admin_gui.widgets.tables import row_table
from jingxi_client._gen.pdp.v1 import decision_service_pb2

_RESULT: Final = Say("会展示什么", "What would be shown")
_COUNT: Final = Say("{clear} 个明文，{masked} 个脱敏", "{clear} in clear, {masked} masked")
_DIFFERS: Final = Say(
    "{count}；与现行不同的有 {differs} 个（底色标出）", "{count}; {differs} differ from what is in force"
)
_NONE: Final = Say("还没有结果", "no result yet")
_WIDTHS: Final = (120, 50, 92, 132, 148)


class Result(QWidget):
    """A line for each field; the one that is chosen is explained in `explain`."""

    def __init__(self, context: Context, explain: ExplainTree, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._explain = explain
        self._explained = decision_service_pb2.ExplainResponse()
        self._summary = _NONE
        self.verdicts = VerdictModel(context, self)
        self._counted = QLabel()
        self._counted.setObjectName("quiet")
        context.language.bind(self._counted, self._counted.setText, lambda: self._summary)
        self.table = row_table(context, self.verdicts, _RESULT, _WIDTHS)
        self.table.verticalHeader().setDefaultSectionSize(30)
        self.table.selectionModel().currentChanged.connect(lambda index, _: self._explain_row(index.row()))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.head = QVBoxLayout()
        """Below the heading; the screen puts there what the result depends on."""
        column.addWidget(heading(context, _RESULT))
        column.addLayout(self.head)
        column.addWidget(self._counted)
        column.addWidget(self.table, 1)

    def show_lines(self, lines: Sequence[Line], explained: decision_service_pb2.ExplainResponse) -> None:
        """Show these; the row that was chosen stays so."""
        self._explained = explained
        chosen = self.table.currentIndex().row()
        self.verdicts.show(lines)
        clear, differs = sum(line.unmasked for line in lines), sum(line.differs for line in lines)
        count = _COUNT.filled(clear=clear, masked=len(lines) - clear)
        beside = any(line.beside is not None for line in lines)
        self._summary = _DIFFERS.filled(count=count, differs=differs) if beside else count
        self._counted.setText(self._context.language(self._summary))
        if lines:
            self.table.setCurrentIndex(self.verdicts.index(min(max(chosen, 0), len(lines) - 1), SHOWN))

    def _explain_row(self, row: int) -> None:
        if row >= 0:
            self._explain.show_field(self._explained, self.verdicts.line(row).field)
