"""`pdp snapshot tail`."""

from __future__ import annotations

import time

import click
import grpc
from rich.text import Text

from pdp.cli import console
from pdp.cli.exits import ExitCode
from pdp.cli.interrupts import ending
from pdp.cli.snapshot_client import Question, Target, asking, connected
from pdp.cli.snapshot_text import WORDS, row
from pdp.v1 import snapshot_service_pb2

_PAUSE_SECONDS = 1.0
_EPILOG = """\b
Examples:
  pdp snapshot tail --filter 'severity >= HIGH'
  pdp snapshot tail --json --count 10

Exit codes: 0 so many were shown, 1 the filter is wrong or the service does not answer, 2 wrong command line,
130 ended by Ctrl-C.
"""


@click.command(epilog=_EPILOG)
@click.option("--filter", "text", default="", metavar="CEL", help="Only what meets this.")
@click.option("--count", type=click.IntRange(1), metavar="NUMBER", help="End after so many.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
@asking
def tail(*, text: str, count: int | None, as_json: bool, target: Target) -> ExitCode:
    """Show records that meet a filter as they come in, until Ctrl-C.

    A connection that breaks is made again, and what came in meanwhile is shown then.
    """
    words = WORDS[target.language]
    request = snapshot_service_pb2.WatchSnapshotsRequest(filter=text)
    left = -1 if count is None else count
    with connected(target, Question(text, None, None)) as stub:
        while left:
            try:
                call = stub.WatchSnapshots(request)
                with ending(call):
                    for answer in call:
                        if not request.resume_token:
                            click.echo(words["waiting"], err=True)
                        request.resume_token = answer.resume_token
                        if answer.HasField("entry"):
                            _print(answer.entry, target.language, as_json=as_json)
                            left -= 1
                            if not left:
                                break
            except grpc.RpcError as error:
                if not isinstance(error, grpc.Call) or error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                if not request.resume_token:
                    raise
                click.echo(words["gone"], err=True)
                time.sleep(_PAUSE_SECONDS)
    return ExitCode.OK


def _print(entry: snapshot_service_pb2.SnapshotEntry, lang: str, *, as_json: bool) -> None:
    if as_json:
        console.print_json(console.message_data(entry), indent=None)
        return
    line = Text("  ").join(part for part in row(entry, lang) if part.plain)
    console.console().print(line, soft_wrap=True)
