"""`pdp caller list` and `show`."""

from __future__ import annotations

import click
from rich.console import Group

from pdp.cli import console
from pdp.cli.caller_client import as_json, connected
from pdp.cli.caller_words import WORDS, caller_lines, callers_table
from pdp.cli.exits import ExitCode
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.v1 import caller_service_pb2

_LIST_EPILOG = """\b
Examples:
  pdp caller list
  pdp caller list --json | jq -r '.callers[].name'

Exit codes: 0 listed, 1 the service refuses or does not answer, 2 wrong command line.
"""
_SHOW_EPILOG = """\b
Examples:
  pdp caller show counter

Exit codes: 0 shown, 1 there is no such caller or the service does not answer, 2 wrong command line.
"""


@click.command(name="list", epilog=_LIST_EPILOG)
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000), help="How many at most.")
@click.option("--page", default="", metavar="TOKEN", help="From what the page before ended with.")
@as_json
@asking
def list_(*, limit: int, page: str, as_json: bool, target: Target) -> ExitCode:
    """List the callers that staff manage, and those of the callers file of the node that answers."""
    words = WORDS[target.language]
    with connected(target) as stub:
        request = caller_service_pb2.ListCallersRequest(page_size=limit, page_token=page)
        answer = stub.ListCallers(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
        return ExitCode.OK
    if answer.callers or answer.file_callers:
        console.console().print(callers_table(answer.callers, answer.file_callers, target.language))
    else:
        click.echo(words["none"])
    if answer.next_page_token:
        click.echo(words["more"].format(page=answer.next_page_token), err=True)
    if answer.callers and not answer.effective:
        click.echo(words["ineffective"], err=True)
    return ExitCode.OK


@click.command(epilog=_SHOW_EPILOG)
@click.argument("name")
@as_json
@asking
def show(*, name: str, as_json: bool, target: Target) -> ExitCode:
    """Show the managed caller NAME with its tokens, of which nothing secret is kept."""
    with connected(target) as stub:
        answer = stub.GetCaller(caller_service_pb2.GetCallerRequest(name=name), timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
    else:
        console.console().print(Group(*caller_lines(answer.caller, target.language, hidden=answer.hidden)))
    return ExitCode.OK
