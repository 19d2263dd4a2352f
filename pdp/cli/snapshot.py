"""`pdp snapshot`: the group, and what its commands that ask the staff port share."""

from __future__ import annotations

from pdp.cli.lazy import Entry, LazyGroup

EPILOG = """\b
Examples:
  pdp snapshot list --since 24h --filter 'flagged'
  pdp snapshot list --filter 'subject.id == "T1001" && unmasked("id_no")'
  pdp snapshot show 01K9ZQ3…                      one decision, clause by clause
  pdp snapshot tail --filter 'severity >= HIGH'   as they come in, until Ctrl-C
  pdp snapshot stats --by menu --since 7d
  pdp snapshot export --reason "audit 2026-11" --since 30d -o november.xlsx

\b
A filter names what a record holds and joins comparisons by &&, || and !:
  id kind time severity flagged caller source revision policy_hash request_id latency
  subject.id subject.roles action.name resource.type resource.id, and every declared attribute
  unmasked("f") masked("f") rule("p/r") grant("G") approver("M") obligation("alert") undecided("a") recorded("a")
  of operations: success address details["reason"]
  severities: NONE LOW MEDIUM HIGH; times: timestamp("2026-11-01T00:00:00+08:00"), now - duration("24h")

Exit codes: 0 all is well, 1 the service or the store does not answer, or a filter is wrong, 2 wrong command line.
"""
_READ, _PROVE, _KEEP = "Read", "Prove", "Keep"

COMMANDS: dict[str, Entry] = {
    "list": Entry(_READ, "pdp.cli.snapshot_list:list_", "List records, newest first."),
    "show": Entry(_READ, "pdp.cli.snapshot_list:show", "Show one record with its whole story."),
    "tail": Entry(_READ, "pdp.cli.snapshot_tail:tail", "Show records as they come in."),
    "stats": Entry(_READ, "pdp.cli.snapshot_stats:stats", "Count records by group."),
    "export": Entry(_READ, "pdp.cli.snapshot_export:export", "Write records to a file."),
    "verify": Entry(_PROVE, "pdp.cli.snapshot_verify:verify", "Find out whether records are what was recorded."),
    "prove": Entry(_PROVE, "pdp.cli.snapshot_verify:prove", "Write the proof of one record to a file."),
    "verify-proof": Entry(_PROVE, "pdp.cli.snapshot_verify:verify_proof", "Check such a proof, without any store."),
    "expire": Entry(_KEEP, "pdp.cli.snapshot_retention:expire_", "Drop the records whose time is over."),
    "hold": Entry(_KEEP, "pdp.cli.snapshot_retention:hold", "Keep the records of some days, whatever their time."),
    "archive": Entry(_KEEP, "pdp.cli.snapshot_retention:archive", "Write the records of a day to a file."),
    "read": Entry(_KEEP, "pdp.cli.snapshot_archive:read", "List the records in such files, without a store."),
    "init-store": Entry(_KEEP, "pdp.cli.snapshot_store:init_store", "Make a store's tables and roles."),
}

snapshot = LazyGroup(
    "snapshot",
    entries=COMMANDS,
    help="Find, show, prove and keep the records of decisions.",
    epilog=EPILOG,
)
