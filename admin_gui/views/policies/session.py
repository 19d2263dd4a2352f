"""Which text is on the workbench: what is in force, an earlier revision, or a draft that is saved as it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from admin_gui.domain import drafts
from admin_gui.domain.failure import Failure
from admin_gui.domain.recovery import Origin, Unsaved
from admin_gui.domain.say import Say
from admin_gui.domain.workspace import Workspace, of_texts
from admin_gui.services.policies import Policies
from admin_gui.views.policies import questions
from admin_gui.views.policies.autosave import Autosave
from admin_gui.views.policies.conflict import Conflict
from admin_gui.views.policies.keeping import Keeper, offer
from admin_gui.views.policies.latest import Latest
from admin_gui.views.policies.session_line import SessionLine, Standing
from admin_gui.views.policies.workbench import Workbench
from admin_gui.views.screen import Desk
from admin_gui.widgets.ask import Ask
from admin_gui.widgets.banner import Banner
from jingxi_client._gen.pdp.v1 import control_pb2, policy_service_pb2

_HEAD_WORD: Final = Say("现行版本 {number} ", "revision {number}, which is in force")
_OLD_WORD: Final = Say("版本 {number} ", "revision {number}")
_FOLDER_WORD: Final = Say("目录 {name} ", "folder {name}")
_BEGUN: Final = Say("草稿 {name} 已建立，修改会自动保存。", "Draft {name} is begun; changes are saved by themselves.")
_RESTORED: Final = Say("已恢复草稿 {name} 中未保存的修改。", "The unsaved changes of draft {name} are here again.")


class Session(QWidget):
    """Puts texts on the workbench, and keeps the one that is a draft."""

    shown = Signal()
    """Another text is on the workbench."""
    nothing_published = Signal()
    """There is no text in force yet."""
    changed = Signal(str)
    """A draft of this name was begun or changed: lists are to be read again."""
    compare_wanted = Signal(str, str)
    """Compare these, by the keys of choices; `mine` is what is on the workbench."""
    submit_wanted = Signal(str)
    """Hand in the draft of this name, which is saved."""

    def __init__(self, desk: Desk, workbench: Workbench, banner: Banner) -> None:
        super().__init__()
        self._desk, self._workbench, self._banner = desk, workbench, banner
        self._context = context = desk.context
        self._policies = Policies(desk.connection)
        self._reading, self._doing = Latest(), Latest()
        self._number, self._head = -1, 0
        self._read_only: control_pb2.Draft | None = None
        self._theirs: policy_service_pb2.GetDraftResponse | None = None
        self._then: Callable[[], object] | None = None
        self._go_on: Callable[[], object] | None = None
        self._leaving = self._is_asked = False
        self.ask: Ask | None = None
        """The last question, for tests."""
        self.autosave = Autosave(self._policies, self)
        self.keeper = Keeper(context, self)
        self.conflict = Conflict(context)
        self.autosave.changed.connect(self._became)
        self.autosave.saved.connect(self._saved)
        self.autosave.failed.connect(self._not_saved)
        self.autosave.conflicted.connect(self._conflicted)
        self.conflict.compare_wanted.connect(lambda: self.compare_wanted.emit(f"draft:{self.name}", "mine"))
        self.conflict.theirs_wanted.connect(self._ask_theirs)
        self.conflict.save_as_wanted.connect(self._ask_save_as)
        workbench.edited.connect(self._edited)
        self.line = SessionLine(
            context, desk.rights, begin=self.begin, compare=self._compare, submit=self._submit, close=self.show_head
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 4)
        column.addWidget(self.line)
        column.addWidget(self.conflict)
        self._write()

    @property
    def name(self) -> str:
        """The name of the draft that is open for writing; empty for none."""
        return "" if self.autosave.draft is None else self.autosave.draft.name

    @property
    def shows_head(self) -> bool:
        """Whether what is in force is on the workbench, or nothing is."""
        return self._standing.is_head

    @property
    def where(self) -> str:
        """Whose texts of which service these are, for what is kept on this machine."""
        return f"{self._desk.rights.account}@{self._desk.connection.endpoint.address}"

    # What is shown.

    def show_head(self) -> None:
        """Show what is in force; what was written of a draft is saved first."""
        self._once_saved(lambda: self._show_revision(0))

    def show_revision(self, number: int) -> None:
        """Show the text of a revision."""
        self._once_saved(lambda: self._show_revision(number))

    def open_draft(self, name: str, unsaved: Unsaved | None = None) -> None:
        """Show a draft, to be written where that may be; with `unsaved` what was written before a crash."""
        if name == self.name and unsaved is None:
            self.shown.emit()
            return

        def read() -> None:
            self._let_go()
            self._reading.follow(
                self._policies.draft(name),
                lambda answer: self._opened(answer, unsaved),
                lambda failure: self._not_opened(failure, name, unsaved),
            )

        self._once_saved(read)

    def look_again(self, name: str) -> None:
        """The draft of this name was handed in, handed back, published or deleted elsewhere in the window."""
        draft, workspace = self.autosave.draft or self._read_only, self.autosave.workspace
        if draft is None or draft.name != name:
            return
        if workspace is not None and workspace.changed and self.autosave.state != "conflict":
            # Saving it will tell.
            return
        self._let_go()
        self._reading.follow(
            self._policies.draft(name), lambda answer: self._opened(answer, None), lambda _: self.show_head()
        )

    def begin(self) -> None:
        """Ask for the name of a draft from the text that is shown."""
        workspace = self._workbench.workspace
        if workspace is not None:
            what = (_HEAD_WORD if self._number == self._head else _OLD_WORD).filled(number=self._number)
            self.begin_from(workspace.texts, what)

    def begin_folder(self, name: str, texts: Mapping[str, str]) -> None:
        """Ask for the name of a draft from a folder."""
        self.begin_from(texts, _FOLDER_WORD.filled(name=name))

    def begin_from(self, texts: Mapping[str, str], what: Say) -> None:
        """Ask for the name of a draft with this text, and begin it."""
        self.ask = questions.new_draft(self._context, self, what, "")
        self.ask.answered.connect(lambda told: self._save_new(dict(texts), told["name"], told["reason"]))

    # What is kept.

    def recover(self) -> None:
        """Offer what a program that crashed has left of drafts here, one after the other."""
        if not self._desk.rights.may("policy_write"):
            return
        for unsaved in self.keeper.found_drafts(self.where):
            self.ask = ask = offer(self._context, self, unsaved)
            ask.answered.connect(lambda _, found=unsaved: self.open_draft(found.origin.name, found))
            ask.chosen.connect(lambda _, found=unsaved: self._discard(found))
            return

    def _discard(self, unsaved: Unsaved) -> None:
        self.keeper.forget(unsaved.origin)
        self.recover()

    def save(self) -> None:
        """Save the draft now."""
        self.autosave.save()

    def leave(self) -> None:
        """Keep what is unsaved at once: the connection may end while it is not shown."""
        self.keeper.write()
        self.autosave.save()

    def may_leave(self, then: Callable[[], object]) -> bool:
        """Whether the draft is saved, or whoever wrote it leaves without. Otherwise it is saved, and then `then`."""
        workspace = self.autosave.workspace
        if workspace is None or not workspace.changed:
            self.keeper.drop()
            return True
        self.keeper.write()
        if self._leaving:
            return True
        self._go_on = then
        if self.autosave.state in ("conflict", "failed", "away"):
            self._ask_to_leave(then)
        else:
            self._then = then
            self.autosave.save()
        return False

    # What comes of it.

    def _show_revision(self, number: int) -> None:
        self._let_go()
        self._reading.follow(
            self._policies.revision(number, with_sources=True), self._revision_read, self._revision_failed
        )

    def _revision_read(self, answer: policy_service_pb2.GetRevisionResponse) -> None:
        self._number, self._head = answer.revision.number, answer.head.revision
        self._put(of_texts({file.path: file.text for file in answer.sources.files}), read_only=True)

    def _revision_failed(self, failure: Failure) -> None:
        if failure.code == "NOT_FOUND":
            self.nothing_published.emit()
        else:
            self._banner.tell(failure, self.show_head)

    def _opened(self, answer: policy_service_pb2.GetDraftResponse, unsaved: Unsaved | None) -> None:
        draft = answer.draft
        workspace = of_texts({file.path: file.text for file in answer.sources.files})
        may = "edit" in drafts.actions(draft, self._desk.rights)
        if unsaved is not None:
            unsaved.put_into(workspace)
            self.keeper.forget(unsaved.origin)
            if not workspace.changed:
                unsaved = None
        if unsaved is None and not may:
            self._read_only = draft
            self._put(workspace, read_only=True)
            return
        self.keeper.follow(Origin("draft", self.where, draft.name), workspace, self._version)
        if unsaved is not None:
            # Saved under the version that was written on: whoever wrote since then is not overwritten.
            draft.version = unsaved.version
            self._banner.say(_RESTORED.filled(name=draft.name))
        # Whoever hears that another text is shown asks which draft it is.
        self.autosave.open(draft, workspace)
        self._put(workspace, read_only=False)
        self.keeper.touch()

    def _not_opened(self, failure: Failure, name: str, unsaved: Unsaved | None) -> None:
        if failure.code != "NOT_FOUND" or unsaved is None:
            self._banner.tell(failure, lambda: self.open_draft(name, unsaved))
            return
        # The draft is gone, and what was written of it is not: it becomes a draft of its own.
        workspace = of_texts({})
        unsaved.put_into(workspace)
        self._ask_save_as(workspace.texts)

    def _put(self, workspace: Workspace, *, read_only: bool) -> None:
        self._workbench.show_workspace(workspace, read_only=read_only)
        self._write()
        self.shown.emit()

    def _once_saved(self, then: Callable[[], object]) -> None:
        """Do something once all of the draft is saved. Where it cannot be, it stays kept on this machine."""
        workspace = self.autosave.workspace
        if workspace is not None and workspace.changed and self.autosave.state in ("changed", "saving"):
            self._then = then
            self.autosave.save()
        else:
            then()

    def _let_go(self) -> None:
        self._then = None
        self.keeper.end()
        self.autosave.close()
        self.conflict.hide()
        self._read_only, self._theirs, self._number = None, None, -1
        self._write()

    def _edited(self) -> None:
        if self.name:
            self._leaving = False
            self.autosave.touch()
            self.keeper.touch()

    def _saved(self, draft: control_pb2.Draft) -> None:
        self.keeper.touch()
        self._workbench.mark_files()
        self._write()
        self.changed.emit(draft.name)
        workspace = self.autosave.workspace
        if workspace is None or workspace.changed or self._then is None:
            return
        then, self._then = self._then, None
        # Not from within the answer of a call that this may end.
        QTimer.singleShot(0, self, then)

    def _became(self) -> None:
        self._write()
        if self.autosave.state in ("away", "failed", "conflict") and self._then is not None:
            then, self._then = self._then, None
            if then is self._go_on:
                self._ask_to_leave(then)

    def _not_saved(self, failure: Failure) -> None:
        self._banner.tell(failure, self.save)

    def _conflicted(self, failure: Failure, theirs: policy_service_pb2.GetDraftResponse | None) -> None:
        self._theirs = theirs
        self.conflict.tell(failure, theirs)
        self._write()

    def _ask_to_leave(self, then: Callable[[], object]) -> None:
        if self._is_asked:
            return
        self._is_asked = True
        self.ask = ask = questions.leave_unsaved(self._context, self.window())

        def leave(_: object) -> None:
            self._is_asked, self._leaving = False, True
            then()

        def stay() -> None:
            self._is_asked = False

        ask.answered.connect(leave)
        ask.cancelled.connect(stay)

    def _ask_theirs(self) -> None:
        name = self.name
        self.ask = questions.take_theirs(self._context, self)

        def take(_: object) -> None:
            self.keeper.drop()
            self.autosave.close()
            self.open_draft(name)

        self.ask.answered.connect(take)

    def _ask_save_as(self, texts: Mapping[str, str] | None = None) -> None:
        workspace = self.autosave.workspace
        kept = dict(texts or ({} if workspace is None else workspace.texts))
        base = 0 if self.autosave.draft is None else self.autosave.draft.base
        self.ask = questions.save_as(self._context, self, f"{self.name}-2" if self.name else "")
        self.ask.answered.connect(lambda told: self._save_new(kept, told["name"], "", base=base))

    def _save_new(self, texts: dict[str, str], name: str, why: str, *, base: int = 0) -> None:
        def went(answer: policy_service_pb2.SaveDraftResponse) -> None:
            # What was in conflict is saved, under this name.
            self.keeper.drop()
            self.autosave.close()
            self._banner.say(_BEGUN.filled(name=answer.draft.name))
            self.changed.emit(answer.draft.name)
            self.open_draft(answer.draft.name)

        self._doing.follow(
            self._policies.save_draft(name, 0, texts, base=base, reason=why),
            went,
            self._banner.tell,
        )

    # How it looks.

    def _compare(self) -> None:
        draft = self.autosave.draft or self._read_only
        if draft is not None:
            after = "mine" if self.name else f"draft:{draft.name}"
            self.compare_wanted.emit(f"revision:{draft.base}" if draft.base else "head", after)
        else:
            self.compare_wanted.emit(f"revision:{self._number}", "head")

    def _submit(self) -> None:
        name = self.name
        self._once_saved(lambda: self.submit_wanted.emit(name))

    def _version(self) -> tuple[int, int]:
        draft = self.autosave.draft
        return (0, 0) if draft is None else (draft.version, draft.base)

    @property
    def _standing(self) -> Standing:
        if self.autosave.draft is not None:
            return Standing(self._number, self._head, self.autosave.draft, self.autosave.state)
        return Standing(self._number, self._head, self._read_only)

    def _write(self) -> None:
        self.line.show_standing(self._standing)
