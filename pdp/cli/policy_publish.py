"""`pdp policy publish`, `rollback` and `history`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import click

from pdp.cli import console
from pdp.cli.cluster_client import Stub as ClusterStub
from pdp.cli.cluster_client import await_revision
from pdp.cli.cluster_client import connected as cluster_connected
from pdp.cli.exits import ExitCode
from pdp.cli.policy_client import (
    PUBLISH_SECONDS,
    Stub,
    connected,
    reasoned,
    showing_problems,
    version_of,
    versioned,
)
from pdp.cli.policy_text import REVISION_COLUMNS, labels, revision_row
from pdp.cli.policy_words import WORDS
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.v1 import policy_service_pb2

_ALL_AT_ONCE = 1_000
_APPROVE_EPILOG = """\b
Examples:
  pdp policy approve night-shift --reason "as agreed in ticket 4711"

Where people sign in, a draft is published only when somebody approved it who had no part in it.

Exit codes: 0 approved, 1 not allowed, somebody else changed it, or the service does not answer, 2 wrong command line.
"""
_PUBLISH_EPILOG = """\b
Examples:
  pdp policy publish night-shift --wait 30         fails when a healthy node does not follow in 30 seconds
  pdp policy publish night-shift --canary ring=canary --sample 0.2 --max-difference 0.01

With --canary the revision decides first on the nodes with all these labels. They decide a sample of their requests by
the revision in force too, and the rollout stops by itself when a node refuses the revision or too many decisions
differ. `pdp policy rollout` shows how it goes.

Exit codes: 0 published (with --wait: and every healthy node decides by it), 1 not published, or a node did not follow,
2 wrong command line.
"""
_ROLLBACK_EPILOG = """\b
Examples:
  pdp policy rollback --reason "tellers could not see names"
  pdp policy rollback 12 --reason "back to before the reform" --wait 30

Exit codes: 0 rolled back (with --wait: and every healthy node decides by it), 1 not rolled back, or a node did not
follow, 2 wrong command line.
"""
_HISTORY_EPILOG = """\b
Examples:
  pdp policy history
  pdp policy history --all --json | jq -r .number

Exit codes: 0 listed, 1 the service does not answer, 2 wrong command line.
"""
_WAIT = click.option(
    "--wait", type=click.FloatRange(0.1, 600), metavar="SECONDS", help="Wait so long for every healthy node."
)  # fmt: skip


def _label(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in ",".join(values).split(",") if values else ():
        name, sign, value = pair.partition("=")
        if not (name and sign and value):
            raise click.BadParameter(f"`{pair}` is no label; write `zone=a` or `zone=a,ring=canary`")
        found[name.strip()] = value.strip()
    return found


@click.command(epilog=_APPROVE_EPILOG)
@click.argument("name")
@versioned
@reasoned(required=False)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def approve(*, name: str, version: int | None, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Approve the text of the submitted draft NAME, which others wrote."""
    with connected(target) as stub:
        request = policy_service_pb2.ApproveDraftRequest(
            name=name, version=version_of(stub, name, version), reason=reason
        )
        answer = stub.ApproveDraft(request, timeout=PUBLISH_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
    else:
        click.echo(WORDS[target.language]["approved_now"].format(name=name))
    return ExitCode.OK


@click.command(epilog=_PUBLISH_EPILOG)
@click.argument("name")
@versioned
@reasoned(required=False)
@click.option(
    "--canary", multiple=True, callback=_label, metavar="LABEL=VALUE", help="First on the nodes with this label only."
)
@click.option("--sample", type=click.FloatRange(0, 1, min_open=True), metavar="SHARE", help="Of the requests there, "
              "the share that is compared.  [default: 0.1]")  # fmt: skip
@click.option("--max-difference", type=click.FloatRange(0, 1), metavar="SHARE", help="Stop when more than this share "
              "of compared decisions differs.  [default: never]")  # fmt: skip
@click.option("--min-compared", type=click.IntRange(1), metavar="NUMBER", help="Not before so many were compared.  "
              "[default: 100]")  # fmt: skip
@click.option("--emergency", is_flag=True, help="Without an approval; needs --reason, and raises an alarm.")
@_WAIT
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def publish(
    *,
    name: str,
    version: int | None,
    reason: str,
    canary: dict[str, str],
    sample: float | None,
    max_difference: float | None,
    min_compared: int | None,
    emergency: bool,
    wait: float | None,
    as_json: bool,
    target: Target,
) -> ExitCode:
    """Put the submitted draft NAME in force, on all nodes or first on some."""
    words = WORDS[target.language]
    if not canary and (sample, max_difference, min_compared) != (None, None, None):
        raise click.UsageError("--sample, --max-difference and --min-compared need --canary")
    first = None
    if canary:
        first = policy_service_pb2.Canary(
            labels=canary, sample=sample or 0.0, max_difference=max_difference, min_compared=min_compared or 0
        )
    with connected(target) as stub, showing_problems(stub, name):
        request = policy_service_pb2.PublishDraftRequest(
            name=name,
            version=version_of(stub, name, version),
            reason=reason,
            canary=first,
            emergency=emergency,
        )
        answer = stub.PublishDraft(request, timeout=PUBLISH_SECONDS)
    number = answer.revision.number
    if as_json and wait is None:
        console.print_json(console.message_data(answer))
    elif not as_json:
        line = words["rolling" if canary else "published"]
        click.echo(line.format(number=number, labels=labels(canary.items())))
    return _wait(target, number, wait, as_json=as_json)


def _wait(target: Target, number: int, seconds: float | None, *, as_json: bool) -> ExitCode:
    if seconds is None:
        return ExitCode.OK
    stub: ClusterStub
    with cluster_connected(target) as stub:
        return await_revision(stub, number, seconds, target.language, as_json=as_json)


@click.command(epilog=_ROLLBACK_EPILOG)
@click.argument("revision", type=click.IntRange(1), required=False)
@reasoned(required=True)
@_WAIT
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def rollback(*, revision: int | None, reason: str, wait: float | None, as_json: bool, target: Target) -> ExitCode:
    """Put the text of REVISION in force again, as a new revision.

    When none is named, it is the text that was in force before.
    """
    with connected(target) as stub:
        request = policy_service_pb2.RollBackRequest(revision=revision or 0, reason=reason)
        answer = stub.RollBack(request, timeout=PUBLISH_SECONDS)
    made = answer.revision
    if as_json and wait is None:
        console.print_json(console.message_data(made))
    elif not as_json:
        click.echo(WORDS[target.language]["rolled_back"].format(number=made.number, of=made.rollback_of))
    return _wait(target, made.number, wait, as_json=as_json)


@click.command(epilog=_HISTORY_EPILOG)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="Revisions of a page.")
@click.option("--page", default=1, show_default=True, type=click.IntRange(1), help="Which page.")
@click.option("--all", "everything", is_flag=True, help="All pages.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
@asking
def history(*, limit: int, page: int, everything: bool, as_json: bool, target: Target) -> ExitCode:
    """List the revisions, newest first."""
    words = WORDS[target.language]
    answers: list[policy_service_pb2.ListRevisionsResponse] = []
    with connected(target) as stub:
        pages = _pages(stub, _ALL_AT_ONCE if everything else limit)
        answers += pages if everything else itertools.islice(pages, page - 1, page)
    found = [revision for answer in answers for revision in answer.revisions]
    if as_json:
        for revision in found:
            console.print_json(console.message_data(revision), indent=None)
        return ExitCode.OK
    if not found:
        click.echo(words["no_revisions"], err=True)
        return ExitCode.OK
    table = console.table(*(words.get(name, "") for name in REVISION_COLUMNS))
    for revision in found:
        table.add_row(*revision_row(revision, answers[-1].head.revision, target.language))
    console.console().print(table)
    if answers[-1].next_page_token:
        click.echo(words["more"].format(page=page + 1), err=True)
    return ExitCode.OK


def _pages(stub: Stub, size: int) -> Iterator[policy_service_pb2.ListRevisionsResponse]:
    request = policy_service_pb2.ListRevisionsRequest(page_size=size)
    while True:
        answer: policy_service_pb2.ListRevisionsResponse = stub.ListRevisions(request, timeout=TIMEOUT_SECONDS)
        yield answer
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token
