"""`pdp account`: the group."""

from __future__ import annotations

from pdp.cli.lazy import Entry, LazyGroup

EPILOG = """\b
Examples:
  pdp account first chen --owner "Chen Wei"        the first one, with the token that pdp serve printed
  pdp account ask create zhang --owner "Zhang San" --level user --right policy-write --risk "low: ..." --reason "..."
  pdp account requests --open                      what waits for somebody
  pdp account review 0f3a9 --reason "known to me"
  pdp account approve 0f3a9
  pdp account execute 0f3a9                        shows the first password, once
  pdp account reviews                              whose rights must be looked at again

\b
Rights are written as in
  policy-read                                      everywhere
  grant-approve@applications=loans+cards@branches=0101

Exit codes: 0 all is well, 1 the service refuses or does not answer, 2 wrong command line.
"""
_OWN, _ASK, _LOOK = "Your own", "Rights by request", "Look and lock"

COMMANDS: dict[str, Entry] = {
    "first": Entry(_OWN, "pdp.cli.account_own:first", "Make the first account of a service."),
    "password": Entry(_OWN, "pdp.cli.account_own:password", "Change your password."),
    "totp": Entry(_OWN, "pdp.cli.account_own:totp", "Set up one-time codes as your second factor."),
    "ask": Entry(_ASK, "pdp.cli.account_requests:ask", "Ask for an account, a change, a reset or an end."),
    "requests": Entry(_ASK, "pdp.cli.account_requests:requests", "List requests."),
    "review": Entry(_ASK, "pdp.cli.account_requests:review", "Say that a request is in order, or what was unusual."),
    "approve": Entry(_ASK, "pdp.cli.account_requests:approve", "Approve a reviewed request."),
    "execute": Entry(_ASK, "pdp.cli.account_requests:execute", "Carry an approved request out."),
    "refuse": Entry(_ASK, "pdp.cli.account_requests:refuse", "Refuse a request, or take your own back."),
    "list": Entry(_LOOK, "pdp.cli.account_look:list_", "List accounts."),
    "show": Entry(_LOOK, "pdp.cli.account_look:show", "Show an account and all that it may do."),
    "lock": Entry(_LOOK, "pdp.cli.account_look:lock", "Lock an account at once."),
    "unlock": Entry(_LOOK, "pdp.cli.account_look:unlock", "Unlock an account."),
    "reviews": Entry(_LOOK, "pdp.cli.account_reviews:reviews", "List whose rights must be looked at again."),
    "confirm": Entry(_LOOK, "pdp.cli.account_reviews:confirm", "Say that the rights of somebody else are right."),
    "anomalies": Entry(_LOOK, "pdp.cli.account_anomalies:anomalies", "List what was unusual about sign-ins."),
}

account = LazyGroup("account", entries=COMMANDS, help="Accounts of people, and their rights by request.", epilog=EPILOG)
