"""What commands about policies share: a connection, the texts that are named, and failures in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import grpc
from rich.console import Console

from pdp.cli.basics import plural
from pdp.cli.basics import show as show_diagnostic
from pdp.cli.exits import CommandError
from pdp.cli.policy_words import WORDS
from pdp.cli.snapshot_text import local
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, channel_to, error_info
from pdp.control import sources
from pdp.lang.diagnostics import Diagnostic, Related, Severity
from pdp.source import SourceFile, Span
from pdp.v1 import control_pb2, policy_service_pb2, policy_service_pb2_grpc

F = TypeVar("F", bound=Callable[..., Any])

PUBLISH_SECONDS: Final = 120.0
"""Judging and writing a large text takes its time."""
ARCHIVES: Final = (".tar", ".tar.gz", ".tgz")
_SEVERITIES = {
    policy_service_pb2.PROBLEM_SEVERITY_ERROR: Severity.ERROR,
    policy_service_pb2.PROBLEM_SEVERITY_WARNING: Severity.WARNING,
    policy_service_pb2.PROBLEM_SEVERITY_NOTE: Severity.INFO,
}
Stub = policy_service_pb2_grpc.PolicyServiceStub
PolicyText = policy_service_pb2.PolicyText


@contextmanager
def connected(target: Target) -> Iterator[Stub]:
    """Give a stub; what goes wrong in calls ends the command with words. Raises CommandError."""

    def explain(error: grpc.Call) -> CommandError | None:
        info = error_info(error)
        if info.reason != "ERROR_REASON_CONFLICT" or not info.metadata.get("actor"):
            return None
        return CommandError(f"{error.details()}\n  {_conflict(info.metadata, target.language)}")

    with channel_to(target, "PolicyService", explain) as channel:
        yield Stub(channel)  # type: ignore[no-untyped-call]


def _conflict(found: Mapping[str, str], lang: str) -> str:
    time = local(int(found.get("time") or 0))
    return WORDS[lang]["conflict"].format(actor=found["actor"], time=time, version=found.get("version", "?"))


def reasoned(*, required: bool) -> Callable[[F], F]:
    """Add `--reason`."""
    words = "Why; it is kept for ever."
    if required:
        return click.option("--reason", required=True, metavar="TEXT", help=words)
    return click.option("--reason", default="", metavar="TEXT", help=words)


def versioned(command: F) -> F:
    """Add `--version`."""
    words = "The draft's version that you looked at; fails when somebody has written since.  [default: the present one]"
    return click.option("--version", type=click.IntRange(1), metavar="NUMBER", help=words)(command)


def named(text: str) -> PolicyText:
    """Return the text that a command line names. Raises what `read` does for a folder or an archive."""
    if is_path(text):
        return PolicyText(sources=read(text))
    name = text.removeprefix("draft:")
    if name == text == "head":
        return PolicyText(revision=0)
    if name == text and text.isascii() and text.isdigit():
        if not int(text):
            raise click.BadParameter("there is no revision 0; the one in force is `head`")
        return PolicyText(revision=int(text))
    return PolicyText(draft=name)


def is_path(text: str) -> bool:
    """Whether a text names a folder or an archive."""
    return "/" in text or text in (".", "..") or text.endswith(ARCHIVES)


def read(path: str) -> control_pb2.Sources:
    """Return the text in a folder or an archive; `-` is an archive on the standard input.

    Raises CommandError, SourcesError and PolicyError.
    """
    place = Path("/dev/stdin" if path == "-" else path)
    if not place.exists():
        raise CommandError(f"there is no folder or archive `{path}`")
    found = sources.read_folder(place) if place.is_dir() else sources.read_tar(place)
    if not found.files:
        raise CommandError(f"`{path}` holds no policy files (`.yaml` or `.yml`)")
    return found


def text_of(stub: Stub, text: PolicyText) -> control_pb2.Sources:
    """Return a text that is named."""
    match text.WhichOneof("text"):
        case "revision":
            asked = policy_service_pb2.GetRevisionRequest(revision=text.revision, with_sources=True)
            found: control_pb2.Sources = stub.GetRevision(asked, timeout=TIMEOUT_SECONDS).sources
        case "draft":
            wanted = policy_service_pb2.GetDraftRequest(name=text.draft, with_sources=True)
            found = stub.GetDraft(wanted, timeout=TIMEOUT_SECONDS).sources
        case _:
            found = text.sources
    return found


def version_of(stub: Stub, name: str, version: int | None) -> int:
    """Return the version of a draft that a change is of: the given one, or the present one."""
    if version is not None:
        return version
    asked = policy_service_pb2.GetDraftRequest(name=name)
    return int(stub.GetDraft(asked, timeout=TIMEOUT_SECONDS).draft.version)


def show_problems(stub: Stub, text: PolicyText, *, errors_only: bool = False) -> int:
    """Write what is wrong in a text to stderr as `pdp check` does; return how many errors there are."""
    asked = policy_service_pb2.CheckPoliciesRequest(text=text)
    problems = stub.CheckPolicies(asked, timeout=PUBLISH_SECONDS).problems
    found = [diagnostic(problem) for problem in problems]
    found = [item for item in found if item.severity is Severity.ERROR or not errors_only]
    if not found:
        return 0
    files = {file.path: SourceFile(file.path, file.text) for file in text_of(stub, text).files}
    out = Console(stderr=True, markup=False, highlight=False, emoji=False)
    for item in found:
        if item.severity is not Severity.INFO:
            show_diagnostic(item, files, out)
    return sum(item.severity is Severity.ERROR for item in found)


def diagnostic(problem: policy_service_pb2.Problem) -> Diagnostic:
    """Return a problem in the form in which `pdp check` shows it."""
    related = tuple(Related("see also", _span(place)) for place in problem.related)
    severity = _SEVERITIES.get(problem.severity, Severity.ERROR)
    return Diagnostic(severity, problem.code, problem.message, _span(problem.place), problem.hint, related)


def _span(place: policy_service_pb2.Place) -> Span:
    return Span(place.path, place.line, place.column, place.end_line, place.end_column)


@contextmanager
def showing_problems(stub: Stub, name: str) -> Iterator[None]:
    """Run a change of a draft; when its text has errors, write them as `pdp check` does. Raises CommandError."""
    try:
        yield
    except grpc.RpcError as error:
        if error_info(error).reason != "ERROR_REASON_INVALID_POLICIES":
            raise
        count = show_problems(stub, PolicyText(draft=name), errors_only=True)
        if not count:
            raise
        words = f"the draft `{name}` has {plural(count, 'error')}; mend them, save it, then try again"
        raise CommandError(words) from error
