"""A system that calls: made, or changed from how it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QSpinBox, QWidget

from admin_gui.domain.say import Say
from admin_gui.views.accounts.form import Form, columns, names, phrases
from admin_gui.widgets.context import Context
from admin_gui.widgets.fields import field
from jingxi_client._gen.pdp.v1 import caller_pb2

_NEW: Final = Say("新建调用方", "New caller")
_CHANGE: Final = Say("变更调用方 {name}", "Change the caller {name}")
_NEW_ABOUT: Final = Say(
    "须由第二人批准后生效（无人登录的本机服务除外）。多个值以逗号分隔，* 表示全部。",
    "It counts once a second person has approved it, where people sign in. Several values with commas; * is all.",
)
_CHANGE_ABOUT: Final = Say(
    "放宽任何一项须由第二人批准；只收紧则立即生效。多个值以逗号分隔，* 表示全部。",
    "More of anything waits for a second person; less holds at once. Several values with commas; * is all.",
)
_MAKE: Final = Say("新建", "Make it")
_SAVE: Final = Say("提交变更", "Change it")
_NAME: Final = Say("名称", "Name")
_NAME_HINT: Final = Say("小写字母、数字与 -", "lower-case letters, digits and -")
_OWNER: Final = Say("责任人", "The person who answers for it")
_WHAT: Final = Say("说明", "What it is")
_APPLICATIONS: Final = Say("可问的应用", "Applications")
_SUBJECTS: Final = Say("可代表的主体（如 T*）", "Subjects that it may assert (such as T*)")
_CERTIFICATES: Final = Say(
    "证书中的名称（如 dns:host，可不填）", "Names in its certificate (such as dns:host; optional)"
)
_RATE: Final = Say("每秒至多（0 为不限）", "A second at most (0: any number)")
_BURST: Final = Say("突发至多（0 为同上）", "At once at most (0: the same)")
_EXPLAIN: Final = Say("可调用 Explain（规则随之可见）", "It may call Explain, which tells the rules")
_BUNDLES: Final = Say("可取规则包，自行裁决", "It may fetch bundles, and decide by itself")
_REPORTS: Final = Say("可补报失联期间放行的数据", "It may report what it let through while cut off")
_ASK: Final = Say("可申请授权", "It may ask for grants")
_CONSENT: Final = Say("可记录客户同意", "It may record customers' consents")
_KEY: Final = Say("签署同意的公钥（Ed25519，64 位十六进制）", "Public key that signs consents (Ed25519, 64 hex digits)")
_WITH_TOKEN: Final = Say("发给令牌，有效天数（0 为永久）", "With a token, for how many days (0: for ever)")
_USUAL_DAYS: Final = 90
_MOST_DAYS: Final = 3_650
_MOST_RATE: Final = 1_000_000


@dataclass(frozen=True)
class Wanted:
    """The caller as it is to be, with the version that it was changed from; a token for so many days, None for none."""

    caller: caller_pb2.Caller
    token_days: int | None
    reason: str


class CallerForm(Form):
    """Asks for all that people state of a caller; `caller` is the one to change, None for a new one."""

    wanted = Signal(object)
    """A `Wanted`; whoever does it lets the form `follow` the call."""

    def __init__(self, context: Context, parent: QWidget, caller: caller_pb2.Caller | None = None) -> None:
        said = _NEW if caller is None else _CHANGE.filled(name=caller.name)
        about, accept = (_NEW_ABOUT, _MAKE) if caller is None else (_CHANGE_ABOUT, _SAVE)
        super().__init__(context, parent, said, about, accept)
        self._is_new = caller is None
        self._caller = caller = caller or caller_pb2.Caller(subjects=["*"], calls=["decide"], reports=True)
        left, right = columns(self, 1, 1)
        self.name = field(context, left, _NAME, hint=_NAME_HINT)
        self.owner = field(context, right, _OWNER)
        self.what = field(context, self.column, _WHAT)
        left, right = columns(self, 1, 1)
        self.applications = field(context, left, _APPLICATIONS)
        self.subjects = field(context, right, _SUBJECTS)
        self.certificates = field(context, self.column, _CERTIFICATES)
        left, right = columns(self, 1, 1)
        self.rate, self.burst = QSpinBox(maximum=_MOST_RATE), QSpinBox(maximum=_MOST_RATE)
        self.named(left, _RATE, self.rate)
        self.named(right, _BURST, self.burst)
        self.column.addSpacing(4)
        left, right = columns(self, 1, 1)
        self.explain, self.bundles, self.reports, self.ask, self.consent = (
            self._tick(say) for say in (_EXPLAIN, _BUNDLES, _REPORTS, _ASK, _CONSENT)
        )
        for column, ticks in ((left, (self.explain, self.bundles, self.reports)), (right, (self.ask, self.consent))):
            for tick in ticks:
                column.addWidget(tick)
            column.addStretch(1)
        self.key = field(context, self.column, _KEY)
        self._key_name = next(label for label in self.findChildren(QLabel) if label.buddy() is self.key)
        for widget in (self.key, self._key_name):
            self.consent.toggled.connect(widget.setVisible)
        self.token, self.days = self._tick(_WITH_TOKEN), QSpinBox(maximum=_MOST_DAYS, value=_USUAL_DAYS)
        context.language.bind(self.days, self.days.setAccessibleName, _WITH_TOKEN)
        self.token.toggled.connect(self.days.setEnabled)
        row = QHBoxLayout()
        row.addWidget(self.token)
        row.addWidget(self.days)
        row.addStretch(1)
        self.column.addLayout(row)
        self._show(caller)
        self.finish()

    def _tick(self, say: Say) -> QCheckBox:
        made = QCheckBox()
        self.context.language.bind(made, made.setText, say)
        return made

    def _show(self, caller: caller_pb2.Caller) -> None:
        for line, text in (
            (self.name, caller.name), (self.owner, caller.owner), (self.what, caller.description),
            (self.applications, ", ".join(caller.applications)), (self.subjects, ", ".join(caller.subjects)),
            (self.certificates, ", ".join(caller.certificates)), (self.key, caller.consent_key),
        ):  # fmt: skip
            line.setText(text)
        self.name.setReadOnly(not self._is_new)
        self.rate.setValue(caller.rate.per_second)
        self.burst.setValue(caller.rate.burst if caller.rate.burst != caller.rate.per_second else 0)
        self.explain.setChecked("explain" in caller.calls)
        self.bundles.setChecked(caller.bundles)
        self.reports.setChecked(caller.reports or not caller.HasField("reports"))
        self.ask.setChecked("ask" in caller.grants)
        self.consent.setChecked("consent" in caller.grants)
        for widget in (self.key, self._key_name):
            widget.setVisible(self.consent.isChecked())
        self.token.setChecked(self._is_new)
        for one in (self.token, self.days):
            one.setVisible(self._is_new)
        (self.name if self._is_new else self.owner).setFocus()

    def enter(self) -> None:
        """Look at what was entered, and tell it."""
        needed = ((self.name, _NAME), (self.owner, _OWNER), (self.applications, _APPLICATIONS),
                  (self.subjects, _SUBJECTS))  # fmt: skip
        for line, say in needed:
            if not line.text().strip():
                self.missing(line, say)
                return
        if self.consent.isChecked() and not self.key.text().strip():
            self.missing(self.key, _KEY)
            return
        if reason := self.why:
            days = self.days.value() if self.token.isChecked() else None
            self.wanted.emit(Wanted(self._made(), days, reason))

    def _made(self) -> caller_pb2.Caller:
        before, consent = self._caller, self.consent.isChecked()
        made = caller_pb2.Caller()
        # What this form does not ask for stays as it is.
        made.CopyFrom(before)
        for part in ("certificates", "applications", "subjects", "calls", "grants", "rate"):
            made.ClearField(part)
        made.name, made.owner = self.name.text().strip(), self.owner.text().strip()
        made.description = self.what.text().strip()
        made.applications.extend(_items(self.applications, before.applications, names))
        made.subjects.extend(_items(self.subjects, before.subjects, phrases))
        made.certificates.extend(_items(self.certificates, before.certificates, phrases))
        calls = [word for word in before.calls if word != "explain"]
        made.calls.extend([*calls, "explain"] if self.explain.isChecked() else calls or ["decide"])
        made.grants.extend(word for word, on in (("ask", self.ask.isChecked()), ("consent", consent)) if on)
        made.consent_key = self.key.text().strip() if consent else ""
        made.bundles, made.reports = self.bundles.isChecked(), self.reports.isChecked()
        if self.rate.value():
            made.rate.CopyFrom(caller_pb2.CallerRate(per_second=self.rate.value(), burst=self.burst.value()))
        return made


def _items(line: QLineEdit, before: Sequence[str], split: Callable[[str], list[str]]) -> list[str]:
    """Return what a line says; what nobody touched is as it was, for a name in a certificate may have a comma."""
    return list(before) if line.text() == ", ".join(before) else split(line.text())
