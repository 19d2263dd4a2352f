"""`pdp caller token`: a token for the callers file, and tokens of managed callers."""

from __future__ import annotations

import datetime
from pathlib import Path

import click
from google.protobuf import duration_pb2

from pdp.cli.basics import clock
from pdp.cli.caller_client import as_json, connected, hand_over, token_wanted, told, write_new
from pdp.cli.exits import ExitCode
from pdp.cli.policy_client import reasoned
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.control.callers.tokens import make_token, token_hash
from pdp.v1 import caller_service_pb2
from pdp.values import NANOS, format_timestamp

_EPILOG = """\b
Examples:
  pdp caller token                              a token for a year, with the line for the callers file
  pdp caller token --out counter.token          the token goes to a file that only its owner can read
  pdp caller token add counter --reason "rotation"
  pdp caller token revoke counter 2026-11 --reason "rotated"

Without `add` or `revoke` no service is asked.

Exit codes: 0 all is well, 1 the service refuses or the file exists already, 2 wrong command line.
"""
_ADD_EPILOG = """\b
Examples:
  pdp caller token add counter --days 365 --out new.token --reason "rotation"

Tokens that there are go on counting. Where people sign in, the new one counts once somebody else approved it.

Exit codes: 0 added or asked for, 1 the service refuses or does not answer, 2 wrong command line.
"""
_REVOKE_EPILOG = """\b
Examples:
  pdp caller token revoke counter 2026-11 --reason "rotated"

It is refused at once on the node that was asked, and within a second on all others.

Exit codes: 0 revoked, 1 the service refuses or does not answer, 2 wrong command line.
"""


@click.group(epilog=_EPILOG, invoke_without_command=True)
@click.option("--id", "token_id", metavar="ID", help="What the log calls the token.  [default: today's date]")
@click.option(
    "--days", default=365, show_default=True, type=click.IntRange(0, 3650), help="How long it holds; 0 for ever."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write the token to this new file instead of the terminal.")  # fmt: skip
@click.pass_context
def token(context: click.Context, *, token_id: str | None, days: int, out: Path | None) -> ExitCode:
    """Make a token and show the line that goes into the callers file, or manage the tokens of a caller.

    The token is shown once and kept nowhere. The callers file holds its SHA-256, from which nobody gets the token back.
    """
    if context.invoked_subcommand is not None:
        return ExitCode.OK
    now = clock()
    token_id = token_id or datetime.datetime.fromtimestamp(now / NANOS, datetime.UTC).date().isoformat()
    made = make_token()
    if out is not None:
        write_new(out, made)
    line = f'- {{id: "{token_id}", sha256: "{token_hash(made)}"'
    if days:
        end = (now // NANOS + days * 86_400) * NANOS
        line += f', expires_at: "{format_timestamp(end)}"'
    if out is None:
        click.echo(f"The token, shown this once; give it to the system and to nobody else:\n\n    {made}\n")
    else:
        click.echo(f"The token is in {out}; give it to the system and to nobody else.\n")
    click.echo(f"The line for `tokens` of the system's entry in the callers file:\n\n    {line}}}")
    return ExitCode.OK


@token.command(epilog=_ADD_EPILOG)
@click.argument("name")
@token_wanted
@reasoned(required=True)
@as_json
@asking
def add(
    *, name: str, token_id: str, days: int, out: Path | None, reason: str, as_json: bool, target: Target
) -> ExitCode:
    """Add a token to the caller NAME, beside those that it has."""
    wish = wish_of(token_id, days)
    with connected(target) as stub, hand_over(out) as hand:
        request = caller_service_pb2.AddCallerTokenRequest(name=name, token=wish, reason=reason)
        answer = stub.AddCallerToken(request, timeout=TIMEOUT_SECONDS)
        hand(answer)
    return told(answer, "token_added", target.language, out=out, as_json=as_json)


@token.command(epilog=_REVOKE_EPILOG)
@click.argument("name")
@click.argument("token_id", metavar="ID")
@reasoned(required=True)
@as_json
@asking
def revoke(*, name: str, token_id: str, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Take the token ID of the caller NAME out at once."""
    with connected(target) as stub:
        request = caller_service_pb2.RevokeCallerTokenRequest(name=name, id=token_id, reason=reason)
        answer = stub.RevokeCallerToken(request, timeout=TIMEOUT_SECONDS)
    return told(answer, "token_revoked", target.language, as_json=as_json)


def wish_of(token_id: str, days: int) -> caller_service_pb2.TokenWish:
    """Return a wish for a token that holds for so many days, 0 for ever."""
    validity = duration_pb2.Duration(seconds=days * 86_400) if days else None
    return caller_service_pb2.TokenWish(id=token_id, validity=validity)
