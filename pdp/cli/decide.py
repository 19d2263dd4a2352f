"""`pdp decide`: requests from a file or a pipe, one reply a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

import click

from pdp.cli.basics import FILE, FOLDER, clock
from pdp.cli.console import message_data
from pdp.cli.exits import ExitCode
from pdp.cli.policies import load_program, parse_now
from pdp.cli.requests import BadRequestError, Source, error_json, parse_request, read_requests
from pdp.engine.program import Program
from pdp.errors import RequestError
from pdp.v1 import decision_service_pb2

EPILOG = """\b
Examples:
  pdp decide --policies policies request.json
  pdp decide --policies policies --now 2026-03-02T10:00:00+08:00 requests.jsonl
  generate | pdp decide --policies policies - | jq -c .verdicts

\b
A request is a pdp.v1.DecideRequest in protobuf's JSON form:
  {"subject": {"id": "T1001", "attributes": {"level": {"intValue": "3"}}},
   "action": {"name": "query"}, "resource": {"type": "customer", "id": "C2001"},
   "context": {"menu": {"stringValue": "3101"}}, "fields": ["mobile", "name"]}

Several requests stand one on each line, or one after another. Each gives one line: a DecideResponse, or
{"error": {...}, "line": N} for one that cannot be decided, after which the next is tried.
Exit codes: 0 all decided, 1 some not, or the policies have errors, 2 wrong command line.
"""


@click.command(epilog=EPILOG)
@click.option("--policies", required=True, type=FOLDER, metavar="DIR", help="Folder of policies to decide by.")
@click.option("--grants", type=FILE, metavar="FILE", help="Grants that requests may name (a YAML file of kind Grants).")
@click.option("--now", callback=parse_now, metavar="RFC3339", help="Decide as if it were this time.")
@click.argument("file", type=click.File("rb"), default="-")
def decide(*, policies: Path, grants: Path | None, now: int | None, file: BinaryIO) -> ExitCode:
    """Decide the requests in FILE (`-` or nothing: the standard input) without a server."""
    program = load_program(policies, grants)
    failed, is_empty = False, True
    for source in read_requests(file):
        is_empty = False
        answer, good = _answer(program, source, now)
        failed |= not good
        # One at a time, so that a program at the other end of the pipe can wait for each.
        click.echo(json.dumps(answer, ensure_ascii=False))
    if is_empty:
        # No failure, for a program may have had nothing to ask; a person is likely to have named the wrong file.
        click.echo("the input holds no request", err=True)
    return ExitCode.PROBLEMS if failed else ExitCode.OK


def _answer(program: Program, source: Source, now: int | None) -> tuple[dict[str, Any], bool]:
    try:
        request = parse_request(source)
        reply = program.decide(request.SerializeToString(), clock() if now is None else now)
    except (BadRequestError, RequestError) as error:
        return {"error": error_json(error), "line": source.line}, False
    return message_data(decision_service_pb2.DecideResponse.FromString(reply)), True
