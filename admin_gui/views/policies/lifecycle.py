"""The life of a change at a service, page by page: text, drafts and review, comparison, impact, revisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtWidgets import QFileDialog, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from admin_gui.domain.say import Say
from admin_gui.domain.workspace import WorkspaceError, open_folder
from admin_gui.services.policies import Policies
from admin_gui.services.texts import text_of
from admin_gui.views.policies.bringing import Bringing
from admin_gui.views.policies.catalogue import Catalogue
from admin_gui.views.policies.compare import ComparePage, ImpactPage, choices, mine
from admin_gui.views.policies.convergence import Convergence
from admin_gui.views.policies.drafts import DraftsPage
from admin_gui.views.policies.history import HistoryPage
from admin_gui.views.policies.session import Session
from admin_gui.views.policies.workbench import Workbench
from admin_gui.views.screen import Command, Desk
from admin_gui.widgets.banner import Banner
from admin_gui.widgets.empty import Empty
from jingxi_client._gen.pdp.v1 import control_pb2

_TEXT: Final = Say("文本", "Text")
_DRAFTS: Final = Say("草稿与复核", "Drafts and review")
_COMPARE: Final = Say("比较", "Compare")
_IMPACT: Final = Say("影响", "Impact")
_HISTORY: Final = Say("版本", "Revisions")
_NEW: Final = Say("建立草稿", "Begin a draft")
_NOTHING: Final = Say("还没有发布任何版本", "Nothing is published yet")
_NOTHING_ABOUT: Final = Say(
    "从一个策略目录建立第一份草稿，提交并发布后，各节点开始按它裁决。",
    "Begin the first draft from a policy folder; once it is handed in and published, the nodes decide by it.",
)
_IMPORT: Final = Say("从目录导入…", "From a folder…")
_CHOOSE: Final = Say("选择策略目录", "Choose a policy folder")
_BROUGHT: Final = Say("草稿 {name} 已更新到现行版本。", "Draft {name} is brought up to what is in force.")
_LEFT: Final = Say(
    "草稿 {name} 已更新。双方都改过 {files}：保留了草稿的文本，请与现行版本比较后手工合入。",
    "Draft {name} is brought up to date. Both sides changed {files}: the draft's text stays there; compare it with "
    "what is in force and bring the rest in by hand.",
)


class Lifecycle(QWidget):
    """Pages over one catalogue; what is done on one is seen on the others."""

    def __init__(self, desk: Desk, workbench: Workbench, banner: Banner) -> None:
        super().__init__()
        self._desk, self._workbench, self._banner = desk, workbench, banner
        self._context = context = desk.context
        policies = Policies(desk.connection)
        self._loaded = False
        self._to_submit = ""
        self._bringing = Bringing(policies, self)
        self.catalogue = Catalogue(policies, self)
        self.session = Session(desk, workbench, banner)
        self.convergence = Convergence(context, desk.connection)
        self.drafts = DraftsPage(desk, self.catalogue, banner)
        self.compare = ComparePage(desk, banner)
        self.impact = ImpactPage(desk, banner)
        self.history = HistoryPage(desk, self.catalogue, banner)
        self.tabs = QTabWidget(documentMode=True)
        self._text = self._text_page()
        pages: list[tuple[QWidget, Say]] = [
            (self._text, _TEXT), (self.drafts, _DRAFTS), (self.compare, _COMPARE), (self.impact, _IMPACT),
            (self.history, _HISTORY),
        ]  # fmt: skip
        for page, say in pages:
            if page is not self.impact or desk.rights.may("simulate"):
                context.language.bind(self.tabs, partial(self.tabs.setTabText, self.tabs.addTab(page, "")), say)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.convergence)
        column.addWidget(self.tabs, 1)
        self.tabs.currentChanged.connect(lambda _: self._turned())
        self._connect()

    def load(self) -> None:
        """Read the lists again; the text that is shown stays."""
        self.catalogue.refresh()
        if not self._loaded:
            self._loaded = True
            self.session.show_head()
            self.session.recover()

    def commands(self) -> Sequence[Command]:
        """What can be done here."""
        return (Command("begin-draft", _NEW, self.session.begin),) if self._may_write else ()

    def leave(self) -> None:
        """Keep what is unsaved at once."""
        self.session.leave()

    def save(self) -> bool:
        """Save the draft; return True, for it is on its way."""
        self.session.save()
        return True

    def may_leave(self, then: Callable[[], object]) -> bool:
        """Whether nothing is unsaved; otherwise it is saved or asked about, and goes on with `then`."""
        return self.session.may_leave(then)

    def show_text(self) -> None:
        """Turn to the page with the text."""
        self.tabs.setCurrentWidget(self._text)

    def import_folder(self, folder: Path) -> None:
        """Ask for the name of a draft with the text of a folder."""
        try:
            found = open_folder(folder)
        except WorkspaceError as error:
            self._banner.say(Say(str(error), str(error)), "danger")
            return
        self.session.begin_folder(folder.name, found.texts)

    @property
    def _may_write(self) -> bool:
        return self._desk.rights.may("policy_write")

    def _text_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.session)
        column.addWidget(self._workbench, 1)
        self._empty = Empty(self._context, "policies", _NOTHING, _NOTHING_ABOUT)
        if self._may_write:
            self._empty.offer(_IMPORT, self._choose_folder, primary=True)
        self._stack = QStackedWidget()
        self._stack.addWidget(page)
        self._stack.addWidget(self._empty)
        return self._stack

    def _connect(self) -> None:
        session, review, catalogue = self.session, self.drafts.review, self.catalogue
        session.shown.connect(self._shown)
        session.nothing_published.connect(lambda: self._stack.setCurrentIndex(1))
        session.changed.connect(lambda _: catalogue.refresh())
        session.compare_wanted.connect(self._compare)
        session.submit_wanted.connect(self._submit)
        self.drafts.new_wanted.connect(session.begin)
        self.drafts.import_wanted.connect(self._choose_folder)
        review.opened.connect(lambda draft: session.open_draft(draft.name))
        review.done.connect(self._done)
        review.published.connect(self._published)
        review.bring_up.connect(lambda draft: self._bringing.begin(draft, catalogue.head))
        self.history.text_wanted.connect(session.show_revision)
        self.history.compare_wanted.connect(lambda number: self._compare(f"revision:{number}", "head"))
        self.history.published.connect(self._published)
        self._bringing.done.connect(self._brought)
        self._bringing.failed.connect(self._banner.tell)
        catalogue.drafts_changed.connect(self._offer)
        catalogue.drafts_changed.connect(self._listed)
        catalogue.revisions_changed.connect(self._offer)
        catalogue.failed.connect(lambda failure: self._banner.tell(failure, catalogue.refresh))

    def _shown(self) -> None:
        self._stack.setCurrentIndex(0)
        self.show_text()
        self._offer()
        self._desk.routes.workspace_opened.emit(self.session.autosave.workspace)

    def _turned(self) -> None:
        if self.tabs.currentWidget() in (self.compare, self.impact):
            self._offer()
            self.compare.compare()

    def _offer(self) -> None:
        """Tell comparison and impact what there is."""
        found = choices(self.catalogue.drafts, self.catalogue.revisions)
        workspace = self._workbench.workspace
        own = mine(text_of(workspace.texts)) if self.session.name and workspace is not None else None
        self.compare.offer(found, own)
        self.impact.offer(found, own)

    def _compare(self, before: str, after: str) -> None:
        self.tabs.setCurrentWidget(self.compare)
        self._offer()
        self.compare.choose(before, after)

    def _submit(self, name: str) -> None:
        """Show the draft with what it changes, and ask before it is handed in: once it is read as it was saved."""
        self.tabs.setCurrentWidget(self.drafts)
        self._to_submit = name
        self.drafts.choose(name)
        self.catalogue.refresh()

    def _listed(self) -> None:
        name, self._to_submit = self._to_submit, ""
        draft = self.drafts.review.draft
        if name and draft is not None and draft.name == name:
            self.drafts.review.submit()

    def _done(self, name: str) -> None:
        self.catalogue.refresh()
        self.session.look_again(name)

    def _published(self, number: int) -> None:
        self.catalogue.refresh()
        self.convergence.follow(number)
        if self.session.shows_head:
            self.session.show_head()
        self._desk.routes.published.emit(number)

    def _brought(self, draft: control_pb2.Draft, left: list[str]) -> None:
        said = _LEFT.filled(name=draft.name, files=", ".join(left)) if left else _BROUGHT.filled(name=draft.name)
        self._banner.say(said, "warning" if left else "info")
        self._done(draft.name)

    def _choose_folder(self) -> None:
        before = str(self._context.settings.value("start/folder", str(Path.home())))
        dialog = QFileDialog(self, self._context.language(_CHOOSE), before)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda path: self.import_folder(Path(path)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
