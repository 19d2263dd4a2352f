"""What commands about accounts share: a connection, secrets that are typed, and accounts in words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from rich.table import Table
from rich.text import Text

from pdp.cli import console
from pdp.cli.account_words import WORDS, factor_word, state_word
from pdp.cli.exits import CommandError
from pdp.cli.session_file import Known
from pdp.cli.snapshot_text import local
from pdp.cli.staff_client import Target, channel_to
from pdp.control.accounts.permissions import Permission, level_word
from pdp.control.accounts.telling import right_word, right_words
from pdp.server.address import parse_address
from pdp.v1 import account_pb2, account_service_pb2_grpc

F = TypeVar("F", bound=Callable[..., Any])

Sessions = account_service_pb2_grpc.SessionServiceStub
Accounts = account_service_pb2_grpc.AccountServiceStub
LEVELS: Final[Mapping[str, account_pb2.AccountLevel]] = {
    level_word(level): level
    for level in (
        account_pb2.ACCOUNT_LEVEL_ADMIN, account_pb2.ACCOUNT_LEVEL_MANAGER, account_pb2.ACCOUNT_LEVEL_USER,
        account_pb2.ACCOUNT_LEVEL_RESTRICTED,
    )
}  # fmt: skip


@contextmanager
def sessions(target: Target) -> Iterator[Sessions]:
    """Give a stub; what goes wrong in calls ends the command with words. Raises CommandError."""
    with channel_to(target, "SessionService") as channel:
        yield Sessions(channel)  # type: ignore[no-untyped-call]


@contextmanager
def accounts(target: Target) -> Iterator[Accounts]:
    """Give a stub; what goes wrong in calls ends the command with words. Raises CommandError."""
    with channel_to(target, "AccountService") as channel:
        yield Accounts(channel)  # type: ignore[no-untyped-call]


def as_json(command: F) -> F:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Write JSON.")(command)


def reading(command: F) -> F:
    """Add `--stdin`."""
    words = "Read what is secret from the standard input, a line each, instead of asking."
    return click.option("--stdin", "from_stdin", is_flag=True, help=words)(command)


def trusting(command: F) -> F:
    """Add `--ca`, `--certificate` and `--key`, which are remembered for later commands."""
    path = click.Path(exists=True, dir_okay=False, path_type=Path)
    for option in (
        click.option("--ca", type=path, metavar="FILE", help="Who signs the staff port's certificate (PEM).  [default: "
                     "whom this system trusts]"),
        click.option("--certificate", type=path, metavar="FILE", help="A client certificate to show (PEM)."),
        click.option("--key", type=path, metavar="FILE", help="Its private key (PEM)."),
    ):  # fmt: skip
        command = option(command)
    return command


def known_of(target: Target, ca: Path | None, certificate: Path | None, key: Path | None) -> Known:
    """Return how a staff port is reached. Raises CommandError."""
    if (certificate is None) != (key is None):
        raise CommandError("`--certificate` and `--key` go together")
    tls = ca is not None or certificate is not None or not parse_address(target.address).is_local
    return Known(tls=tls, ca=_path(ca), certificate=_path(certificate), key=_path(key))


def secret(what: str, lang: str, *, from_stdin: bool, twice: bool = False, optional: bool = False) -> str:
    """Return what somebody types unseen, or the next line of the standard input; `what` is a name of `WORDS`."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    words = WORDS[lang]
    default = "" if optional else None
    typed: str = click.prompt(
        words[what], hide_input=True, confirmation_prompt=words["ask_again"] if twice else False, default=default,
        show_default=False, err=True,
    )  # fmt: skip
    return typed


def right_of(text: str) -> account_pb2.Right:
    """Return a right as `right_word` writes it. Raises BadParameter."""
    word, *scopes = text.split("@")
    try:
        named = f"PERMISSION_{word.upper().replace('-', '_')}"
        right = account_pb2.Right(permission=Permission.Name(Permission.Value(named)))
        for scope in scopes:
            kind, names = scope.split("=")
            if kind not in ("applications", "branches"):
                raise click.BadParameter(f"`{kind}` is no scope; write `applications=` or `branches=`")
            getattr(right.scope, kind).extend(names.split("+"))
    except ValueError as error:
        raise click.BadParameter(
            f"`{text}` is no right; write it as `policy-read` or `grant-approve@applications=loans+cards@branches=0101`"
        ) from error
    return right


def accounts_table(found: Iterable[account_pb2.Account], lang: str) -> Table:
    """Return accounts as a table."""
    words = WORDS[lang]
    names = ("account", "owner", "branch", "level", "state", "rights", "last_sign_in")
    table = console.table(*(words[name] for name in names))
    for account in found:
        last = local(account.last_sign_in_nanos) if account.last_sign_in_nanos else ""
        table.add_row(
            Text(account.name), Text(account.owner), Text(account.branch), level_word(account.level),
            state_word(account, lang), Text(right_words(account.rights)), last,
        )  # fmt: skip
    return table


def sessions_table(found: Iterable[account_pb2.Session], lang: str) -> Table:
    """Return sessions as a table."""
    words = WORDS[lang]
    names = ("session", "account", "began", "used", "ends", "address", "factors")
    table = console.table(*(words[name] for name in names))
    for item in found:
        factors = words["joined"].join(factor_word(factor, lang) for factor in item.factors)
        table.add_row(
            item.id, Text(item.account), local(item.began_nanos), local(item.used_nanos), local(item.ends_nanos),
            Text(item.address), words["limited"].format(factors=factors) if item.limited else factors,
        )  # fmt: skip
    return table


def show_account(account: account_pb2.Account, rights: Iterable[account_pb2.Right], lang: str) -> None:
    """Write an account with all that it may do."""
    words = WORDS[lang]
    console.console().print(accounts_table([account], lang))
    if account.state_reason:
        click.echo(words["state_reason"].format(state=state_word(account, lang), reason=account.state_reason))
    may = words["joined"].join(sorted(map(right_word, rights)))
    click.echo(words["may"].format(rights=may or words["nothing"]))
    factors = [factor_word(name, lang) for name, has in (
        ("password", account.HasField("password")), ("oidc", account.HasField("oidc")),
        ("totp", account.totp.confirmed), ("certificate", bool(account.certificates)),
    ) if has]  # fmt: skip
    told = words["joined"].join(factors) or words["none"]
    click.echo(words["factors_line"].format(factors=told, left=len(account.recovery_hashes)))
    if account.HasField("oidc"):
        click.echo(words["identity"].format(subject=account.oidc.subject, issuer=account.oidc.issuer))
    for device in account.devices:
        click.echo(
            words["device"].format(
                name=device.name or words["no_name"],
                time=local(device.last_nanos),
                address=device.last_address or words["here"],
            )
        )


def _path(path: Path | None) -> str:
    return "" if path is None else str(path.absolute())
