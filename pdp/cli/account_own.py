"""`pdp account first`, `password` and `totp`: what one does about one's own account."""

from __future__ import annotations

from pathlib import Path

import click

from pdp.cli import console
from pdp.cli.account_client import as_json, known_of, reading, secret, sessions, trusting
from pdp.cli.account_words import WORDS
from pdp.cli.exits import ExitCode
from pdp.cli.session_file import SessionFile
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.v1 import account_service_pb2

_ENDS = "Exit codes: 0 {done}, 1 {failed}, or the service does not answer, 2 wrong command line."
_FIRST_EPILOG = f"""\b
Examples:
  pdp account first chen --owner "Chen Wei"        asks for the token and a password
  pdp account first chen --owner "Chen Wei" --stdin < secrets

`pdp serve` prints the token when it starts and there is no account yet. The account is an Admin; sign in with
`pdp login`, set up `pdp account totp`, and ask for a second Admin.

{_ENDS.format(done="made", failed="the token or the password does not do")}
"""
_PASSWORD_EPILOG = f"""\b
Examples:
  pdp account password

All other sessions of the account end.

{_ENDS.format(done="changed", failed="not changed")}
"""
_TOTP_EPILOG = f"""\b
Examples:
  pdp account totp

Shows a secret for an authenticator once, asks for one of its codes, and shows recovery codes once.

{_ENDS.format(done="set up", failed="not set up")}
"""


@click.command(epilog=_FIRST_EPILOG)
@click.argument("name")
@click.option("--owner", required=True, metavar="TEXT", help="The person who answers for it.")
@click.option("--token", default="", metavar="TOKEN", help="What pdp serve printed.  [default: asks for it]")
@reading
@trusting
@asking
def first(
    *,
    name: str,
    owner: str,
    token: str,
    from_stdin: bool,
    ca: Path | None,
    certificate: Path | None,
    key: Path | None,
    target: Target,
) -> ExitCode:
    """Make the first account NAME of a service, which is an Admin."""
    SessionFile().keep(target.address, known_of(target, ca, certificate, key))
    request = account_service_pb2.CreateFirstAccountRequest(
        name=name,
        owner=owner,
        token=token or secret("ask_token", target.language, from_stdin=from_stdin),
        password=secret("ask_new", target.language, from_stdin=from_stdin, twice=True),
    )
    with sessions(target) as stub:
        stub.CreateFirstAccount(request, timeout=TIMEOUT_SECONDS)
    click.echo(WORDS[target.language]["first_made"].format(name=name))
    return ExitCode.OK


@click.command(epilog=_PASSWORD_EPILOG)
@reading
@asking
def password(*, from_stdin: bool, target: Target) -> ExitCode:
    """Change your password."""
    request = account_service_pb2.ChangePasswordRequest(
        old_password=secret("ask_before", target.language, from_stdin=from_stdin),
        new_password=secret("ask_new", target.language, from_stdin=from_stdin, twice=True),
    )
    with sessions(target) as stub:
        stub.ChangePassword(request, timeout=TIMEOUT_SECONDS)
    click.echo(WORDS[target.language]["password_changed"])
    return ExitCode.OK


@click.command(epilog=_TOTP_EPILOG)
@reading
@as_json
@asking
def totp(*, from_stdin: bool, as_json: bool, target: Target) -> ExitCode:
    """Set up one-time codes (RFC 6238) as your second factor."""
    words = WORDS[target.language]
    with sessions(target) as stub:
        has_password = stub.GetSession(
            account_service_pb2.GetSessionRequest(), timeout=TIMEOUT_SECONDS
        ).account.HasField("password")
        typed = secret("ask_password", target.language, from_stdin=from_stdin) if has_password else ""
        uri = stub.BeginTotp(account_service_pb2.BeginTotpRequest(password=typed), timeout=TIMEOUT_SECONDS).uri
        click.echo(words["totp_uri"].format(uri=uri), err=as_json)
        code = secret("ask_shown", target.language, from_stdin=from_stdin)
        answer = stub.ConfirmTotp(account_service_pb2.ConfirmTotpRequest(code=code), timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
        return ExitCode.OK
    click.echo(words["totp_done"])
    for one in answer.recovery_codes:
        click.echo(f"  {one}")
    return ExitCode.OK
