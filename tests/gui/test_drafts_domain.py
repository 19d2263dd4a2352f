"""What is known of drafts, differences and recovery without a window; and words that an editor offers."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from admin_gui.domain import changes, drafts, rollouts
from admin_gui.domain.completion import Vocabulary
from admin_gui.domain.recovery import Origin, Recovery, unsaved_of
from admin_gui.domain.rights import EVERYTHING, Permission, Rights
from admin_gui.domain.workspace import of_texts
from admin_gui.widgets.code_editor import CodeEditor
from admin_gui.widgets.completing import Completing
from admin_gui.widgets.context import Context
from admin_gui.widgets.find_bar import FindBar
from jingxi_client._gen.pdp.v1 import bundle_pb2, control_pb2, types_pb2

SAVED, SUBMITTED, APPROVED = (
    control_pb2.STEP_KIND_SAVED,
    control_pb2.STEP_KIND_SUBMITTED,
    control_pb2.STEP_KIND_APPROVED,
)
OPEN, IN = control_pb2.DRAFT_STATE_OPEN, control_pb2.DRAFT_STATE_SUBMITTED


def draft(state: control_pb2.DraftState, *steps: tuple[control_pb2.StepKind, str, str]) -> control_pb2.Draft:
    made = [control_pb2.Step(kind=kind, actor=who, sources=text) for kind, who, text in steps]
    return control_pb2.Draft(name="d", state=state, sources="x", steps=made)


def rights(account: str, *permissions: Permission) -> Rights:
    return Rights(account, frozenset(permissions))


WRITTEN = (SAVED, "wei", "x")
HANDED = (SUBMITTED, "wei", "x")


@pytest.mark.parametrize(
    ("found", "whose", "offered"),
    [
        (draft(OPEN, WRITTEN), rights("wei", "policy_write"), {"open", "edit", "submit", "delete"}),
        (draft(OPEN, WRITTEN), rights("lan", "policy_approve", "policy_publish"), {"open"}),
        (draft(IN, WRITTEN, HANDED), rights("wei", "policy_write", "policy_approve"), {"open", "delete", "return"}),
        (draft(IN, WRITTEN, HANDED), rights("lan", "policy_approve", "policy_publish"), {"open", "return", "approve"}),
        (draft(IN, WRITTEN, HANDED), rights("lan", "policy_publish", "policy_emergency"), {"open", "emergency"}),
        (draft(IN, WRITTEN, HANDED, (APPROVED, "lan", "x")), rights("lan", "policy_approve", "policy_publish"),
         {"open", "return", "publish"}),
        # An approval of another text, one from before it was handed in again, or one's own counts for nothing.
        (draft(IN, WRITTEN, HANDED, (APPROVED, "lan", "y")), rights("zoe", "policy_publish"), {"open"}),
        (draft(IN, HANDED, (APPROVED, "lan", "x"), HANDED), rights("zoe", "policy_publish"), {"open"}),
        (draft(IN, WRITTEN, HANDED, (APPROVED, "wei", "x")), rights("zoe", "policy_publish"), {"open"}),
        (draft(IN, WRITTEN, HANDED), EVERYTHING, {"open", "delete", "return", "publish"}),
        (draft(IN, WRITTEN, HANDED), rights("eve", "policy_read"), {"open"}),
    ],
)  # fmt: skip
def test_only_what_may_be_done_is_offered(found: control_pb2.Draft, whose: Rights, offered: set[str]) -> None:
    assert drafts.actions(found, whose) == offered


def test_saves_of_one_person_are_one_line() -> None:
    steps = [control_pb2.Step(kind=SAVED, actor=who, reason=why) for who, why in (("a", "why"), ("a", ""), ("b", ""))]
    assert [(one.who, one.count, one.why) for one in drafts.step_lines(steps)] == [("b", 1, ""), ("a", 2, "why")]


def test_files_are_brought_up_where_one_side_changed_them() -> None:
    base = {"same": "1", "mine": "1", "theirs": "1", "both": "1", "gone": "1", "agreed": "1"}
    mine = {"same": "1", "mine": "2", "theirs": "1", "both": "2", "gone": "1", "agreed": "3", "new": "n"}
    theirs = {"same": "1", "mine": "1", "theirs": "3", "both": "3", "agreed": "3", "more": "m"}
    found = drafts.bring_up(base, mine, theirs)
    assert found.texts == {
        "same": "1", "mine": "2", "theirs": "3", "both": "2", "agreed": "3", "new": "n", "more": "m",
    }  # fmt: skip
    assert found.open == ["both"]


def test_lines_are_numbered_and_paired() -> None:
    diff = "@@ -3,4 +3,4 @@\n a\n-b\n-c\n+B\n d\n\\ No newline at end of file\n@@ -20 +20,2 @@\n z\n+y\n"
    rows = changes.side_by_side(list(changes.diff_lines(diff)))
    assert [(row.mark, row.before, row.left, row.after, row.right) for row in rows if row.mark != "@"] == [
        (" ", 3, "a", 3, "a"), ("~", 4, "b", 4, "B"), ("-", 5, "c", 0, ""), (" ", 6, "d", 5, "d"),
        (" ", 20, "z", 20, "z"), ("+", 0, "", 21, "y"),
    ]  # fmt: skip


def test_every_subject_of_a_change_has_words() -> None:
    known = set(control_pb2.ChangeSubject.values()) - {control_pb2.CHANGE_SUBJECT_UNSPECIFIED}
    assert set(changes.SUBJECTS) == known
    made = control_pb2.Changes(
        files=[control_pb2.FileDiff(path="f")],
        meaning=[
            control_pb2.MeaningChange(
                subject=control_pb2.ChangeSubject.Name(subject), id=str(subject), kind=control_pb2.CHANGE_KIND_ADDED
            )
            for subject in sorted(known)
        ],
    )
    made.meaning[-1].may_unmask = True
    found = changes.meanings(made)
    assert found[0].subject.zh == "失效规则"  # what may show more comes first
    assert changes.summary(made).en.startswith(f"{len(known)} changes, 1 of which")


def test_labels_of_nodes_are_read() -> None:
    assert rollouts.parse_labels("ring=canary， site = gz") == {"ring": "canary", "site": "gz"}
    for wrong in ("ring", "=x", "ring=", "a=b,,"):
        with pytest.raises(ValueError, match=r".*"):
            rollouts.parse_labels(wrong)


def test_unsaved_texts_come_back_and_others_are_not_overwritten(tmp_path: Path) -> None:
    recovery, origin = Recovery(tmp_path / "unsaved"), Origin("draft", "wei@host:1", "d")
    workspace = of_texts({"a": "1", "b": "1"})
    workspace.write("a", "2")
    workspace.write("新", "n")
    assert recovery.keep(unsaved_of(origin, workspace, 7, version=3, base=2))
    found = recovery.find(origin)
    assert found is not None
    assert (found.version, found.base, list(recovery.drafts("wei@host:1"))) == (3, 2, [found])
    assert not list(recovery.drafts("lan@host:1"))
    later = of_texts({"a": "theirs", "b": "1"})
    found.put_into(later)
    assert later.texts == {"a": "2", "b": "1", "新": "n"}
    assert later.kept["a"] == "1"  # so a save sees that theirs is another one
    assert recovery.path_of(origin).stat().st_mode & 0o077 == 0
    recovery.path_of(origin).write_text("{}")
    assert recovery.find(origin) is None
    aside = recovery.set_aside(origin)
    assert aside is not None
    assert aside.exists()
    recovery.forget(origin)
    (tmp_path / "file").write_text("")
    assert not Recovery(tmp_path / "file").keep(unsaved_of(origin, workspace, 7))


@pytest.fixture
def vocabulary() -> Vocabulary:
    def text(zh: str, en: str) -> types_pb2.LocalizedText:
        return types_pb2.LocalizedText(zh=zh, en=en)

    menu = bundle_pb2.AttributeDefinition(name="context.menu", label=text("菜单", "menu"))
    menu.allowed_values.add(value=types_pb2.Value(string_value="1201"), label=text("销户", "closing"))
    level = bundle_pb2.AttributeDefinition(name="subject.level", label=text("级别", "level"))
    return Vocabulary(
        bundle_pb2.Bundle(
            attributes=[menu, level],
            fields=[bundle_pb2.FieldDefinition(id="mobile", level="C2", label=text("手机号", "mobile number"))],
            masks=[types_pb2.Mask(name="mobile-mask", algorithm="keep")],
        )
    )


@pytest.mark.parametrize(
    ("before", "offered"),
    [
        ("  - con", ["context.menu"]),
        ("  when: ['context.menu == \"1", ["1201"]),
        ('  when: [\'context.menu == "1201" && subj', ["subject.level"]),
        ("  fields: [mob", ["mobile"]),
        ("  fields: [手机", ["mobile"]),
        ("  mask: mob", ["mobile-mask"]),
        ("  level: C", ["C2"]),
        ("  zzzz", []),
    ],
)
def test_words_fit_their_place(vocabulary: Vocabulary, before: str, offered: list[str]) -> None:
    assert [word.text for word in vocabulary.fitting(before)] == offered


def test_a_word_is_offered_explained_and_written(qtbot: QtBot, context: Context, vocabulary: Vocabulary) -> None:
    editor = CodeEditor(context)
    qtbot.addWidget(editor)
    completing = Completing(context, editor)
    assert completing.offer() == []
    completing.learn(vocabulary)
    editor.resize(500, 200)
    editor.show()
    editor.show_text("fields: [")
    editor.go_to(1, 10)
    editor.insertPlainText("mob")
    [word] = completing.offer()
    assert completing.completer.popup().isVisible()
    assert "手机号" in completing.completer.completionModel().index(0, 0).data()
    completing.take(word)
    assert editor.toPlainText() == "fields: [mobile"
    assert completing._explain("fields: [mobile]", 11) == "mobile: 手机号（字段，C2 级）"
    assert completing._explain('when: context.menu == "1201"', 24).startswith("1201: 销户")
    assert completing._explain("# nothing", 0) == ""
    completing.completer.popup().hide()


def test_words_are_found_and_replaced_at_once(qtbot: QtBot, context: Context) -> None:
    editor = CodeEditor(context)
    bar = FindBar(context, editor)
    qtbot.addWidget(editor)
    qtbot.addWidget(bar)
    editor.show_text("Level: 1\nlevel: 2\nother: level\n")
    bar.begin()
    bar.words.setText("level")
    assert bar.said.zh == "3 处"
    bar._case.setChecked(True)
    assert bar.said.zh == "2 处"
    assert bar.next()
    assert editor.textCursor().blockNumber() == 1
    assert bar.next()
    assert bar.next()  # from the top again
    assert editor.textCursor().blockNumber() == 1
    bar.other.setText("rank")
    bar.replace_one()
    assert editor.toPlainText() == "Level: 1\nrank: 2\nother: level\n"
    bar._case.setChecked(False)
    assert bar.replace_all() == 2
    assert editor.toPlainText() == "rank: 1\nrank: 2\nother: rank\n"
    editor.undo()
    assert editor.toPlainText() == "Level: 1\nrank: 2\nother: level\n"
    bar.words.setText("nothing")
    assert not bar.next()
    assert bar.said.zh == "未找到"
    editor.setReadOnly(True)
    bar.words.setText("rank")
    assert bar.replace_all() == 0
    bar.leave()
    assert not bar.isVisible()
