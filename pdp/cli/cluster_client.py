"""What commands about nodes share: a connection, the nodes as a table, and the wait for a revision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pdp.cli import console
from pdp.cli.exits import ExitCode
from pdp.cli.policy_text import labels
from pdp.cli.policy_words import HEALTH, WORDS
from pdp.cli.snapshot_text import local
from pdp.cli.staff_client import Target, channel_to
from pdp.v1 import cluster_service_pb2, cluster_service_pb2_grpc

Stub = cluster_service_pb2_grpc.ClusterServiceStub
_COLUMNS = ("node", "health", "revision", "age", "labels", "load", "cpu", "memory", "spooled")
_PATIENCE: Final = 30.0
_STALE_MILLIS = 5_000


@contextmanager
def connected(target: Target) -> Iterator[Stub]:
    """Give a stub; what goes wrong in calls ends the command with words. Raises CommandError."""
    with channel_to(target, "ClusterService") as channel:
        yield Stub(channel)  # type: ignore[no-untyped-call]


def nodes_table(nodes: Iterable[cluster_service_pb2.Node], lang: str) -> Table:
    """Return nodes as a table; below each what it refuses."""
    words = WORDS[lang]
    table = console.table(*(words[name] for name in _COLUMNS))
    for node in nodes:
        status, load = node.status, node.status.load
        zh, en, style = HEALTH.get(node.health, ("", "", ""))
        revision = str(status.revision or words["nothing"])
        if node.wanted != status.revision:
            revision += f" → {node.wanted}"
        table.add_row(
            Text(status.node), Text(zh if lang == "zh" else en, style), Text(revision),
            Text(words["ago"].format(seconds=f"{node.age_millis / 1000:.1f}")), Text(labels(status.labels.items())),
            Text(f"{load.decisions_per_second:,.0f}"), Text(f"{load.cpu_cores:.1f}"),
            Text(f"{load.rss_bytes / 1e6:,.0f} MB"), Text(str(load.spooled)),
        )  # fmt: skip
        if refusal := refusal_of(node, lang):
            table.add_row("", Text(refusal, "red"))
    return table


def refusal_of(node: cluster_service_pb2.Node, lang: str) -> str:
    """Return which revision a node refuses, and why; empty when it refuses none."""
    status = node.status
    if not status.refused_revision:
        return ""
    return WORDS[lang]["refuses"].format(
        revision=status.refused_revision, code=status.refused_code, error=status.refused_error
    )


def head_line(answer: cluster_service_pb2.ListNodesResponse, lang: str) -> str:
    """Return what is in force, and how old that knowledge is when it is old."""
    words = WORDS[lang]
    if not answer.HasField("head"):
        return words["nothing_in_force"]
    line = words["head"].format(revision=answer.head.revision, since=local(answer.head.since_nanos))
    if answer.store_age_millis > _STALE_MILLIS:
        line += "; " + words["store_age"].format(seconds=answer.store_age_millis // 1000)
    return line


def await_revision(stub: Stub, revision: int, seconds: float, lang: str, *, as_json: bool) -> ExitCode:
    """Wait until all healthy nodes decide by a revision, showing how it stands; name those that do not, and why."""
    request = cluster_service_pb2.AwaitRevisionRequest(revision=revision, timeout_millis=round(seconds * 1000))
    words = WORDS[lang]
    last = cluster_service_pb2.AwaitRevisionResponse()
    out = Console(stderr=True, markup=False, highlight=False, emoji=False)
    with Live(console=out, transient=True, auto_refresh=False) as live:
        for last in stub.AwaitRevision(request, timeout=seconds + _PATIENCE):
            if out.is_terminal:
                count = len(last.reached) + len(last.missing)
                line = words["waiting"].format(reached=len(last.reached), all=count, revision=revision)
                live.update(Text(f"{line}  {', '.join(node.status.node for node in last.missing)}"), refresh=True)
    if as_json:
        console.print_json(console.message_data(last))
    else:
        _tell(last, revision, lang)
    return ExitCode.OK if last.converged else ExitCode.PROBLEMS


def _tell(last: cluster_service_pb2.AwaitRevisionResponse, revision: int, lang: str) -> None:
    words = WORDS[lang]
    waited = f"{last.waited_millis / 1000:.1f}"
    if last.converged:
        click.echo(words["converged"].format(all=len(last.reached), revision=revision, seconds=waited))
    elif not last.missing:
        click.echo(words["no_node"].format(revision=revision, seconds=waited))
    else:
        click.echo(words["not_converged"].format(revision=revision, seconds=waited))
        console.console().print(nodes_table(last.missing, lang))
    if last.excused:
        click.echo(words["excused"].format(names=", ".join(node.status.node for node in last.excused)), err=True)
