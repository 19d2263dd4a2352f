"""Drafts, revisions and their differences as rows, lines and trees for people."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text
from rich.tree import Tree

from pdp.cli.basics import plural
from pdp.cli.policy_words import KINDS, PARTS, STEPS, SUBJECTS, WORDS
from pdp.cli.snapshot_text import local
from pdp.cli.words import words as in_language
from pdp.v1 import control_pb2, types_pb2

DRAFT_COLUMNS = ("name", "state", "base", "version", "what", "who", "when", "why")
REVISION_COLUMNS = ("revision", "", "what", "who", "when", "text", "why")
_STATES = {control_pb2.DRAFT_STATE_OPEN: "open", control_pb2.DRAFT_STATE_SUBMITTED: "submitted"}
_MAX_FIELDS = 12
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan", "\\": "dim"}


def pick(pair: tuple[str, ...], lang: str) -> str:
    """Return the word of a language out of (Chinese, English)."""
    return pair[0] if lang == "zh" else pair[1]


def said(text: types_pb2.LocalizedText, lang: str) -> str:
    """Return a text in a language."""
    return in_language(text, lang)[lang]


def count_files(count: int, lang: str) -> str:
    """Return `3 files`."""
    return f"{count} 个文件" if lang == "zh" else plural(count, "file")


def labels(found: Iterable[tuple[str, str]]) -> str:
    """Return labels as `zone=a,ring=canary`."""
    return ",".join(f"{name}={value}" for name, value in sorted(found))


def draft_row(draft: control_pb2.Draft, lang: str) -> list[Text]:
    """Return a draft as a row of a table with DRAFT_COLUMNS."""
    last = draft.steps[-1] if draft.steps else control_pb2.Step()
    state = WORDS[lang][_STATES.get(draft.state, "open")]
    texts = [draft.name, state, str(draft.base or ""), str(draft.version), *_step(last, lang)]
    row = [Text(text) for text in texts]
    row[1].stylize("yellow" if draft.state == control_pb2.DRAFT_STATE_SUBMITTED else "")
    return row


def revision_row(revision: control_pb2.Revision, head: int, lang: str) -> list[Text]:
    """Return a revision as a row of a table with REVISION_COLUMNS."""
    words = WORDS[lang]
    last = revision.steps[-1] if revision.steps else control_pb2.Step()
    what, who, when, why = _step(last, lang)
    if revision.rollback_of:
        origin = words["rollback_of"].format(number=revision.rollback_of)
    else:
        origin = words["draft_of"].format(name=revision.draft) if revision.draft else ""
    in_force = Text(words["in_force"] if revision.number == head else "", "bold green")
    return [Text(str(revision.number)), in_force, *map(Text, (what, who, when, origin, why))]


def _step(step: control_pb2.Step, lang: str) -> tuple[str, str, str, str]:
    what = pick(STEPS[step.kind], lang) if step.kind in STEPS else ""
    return what, step.actor, local(step.time_nanos) if step.time_nanos else "", step.reason


def steps_branch(root: Tree, steps: Iterable[control_pb2.Step], lang: str) -> None:
    """Add what was done, oldest first."""
    branch = root.add(Text(WORDS[lang]["steps"], "bold"))
    for step in steps:
        what, who, when, why = _step(step, lang)
        line = Text(f"{when}  {what}  {who}")
        if why:
            line.append(f"  {why}", "italic")
        branch.add(line)


def draft_tree(draft: control_pb2.Draft, lang: str) -> Tree:
    """Return a draft with what was done to it."""
    words = WORDS[lang]
    state = words[_STATES.get(draft.state, "open")]
    root = Tree(Text(f"{words['name']} {draft.name}", "bold"))
    root.add(Text(f"{words['state']}: {state}"))
    root.add(Text(f"{words['version']}: {draft.version}"))
    root.add(Text(f"{words['base']}: {draft.base or words['nothing']}"))
    root.add(Text(f"{words['text']}: {draft.sources}", "dim"))
    steps_branch(root, draft.steps, lang)
    return root


def revision_tree(revision: control_pb2.Revision, head: control_pb2.Head, lang: str) -> Tree:
    """Return a revision with what was done to it."""
    words = WORDS[lang]
    title = Text(f"{words['revision']} {revision.number}", "bold")
    if revision.number == head.revision:
        title.append(f"  {words['in_force']}", "bold green")
    root = Tree(title)
    if revision.draft:
        root.add(Text(words["draft_of"].format(name=revision.draft)))
    if revision.rollback_of:
        root.add(Text(words["rollback_of"].format(number=revision.rollback_of)))
    if revision.previous:
        root.add(Text(words["previous"].format(number=revision.previous)))
    root.add(Text(f"sha256:{revision.bundle_hash}  key {revision.key_id}", "dim"))
    root.add(Text(f"{words['text']}: {revision.sources}", "dim"))
    steps_branch(root, revision.steps, lang)
    return root


def file_lines(changes: control_pb2.Changes) -> Text:
    """Return how lines changed, coloured; as `patch -p0` reads it."""
    out = Text()
    for file in changes.files:
        old = "/dev/null" if file.kind == control_pb2.CHANGE_KIND_ADDED else file.path
        new = "/dev/null" if file.kind == control_pb2.CHANGE_KIND_REMOVED else file.path
        out.append(f"--- {old}\n+++ {new}\n", "bold")
        for line in file.diff.split("\n")[:-1]:
            out.append(f"{line}\n", _DIFF_STYLES.get(line[:1], ""))
    out.rstrip()
    return out


def meaning_tree(changes: control_pb2.Changes, lang: str, most: int | None = None) -> Tree:
    """Return what changes mean: each with its parts, the fields and people it concerns, what may be clear now.

    Of more than `most` the first are shown, those that may show something before all others.
    """
    words = WORDS[lang]
    careful, total = sum(change.may_unmask for change in changes.meaning), len(changes.meaning)
    head = words["careful" if careful else "total"].format(count=careful, total=total)
    root = Tree(Text(head, "bold red" if careful else "bold"))
    shown = list(changes.meaning)
    if most is not None and total > most:
        shown = sorted(shown, key=lambda change: not change.may_unmask)[:most]
    for change in shown:
        _add_change(root, change, lang)
    if len(shown) < total:
        root.add(Text(words["left_out"].format(count=total - len(shown))))
    return root


def _add_change(root: Tree, change: control_pb2.MeaningChange, lang: str) -> None:
    words = WORDS[lang]
    sign, zh, en, style = KINDS.get(change.kind, ("?", "", "", ""))
    line = Text(f"{sign} {pick((zh, en), lang)} {pick(SUBJECTS.get(change.subject, ('', '')), lang)} ", style)
    line.append(change.id, "bold")
    title = said(change.title, lang)
    if title and title != change.id:
        line.append(f"  {title}")
    branch = root.add(line)
    if change.may_unmask:
        branch.add(Text(f"! {words['may_unmask']}", "bold red"))
    for part in change.parts:
        name = pick(PARTS.get(part.part, (part.part, part.part)), lang)
        before, after = said(part.before, lang), said(part.after, lang)
        text = Text(f"{name}: ")
        if change.kind == control_pb2.CHANGE_KIND_CHANGED:
            text.append(before or words["nothing"], "red").append(" → ").append(after or words["nothing"], "green")
        else:
            text.append(before or after)
        branch.add(text)
    if change.fields:
        shown = ", ".join(change.fields[:_MAX_FIELDS])
        left = len(change.fields) - _MAX_FIELDS
        branch.add(Text(f"{words['fields']}: {shown}" + (f" … +{left}" if left > 0 else "")))
        branch.add(Text(f"{words['for']}: {said(change.who, lang) or words['everybody']}"))
