"""`pdp caller`: the group."""

from __future__ import annotations

from pdp.cli.lazy import Entry, LazyGroup

EPILOG = """\b
Examples:
  pdp caller add counter --owner "Zhang San" --application core-counter --subject "T*" --token --reason "go-live"
  pdp caller changes                            what waits for a second person
  pdp caller approve 7e2d1 --reason "known to me"
  pdp caller token add counter --days 365 --out new.token --reason "rotation"
  pdp caller token revoke counter 2026-11 --reason "rotated"
  pdp caller check callers.yaml                 what is wrong with a callers file

Exit codes: 0 all is well, 1 the service refuses or does not answer, or the file has errors, 2 wrong command line.
"""
_LOOK, _CHANGE, _FILE = "Look", "Change", "The callers file"

COMMANDS: dict[str, Entry] = {
    "list": Entry(_LOOK, "pdp.cli.caller_look:list_", "List callers."),
    "show": Entry(_LOOK, "pdp.cli.caller_look:show", "Show a caller with its tokens."),
    "changes": Entry(_LOOK, "pdp.cli.caller_changes:changes", "List changes that need a second person."),
    "add": Entry(_CHANGE, "pdp.cli.caller_edit:add", "Make a caller."),
    "edit": Entry(_CHANGE, "pdp.cli.caller_edit:edit", "Change a caller."),
    "token": Entry(_CHANGE, "pdp.cli.caller_token:token", "Add and revoke tokens, or make one for the file."),
    "disable": Entry(_CHANGE, "pdp.cli.caller_edit:disable", "Turn a caller away at once."),
    "enable": Entry(_CHANGE, "pdp.cli.caller_edit:enable", "Let a disabled caller call again."),
    "remove": Entry(_CHANGE, "pdp.cli.caller_edit:remove", "Remove a caller at once."),
    "approve": Entry(_CHANGE, "pdp.cli.caller_changes:approve", "Approve a change that somebody else asked for."),
    "refuse": Entry(_CHANGE, "pdp.cli.caller_changes:refuse", "Refuse a change, or take your own back."),
    "check": Entry(_FILE, "pdp.cli.caller_file:check", "Find everything that is wrong with a callers file."),
}

caller = LazyGroup("caller", entries=COMMANDS, help="Give systems access to the decision port.", epilog=EPILOG)
