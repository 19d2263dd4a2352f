"""`pdp policy draft`, `drafts`, `submit`, `return` and `delete`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import click
import grpc

from pdp.cli import console
from pdp.cli.basics import plural
from pdp.cli.exits import ExitCode
from pdp.cli.policy_client import (
    PUBLISH_SECONDS,
    PolicyText,
    Stub,
    connected,
    read,
    reasoned,
    show_problems,
    showing_problems,
    version_of,
    versioned,
)
from pdp.cli.policy_text import DRAFT_COLUMNS, count_files, draft_row, meaning_tree
from pdp.cli.policy_words import WORDS
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.control import sources
from pdp.v1 import control_pb2, policy_service_pb2

_ALL_AT_ONCE = 1_000
_ENDS = "Exit codes: 0 {done}, 1 {failed}, or the service does not answer, 2 wrong command line."
_DRAFT_EPILOG = f"""\b
Examples:
  pdp policy draft night-shift --from policies --reason "night shift may see balances"
  tar c -C policies . | pdp policy draft night-shift --from -
  pdp policy draft night-shift --from policies --base 14   brought up to revision 14

The whole text of the draft becomes what stands there. What is wrong in it is shown; it can be mended by the next save.

{_ENDS.format(done="saved", failed="somebody else wrote it or it is handed in")}
"""
_DRAFTS_EPILOG = f"""\b
Examples:
  pdp policy drafts
  pdp policy drafts --json | jq -r .name

{_ENDS.format(done="listed", failed="not listed")}
"""
_MOST_SHOWN = 30
_SUBMIT_EPILOG = f"""\b
Examples:
  pdp policy submit night-shift --reason "as agreed in ticket 4711"

From now on its text stands still. `pdp policy return` hands it back.

{_ENDS.format(done="handed in", failed="its text has errors, or somebody else changed it")}
"""
_RETURN_EPILOG = f"""\b
Examples:
  pdp policy return night-shift --reason "the branch head must approve"

{_ENDS.format(done="handed back", failed="it was not handed in, or somebody else changed it")}
"""
_DELETE_EPILOG = f"""\b
Examples:
  pdp policy delete night-shift --reason "not needed any more"

{_ENDS.format(done="deleted", failed="there is no such draft, or somebody else changed it")}
"""


@click.command(epilog=_DRAFT_EPILOG)
@click.argument("name")
@click.option(
    "--from", "origin", required=True, metavar="DIR|TAR|-", help="A policy folder or a tar archive; - is an archive "
    "on the standard input.",
)  # fmt: skip
@click.option(
    "--base", type=click.IntRange(1), metavar="NUMBER", help="The revision that the text was made from.  [default: for "
    "a new draft the one in force, else as it was]",
)  # fmt: skip
@versioned
@reasoned(required=False)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def draft(
    *, name: str, origin: str, base: int | None, version: int | None, reason: str, as_json: bool, target: Target
) -> ExitCode:
    """Begin the draft NAME, or change its text."""
    words = WORDS[target.language]
    text = read(origin)
    with connected(target) as stub:
        present = _present(stub, name)
        request = policy_service_pb2.SaveDraftRequest(
            name=name,
            version=(present.version if present is not None else 0) if version is None else version,
            sources=text,
            base=(present.base if present is not None else 0) if base is None else base,
            reason=reason,
        )
        if present is not None and present.sources == sources.digest(text) and base in (None, present.base):
            saved, line = present, words["no_change"]
        else:
            saved = stub.SaveDraft(request, timeout=PUBLISH_SECONDS).draft
            line = words["saved"]
        errors = 0 if as_json else show_problems(stub, PolicyText(draft=name))
    if as_json:
        console.print_json(console.message_data(saved))
        return ExitCode.OK
    files = count_files(len(text.files), target.language)
    click.echo(line.format(name=name, version=saved.version, base=saved.base or words["nothing"], files=files))
    if errors:
        click.echo(words["has_errors"].format(errors=plural(errors, "error")), err=True)
    return ExitCode.OK


def _present(stub: Stub, name: str) -> control_pb2.Draft | None:
    try:
        found: control_pb2.Draft = stub.GetDraft(
            policy_service_pb2.GetDraftRequest(name=name), timeout=TIMEOUT_SECONDS
        ).draft
    except grpc.RpcError as error:
        if isinstance(error, grpc.Call) and error.code() is grpc.StatusCode.NOT_FOUND:
            return None
        raise
    return found


@click.command(epilog=_DRAFTS_EPILOG)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="Drafts of a page.")
@click.option("--page", default=1, show_default=True, type=click.IntRange(1), help="Which page.")
@click.option("--all", "everything", is_flag=True, help="All pages.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
@asking
def drafts(*, limit: int, page: int, everything: bool, as_json: bool, target: Target) -> ExitCode:
    """List the drafts by name, with what was done to each last."""
    words = WORDS[target.language]
    found: list[control_pb2.Draft] = []
    more = False
    with connected(target) as stub:
        pages = _pages(stub, _ALL_AT_ONCE if everything else limit)
        for answer in pages if everything else itertools.islice(pages, page - 1, page):
            found += answer.drafts
            more = bool(answer.next_page_token)
    if as_json:
        for item in found:
            console.print_json(console.message_data(item), indent=None)
        return ExitCode.OK
    if not found:
        click.echo(words["no_drafts"], err=True)
        return ExitCode.OK
    table = console.table(*(words[name] for name in DRAFT_COLUMNS))
    for item in found:
        table.add_row(*draft_row(item, target.language))
    console.console().print(table)
    if more:
        click.echo(words["more"].format(page=page + 1), err=True)
    return ExitCode.OK


def _pages(stub: Stub, size: int) -> Iterator[policy_service_pb2.ListDraftsResponse]:
    request = policy_service_pb2.ListDraftsRequest(page_size=size)
    while True:
        answer: policy_service_pb2.ListDraftsResponse = stub.ListDrafts(request, timeout=TIMEOUT_SECONDS)
        yield answer
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token


@click.command(epilog=_SUBMIT_EPILOG)
@click.argument("name")
@versioned
@reasoned(required=False)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def submit(*, name: str, version: int | None, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Hand the draft NAME in, and show what it changes against the revision that it was made from."""
    with connected(target) as stub, showing_problems(stub, name):
        request = policy_service_pb2.SubmitDraftRequest(
            name=name, version=version_of(stub, name, version), reason=reason
        )
        answer = stub.SubmitDraft(request, timeout=PUBLISH_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
        return ExitCode.OK
    console.console().print(meaning_tree(answer.changes, target.language, most=_MOST_SHOWN))
    if answer.changes.incomplete:
        click.echo(f"{WORDS[target.language]['incomplete']}: {answer.changes.incomplete}", err=True)
    click.echo(WORDS[target.language]["submitted_now"].format(name=name))
    return ExitCode.OK


@click.command("return", epilog=_RETURN_EPILOG)
@click.argument("name")
@versioned
@reasoned(required=True)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def return_(*, name: str, version: int | None, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Hand the submitted draft NAME back, so that it can be changed again."""
    with connected(target) as stub:
        request = policy_service_pb2.ReturnDraftRequest(
            name=name, version=version_of(stub, name, version), reason=reason
        )
        answer = stub.ReturnDraft(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer.draft))
    else:
        click.echo(WORDS[target.language]["returned_now"].format(name=name))
    return ExitCode.OK


@click.command(epilog=_DELETE_EPILOG)
@click.argument("name")
@versioned
@reasoned(required=False)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def delete(*, name: str, version: int | None, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Remove the draft NAME. What was published of it stays."""
    with connected(target) as stub:
        request = policy_service_pb2.DeleteDraftRequest(
            name=name, version=version_of(stub, name, version), reason=reason
        )
        stub.DeleteDraft(request, timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json({"name": name})
    else:
        click.echo(WORDS[target.language]["deleted_now"].format(name=name))
    return ExitCode.OK
