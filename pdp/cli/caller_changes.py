"""`pdp caller changes`, `approve` and `refuse`: the second person."""

from __future__ import annotations

import click

from pdp.cli import console
from pdp.cli.caller_client import as_json, connected, told
from pdp.cli.caller_words import WORDS, changes_table
from pdp.cli.exits import ExitCode
from pdp.cli.policy_client import reasoned
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.v1 import caller_service_pb2

_CHANGES_EPILOG = """\b
Examples:
  pdp caller changes
  pdp caller changes --all --json

Exit codes: 0 listed, 1 the service refuses or does not answer, 2 wrong command line.
"""
_STEP_EPILOG = """\b
Examples:
  pdp caller {}

Exit codes: 0 done, 1 not allowed, or the change waits no more, 2 wrong command line.
"""


@click.command(epilog=_CHANGES_EPILOG)
@click.option("--all", "all_", is_flag=True, help="Those too that wait no more.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000), help="How many at most.")
@click.option("--page", default="", metavar="TOKEN", help="From what the page before ended with.")
@as_json
@asking
def changes(*, all_: bool, limit: int, page: str, as_json: bool, target: Target) -> ExitCode:
    """List changes that need a second person, the newest first."""
    words = WORDS[target.language]
    with connected(target) as stub:
        request = caller_service_pb2.ListCallerChangesRequest(waiting=not all_, page_size=limit, page_token=page)
        answer = stub.ListCallerChanges(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
        return ExitCode.OK
    if answer.changes:
        console.console().print(changes_table(answer.changes, target.language))
    else:
        click.echo(words["no_changes"])
    if answer.next_page_token:
        click.echo(words["more"].format(page=answer.next_page_token), err=True)
    return ExitCode.OK


@click.command(epilog=_STEP_EPILOG.format('approve 7e2d1 --reason "known to me"'))
@click.argument("change_id", metavar="ID")
@reasoned(required=False)
@as_json
@asking
def approve(*, change_id: str, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Approve the change ID that somebody else asked for, which does it."""
    with connected(target) as stub:
        request = caller_service_pb2.ApproveCallerChangeRequest(id=change_id, reason=reason)
        answer = stub.ApproveCallerChange(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
        return ExitCode.OK
    done = caller_service_pb2.RevokeCallerTokenResponse(caller=answer.caller)
    return told(done, "approved", target.language, as_json=False)


@click.command(epilog=_STEP_EPILOG.format('refuse 7e2d1 --reason "not agreed"'))
@click.argument("change_id", metavar="ID")
@reasoned(required=True)
@as_json
@asking
def refuse(*, change_id: str, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Refuse the change ID, or take your own back."""
    with connected(target) as stub:
        request = caller_service_pb2.RefuseCallerChangeRequest(id=change_id, reason=reason)
        answer = stub.RefuseCallerChange(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
    else:
        click.echo(WORDS[target.language]["refused_done"].format(id=change_id))
    return ExitCode.OK
