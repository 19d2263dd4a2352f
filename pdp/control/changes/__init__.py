"""How two texts of a policy set differ: by line, and by what the difference means for whom.

Only what is otherwise now is told. A rule that moved to another file or was only laid out anew is the same rule.

**Whose verdicts** (`MeaningChange.fields`). Whenever the two texts give a field another verdict for some request, a
change lists that field. A rule whose fields alone changed lists those that came and went; a rule that changed
otherwise (obligations too, which go with the verdict) lists all its fields. The change of a policy's scope lists the
fields of its rules, that of an attribute's type or default those of the rules that depend on it, that of a named mask
those that it masks, that of a message map those whose places changed, that of the failure rule those that pass by one
of the two. A title, a label or a golden case changes no
verdict.

**Who** (`who`). The clauses and scopes of those rules that name an attribute of the subject, before or after; empty
when one of the rules asks nothing of the subject, or when a default of the dictionary changed. A rule that masks also
holds where a clause cannot be decided.

**What can be clear now** (`may_unmask`). Whenever some request had a field masked before and has it clear after, a
change that lists the field has `may_unmask`. It is true for

- a rule that unmasks and is new, masked before, has more fields, may hold where it did not, or has a higher priority;
- a rule that masked and is gone, unmasks now, has fewer fields, may hold no longer where it did, or has a lower
  priority, if after it another rule of at most its priority, or the dictionary's default, can show one of those fields;
- a field whose default is to be shown now, that may be unmasked now, or whose level changed where a rule shows it under
  a grant, which can be for a level;
- a message map that does not name a place of a field any more, because callers mask by it;
- a failure rule that lets more fields pass while no verdict can be had, or lets them for longer, and a field that
  passes then for its level.

A condition may hold where it did not when one of its clauses is gone, and may hold no longer where it did when it has a
new clause; a clause that changed is both. Another mask, though weaker, still masks.
"""

from __future__ import annotations

from pdp.control.changes.lines import file_diffs
from pdp.control.changes.meaning import meaning_changes
from pdp.v1 import bundle_pb2, control_pb2

__all__ = ["compare"]

_MAX_NAMED = 5


def compare(
    before: control_pb2.Sources | None,
    after: control_pb2.Sources,
    *,
    bundle_before: bundle_pb2.Bundle | None,
    bundle_after: bundle_pb2.Bundle | None,
) -> control_pb2.Changes:
    """Return how `after` differs from `before` (None: there was nothing).

    A bundle is what a text makes; None when it has errors, and then only lines are compared. Pure, the same for the
    same texts, and busy with a processor: about 2 seconds for 10,000 changed rules. Raises BundleError for a bundle
    that is damaged.
    """
    files, too_long = file_diffs(before, after)
    changes = control_pb2.Changes(files=files)
    incomplete: list[str] = []
    if too_long:
        others = len(too_long) - _MAX_NAMED
        named = ", ".join(f"`{path}`" for path in too_long[:_MAX_NAMED]) + (f" and {others} more" if others > 0 else "")
        incomplete.append(f"the lines of {named} changed too much to be shown")
    wrong = [
        which
        for which, text, bundle in (("earlier", before, bundle_before), ("later", after, bundle_after))
        if text is not None and bundle is None
    ]
    if bundle_after is None or wrong:
        incomplete.append(f"what the change means cannot be told, for the {' and the '.join(wrong)} text has errors")
    else:
        found, bare, omitted = meaning_changes(bundle_before, bundle_after)
        changes.meaning.extend(found)
        if bare:
            incomplete.append(f"{bare} changes are told without their parts, for there are too many")
        if omitted:
            incomplete.append(f"{omitted} changes are not told, for there are too many")
    changes.incomplete = "; ".join(incomplete)
    return changes
