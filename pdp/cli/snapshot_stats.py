"""`pdp snapshot stats`."""

from __future__ import annotations

import click
from rich.text import Text

from pdp.cli import console
from pdp.cli.exits import ExitCode
from pdp.cli.snapshot_client import TIMEOUT_SECONDS, Question, Target, asking, connected, filtering
from pdp.cli.snapshot_text import WORDS, local
from pdp.v1 import snapshot_service_pb2
from pdp.values import NANOS, parse_timestamp

GROUPS = ("severity", "subject.id", "caller", "action", "application", "menu", "hour", "day")
_WIDTH = 30
_EPILOG = """\b
Examples:
  pdp snapshot stats --by menu --since 7d
  pdp snapshot stats --by hour --filter 'flagged'

Exit codes: 0 counted, 1 the filter is wrong or the service does not answer, 2 wrong command line.
"""


@click.command(epilog=_EPILOG)
@filtering
@click.option("--by", default="severity", show_default=True, type=click.Choice(GROUPS), help="What to group by.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many groups.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def stats(*, question: Question, by: str, limit: int, as_json: bool, target: Target) -> ExitCode:
    """Count the records of a time by group; the last 24 hours when no time is given."""
    words = WORDS[target.language]
    request = snapshot_service_pb2.GetSnapshotStatsRequest(filter=question.filter, group_by=by, limit=limit)
    for name, moment in (("from", question.since), ("to", question.until)):
        if moment is not None:
            stamp = getattr(request, name)
            stamp.seconds, stamp.nanos = divmod(moment, NANOS)
    with connected(target, Question(question.filter, None, None)) as stub:
        answer = stub.GetSnapshotStats(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
        return ExitCode.OK
    if not answer.total:
        click.echo(words["none"] + words["wider"], err=True)
        return ExitCode.OK
    table = console.table(words["group"], words["count"], words["flagged"], words["share"])
    largest = max((group.count for group in answer.groups), default=1)
    for group in answer.groups:
        bar = "█" * round(_WIDTH * group.count / largest)
        key = local(parse_timestamp(group.key), seconds=False) if by in ("hour", "day") else group.key or "–"
        table.add_row(Text(key), Text(str(group.count)), Text(str(group.flagged)), Text(bar, "blue"))
    table.add_row(Text(words["total"], "bold"), Text(str(answer.total), "bold"), Text(str(answer.flagged), "bold"), "")
    console.console().print(table)
    return ExitCode.OK
