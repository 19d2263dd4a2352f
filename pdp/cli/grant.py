"""`pdp grant`: ask for authorisations, and decide on them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click
from google.protobuf import duration_pb2
from rich.console import Group
from rich.live import Live
from rich.text import Text

from pdp.cli import console
from pdp.cli.exits import ExitCode
from pdp.cli.grant_words import STATES, WORDS, Span, grant_lines, grants_table
from pdp.cli.lazy import Entry, LazyGroup
from pdp.cli.snapshot_text import local
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking, channel_to
from pdp.v1 import account_pb2, grant_service_pb2, grant_service_pb2_grpc

Stub = grant_service_pb2_grpc.GrantServiceStub
_PAUSE_SECONDS: Final = 1.0
EPILOG = """\b
Examples:
  pdp grant ask --subject T1001 --resource customer:C88 --field mobile --reason "at the counter"
  pdp grant list --mine
  pdp grant approve g19b…
  pdp grant revoke g19b… --reason "customer left"

Exit codes: 0 done, 1 refused, or the service does not answer, 2 wrong command line.
"""
_ASK_EPILOG = """\b
Examples:
  pdp grant ask --subject T1001 --resource customer:C88 --field mobile --field balance --reason "at the counter"
  pdp grant ask --subject T1001 --resource customer:C88 --level C3 --for 10m --uses 3 --reason "large withdrawal"

Nobody approves what they asked for themselves, nor what is for them, nor what is for another branch than theirs.

Exit codes: 0 asked, 1 refused, or the service does not answer, 2 wrong command line.
"""
_APPROVE_EPILOG = """\b
Examples:
  pdp grant approve g19b…
  pdp grant approve g19b… --for 5m --reason "seen the customer"

A request to the decision port with the printed grant revision as `min_grant_revision` sees it on any node.

Exit codes: 0 it holds, 1 refused, or the service does not answer, 2 wrong command line.
"""
_END_EPILOG = """\b
Examples:
  pdp grant {0} g19b… --reason "customer left"

Exit codes: 0 done, 1 not possible, or the service does not answer, 2 wrong command line.
"""
_LIST_EPILOG = """\b
Examples:
  pdp grant list
  pdp grant list --mine                            what you may decide on
  pdp grant list --state active --subject T1001
  pdp grant list --json | jq -r '.grants[].grant.id'

Exit codes: 0 listed, 1 the service does not answer, 2 wrong command line.
"""
_SHOW_EPILOG = """\b
Examples:
  pdp grant show g19b…
  pdp grant show g19b… --json

Exit codes: 0 shown, 1 there is none, or the service does not answer, 2 wrong command line.
"""
_WATCH_EPILOG = """\b
Examples:
  pdp grant watch --mine

Exit codes: 130 ended by Ctrl-C, 1 the service does not answer, 2 wrong command line.
"""

COMMANDS: dict[str, Entry] = {
    "ask": Entry("Ask", "pdp.cli.grant:ask", "Ask for a grant."),
    "approve": Entry("Decide", "pdp.cli.grant:approve", "Give a grant that was asked for."),
    "refuse": Entry("Decide", "pdp.cli.grant:refuse", "Refuse a grant that was asked for."),
    "revoke": Entry("Decide", "pdp.cli.grant:revoke", "Take a grant back on all nodes."),
    "list": Entry("Look", "pdp.cli.grant:list_", "List grants, newest first."),
    "show": Entry("Look", "pdp.cli.grant:show", "Show a grant with its story."),
    "watch": Entry("Look", "pdp.cli.grant:watch", "Show grants as they change."),
}

grant = LazyGroup("grant", entries=COMMANDS, help="Ask for authorisations, and decide on them.", epilog=EPILOG)

_STATES = {name: state for state, (name, *_) in STATES.items()}
_JSON = click.option("--json", "as_json", is_flag=True, help="Write JSON.")


@contextmanager
def connected(target: Target) -> Iterator[Stub]:
    """Give a stub; what goes wrong in calls ends the command with words. Raises CommandError."""
    with channel_to(target, "GrantService") as channel:
        yield Stub(channel)  # type: ignore[no-untyped-call]


@click.command(epilog=_ASK_EPILOG)
@click.option("--subject", default="", metavar="ID", help="Who is to see more.  [default: you]")
@click.option("--branch", default="", help="The subject's branch.  [default: yours]")
@click.option("--application", default="", help="The application it is to hold in; all unless said.")
@click.option("--resource", required=True, metavar="TYPE:ID", help="What it is for, such as customer:C88.")
@click.option("--field", "fields", multiple=True, help="A field; may be given again.  [default: all that grants may]")
@click.option("--level", "levels", multiple=True, type=click.Choice(["C1", "C2", "C3"]), help="A grade.")
@click.option("--scenario", default="", help="The business scenario.")
@click.option("--for", "validity", type=Span(), help="For how long from the approval on.  [default: 30m]")
@click.option("--uses", default=0, type=click.IntRange(0), help="How often it may be used.  [default: any number]")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept for ever.")
@_JSON
@asking
def ask(
    *, subject: str, branch: str, application: str, resource: str, fields: tuple[str, ...], levels: tuple[str, ...],
    scenario: str, validity: duration_pb2.Duration | None, uses: int, reason: str, as_json: bool, target: Target,
) -> ExitCode:  # fmt: skip
    """Ask a supervisor to let somebody see more of one resource for a while."""
    kind, found, name = resource.partition(":")
    if not (kind and found and name):
        raise click.BadParameter("write TYPE:ID, such as customer:C88", param_hint="--resource")
    request = grant_service_pb2.AskForGrantRequest(
        subject_id=subject, branch=branch, application=application, resource_type=kind, resource_id=name,
        fields=fields, levels=levels, scenario=scenario, reason=reason, validity=validity, max_uses=uses,
    )  # fmt: skip
    with connected(target) as stub:
        answer = stub.AskForGrant(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
    else:
        click.echo(WORDS[target.language]["asked"].format(id=answer.grant.grant.id))
    return ExitCode.OK


@click.command(epilog=_APPROVE_EPILOG)
@click.argument("grant_id", metavar="ID")
@click.option("--for", "validity", type=Span(), help="For a shorter time than was asked for.")
@click.option("--reason", default="", metavar="TEXT", help="Why; it is kept for ever.")
@_JSON
@asking
def approve(
    *, grant_id: str, validity: duration_pb2.Duration | None, reason: str, as_json: bool, target: Target
) -> ExitCode:
    """Give the grant ID that somebody else asked for."""
    request = grant_service_pb2.ApproveGrantRequest(id=grant_id, reason=reason, validity=validity)
    with connected(target) as stub:
        answer = stub.ApproveGrant(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
    else:
        until = local(answer.grant.grant.expires_at_nanos)
        words = WORDS[target.language]["approved"]
        click.echo(words.format(id=grant_id, until=until, revision=answer.grant_revision))
    return ExitCode.OK


@click.command(epilog=_END_EPILOG.format("refuse"))
@click.argument("grant_id", metavar="ID")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept for ever.")
@_JSON
@asking
def refuse(*, grant_id: str, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Refuse the grant ID that was asked for."""
    with connected(target) as stub:
        request = grant_service_pb2.RefuseGrantRequest(id=grant_id, reason=reason)
        answer = stub.RefuseGrant(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
    else:
        click.echo(WORDS[target.language]["refused"].format(id=grant_id))
    return ExitCode.OK


@click.command(epilog=_END_EPILOG.format("revoke"))
@click.argument("grant_id", metavar="ID")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept for ever.")
@_JSON
@asking
def revoke(*, grant_id: str, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Take the grant ID back; returns once no node honours it, which takes some ten seconds when one is silent."""
    words = WORDS[target.language]
    with connected(target) as stub:
        request = grant_service_pb2.RevokeGrantRequest(id=grant_id, reason=reason)
        answer = stub.RevokeGrant(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
    else:
        click.echo(words["revoked"].format(id=grant_id, revision=answer.grant_revision))
        if answer.silent_nodes:
            click.echo(words["silent"].format(names=", ".join(answer.silent_nodes)), err=True)
    return ExitCode.OK


@click.command("list", epilog=_LIST_EPILOG)
@click.option("--state", type=click.Choice(sorted(_STATES)), help="Only those in this state.")
@click.option("--subject", default="", metavar="ID", help="Only those for this subject.")
@click.option("--mine", is_flag=True, help="Only what you may decide on.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1_000), help="How many at most.")
@click.option("--page", default="", metavar="TOKEN", help="From what the page before ended with.")
@_JSON
@asking
def list_(
    *, state: str | None, subject: str, mine: bool, limit: int, page: str, as_json: bool, target: Target
) -> ExitCode:  # fmt: skip
    """List grants, newest first."""
    words = WORDS[target.language]
    with connected(target) as stub:
        answer = stub.ListGrants(_listing(state, subject, limit, page, mine=mine), timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
        return ExitCode.OK
    if answer.grants:
        console.console().print(grants_table(answer.grants, target.language))
    else:
        click.echo(words["none"])
    if answer.next_page_token:
        click.echo(words["more"].format(page=answer.next_page_token), err=True)
    return ExitCode.OK


@click.command(epilog=_SHOW_EPILOG)
@click.argument("grant_id", metavar="ID")
@_JSON
@asking
def show(*, grant_id: str, as_json: bool, target: Target) -> ExitCode:
    """Show the grant ID, and who did what with it."""
    with connected(target) as stub:
        answer = stub.GetGrant(grant_service_pb2.GetGrantRequest(id=grant_id), timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
    else:
        console.console().print(Group(*grant_lines(answer.grant, target.language)))
    return ExitCode.OK


@click.command(epilog=_WATCH_EPILOG)
@click.option("--state", type=click.Choice(sorted(_STATES)), help="Only those in this state.")
@click.option("--subject", default="", metavar="ID", help="Only those for this subject.")
@click.option("--mine", is_flag=True, help="Only what you may decide on.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, one object a line for each grant that changed.")
@asking
def watch(*, state: str | None, subject: str, mine: bool, as_json: bool, target: Target) -> ExitCode:
    """Show grants as they change, until Ctrl-C."""
    out = console.console()
    known: dict[str, account_pb2.GrantRecord] = {}
    with connected(target) as stub, Live(console=out, auto_refresh=False) as live:
        while True:
            answer = stub.ListGrants(_listing(state, subject, 100, "", mine=mine), timeout=TIMEOUT_SECONDS)
            changed = [record for record in answer.grants if known.get(record.grant.id) != record]
            known = {record.grant.id: record for record in answer.grants}
            if as_json:
                for record in reversed(changed):
                    console.print_json(console.message_data(record), indent=None)
            elif out.is_terminal:
                shown = grants_table(answer.grants, target.language)
                live.update(shown if answer.grants else Text(WORDS[target.language]["none"]), refresh=True)
            elif changed:
                out.print(grants_table(changed, target.language))
            time.sleep(_PAUSE_SECONDS)


def _listing(
    state: str | None, subject: str, limit: int, page: str, *, mine: bool
) -> grant_service_pb2.ListGrantsRequest:
    wanted = account_pb2.GRANT_STATE_UNSPECIFIED if state is None else _STATES[state]
    return grant_service_pb2.ListGrantsRequest(
        state=wanted, subject_id=subject, mine_to_approve=mine, page_size=limit, page_token=page
    )
