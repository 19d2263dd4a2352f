"""`pdp account list`, `show`, `lock` and `unlock`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from pdp.cli import console
from pdp.cli.account_client import Accounts, accounts, accounts_table, as_json, show_account
from pdp.cli.account_words import WORDS
from pdp.cli.exits import ExitCode
from pdp.cli.policy_client import reasoned
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.v1 import account_pb2, account_service_pb2

_PAGE = 500
_ENDS = "Exit codes: 0 {done}, 1 {failed}, or the service does not answer, 2 wrong command line."
_LIST_EPILOG = f"""\b
Examples:
  pdp account list
  pdp account list --json | jq -r .name

{_ENDS.format(done="listed", failed="not allowed")}
"""
_SHOW_EPILOG = f"""\b
Examples:
  pdp account show zhang

{_ENDS.format(done="shown", failed="there is no such account")}
"""
_LOCK_EPILOG = f"""\b
Examples:
  pdp account lock zhang --reason "left the laptop in a train"

Its sessions end at once.

{_ENDS.format(done="locked", failed="not locked")}
"""
_UNLOCK_EPILOG = f"""\b
Examples:
  pdp account unlock zhang --reason "spoke to them by telephone"

{_ENDS.format(done="unlocked", failed="not unlocked")}
"""


@click.command(name="list", epilog=_LIST_EPILOG)
@as_json
@asking
def list_(*, as_json: bool, target: Target) -> ExitCode:
    """List accounts; as JSON one a line."""
    with accounts(target) as stub:
        if as_json:
            for item in _all(stub):
                console.print_json(console.message_data(item), indent=None)
        else:
            console.console().print(accounts_table(_all(stub), target.language))
    return ExitCode.OK


@click.command(epilog=_SHOW_EPILOG)
@click.argument("name")
@as_json
@asking
def show(*, name: str, as_json: bool, target: Target) -> ExitCode:
    """Show the account NAME and all that it may do."""
    with accounts(target) as stub:
        answer = stub.GetAccount(account_service_pb2.GetAccountRequest(name=name), timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
    else:
        show_account(answer.account, answer.rights, target.language)
    return ExitCode.OK


@click.command(epilog=_LOCK_EPILOG)
@click.argument("name")
@reasoned(required=True)
@asking
def lock(*, name: str, reason: str, target: Target) -> ExitCode:
    """Lock the account NAME at once."""
    with accounts(target) as stub:
        stub.LockAccount(account_service_pb2.LockAccountRequest(name=name, reason=reason), timeout=TIMEOUT_SECONDS)
    click.echo(WORDS[target.language]["locked"].format(name=name))
    return ExitCode.OK


@click.command(epilog=_UNLOCK_EPILOG)
@click.argument("name")
@reasoned(required=True)
@asking
def unlock(*, name: str, reason: str, target: Target) -> ExitCode:
    """Unlock the account NAME, and forget its failed sign-ins."""
    with accounts(target) as stub:
        stub.UnlockAccount(account_service_pb2.UnlockAccountRequest(name=name, reason=reason), timeout=TIMEOUT_SECONDS)
    click.echo(WORDS[target.language]["unlocked"].format(name=name))
    return ExitCode.OK


def _all(stub: Accounts) -> Iterator[account_pb2.Account]:
    token = ""
    while True:
        request = account_service_pb2.ListAccountsRequest(page_size=_PAGE, page_token=token)
        page = stub.ListAccounts(request, timeout=TIMEOUT_SECONDS)
        yield from page.accounts
        token = page.next_page_token
        if not token:
            return
