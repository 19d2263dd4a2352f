"""`pdp bundle`: the group."""

from __future__ import annotations

from pdp.cli.lazy import Entry, LazyGroup

EPILOG = """\b
Examples:
  pdp bundle export out.bundle                     the revision in force, to be carried across a border
  pdp bundle verify out.bundle --trust control.pub there, before any client uses it
  pdp bundle show out.bundle                       what is in it

Exit codes: 0 all is well, 1 the bundle must not be used, or the service does not answer, 2 wrong command line.
"""
_CARRY = "Carry"

COMMANDS: dict[str, Entry] = {
    "export": Entry(_CARRY, "pdp.cli.bundle_file:export", "Write the signed bundle of a revision to a file."),
    "verify": Entry(_CARRY, "pdp.cli.bundle_file:verify", "Prove that clients may decide by a bundle."),
    "show": Entry(_CARRY, "pdp.cli.bundle_file:show", "Tell what is in a bundle."),
}

bundle = LazyGroup(
    "bundle",
    entries=COMMANDS,
    help="Carry bundles to clients that decide offline, and prove them there.",
    epilog=EPILOG,
)
