"""`pdp login`, `pdp logout` and `pdp whoami`."""

from __future__ import annotations

import dataclasses
import socket
from pathlib import Path

import click

from pdp.cli import console, login_oidc
from pdp.cli.account_client import Sessions, as_json, known_of, reading, secret, sessions, show_account, trusting
from pdp.cli.account_words import WORDS
from pdp.cli.exits import ExitCode
from pdp.cli.session_file import SessionFile
from pdp.cli.snapshot_text import local
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.v1 import account_pb2, account_service_pb2

_ENDS = "Exit codes: 0 {done}, 1 {failed}, or the service does not answer, 2 wrong command line."
_LOGIN_EPILOG = f"""\b
Examples:
  pdp login zhang --server pdp.bank.example:7072 --ca ca.pem
  pdp login zhang --stdin < secrets                password and code, a line each, for scripts
  pdp login --oidc                                 at the OpenID provider, in the browser
  pdp login --oidc --no-browser --port 8123        from elsewhere: ssh -L 8123:127.0.0.1:8123 this-machine

The session and the secret of this device are kept in `~/.config/jingxi/session`, readable by you alone, with `--ca`,
`--certificate` and `--key`: later commands need only `--server`, or PDP_STAFF_LISTEN.

{_ENDS.format(done="signed in", failed="not signed in")}
"""
_LOGOUT_EPILOG = f"""\b
Examples:
  pdp logout

{_ENDS.format(done="signed out", failed="nobody was signed in")}
"""
_WHOAMI_EPILOG = f"""\b
Examples:
  pdp whoami
  pdp whoami --json | jq -r .account.name

{_ENDS.format(done="told", failed="nobody is signed in")}
"""


@click.command(epilog=_LOGIN_EPILOG)
@click.argument("name", required=False, default="")
@click.option("--oidc", is_flag=True, help="Sign in at the OpenID provider, which tells who you are.")
@click.option("--browser/--no-browser", default=True, help="With --oidc: open a browser, or only show where to go.")
@click.option("--port", default=0, type=click.IntRange(0, 65_535), metavar="NUMBER",
              help="With --oidc: where the browser comes back to on 127.0.0.1.  [default: a free port]")  # fmt: skip
@click.option("--timeout", default=300, show_default=True, type=click.IntRange(1, 300), metavar="SECONDS",
              help="With --oidc: how long to wait for the browser.")  # fmt: skip
@click.option("--code", "ask_code", is_flag=True,
              help="With --oidc: ask for a code even where the provider's second factor may count.")  # fmt: skip
@click.option("--device-name", default=socket.gethostname, metavar="TEXT",
              help="What this device is called.  [default: its host name]")  # fmt: skip
@reading
@trusting
@as_json
@asking
def login(
    *,
    name: str,
    oidc: bool,
    browser: bool,
    port: int,
    timeout: int,
    ask_code: bool,
    device_name: str,
    from_stdin: bool,
    ca: Path | None,
    certificate: Path | None,
    key: Path | None,
    as_json: bool,
    target: Target,
) -> ExitCode:
    """Sign in as NAME by a password and a second factor: a code of the authenticator, or one for recovery.

    With --oidc at the OpenID provider, as the account that carries your identity there.
    """
    if oidc == bool(name):
        raise click.UsageError("write either `pdp login NAME`, or `pdp login --oidc`, which tells who you are")
    file = SessionFile()
    before = file.known(target.address)
    given = ca is not None or certificate is not None or key is not None
    known = known_of(target, ca, certificate, key) if given or before is None else before
    file.keep(target.address, dataclasses.replace(known, name="", token=""))
    lang, answer = target.language, account_service_pb2.SignInResponse()
    if oidc:
        with sessions(target) as stub:
            done = login_oidc.sign_in(
                stub, target, file.device(), device_name, port=port, seconds=timeout, browser=browser,
                ask_code=ask_code, from_stdin=from_stdin,
            )  # fmt: skip
        answer = account_service_pb2.SignInResponse(token=done.token, session=done.session, account=done.account)
    else:
        request = account_service_pb2.SignInRequest(
            name=name,
            password=secret("ask_password", lang, from_stdin=from_stdin),
            code=secret("ask_code", lang, from_stdin=from_stdin, optional=True),
            device=file.device(),
            device_name=device_name,
        )
        with sessions(target) as stub:
            answer = stub.SignIn(request, timeout=TIMEOUT_SECONDS)
    name = answer.account.name
    file.keep(target.address, dataclasses.replace(known, name=name, token=answer.token))
    if as_json:
        # Without the token: an answer ends up in logs.
        answer.token = ""
        console.print_json(console.message_data(answer))
        return ExitCode.OK
    click.echo(WORDS[lang]["signed_in"].format(name=name, time=local(answer.session.ends_nanos)))
    if answer.session.limited:
        _tell_limits(answer, lang)
    _tell_review(answer.session, lang)
    return ExitCode.OK


@click.command(epilog=_LOGOUT_EPILOG)
@asking
def logout(*, target: Target) -> ExitCode:
    """End the session of this device."""
    file = SessionFile()
    known = file.known(target.address)
    with sessions(target) as stub:
        stub.SignOut(account_service_pb2.SignOutRequest(), timeout=TIMEOUT_SECONDS)
    if known is not None:
        file.keep(target.address, dataclasses.replace(known, name="", token=""))
    click.echo(WORDS[target.language]["signed_out"])
    return ExitCode.OK


@click.command(epilog=_WHOAMI_EPILOG)
@as_json
@asking
def whoami(*, as_json: bool, target: Target) -> ExitCode:
    """Tell who is signed in, and what they may do."""
    with sessions(target) as stub:
        answer = _session(stub)
    if as_json:
        console.print_json(console.message_data(answer))
        return ExitCode.OK
    show_account(answer.account, answer.rights, target.language)
    words = WORDS[target.language]["session_ends"]
    click.echo(words.format(id=answer.session.id, time=local(answer.session.ends_nanos)))
    _tell_review(answer.session, target.language)
    return ExitCode.OK


def _session(stub: Sessions) -> account_service_pb2.GetSessionResponse:
    answer: account_service_pb2.GetSessionResponse = stub.GetSession(
        account_service_pb2.GetSessionRequest(), timeout=TIMEOUT_SECONDS
    )
    return answer


def _tell_review(session: account_pb2.Session, lang: str) -> None:
    if session.reading_only:
        click.echo(WORDS[lang]["reading_only"].format(name=session.account))


def _tell_limits(answer: account_service_pb2.SignInResponse, lang: str) -> None:
    if answer.account.must_change_password and "password" in answer.session.factors:
        click.echo(WORDS[lang]["must_change"])
    if len(answer.session.factors) < 2:
        click.echo(WORDS[lang]["must_factor"])
