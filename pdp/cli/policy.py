"""`pdp policy`: the group."""

from __future__ import annotations

from pdp.cli.lazy import Entry, LazyGroup

EPILOG = """\b
Examples:
  pdp policy draft night-shift --from policies --reason "night shift may see balances"
  pdp policy diff night-shift                      what the draft changes, and for whom
  pdp policy submit night-shift
  pdp policy publish night-shift --wait 30         in force, once every healthy node decides by it
  pdp policy rollback --reason "wrong branch"      the text before it, as a new revision

\b
Where a command takes a TEXT it is one of
  head          the revision in force
  12            a revision by number
  night-shift   a draft; `draft:12` where the name could be something else
  ./policies    a folder or a tar archive: a path with a `/`, or a name that ends in .tar, .tar.gz or .tgz

Exit codes: 0 all is well, 1 the service refuses or does not answer, 2 wrong command line.
"""
_WRITE, _PUBLISH, _LOOK = "Write", "Publish", "Look"

COMMANDS: dict[str, Entry] = {
    "draft": Entry(_WRITE, "pdp.cli.policy_drafts:draft", "Begin a draft, or change its text."),
    "drafts": Entry(_WRITE, "pdp.cli.policy_drafts:drafts", "List the drafts."),
    "submit": Entry(_WRITE, "pdp.cli.policy_drafts:submit", "Hand a draft in for publication."),
    "return": Entry(_WRITE, "pdp.cli.policy_drafts:return_", "Hand a submitted draft back."),
    "delete": Entry(_WRITE, "pdp.cli.policy_drafts:delete", "Remove a draft."),
    "approve": Entry(_PUBLISH, "pdp.cli.policy_publish:approve", "Approve the text of a submitted draft."),
    "publish": Entry(_PUBLISH, "pdp.cli.policy_publish:publish", "Put a submitted draft in force."),
    "rollback": Entry(_PUBLISH, "pdp.cli.policy_publish:rollback", "Put the text of an earlier revision in force."),
    "rollout": Entry(_PUBLISH, "pdp.cli.policy_rollout:rollout", "Look at, promote or stop a gradual rollout."),
    "show": Entry(_LOOK, "pdp.cli.policy_show:show", "Show a draft or a revision: its steps, text or changes."),
    "diff": Entry(_LOOK, "pdp.cli.policy_show:diff", "Compare two texts by line and by meaning."),
    "impact": Entry(_LOOK, "pdp.cli.policy_impact:impact", "Tell which recorded decisions a text would change."),
    "export": Entry(_LOOK, "pdp.cli.policy_show:export", "Write a text to a folder or an archive."),
    "history": Entry(_LOOK, "pdp.cli.policy_publish:history", "List the revisions."),
}

policy = LazyGroup(
    "policy",
    entries=COMMANDS,
    help="Lead policies from draft to revision: compare, publish, roll back.",
    epilog=EPILOG,
)
