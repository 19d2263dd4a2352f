"""`pdp session`: see and end sessions, and see sign-ins."""

from __future__ import annotations

import click

from pdp.cli import console
from pdp.cli.account_client import as_json, sessions, sessions_table
from pdp.cli.account_words import WORDS
from pdp.cli.exits import ExitCode
from pdp.cli.session_log import sign_ins
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.v1 import account_service_pb2

_ENDS = "Exit codes: 0 {done}, 1 {failed}, or the service does not answer, 2 wrong command line."
_EPILOG = """\b
Examples:
  pdp session list
  pdp session list --all
  pdp session sign-ins --account zhang
  pdp session revoke 5f0c9a1b2c3d4e5f --reason "lost laptop"

Exit codes: 0 all is well, 1 the service refuses or does not answer, 2 wrong command line.
"""
_LIST_EPILOG = f"""\b
Examples:
  pdp session list
  pdp session list --account zhang --json

{_ENDS.format(done="listed", failed="not allowed")}
"""
_REVOKE_EPILOG = f"""\b
Examples:
  pdp session revoke 5f0c9a1b2c3d4e5f --reason "lost laptop"

{_ENDS.format(done="ended", failed="there is no such session")}
"""


@click.group(epilog=_EPILOG)
def session() -> None:
    """See and end sessions, and see sign-ins: one's own, or with the right those of others."""


session.add_command(sign_ins)


@session.command(name="list", epilog=_LIST_EPILOG)
@click.option("--account", default="", metavar="NAME", help="Those of this account.  [default: one's own]")
@click.option("--all", "everybodys", is_flag=True, help="Those of all accounts.")
@as_json
@asking
def list_(*, account: str, everybodys: bool, as_json: bool, target: Target) -> ExitCode:
    """List sessions, the newest first."""
    request = account_service_pb2.ListSessionsRequest(account=account, all=everybodys)
    with sessions(target) as stub:
        answer = stub.ListSessions(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json([console.message_data(item) for item in answer.sessions])
    else:
        console.console().print(sessions_table(answer.sessions, target.language))
    return ExitCode.OK


@session.command(epilog=_REVOKE_EPILOG)
@click.argument("session_id", metavar="ID")
@click.option("--reason", default="", metavar="TEXT", help="Why; it is kept for ever.")
@asking
def revoke(*, session_id: str, reason: str, target: Target) -> ExitCode:
    """End the session ID at once."""
    request = account_service_pb2.RevokeSessionRequest(id=session_id, reason=reason)
    with sessions(target) as stub:
        stub.RevokeSession(request, timeout=TIMEOUT_SECONDS)
    click.echo(WORDS[target.language]["session_ended"].format(id=session_id))
    return ExitCode.OK
