"""`pdp account ask`, `requests`, `review`, `approve`, `execute` and `refuse`."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click
from rich.text import Text

from pdp.cli import console
from pdp.cli.account_client import LEVELS, Accounts, accounts, as_json, right_of
from pdp.cli.exits import ExitCode
from pdp.cli.policy_client import reasoned
from pdp.cli.snapshot_text import local
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.control.accounts.permissions import level_word
from pdp.control.accounts.telling import right_word, right_words
from pdp.v1 import account_pb2, account_service_pb2

_KINDS = {
    "create": account_pb2.REQUEST_KIND_CREATE, "change": account_pb2.REQUEST_KIND_CHANGE,
    "close": account_pb2.REQUEST_KIND_CLOSE, "reset": account_pb2.REQUEST_KIND_RESET,
}  # fmt: skip
_KIND_WORDS = {kind: word for word, kind in _KINDS.items()}
_WINDOW = re.compile(r"(?:([1-7](?:,[1-7])*) )?([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])")
_ENDS = "Exit codes: 0 {done}, 1 {failed}, or the service does not answer, 2 wrong command line."
_ASK_EPILOG = f"""\b
Examples:
  pdp account ask create zhang --owner "Zhang San" --branch 0101 --level user --right policy-write \\
      --network 10.1.0.0/16 --window "1,2,3,4,5 08:00-19:00" --risk "low: drafts only" --reason "new colleague"
  pdp account ask change zhang --right simulate --risk "low: reads only" --reason "tests too"
  pdp account ask reset zhang --risk "medium: seen in person" --reason "lost the telephone"
  pdp account ask close zhang --risk "low: nothing is given" --reason "has left"

A change begins from the account as it is: --right adds, --remove-right takes away, and lists that are given replace.

{_ENDS.format(done="asked", failed="not allowed, or it cannot be")}
"""
_REQUESTS_EPILOG = f"""\b
Examples:
  pdp account requests --open
  pdp account requests --json | jq .id

{_ENDS.format(done="listed", failed="nobody is signed in")}
"""


def _step_epilog(command: str, done: str) -> str:
    ends = _ENDS.format(done=done, failed="not allowed, or the request is elsewhere")
    words = "Who asked can neither review nor approve; see `pdp account requests`."
    return f"\b\nExamples:\n  pdp account {command}\n\n{words}\n\n{ends}\n"


@click.command(epilog=_ASK_EPILOG)
@click.argument("kind", type=click.Choice(list(_KINDS)))
@click.argument("name")
@click.option("--owner", metavar="TEXT", help="The person who answers for it.")
@click.option("--branch", metavar="TEXT", help="The person's branch.")
@click.option("--level", type=click.Choice(list(LEVELS)), help="How much it may be given at most.")
@click.option("--right", "rights", multiple=True, metavar="RIGHT", help="A right; may be repeated.")
@click.option("--remove-right", "removed", multiple=True, metavar="RIGHT", help="A right to take away.")
@click.option("--network", "networks", multiple=True, metavar="CIDR", help="From where alone; may be repeated.")
@click.option("--window", "windows", multiple=True, metavar="TEXT",
              help="When alone: `08:00-19:00` or `1,2,3 08:00-19:00` (Monday is 1); may be repeated.")  # fmt: skip
@click.option("--certificate-hash", "certificates", multiple=True, metavar="HEX",
              help="The SHA-256 of a client certificate that is a second factor; may be repeated.")  # fmt: skip
@click.option("--authority", type=click.IntRange(0), metavar="NUMBER", help="The level of authority for grants.")
@click.option("--risk", required=True, metavar="TEXT", help="`low`, `medium` or `high`, and why.")
@reasoned(required=True)
@as_json
@asking
def ask(
    *,
    kind: str,
    name: str,
    owner: str | None,
    branch: str | None,
    level: str | None,
    rights: Sequence[str],
    removed: Sequence[str],
    networks: Sequence[str],
    windows: Sequence[str],
    certificates: Sequence[str],
    authority: int | None,
    risk: str,
    reason: str,
    as_json: bool,
    target: Target,
) -> ExitCode:
    """Ask for an account NAME, a change of it, a reset of its factors, or its end."""
    with accounts(target) as stub:
        wanted = account_pb2.Account(name=name)
        if kind == "change":
            wanted = stub.GetAccount(account_service_pb2.GetAccountRequest(name=name), timeout=TIMEOUT_SECONDS).account
        for part, value in (("owner", owner), ("branch", branch), ("authority_level", authority)):
            if value is not None:
                setattr(wanted, part, value)
        if level is not None:
            wanted.level = LEVELS[level]
        for part, values in (
            ("networks", networks), ("certificates", certificates), ("windows", [_window(text) for text in windows]),
        ):  # fmt: skip
            if values:
                wanted.ClearField(part)
                getattr(wanted, part).extend(values)
        gone = {right_word(right_of(text)) for text in removed}
        kept = [right for right in wanted.rights if right_word(right) not in gone]
        wanted.ClearField("rights")
        wanted.rights.extend([*kept, *map(right_of, rights)])
        request = account_service_pb2.AskForRightsRequest(kind=_KINDS[kind], wanted=wanted, risk=risk, reason=reason)
        made = stub.AskForRights(request, timeout=TIMEOUT_SECONDS).request
    return _told(made, "asked", as_json=as_json)


@click.command(epilog=_REQUESTS_EPILOG)
@click.option("--open", "only_open", is_flag=True, help="Only those that wait for something.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000), help="How many at most.")
@as_json
@asking
def requests(*, only_open: bool, limit: int, as_json: bool, target: Target) -> ExitCode:
    """List requests, the newest first; as JSON one a line."""
    with accounts(target) as stub:
        found = stub.ListRequests(
            account_service_pb2.ListRequestsRequest(open=only_open, page_size=limit), timeout=TIMEOUT_SECONDS
        ).requests
    if as_json:
        for item in found:
            console.print_json(console.message_data(item), indent=None)
        return ExitCode.OK
    table = console.table("request", "what", "account", "level and rights", "state", "risk", "steps")
    for item in found:
        wanted = item.wanted
        level = f"{level_word(wanted.level)}: " if wanted.level else ""
        steps = "\n".join(
            f"{_state(step.state)} {step.actor} {local(step.time_nanos)} {step.reason}" for step in item.steps
        )
        table.add_row(
            item.id, _KIND_WORDS.get(item.kind, ""), Text(wanted.name), Text(level + right_words(wanted.rights)),
            _state(item.state), Text(item.risk), Text(steps),
        )  # fmt: skip
    console.console().print(table)
    return ExitCode.OK


@click.command(epilog=_step_epilog('review 0f3a9 --reason "known to me"', "reviewed"))
@click.argument("request_id", metavar="ID")
@reasoned(required=True)
@as_json
@asking
def review(*, request_id: str, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Say that the request ID was looked at and is in order."""
    with accounts(target) as stub:
        asked = account_service_pb2.ReviewRequestRequest(id=request_id, reason=reason)
        return _told(stub.ReviewRequest(asked, timeout=TIMEOUT_SECONDS).request, "reviewed", as_json=as_json)


@click.command(epilog=_step_epilog("approve 0f3a9", "approved"))
@click.argument("request_id", metavar="ID")
@reasoned(required=False)
@as_json
@asking
def approve(*, request_id: str, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Approve the reviewed request ID."""
    with accounts(target) as stub:
        asked = account_service_pb2.ApproveRequestRequest(id=request_id, reason=reason)
        return _told(stub.ApproveRequest(asked, timeout=TIMEOUT_SECONDS).request, "approved", as_json=as_json)


@click.command(epilog=_step_epilog('refuse 0f3a9 --reason "not needed"', "refused"))
@click.argument("request_id", metavar="ID")
@reasoned(required=True)
@as_json
@asking
def refuse(*, request_id: str, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Refuse the request ID, or take your own back."""
    with accounts(target) as stub:
        asked = account_service_pb2.RefuseRequestRequest(id=request_id, reason=reason)
        return _told(stub.RefuseRequest(asked, timeout=TIMEOUT_SECONDS).request, "refused", as_json=as_json)


@click.command(epilog=_step_epilog("execute 0f3a9", "carried out"))
@click.argument("request_id", metavar="ID")
@as_json
@asking
def execute(*, request_id: str, as_json: bool, target: Target) -> ExitCode:
    """Carry the approved request ID out. A first password is shown once; it must be changed when it is used."""
    with accounts(target) as stub:
        answer = _execute(stub, request_id)
    if as_json:
        console.print_json(console.message_data(answer))
        return ExitCode.OK
    _told(answer.request, "carried out", as_json=False)
    if answer.password:
        click.echo(f"first password of `{answer.request.wanted.name}`, shown this once: {answer.password}")
    return ExitCode.OK


def _execute(stub: Accounts, request_id: str) -> account_service_pb2.ExecuteRequestResponse:
    asked = account_service_pb2.ExecuteRequestRequest(id=request_id)
    answer: account_service_pb2.ExecuteRequestResponse = stub.ExecuteRequest(asked, timeout=TIMEOUT_SECONDS)
    return answer


def _told(request: account_pb2.RightsRequest, done: str, *, as_json: bool) -> ExitCode:
    if as_json:
        console.print_json(console.message_data(request))
    else:
        click.echo(f"{done}: request {request.id}, {_KIND_WORDS.get(request.kind, '')} `{request.wanted.name}`")
    return ExitCode.OK


def _state(state: account_pb2.RequestState) -> str:
    return account_pb2.RequestState.Name(state).removeprefix("REQUEST_STATE_").lower()


def _window(text: str) -> account_pb2.TimeWindow:
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"`{text}` is no window; write `08:00-19:00` or `1,2,3,4,5 08:00-19:00`")
    days = [int(day) for day in (match[1] or "").split(",") if day]
    return account_pb2.TimeWindow(
        days=days, from_minute=int(match[2]) * 60 + int(match[3]), to_minute=int(match[4]) * 60 + int(match[5])
    )
