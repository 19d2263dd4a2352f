"""`pdp snapshot list` and `show`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import click

from pdp.cli import console
from pdp.cli.exits import ExitCode
from pdp.cli.snapshot_client import TIMEOUT_SECONDS, Question, Target, asking, connected, filtering
from pdp.cli.snapshot_text import COLUMNS, WORDS, record_tree, row
from pdp.v1 import snapshot_service_pb2, snapshot_service_pb2_grpc

_ALL_AT_ONCE = 1_000
_LIST_EPILOG = """\b
Examples:
  pdp snapshot list --since 24h --filter 'flagged'
  pdp snapshot list --filter 'subject.id == "T1001" && unmasked("id_no")' --all --json
  pdp snapshot list --filter 'resource.type == "customer" && resource.id == "C1"' --page 2

`pdp snapshot --help` tells what a filter may name. Times are shown as the terminal's clock has them.

Exit codes: 0 listed, 1 the filter is wrong or the service does not answer, 2 wrong command line.
"""
_SHOW_EPILOG = """\b
Examples:
  pdp snapshot show 01K9ZQ3…
  pdp snapshot show 01K9ZQ3… --lang zh

Exit codes: 0 shown, 1 no such record, or the service does not answer, 2 wrong command line.
"""


@click.command("list", epilog=_LIST_EPILOG)
@filtering
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="Records of a page.")
@click.option("--page", default=1, show_default=True, type=click.IntRange(1), help="Which page.")
@click.option("--all", "everything", is_flag=True, help="All pages, as they come.")
@click.option("--oldest", is_flag=True, help="Oldest first.")
@click.option("--count", is_flag=True, help="Count exactly how many there are, which may take long.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
@asking
def list_(
    *,
    question: Question,
    limit: int,
    page: int,
    everything: bool,
    oldest: bool,
    count: bool,
    as_json: bool,
    target: Target,
) -> ExitCode:
    """List records that meet a filter, newest first."""
    words = WORDS[target.language]
    request = snapshot_service_pb2.ListSnapshotsRequest(
        filter=question.text, page_size=_ALL_AT_ONCE if everything else limit, oldest_first=oldest, exact_count=count
    )
    with connected(target, question) as stub:
        pages = _pages(stub, request)
        if not everything:
            pages = itertools.islice(pages, page - 1, page)
        before = 0 if everything else (page - 1) * limit
        found, answer = 0, snapshot_service_pb2.ListSnapshotsResponse()
        for answer in pages:
            found += len(answer.entries)
            _print(answer, target.language, as_json=as_json)
    if as_json:
        return ExitCode.OK
    if not found:
        click.echo(words["none"] + (words["wider"] if question.text else ""), err=True)
        return ExitCode.OK
    if answer.total_size >= 0:
        total = str(answer.total_size) if answer.exact else words["about"].format(total=answer.total_size)
        click.echo(words["of"].format(count=before + found, total=total), err=True)
    if answer.next_page_token:
        click.echo(words["more"].format(page=page + 1), err=True)
    return ExitCode.OK


def _pages(
    stub: snapshot_service_pb2_grpc.SnapshotServiceStub, request: snapshot_service_pb2.ListSnapshotsRequest
) -> Iterator[snapshot_service_pb2.ListSnapshotsResponse]:
    while True:
        answer: snapshot_service_pb2.ListSnapshotsResponse = stub.ListSnapshots(request, timeout=TIMEOUT_SECONDS)
        yield answer
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token


def _print(answer: snapshot_service_pb2.ListSnapshotsResponse, lang: str, *, as_json: bool) -> None:
    if as_json:
        for entry in answer.entries:
            console.print_json(console.message_data(entry), indent=None)
    elif answer.entries:
        table = console.table(*(WORDS[lang][name] for name in COLUMNS))
        for entry in answer.entries:
            table.add_row(*row(entry, lang))
        console.console().print(table)


@click.command(epilog=_SHOW_EPILOG)
@click.argument("record_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def show(*, record_id: str, as_json: bool, target: Target) -> ExitCode:
    """Show the record of a decision or operation: verdicts, clauses, facts, and its place in the chain."""
    with connected(target) as stub:
        answer = stub.GetSnapshot(snapshot_service_pb2.GetSnapshotRequest(id=record_id), timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
    else:
        console.console().print(record_tree(answer, target.language))
    return ExitCode.OK
