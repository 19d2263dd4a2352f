"""How two texts of a policy set differ: by line, and by what it means."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.control.changes import compare, lines, meaning
from pdp.control.changes.lines import file_diffs
from pdp.engine import bundle
from pdp.lang.check import check
from pdp.lang.loader import load_texts
from pdp.v1 import bundle_pb2, control_pb2
from tests.strategies import PROPERTY

ADDED, REMOVED, CHANGED = (
    control_pb2.CHANGE_KIND_ADDED,
    control_pb2.CHANGE_KIND_REMOVED,
    control_pb2.CHANGE_KIND_CHANGED,
)
BASE = """\
kind: Attributes
attributes:
  subject.level: {type: int, label: {zh: 柜员级别, en: teller level}}
  context.menu: {type: string, label: {zh: 菜单, en: menu}}
---
kind: Masks
masks:
  phone: {algorithm: keep, prefix: 3, suffix: 4}
---
kind: Dictionary
defaults: {C1: unmask}
fields:
  name: {label: {zh: 姓名, en: name}, level: C1}
  mobile: {label: {zh: 手机号, en: mobile number}, level: C2, mask: phone}
  id_no: {label: {zh: 身份证号, en: ID number}, level: C3, never_unmask: true}
---
kind: MessageMap
application: core
message: detail
fields: {name: $.name, mobile: $.mobile}
---
kind: Policy
id: core
title: {zh: 核心, en: core}
scope: {context.menu: ["3101", "3102"]}
variables: {senior: subject.level >= 3}
rules:
  - id: senior
    title: {zh: 高级柜员, en: senior tellers}
    when: [vars.senior]
    fields: [mobile]
    unmask: true
  - id: hide
    title: {zh: 隐藏, en: hide}
    when: [context.menu == "3102"]
    fields: [name, id_no]
    mask: phone
    priority: 5
"""


def sources(texts: Mapping[str, str]) -> control_pb2.Sources:
    return control_pb2.Sources(files=[control_pb2.PolicyFile(path=p, text=t) for p, t in sorted(texts.items())])


def built(text: str) -> bundle_pb2.Bundle:
    loaded, diagnostics = load_texts({"all.yaml": text})
    found = check(loaded, diagnostics, analyse=False)
    assert found is not None, diagnostics.sorted()
    return bundle.parse(bundle.build(found))


def told(after: str, before: str | None = BASE) -> control_pb2.Changes:
    return compare(
        None if before is None else sources({"all.yaml": before}),
        sources({"all.yaml": after}),
        bundle_before=None if before is None else built(before),
        bundle_after=built(after),
    )


def only(old: str, new: str) -> control_pb2.MeaningChange:
    """Return the one change that replacing a part of BASE makes."""
    assert old in BASE
    [change] = told(BASE.replace(old, new)).meaning
    return change


def parts(change: control_pb2.MeaningChange) -> dict[str, tuple[str, str]]:
    return {part.part: (part.before.en, part.after.en) for part in change.parts}


class TestMeaning:
    def test_nothing_changed(self) -> None:
        assert told(BASE) == control_pb2.Changes()

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("[vars.senior]", "[ vars.senior ]  # seniors"),
            ('context.menu == "3102"', 'context.menu  ==  "3102"'),
            ("fields: [name, id_no]", "fields: [id_no, name]"),
            ("kind: Policy", "\n\nkind: Policy"),
        ],
    )
    def test_another_layout_is_no_change(self, old: str, new: str) -> None:
        changes = told(BASE.replace(old, new))
        assert not changes.meaning
        assert [file.path for file in changes.files] == ["all.yaml"]

    def test_a_condition(self) -> None:
        change = only('[context.menu == "3102"]', '[context.menu == "3102", subject.level < 2]')
        assert (change.id, change.kind) == ("core/hide", CHANGED)
        assert parts(change) == {
            "when": (
                "the menu is “3102”",
                "the menu is “3102” and the teller level is less than 2",
            )
        }
        assert list(change.fields) == ["id_no", "name"]
        # The default shows the name where the rule does not hold any more.
        assert change.may_unmask
        assert change.title.zh == "隐藏"

    def test_a_masking_rule_that_holds_more_often_shows_nothing(self) -> None:
        change = only('    when: [context.menu == "3102"]\n', "")
        assert parts(change) == {"when": ("the menu is “3102”", "in every case")}
        assert not change.may_unmask

    def test_a_variable_changes_the_rules_that_use_it(self) -> None:
        change = only("senior: subject.level >= 3", "senior: subject.level >= 2")
        assert change.id == "core/senior"
        assert parts(change) == {"when": ("the teller level is at least 3", "the teller level is at least 2")}
        assert change.who.en == "the teller level is at least 3; or the teller level is at least 2"
        assert change.who.zh == "柜员级别不低于 3；或柜员级别不低于 2"
        assert change.may_unmask

    def test_a_scope_is_a_change_of_the_policy(self) -> None:
        change = only('["3101", "3102"]', '["3101"]')
        assert (change.subject, change.id) == (control_pb2.CHANGE_SUBJECT_POLICY, "core")
        assert parts(change) == {"scope": ("the menu is “3101” or “3102”", "the menu is “3101”")}
        assert list(change.fields) == ["id_no", "mobile", "name"]
        # One of its rules holds for everybody.
        assert change.who.en == ""
        assert change.may_unmask

    def test_fields_of_a_rule_are_those_that_came_and_went(self) -> None:
        change = only("fields: [name, id_no]", "fields: [name, mobile]")
        assert parts(change) == {"fields": ("ID number, name", "mobile number, name")}
        assert list(change.fields) == ["id_no", "mobile"]
        assert not change.may_unmask  # id_no can never be shown, and mobile is masked more

    @pytest.mark.parametrize(("priority", "shown"), [("6", False), ("4", True)])
    def test_a_priority(self, priority: str, *, shown: bool) -> None:
        change = only("priority: 5", f"priority: {priority}")
        assert parts(change) == {"priority": ("5", priority)}
        assert change.may_unmask is shown

    def test_an_effect(self) -> None:
        change = only("fields: [mobile]\n    unmask: true", "fields: [mobile]\n    mask: phone")
        assert parts(change) == {"effect": ("show in clear", "mask")}
        assert not change.may_unmask

    def test_obligations_and_titles(self) -> None:
        change = only("    unmask: true\n", "    unmask: true\n    obligations: [{type: alert}]\n")
        assert parts(change) == {"obligations": ("", "raise an alert")}
        assert list(change.fields) == ["mobile"]
        change = only("en: senior tellers", "en: the seniors")
        assert parts(change) == {"title": ("senior tellers", "the seniors")}
        assert not change.fields

    def test_a_rule_comes_and_goes(self) -> None:
        extra = "  - {id: all, title: all, fields: [mobile], unmask: true}\n"
        [change] = told(BASE + extra).meaning
        assert (change.id, change.kind, change.may_unmask) == ("core/all", ADDED, True)
        assert change.parts[0].after.en.startswith("in the menu")
        assert change.who.en == ""
        [change] = told(BASE, BASE + extra).meaning
        assert (change.id, change.kind, change.may_unmask) == ("core/all", REMOVED, False)

    def test_a_masking_rule_goes(self) -> None:
        [change] = told(BASE[: BASE.index("  - id: hide")]).meaning
        assert (change.id, change.kind, change.may_unmask) == ("core/hide", REMOVED, True)

    def test_a_named_mask_tells_who_uses_it(self) -> None:
        change = only("suffix: 4", "suffix: 2")
        assert (change.subject, change.id) == (control_pb2.CHANGE_SUBJECT_MASK, "phone")
        assert parts(change) == {
            "mask": ("show the first 3 and last 4 (phone)", "show the first 3 and last 2 (phone)"),
            "used_by": ("mobile number, `core/hide`", "mobile number, `core/hide`"),
        }
        assert list(change.fields) == ["id_no", "mobile", "name"]
        assert not change.may_unmask

    def test_masks_that_are_said_alike_are_told_apart(self) -> None:
        change = only("suffix: 4}", "suffix: 4, char: '#'}")
        before, after = parts(change)["mask"]
        assert "char=*" in before
        assert "char=#" in after

    def test_defaults_and_levels_of_fields(self) -> None:
        change = only("level: C1}", "level: C1, default: mask}")
        assert (change.id, parts(change)) == ("name", {"default": ("show in clear", "mask")})
        assert not change.may_unmask
        change = only("level: C3, never_unmask: true", "level: C3")
        assert parts(change) == {"never_unmask": ("yes", "no")}
        assert not change.may_unmask  # nothing shows it
        change = only("level: C2, mask", "level: C3, mask")
        assert (parts(change), list(change.fields)) == ({"level": ("C2", "C3")}, [])

    def test_a_level_matters_where_a_grant_can_be_for_it(self) -> None:
        granted = BASE.replace("[vars.senior]", "[vars.senior, grant.active]")
        [change] = told(granted.replace("level: C2, mask", "level: C1, default: mask, mask"), granted).meaning
        assert (list(change.fields), change.may_unmask) == (["mobile"], True)

    def test_the_default_of_a_level_is_that_of_its_fields(self) -> None:
        change = only("{C1: unmask}", "{C1: mask}")
        assert (change.id, parts(change)) == ("name", {"default": ("show in clear", "mask")})

    def test_an_attribute(self) -> None:
        change = only("{type: int, label", "{type: int, default: 3, label")
        assert (change.subject, change.id) == (control_pb2.CHANGE_SUBJECT_ATTRIBUTE, "subject.level")
        assert parts(change) == {"default": ("", "3")}
        assert (list(change.fields), change.may_unmask) == (["mobile"], True)
        change = only("en: teller level}}", "en: rank}}")
        assert (parts(change), list(change.fields)) == ({"label": ("teller level", "rank")}, [])

    def test_a_message_map(self) -> None:
        change = only("mobile: $.mobile}", "mobile: $.phone}")
        assert change.id == "core/detail"
        assert parts(change) == {"fields": ("mobile number: $.mobile", "mobile number: $.phone")}
        assert (list(change.fields), change.may_unmask) == (["mobile"], True)
        change = only("fields: {name: $.name, ", "fields: {name: [$.name, $.alias], ")
        assert (list(change.fields), change.may_unmask) == (["name"], False)

    def test_a_first_text_is_all_new(self) -> None:
        changes = told(BASE, None)
        assert {change.kind for change in changes.meaning} == {ADDED}
        assert [change.id for change in changes.meaning] == [
            "core/hide", "core/senior", "core", "id_no", "mobile", "name", "context.menu", "subject.level", "phone",
            "core/detail",
        ]  # fmt: skip
        assert [file.kind for file in changes.files] == [ADDED]

    def test_a_text_with_errors_is_compared_by_line_only(self) -> None:
        before, after = sources({"a.yaml": BASE}), sources({"a.yaml": "kind: Nothing\n"})
        changes = compare(before, after, bundle_before=built(BASE), bundle_after=None)
        assert not changes.meaning
        assert changes.incomplete == "what the change means cannot be told, for the later text has errors"
        changes = compare(after, before, bundle_before=None, bundle_after=built(BASE))
        assert changes.incomplete.endswith("the earlier text has errors")

    def test_many_changes_are_bounded_and_the_careful_ones_stay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = told(BASE, None)
        monkeypatch.setattr(meaning, "MAX_BYTES", sum(change.ByteSize() for change in whole.meaning) // 3)
        changes = told(BASE, None)
        assert [c.id for c in changes.meaning if c.may_unmask] == [c.id for c in whole.meaning if c.may_unmask]
        assert "changes are told without their parts" in changes.incomplete
        assert "changes are not told" in changes.incomplete


class TestCases:
    TEST = """\
---
kind: Test
id: desk
title: desk
now: "2026-03-02T10:00:00+08:00"
request:
  subject: {id: T1, level: 1}
  context: {menu: "3101"}
scenarios:
  - {id: junior, title: junior, expect: {mobile: mask}}
"""

    def test_a_golden_case(self) -> None:
        [change] = told(BASE + self.TEST).meaning
        assert (change.subject, change.id) == (control_pb2.CHANGE_SUBJECT_GOLDEN_CASE, "desk/junior")
        before = BASE + self.TEST
        [change] = told(
            before.replace("level: 1}", "level: 4}").replace("mobile: mask", "mobile: unmask"), before
        ).meaning
        assert parts(change)["expected"] == ("mobile number: mask", "mobile number: show in clear")
        assert '"level": {"int_value": "4"}' in parts(change)["request"][1]
        assert not change.fields


TEXTS = st.lists(st.sampled_from(["a", "b", "c", "", "x: 1", "y\r"]), max_size=30).map("\n".join)


class TestLines:
    @PROPERTY
    @given(before=TEXTS, after=TEXTS, work=st.sampled_from([0, 250_000]))
    def test_a_diff_makes_one_text_of_the_other(self, before: str, after: str, work: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lines, "_GAP_WORK", work)
            found, left_out = file_diffs(sources({"f": before}), sources({"f": after}))
        assert not left_out
        if before == after:
            assert not found
            return
        [file] = found
        assert applied(before, file.diff) == after
        marks = [line[0] for line in file.diff.split("\n") if line[:1] in ("+", "-")]
        assert (file.added, file.removed) == (marks.count("+"), marks.count("-"))

    def test_patch_reads_it(self, tmp_path: Path) -> None:
        after = BASE.replace("vars.senior]", "vars.senior, true]").replace("kind: Masks", "kind: Masks # all")[:-1]
        [file] = file_diffs(sources({"f": BASE}), sources({"f": after}))[0]
        (tmp_path / "f").write_text(BASE)
        subprocess.run(
            ["patch", "-p0", "f"], input=f"--- f\n+++ f\n{file.diff}", text=True, check=True, cwd=tmp_path,
            capture_output=True,
        )  # fmt: skip
        assert (tmp_path / "f").read_text() == after
        assert file.diff.startswith("@@ -3,7 +3,7 @@\n") or "@@ " in file.diff

    def test_files_come_and_go(self) -> None:
        found, _ = file_diffs(sources({"a": "1\n", "b": "2\n"}), sources({"b": "2\n", "c": "3\n"}))
        assert [(f.path, f.kind, f.diff, f.added, f.removed) for f in found] == [
            ("a", REMOVED, "@@ -1 +0,0 @@\n-1\n", 0, 1),
            ("c", ADDED, "@@ -0,0 +1 @@\n+3\n", 1, 0),
        ]

    def test_a_long_diff_is_left_out_and_said_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lines, "MAX_FILE_BYTES", 1000)
        before, after = sources({"f": "a\n" * 1000, "g": "1\n"}), sources({"f": "b\n" * 1000, "g": "2\n"})
        changes = compare(before, after, bundle_before=built(BASE), bundle_after=built(BASE))
        assert [(f.path, bool(f.diff), f.added) for f in changes.files] == [("f", False, 1000), ("g", True, 1)]
        assert changes.incomplete == "the lines of `f` changed too much to be shown"

    def test_few_changes_in_a_large_file_are_few_lines(self) -> None:
        before = [f"{number % 7}" for number in range(50_000)]
        after = [*before]
        after[100], after[40_000] = "new", "also new"
        [file] = file_diffs(sources({"f": "\n".join(before)}), sources({"f": "\n".join(after)}))[0]
        assert applied("\n".join(before), file.diff) == "\n".join(after)


def applied(text: str, diff: str) -> str:
    """Apply a unified diff to a text, line by line, the plainest way."""
    old = text.split("\n")
    old = [f"{line}\n" for line in old[:-1]] + ([old[-1]] if old[-1] else [])
    out: list[str] = []
    at = 0
    rows = diff.split("\n")[:-1]
    for number, row in enumerate(rows):
        sign, line = row[:1], row[1:] + "\n"
        if number + 1 < len(rows) and rows[number + 1].startswith("\\"):
            line = line[:-1]
        if sign == "@":
            first, _, length = row.split(" ")[1][1:].partition(",")
            start = int(first) - (0 if length == "0" else 1)
            out += old[at:start]
            at = start
        elif sign == "+":
            out.append(line)
        elif sign in (" ", "-"):
            assert old[at] == line
            at += 1
            out += [line] if sign == " " else []
    return "".join(out + old[at:])
