"""Any two texts beside each other: what is in force, drafts, revisions, and what is being written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from admin_gui.domain.failure import Failure
from admin_gui.domain.say import Say
from admin_gui.services.policies import Policies
from admin_gui.services.texts import IN_FORCE
from admin_gui.views.policies.difference import Difference
from admin_gui.views.policies.impact import Impact
from admin_gui.views.policies.latest import Latest
from admin_gui.views.screen import Desk
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.context import Context
from admin_gui.widgets.labels import button
from jingxi_client._gen.pdp.v1 import control_pb2, policy_service_pb2

_BEFORE: Final = Say("之前", "Before")
_AFTER: Final = Say("之后", "After")
_SWAP: Final = Say("对调", "Swap")
_CHOSEN: Final = Say("文本", "Text")
_COMPARING: Final = Say("正在比较…", "comparing…")
_IN_FORCE: Final = Say("现行版本", "in force")
_DRAFT: Final = Say("草稿 {name}", "draft {name}")
_REVISION: Final = Say("版本 {number}", "revision {number}")
_MINE: Final = Say("正在编写的文本", "the text being written")


@dataclass(frozen=True)
class TextChoice:
    """A text that can be chosen."""

    key: str
    say: Say
    text: policy_service_pb2.PolicyText


def choices(drafts: Sequence[control_pb2.Draft], revisions: Sequence[control_pb2.Revision]) -> list[TextChoice]:
    """Return what can be chosen of the service: what is in force, drafts, and revisions, newest first."""
    found = [TextChoice("head", _IN_FORCE, IN_FORCE)] if revisions else []
    found += [
        TextChoice(f"draft:{one.name}", _DRAFT.filled(name=one.name), policy_service_pb2.PolicyText(draft=one.name))
        for one in drafts
    ]
    return found + [
        TextChoice(
            f"revision:{one.number}", _REVISION.filled(number=one.number),
            policy_service_pb2.PolicyText(revision=one.number),
        )
        for one in revisions
    ]  # fmt: skip


def mine(text: policy_service_pb2.PolicyText) -> TextChoice:
    """Return what is being written as a choice."""
    return TextChoice("mine", _MINE, text)


class TextBox(QComboBox):
    """Chooses a text."""

    picked = Signal()

    def __init__(self, context: Context, say: Say) -> None:
        super().__init__()
        self._context = context
        self._choices: Sequence[TextChoice] = ()
        self.setMinimumContentsLength(18)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        context.language.bind(self, self.setAccessibleName, say)
        context.language.changed.connect(self._write)
        self.currentIndexChanged.connect(lambda _: self.picked.emit())

    def offer(self, found: Sequence[TextChoice]) -> None:
        """Offer these; the chosen one stays so where it is there."""
        key = self.key
        self._choices = found
        self._write()
        self.choose(key)

    @property
    def key(self) -> str:
        """The key of what is chosen; empty for nothing."""
        return str(self.currentData() or "")

    @property
    def text_chosen(self) -> policy_service_pb2.PolicyText | None:
        """What is chosen."""
        return next((one.text for one in self._choices if one.key == self.key), None)

    def choose(self, key: str) -> None:
        """Choose by key, where it is there."""
        row = self.findData(key)
        if row >= 0:
            self.setCurrentIndex(row)

    def _write(self) -> None:
        row = self.currentIndex()
        self.blockSignals(True)
        self.clear()
        for one in self._choices:
            self.addItem(self._context.language(one.say), one.key)
        self.setCurrentIndex(min(max(row, 0), self.count() - 1))
        self.blockSignals(False)


class ComparePage(QWidget):
    """Two texts and their difference; asked whenever another one is chosen while the page is shown."""

    def __init__(self, desk: Desk, banner: Banner) -> None:
        super().__init__()
        context = desk.context
        self._context, self._banner = context, banner
        self._policies = Policies(desk.connection)
        self._latest = Latest()
        self._own: TextChoice | None = None
        self._offered: Sequence[TextChoice] = ()
        self.before, self.after = TextBox(context, _BEFORE), TextBox(context, _AFTER)
        self.difference = Difference(context)
        self._busy = QLabel()
        self._busy.setObjectName("quiet")
        context.language.bind(self._busy, self._busy.setText, _COMPARING)
        self._busy.hide()
        row = QHBoxLayout()
        for say, box in ((_BEFORE, self.before), (_AFTER, self.after)):
            label = QLabel()
            context.language.bind(label, label.setText, say)
            row.addWidget(label)
            row.addWidget(box)
            box.picked.connect(self.compare)
        row.addWidget(button(context, _SWAP, self._swap))
        row.addWidget(self._busy)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 8, 6, 0)
        column.addLayout(row)
        column.addWidget(self.difference, 1)

    def offer(self, found: Sequence[TextChoice], own: TextChoice | None) -> None:
        """Offer these texts, and what is being written."""
        self._offered, self._own = found, own
        both = [*found, *([] if own is None else [own])]
        self.before.offer(both)
        self.after.offer(both)

    def choose(self, before: str, after: str) -> None:
        """Compare these by their keys."""
        for box, key in ((self.before, before), (self.after, after)):
            box.blockSignals(True)
            box.choose(key)
            box.blockSignals(False)
        self.compare()

    def compare(self) -> None:
        """Ask how the chosen texts differ."""
        after = self.after.text_chosen
        if after is None or not self.isVisible():
            return
        self._busy.show()
        self._latest.follow(self._policies.compare(self.before.text_chosen, after), self._compared, self._failed)

    def _swap(self) -> None:
        self.choose(self.after.key, self.before.key)

    def _compared(self, answer: policy_service_pb2.ComparePoliciesResponse) -> None:
        self._busy.hide()
        self.difference.show_changes(answer.changes)

    def _failed(self, failure: Failure) -> None:
        self._busy.hide()
        self.difference.clear()
        self._banner.tell(failure, self.compare)


class ImpactPage(QWidget):
    """A text to choose, and what it would have decided otherwise."""

    def __init__(self, desk: Desk, banner: Banner) -> None:
        super().__init__()
        context = desk.context
        self.text = TextBox(context, _CHOSEN)
        self.impact = Impact(desk, banner)
        self.text.picked.connect(self._picked)
        row = QHBoxLayout()
        label = QLabel()
        context.language.bind(label, label.setText, _CHOSEN)
        row.addWidget(label)
        row.addWidget(self.text)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 8, 6, 0)
        column.addLayout(row)
        column.addWidget(self.impact, 1)

    def offer(self, found: Sequence[TextChoice], own: TextChoice | None) -> None:
        """Offer these texts, and what is being written."""
        self.text.offer([*found, *([] if own is None else [own])])
        self._picked()

    def choose(self, key: str) -> None:
        """Choose a text by its key."""
        self.text.choose(key)
        self._picked()

    def _picked(self) -> None:
        self.impact.show_text(self.text.text_chosen)
