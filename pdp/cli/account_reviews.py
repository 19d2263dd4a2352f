"""`pdp account reviews` and `confirm`: whose rights must be looked at again, and that somebody did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import click
from rich.table import Table
from rich.text import Text

from pdp.cli import console
from pdp.cli.account_client import accounts, as_json
from pdp.cli.exits import ExitCode
from pdp.cli.policy_client import reasoned
from pdp.cli.snapshot_text import local
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.control.accounts.permissions import level_word
from pdp.control.accounts.telling import right_words
from pdp.v1 import account_pb2, account_service_pb2

_STATES: Final[Mapping[str, account_pb2.RightsReviewState]] = {
    "due": account_pb2.RIGHTS_REVIEW_STATE_DUE,
    "overdue": account_pb2.RIGHTS_REVIEW_STATE_OVERDUE,
    "confirmed": account_pb2.RIGHTS_REVIEW_STATE_CONFIRMED,
}
WORDS: Final = {
    "en": {
        "account": "account", "owner": "owner", "level": "level", "rights": "rights", "version": "version",
        "confirmed": "confirmed", "due": "due", "used": "last sign-in", "state": "state",
        "none": "no rights wait for a review", "off": "rights need no review (`accounts.review_days: 0`)",
        "more": "more: --page {page}", "never": "never", "reading": "{state} (may only read)",
        "done": "confirmed the rights of `{name}`; due again {time}",
        "done_for_ever": "confirmed the rights of `{name}`",
        "states.due": "due", "states.overdue": "overdue", "states.confirmed": "confirmed",
    },
    "zh": {
        "account": "账户", "owner": "责任人", "level": "级别", "rights": "权限", "version": "版本",
        "confirmed": "上次确认", "due": "到期", "used": "最近登录", "state": "状态",
        "none": "没有待复核的权限", "off": "权限无须定期复核（`accounts.review_days: 0`）",
        "more": "还有：--page {page}", "never": "从未", "reading": "{state}（仅可读取）",
        "done": "已确认 `{name}` 的权限；下次到期 {time}", "done_for_ever": "已确认 `{name}` 的权限",
        "states.due": "将到期", "states.overdue": "已逾期", "states.confirmed": "已确认",
    },
}  # fmt: skip
_STYLES: Final = {"due": "yellow", "overdue": "red", "confirmed": "green"}
_ENDS = "Exit codes: 0 {done}, 1 not allowed, {failed}or the service does not answer, 2 wrong command line."
_REVIEWS_EPILOG = f"""\b
Examples:
  pdp account reviews
  pdp account reviews --name zhang --state confirmed
  pdp account reviews --state confirmed --json | jq '.reviews[].account'

Without a state those that are due within two weeks or overdue, the one first that is due first.

{_ENDS.format(done="listed", failed="")}
"""
_CONFIRM_EPILOG = f"""\b
Examples:
  pdp account confirm zhang --version 3 --reason "still writes the drafts of the loans team"

Rights that are no longer right are changed by `pdp account ask change`; carrying that out confirms what then is. Nobody
confirms their own.

{_ENDS.format(done="confirmed", failed="the account has changed since, ")}
"""


@click.command(epilog=_REVIEWS_EPILOG)
@click.option("--state", type=click.Choice(list(_STATES)), help="Only those in this state.  [default: due and overdue]")
@click.option("--name", default="", metavar="TEXT", help="Only accounts whose name or owner holds this text.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000), help="How many at most.")
@click.option("--page", default="", metavar="TOKEN", help="From what the page before ended with.")
@as_json
@asking
def reviews(*, state: str | None, name: str, limit: int, page: str, as_json: bool, target: Target) -> ExitCode:
    """List whose rights must be looked at again, with what they may do and who last confirmed it."""
    words = WORDS[target.language]
    asked = _STATES[state] if state is not None else account_pb2.RIGHTS_REVIEW_STATE_UNSPECIFIED
    request = account_service_pb2.ListRightsReviewsRequest(state=asked, text=name, page_size=limit, page_token=page)
    with accounts(target) as stub:
        answer = stub.ListRightsReviews(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
        return ExitCode.OK
    if answer.reviews:
        console.console().print(_table(answer.reviews, target.language))
    else:
        click.echo(words["none" if answer.review_days else "off"])
    if answer.next_page_token:
        click.echo(words["more"].format(page=answer.next_page_token), err=True)
    return ExitCode.OK


@click.command(epilog=_CONFIRM_EPILOG)
@click.argument("name")
@click.option("--version", required=True, type=click.IntRange(1), metavar="NUMBER",
              help="The version that you looked at, from `pdp account reviews`; not one since.")  # fmt: skip
@reasoned(required=True)
@as_json
@asking
def confirm(*, name: str, version: int, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Say that all that the account NAME may do is still right."""
    request = account_service_pb2.ConfirmRightsRequest(name=name, version=version, reason=reason)
    with accounts(target) as stub:
        answer = stub.ConfirmRights(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
        return ExitCode.OK
    due = answer.review.due_nanos
    words = WORDS[target.language]["done" if due else "done_for_ever"]
    click.echo(words.format(name=name, time=local(due) if due else ""))
    return ExitCode.OK


def _table(found: Iterable[account_pb2.RightsReview], lang: str) -> Table:
    words = WORDS[lang]
    names = ("account", "owner", "level", "rights", "version", "confirmed", "due", "used", "state")
    table = console.table(*(words[name] for name in names))
    for item in found:
        state = account_pb2.RightsReviewState.Name(item.state).removeprefix("RIGHTS_REVIEW_STATE_").lower()
        told = words[f"states.{state}"]
        if item.reading_only:
            told = words["reading"].format(state=told)
        used = local(item.last_sign_in_nanos) if item.last_sign_in_nanos else words["never"]
        table.add_row(
            Text(item.account), Text(item.owner), level_word(item.level), Text(right_words(item.rights)),
            str(item.version), Text(f"{local(item.confirmed_nanos)} {item.confirmed_by}"),
            local(item.due_nanos) if item.due_nanos else words["never"], used, Text(told, _STYLES[state]),
        )  # fmt: skip
    return table
