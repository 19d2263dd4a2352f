"""Asks for an account, a change of one, a reset or its end; somebody else judges it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QSpinBox, QTreeWidget, QTreeWidgetItem, QWidget

from admin_gui.domain import accounts as words
from admin_gui.domain.say import Say
from admin_gui.views.accounts.form import Form, columns, names
from admin_gui.widgets.context import Context
from admin_gui.widgets.fields import field
from jingxi_client._gen.pdp.v1 import account_pb2

_TITLES: Final = {
    account_pb2.REQUEST_KIND_CREATE: Say("申请新账户", "Ask for an account"),
    account_pb2.REQUEST_KIND_CHANGE: Say("申请变更 {name}", "Ask for a change of {name}"),
    account_pb2.REQUEST_KIND_RESET: Say("申请重置 {name}", "Ask for a reset of {name}"),
    account_pb2.REQUEST_KIND_CLOSE: Say("申请注销 {name}", "Ask for the end of {name}"),
}
_ABOUT: Final = {
    account_pb2.REQUEST_KIND_CREATE: Say(
        "由他人复核、批准后执行；执行时显示一次初始口令。",
        "Others review and approve it; a first password is shown once when it is carried out.",
    ),
    account_pb2.REQUEST_KIND_CHANGE: Say(
        "由他人复核、批准后执行。其间账户若有变动，此申请作废。",
        "Others review and approve it. When the account changes in between, the request is void.",
    ),
    account_pb2.REQUEST_KIND_RESET: Say(
        "丢失口令或验证器时：清除登录方式，发给一次性的新口令。",
        "For lost passwords and authenticators: factors are taken away, and a password for one use is given.",
    ),
    account_pb2.REQUEST_KIND_CLOSE: Say(
        "清除权限、登录方式、设备与会话；用户名不再可用。",
        "Rights, factors, devices and sessions go for good; the name stays taken.",
    ),
}
_NAME: Final = Say("用户名", "Account name")
_NAME_HINT: Final = Say("小写字母、数字与 . _ - @", "lower-case letters, digits and . _ - @")
_OWNER: Final = Say("责任人", "The person who answers for it")
_BRANCH: Final = Say("机构", "Branch")
_LEVEL: Final = Say("级别", "Level")
_RIGHTS: Final = Say("权限（按需勾选，可限定应用与机构，以逗号分隔）", "Rights, each within applications and branches")
_HEADS: Final = (Say("权限", "Right"), Say("限应用", "Applications"), Say("限机构", "Branches"))
_BROUGHT: Final = Say("{right}（级别自带）", "{right} (by level)")
_NETWORKS: Final = Say("限网络（CIDR，逗号分隔）", "Networks alone (CIDR, with commas)")
_IDENTITY: Final = Say("身份提供方的用户标识（单点登录）", "Subject at the OpenID provider")
_AUTHORITY: Final = Say("授权层级", "Level of authority")
_RISK: Final = Say("风险", "Risk")
_WHY_RISK: Final = Say("风险说明", "Why that risk")
_ASK: Final = Say("提交申请", "Ask")
_PERMISSION: Final = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class Asked:
    """What is asked for."""

    kind: account_pb2.RequestKind
    wanted: account_pb2.Account
    risk: str
    reason: str


class AskForAccount(Form):
    """A form for a request; a reset and an end need only risk and reason."""

    asked = Signal(object)
    """An `Asked`; whoever asks lets the form `follow` the call."""

    def __init__(
        self, context: Context, parent: QWidget, kind: account_pb2.RequestKind, account: account_pb2.Account
    ) -> None:
        super().__init__(context, parent, _TITLES[kind].filled(name=account.name), _ABOUT[kind], _ASK)
        self._kind, self._account = kind, account
        self._form = kind in (account_pb2.REQUEST_KIND_CREATE, account_pb2.REQUEST_KIND_CHANGE)
        self.level, self.risk = QComboBox(), QComboBox()
        self.tree = QTreeWidget()
        self.authority = QSpinBox(maximum=1_000_000)
        if self._form:
            self._add_account()
        left, right = columns(self, 1, 3)
        self.named(left, _RISK, self.risk)
        for value, say in words.RISKS:
            self.risk.addItem(context.language(say), value)
        self.why_risk = field(context, right, _WHY_RISK)
        self.finish()

    def grant(self, permission: account_pb2.Permission, applications: str = "", branches: str = "") -> None:
        """Tick a right, as tests do."""
        for item in self._items():
            if item.data(0, _PERMISSION) == permission:
                item.setCheckState(0, Qt.CheckState.Checked)
                item.setText(1, applications)
                item.setText(2, branches)

    def _add_account(self) -> None:
        context, account = self.context, self._account
        left, right = columns(self, 1, 1)
        self.name = field(context, left, _NAME, hint=_NAME_HINT)
        self.owner = field(context, right, _OWNER)
        self.branch = field(context, left, _BRANCH)
        self.named(right, _LEVEL, self.level)
        for value, say in words.LEVELS.items():
            self.level.addItem(context.language(say), value)
        self.level.setCurrentIndex(self.level.findData(account.level or account_pb2.ACCOUNT_LEVEL_RESTRICTED))
        self.named(self.column, _RIGHTS, self.tree)
        self.tree.setRootIsDecorated(False)
        self.tree.setFixedHeight(212)
        self.tree.setHeaderLabels([context.language(say) for say in _HEADS])
        self.tree.setColumnWidth(0, 230)
        self.tree.setColumnWidth(1, 140)
        self.tree.setEditTriggers(QTreeWidget.EditTrigger.DoubleClicked | QTreeWidget.EditTrigger.EditKeyPressed)
        self.level.currentIndexChanged.connect(lambda _: self._fill(self._kept()))
        self._fill({right.permission: right for right in account.rights})
        self.networks = field(context, self.column, _NETWORKS)
        one, two = columns(self, 2, 1)
        self.subject = field(context, one, _IDENTITY)
        self.named(two, _AUTHORITY, self.authority)
        for line, text in (
            (self.name, account.name), (self.owner, account.owner), (self.branch, account.branch),
            (self.networks, ", ".join(account.networks)), (self.subject, account.oidc.subject),
        ):  # fmt: skip
            line.setText(text)
        self.name.setReadOnly(self._kind == account_pb2.REQUEST_KIND_CHANGE)
        self.authority.setValue(account.authority_level)

    def _fill(self, given: dict[int, account_pb2.Right]) -> None:
        level, language = self.level.currentData(), self.context.language
        self.tree.clear()
        for permission in sorted(words.MAY_HAVE[level]):
            said = words.word(words.PERMISSIONS, permission)
            brought = permission in words.BRINGS[level]
            right = given.get(permission, account_pb2.Right())
            item = QTreeWidgetItem([
                language(_BROUGHT.filled(right=said) if brought else said), ", ".join(right.scope.applications),
                ", ".join(right.scope.branches),
            ])  # fmt: skip
            item.setData(0, _PERMISSION, permission)
            ticked = brought or permission in given
            item.setCheckState(0, Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            flags = item.flags() | Qt.ItemFlag.ItemIsEditable
            item.setFlags(flags if not brought else flags & ~Qt.ItemFlag.ItemIsEnabled)
            self.tree.addTopLevelItem(item)

    def _items(self) -> list[QTreeWidgetItem]:
        found = (self.tree.topLevelItem(row) for row in range(self.tree.topLevelItemCount()))
        return [item for item in found if item is not None]

    def _kept(self) -> dict[int, account_pb2.Right]:
        """Return the rights that are ticked, but for those that the level brings anyway."""
        found: dict[int, account_pb2.Right] = {}
        for item in self._items():
            if item.checkState(0) == Qt.CheckState.Checked and item.flags() & Qt.ItemFlag.ItemIsEnabled:
                permission = item.data(0, _PERMISSION)
                scope = account_pb2.Scope(applications=names(item.text(1)), branches=names(item.text(2)))
                right = account_pb2.Right(permission=permission)
                if scope.ByteSize():
                    right.scope.CopyFrom(scope)
                found[permission] = right
        return found

    def enter(self) -> None:
        """Look at what was entered, and ask."""
        needed = [(self.why_risk, _WHY_RISK)]
        if self._form:
            needed = [(self.name, _NAME), (self.owner, _OWNER), *needed]
        for line, say in needed:
            if not line.text().strip():
                self.missing(line, say)
                return
        if not (reason := self.why):
            return
        wanted = self._wanted() if self._form else account_pb2.Account(name=self._account.name)
        risk = f"{self.risk.currentData()}: {self.why_risk.text().strip()}"
        self.asked.emit(Asked(self._kind, wanted, risk, reason))

    def _wanted(self) -> account_pb2.Account:
        wanted = account_pb2.Account()
        wanted.CopyFrom(self._account)
        wanted.name, wanted.owner = self.name.text().strip(), self.owner.text().strip()
        wanted.branch, wanted.level = self.branch.text().strip(), self.level.currentData()
        wanted.authority_level = self.authority.value()
        for part in ("rights", "networks"):
            wanted.ClearField(part)
        wanted.rights.extend(self._kept().values())
        wanted.networks.extend(names(self.networks.text()))
        if self.subject.text().strip() != wanted.oidc.subject or not wanted.oidc.subject:
            wanted.ClearField("oidc")
            if self.subject.text().strip():
                wanted.oidc.subject = self.subject.text().strip()
        return wanted
