"""Why a decision came out as it did: rules, down to their clauses."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QTreeView, QVBoxLayout, QWidget

from admin_gui.domain.say import Say
from admin_gui.widgets.context import Context
from jingxi_client._gen.pdp.v1 import decision_service_pb2, types_pb2

_OUTCOMES = {
    decision_service_pb2.RULE_OUTCOME_MATCHED: (Say("成立", "matched"), "clear"),
    decision_service_pb2.RULE_OUTCOME_NOT_MATCHED: (Say("不成立", "not matched"), "quiet"),
    decision_service_pb2.RULE_OUTCOME_UNDECIDED: (Say("无法判定", "undecided"), "warning"),
}
_CLAUSES = {
    decision_service_pb2.CLAUSE_OUTCOME_TRUE: (Say("真", "true"), "clear"),
    decision_service_pb2.CLAUSE_OUTCOME_FALSE: (Say("假", "false"), "quiet"),
    decision_service_pb2.CLAUSE_OUTCOME_UNDECIDED: (Say("无法判定", "undecided"), "warning"),
}
_WINS = Say("，决定了：{fields}", ", decided: {fields}")
_HEADS = (Say("规则与条件", "Rules and conditions"), Say("结果", "Outcome"), Say("取值", "Values"))
_PLACE = Qt.ItemDataRole.UserRole


class ExplainTree(QWidget):
    """The rules that speak about a field, winners first."""

    place_chosen = Signal(str)
    """`file:line:column` of a rule or clause that somebody wants to see."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._explained = decision_service_pb2.ExplainResponse()
        self._field = ""
        self._model = QStandardItemModel(0, len(_HEADS), self)
        self._tree = QTreeView(rootIsDecorated=True, uniformRowHeights=True)
        self._tree.setModel(self._model)
        self._tree.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self._tree.activated.connect(lambda index: self._choose(index.siblingAtColumn(0).data(_PLACE)))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._tree)
        context.language.changed.connect(self._write)
        context.theme.changed.connect(self._write)

    def show_field(self, explained: decision_service_pb2.ExplainResponse, field: str) -> None:
        """Show why a field came out as it did."""
        self._explained, self._field = explained, field
        self._write()

    def _write(self) -> None:
        say = self._context.language
        self._model.clear()
        self._model.setHorizontalHeaderLabels([say(head) for head in _HEADS])
        rules = [rule for rule in self._explained.rules if not self._field or self._field in rule.fields]
        rules.sort(key=lambda rule: (self._field not in rule.wins, rule.outcome))
        for rule in rules:
            outcome, color = _OUTCOMES.get(rule.outcome, (Say("?", "?"), "quiet"))
            text = say(_said(rule.title)) or rule.rule
            text += f"  [{rule.grant_id}]" if rule.grant_id else ""
            if rule.wins:
                outcome = Say(outcome.zh + _WINS.zh, outcome.en + _WINS.en).filled(fields=", ".join(rule.wins))
            row = self._row(f"{text}    {rule.rule}", say(outcome), color, "", rule.location)
            for clause in rule.clauses:
                result, shade = _CLAUSES.get(clause.outcome, (Say("?", "?"), "quiet"))
                values = ", ".join(f"{name} = {value}" for name, value in sorted(clause.values.items()))
                values = values or ", ".join(clause.attributes)
                words = say(_said(clause.sentence)) or clause.expression
                row[0].appendRow(self._row(words, say(result), shade, values, clause.location))
            self._model.appendRow(row)
        for index in range(self._model.rowCount()):
            if self._field in rules[index].wins:
                self._tree.expand(self._model.index(index, 0))
        self._tree.setColumnWidth(0, 460)
        self._tree.setColumnWidth(1, 190)

    def _row(self, text: str, outcome: str, color: str, values: str, place: str) -> list[QStandardItem]:
        items = [QStandardItem(part) for part in (text, outcome, values)]
        items[1].setForeground(self._context.theme.color(color))
        items[2].setForeground(self._context.theme.color("quiet"))
        items[0].setData(place, _PLACE)
        for item in items:
            item.setToolTip(place)
        return items

    def _choose(self, place: str | None) -> None:
        if place:
            self.place_chosen.emit(place)


def _said(text: types_pb2.LocalizedText) -> Say:
    return Say(text.zh, text.en)
