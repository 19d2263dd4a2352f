"""`pdp policy show`, `diff` and `export`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import click
from google.protobuf.message import Message
from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from pdp.cli import console
from pdp.cli.exits import ExitCode
from pdp.cli.policy_client import ARCHIVES, PUBLISH_SECONDS, PolicyText, Stub, connected, is_path, named, text_of
from pdp.cli.policy_text import count_files, draft_tree, file_lines, meaning_tree, revision_tree
from pdp.cli.policy_words import WORDS
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.control import sources
from pdp.v1 import control_pb2, policy_service_pb2

_SHOW_EPILOG = """\b
Examples:
  pdp policy show head
  pdp policy show 14 --changes                     what revision 14 changed when it was made
  pdp policy show night-shift --text

Exit codes: 0 shown, 1 there is none, or the service does not answer, 2 wrong command line.
"""
_DIFF_EPILOG = """\b
Examples:
  pdp policy diff night-shift                      from what is in force to the draft
  pdp policy diff 12 14 --meaning
  pdp policy diff head ./policies --exit-code      in a pipeline
  pdp policy diff 12 head --lines > change.patch   as `patch -p0` reads it

What may show in clear what was masked is marked by `!`. `pdp policy --help` tells how a TEXT is named.

Exit codes: 0 compared, 1 they differ (with --exit-code), a text is not there or the service does not answer,
2 wrong command line.
"""
_EXPORT_EPILOG = """\b
Examples:
  pdp policy export head --to policies-now
  pdp policy export 12 --to revision-12.tar.gz

A folder must be new or empty, unless --force.

Exit codes: 0 written, 1 not written, or the service does not answer, 2 wrong command line.
"""


@click.command(epilog=_SHOW_EPILOG)
@click.argument("what", metavar="NAME|REVISION")
@click.option("--text", "as_text", is_flag=True, help="Its files as they stand.")
@click.option("--changes", "with_changes", is_flag=True, help="What it changed against the one before, or its base.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def show(*, what: str, as_text: bool, with_changes: bool, as_json: bool, target: Target) -> ExitCode:
    """Show a draft or a revision with who did what, when and why."""
    if as_text and with_changes:
        raise click.UsageError("--text and --changes cannot be shown at once")
    if is_path(what):
        raise click.BadParameter(f"`{what}` is a path; name a draft or a revision", param_hint="NAME|REVISION")
    text = named(what)
    with connected(target) as stub:
        ask = _draft if text.WhichOneof("text") == "draft" else _revision
        found = ask(stub, text, target.language, with_sources=as_text, with_changes=with_changes)
    if as_json:
        data = console.message_data(found.answer)
        console.print_json(data | {"changes": console.message_data(found.changes)} if with_changes else data)
    elif as_text:
        for file in found.files.files:
            click.echo(f"# {file.path}\n{file.text}")
    elif with_changes:
        _print(found.changes, target.language, lines=True, meaning=True)
    else:
        console.console().print(found.tree)
    return ExitCode.OK


class _Found(NamedTuple):
    """A draft or a revision as it is shown."""

    answer: Message
    tree: Tree
    files: control_pb2.Sources
    changes: control_pb2.Changes


def _draft(stub: Stub, text: PolicyText, lang: str, *, with_sources: bool, with_changes: bool) -> _Found:
    request = policy_service_pb2.GetDraftRequest(name=text.draft, with_sources=with_sources)
    answer = stub.GetDraft(request, timeout=TIMEOUT_SECONDS)
    changes = control_pb2.Changes()
    if with_changes:
        before = PolicyText(revision=answer.draft.base) if answer.draft.base else None
        compared = policy_service_pb2.ComparePoliciesRequest(before=before, after=text)
        changes = stub.ComparePolicies(compared, timeout=PUBLISH_SECONDS).changes
    return _Found(answer, draft_tree(answer.draft, lang), answer.sources, changes)


def _revision(stub: Stub, text: PolicyText, lang: str, *, with_sources: bool, with_changes: bool) -> _Found:
    request = policy_service_pb2.GetRevisionRequest(
        revision=text.revision, with_sources=with_sources, with_changes=with_changes
    )
    answer = stub.GetRevision(request, timeout=TIMEOUT_SECONDS)
    return _Found(answer, revision_tree(answer.revision, answer.head, lang), answer.sources, answer.changes)


@click.command(epilog=_DIFF_EPILOG)
@click.argument("first", metavar="TEXT")
@click.argument("second", metavar="[TEXT]", required=False)
@click.option("--meaning", is_flag=True, help="Only what the difference means.")
@click.option("--lines", is_flag=True, help="Only the lines.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when they differ.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def diff(
    *, first: str, second: str | None, meaning: bool, lines: bool, exit_code: bool, as_json: bool, target: Target
) -> ExitCode:
    """Compare two texts by line and by meaning: the first with the second, or what is in force with the only one."""
    before, after = (named("head"), named(first)) if second is None else (named(first), named(second))
    both = meaning == lines
    with connected(target) as stub:
        request = policy_service_pb2.ComparePoliciesRequest(before=before, after=after)
        changes = stub.ComparePolicies(request, timeout=PUBLISH_SECONDS).changes
    if as_json:
        console.print_json(console.message_data(changes))
    else:
        _print(changes, target.language, lines=lines or both, meaning=meaning or both)
    return ExitCode.PROBLEMS if exit_code and changes.files else ExitCode.OK


def _print(changes: control_pb2.Changes, lang: str, *, lines: bool, meaning: bool) -> None:
    words = WORDS[lang]
    out = console.console()
    if not changes.files:
        click.echo(words["same"], err=True)
        return
    parts: list[RenderableType] = []
    if lines:
        parts.append(file_lines(changes))
    if meaning:
        if parts:
            parts.append(Text())
        parts.append(meaning_tree(changes, lang))
    # Lines are for `patch` too, which a fold would spoil.
    out.print(Group(*parts), soft_wrap=lines and not meaning)
    if changes.incomplete:
        click.echo(f"{words['incomplete']}: {changes.incomplete}", err=True)


@click.command(epilog=_EXPORT_EPILOG)
@click.argument("what", metavar="NAME|REVISION")
@click.option("--to", "place", required=True, metavar="DIR|TAR", help="A folder, or an archive by .tar, .tar.gz, .tgz.")
@click.option("--force", is_flag=True, help="Replace the policy files of a folder that has some.")
@asking
def export(*, what: str, place: str, force: bool, target: Target) -> ExitCode:
    """Write the text of a draft or a revision to a folder or an archive."""
    words = WORDS[target.language]
    with connected(target) as stub:
        text = text_of(stub, named(what))
    path = Path(place)
    if place.endswith(ARCHIVES):
        sources.write_tar(text, path)
    else:
        sources.write_folder(text, path, replace=force)
    click.echo(words["written"].format(files=count_files(len(text.files), target.language), path=place))
    return ExitCode.OK
