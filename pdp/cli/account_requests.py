"""`pdp account ask`, `requests`, `review`, `approve`, `execute` and `refuse`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import click
from rich.text import Text

from pdp.cli import console
from pdp.cli.account_anomalies import VERDICTS, review_anomaly
from pdp.cli.account_client import LEVELS, Accounts, accounts, as_json, right_of
from pdp.cli.account_words import WORDS, kind_word, request_state_word
from pdp.cli.exits import ExitCode
from pdp.cli.policy_client import reasoned
from pdp.cli.snapshot_text import local
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.control.accounts.permissions import level_word
from pdp.control.accounts.telling import identity_word, right_word, right_words
from pdp.v1 import account_pb2, account_service_pb2

_KINDS = {
    "create": account_pb2.REQUEST_KIND_CREATE, "change": account_pb2.REQUEST_KIND_CHANGE,
    "close": account_pb2.REQUEST_KIND_CLOSE, "reset": account_pb2.REQUEST_KIND_RESET,
}  # fmt: skip
_WINDOW = re.compile(r"(?:([1-7](?:,[1-7])*) )?([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])")
_ENDS = "Exit codes: 0 {done}, 1 {failed}, or the service does not answer, 2 wrong command line."
_ASK_EPILOG = f"""\b
Examples:
  pdp account ask create zhang --owner "Zhang San" --branch 0101 --level user --right policy-write \\
      --network 10.1.0.0/16 --window "1,2,3,4,5 08:00-19:00" --risk "low: drafts only" --reason "new colleague"
  pdp account ask change zhang --right simulate --risk "low: reads only" --reason "tests too"
  pdp account ask change zhang --oidc-subject u-1001 --risk "low: the same person" --reason "single sign-on"
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
@click.option("--oidc-subject", metavar="SUBJECT",
              help="Who it is at the OpenID provider (`sub`); empty for nobody.")  # fmt: skip
@click.option("--oidc-issuer", default="", metavar="URL",
              help="Which provider that is.  [default: the one in the service's settings]")  # fmt: skip
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
    oidc_subject: str | None,
    oidc_issuer: str,
    authority: int | None,
    risk: str,
    reason: str,
    as_json: bool,
    target: Target,
) -> ExitCode:
    """Ask for an account NAME, a change of it, a reset of its factors, or its end."""
    if oidc_issuer and not oidc_subject:
        raise click.UsageError("`--oidc-issuer` says where `--oidc-subject` is from, and needs it")
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
        if oidc_subject is not None:
            wanted.ClearField("oidc")
        if oidc_subject:
            wanted.oidc.CopyFrom(account_pb2.OidcIdentity(issuer=oidc_issuer, subject=oidc_subject))
        gone = {right_word(right_of(text)) for text in removed}
        kept = [right for right in wanted.rights if right_word(right) not in gone]
        wanted.ClearField("rights")
        wanted.rights.extend([*kept, *map(right_of, rights)])
        request = account_service_pb2.AskForRightsRequest(kind=_KINDS[kind], wanted=wanted, risk=risk, reason=reason)
        made = stub.AskForRights(request, timeout=TIMEOUT_SECONDS).request
    return _told(made, "asked_now", target, as_json=as_json)


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
    lang, words = target.language, WORDS[target.language]
    names = ("request", "what", "account", "level_and_rights", "state", "risk", "steps")
    table = console.table(*(words[name] for name in names))
    for item in found:
        wanted = item.wanted
        steps = "\n".join(
            f"{request_state_word(step.state, lang)} {step.actor} {local(step.time_nanos)} {step.reason}"
            for step in item.steps
        )
        table.add_row(
            item.id, kind_word(item.kind, lang), Text(wanted.name), Text("\n".join(_asked_for(wanted))),
            request_state_word(item.state, lang), Text(item.risk), Text(steps),
        )  # fmt: skip
    console.console().print(table)
    return ExitCode.OK


@click.command(epilog=_step_epilog('review 0f3a9 --reason "known to me"', "reviewed"))
@click.argument("request_id", metavar="ID")
@click.option("--verdict", type=click.Choice(VERDICTS), help="What it was: then ID is that of an anomaly.")
@reasoned(required=True)
@as_json
@asking
def review(*, request_id: str, verdict: str | None, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Say that the request ID was looked at and is in order, or with a verdict what the anomaly ID was."""
    if verdict is not None:
        return review_anomaly(request_id, verdict, reason, target, as_json=as_json)
    with accounts(target) as stub:
        asked = account_service_pb2.ReviewRequestRequest(id=request_id, reason=reason)
        return _told(
            stub.ReviewRequest(asked, timeout=TIMEOUT_SECONDS).request, "reviewed_now", target, as_json=as_json
        )


@click.command(epilog=_step_epilog("approve 0f3a9", "approved"))
@click.argument("request_id", metavar="ID")
@reasoned(required=False)
@as_json
@asking
def approve(*, request_id: str, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Approve the reviewed request ID."""
    with accounts(target) as stub:
        asked = account_service_pb2.ApproveRequestRequest(id=request_id, reason=reason)
        return _told(
            stub.ApproveRequest(asked, timeout=TIMEOUT_SECONDS).request, "approved_now", target, as_json=as_json
        )


@click.command(epilog=_step_epilog('refuse 0f3a9 --reason "not needed"', "refused"))
@click.argument("request_id", metavar="ID")
@reasoned(required=True)
@as_json
@asking
def refuse(*, request_id: str, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Refuse the request ID, or take your own back."""
    with accounts(target) as stub:
        asked = account_service_pb2.RefuseRequestRequest(id=request_id, reason=reason)
        return _told(stub.RefuseRequest(asked, timeout=TIMEOUT_SECONDS).request, "refused_now", target, as_json=as_json)


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
    _told(answer.request, "done_now", target, as_json=False)
    if answer.password:
        words = WORDS[target.language]["first_password"]
        click.echo(words.format(name=answer.request.wanted.name, password=answer.password))
    return ExitCode.OK


def _execute(stub: Accounts, request_id: str) -> account_service_pb2.ExecuteRequestResponse:
    asked = account_service_pb2.ExecuteRequestRequest(id=request_id)
    answer: account_service_pb2.ExecuteRequestResponse = stub.ExecuteRequest(asked, timeout=TIMEOUT_SECONDS)
    return answer


def _told(request: account_pb2.RightsRequest, done: str, target: Target, *, as_json: bool) -> ExitCode:
    if as_json:
        console.print_json(console.message_data(request))
    else:
        kind = kind_word(request.kind, target.language)
        click.echo(WORDS[target.language][done].format(id=request.id, kind=kind, name=request.wanted.name))
    return ExitCode.OK


def _asked_for(wanted: account_pb2.Account) -> Iterator[str]:
    """Yield what an account is to have, for who judges the request."""
    if wanted.level:
        yield f"{level_word(wanted.level)}: {right_words(wanted.rights)}"
    if wanted.HasField("oidc"):
        yield identity_word(wanted.oidc)


def _window(text: str) -> account_pb2.TimeWindow:
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"`{text}` is no window; write `08:00-19:00` or `1,2,3,4,5 08:00-19:00`")
    days = [int(day) for day in (match[1] or "").split(",") if day]
    return account_pb2.TimeWindow(
        days=days, from_minute=int(match[2]) * 60 + int(match[3]), to_minute=int(match[4]) * 60 + int(match[5])
    )
