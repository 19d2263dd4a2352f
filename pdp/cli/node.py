"""`pdp node`: which node decides by what."""

from __future__ import annotations

import time
from typing import Final

import click
import grpc
from rich.console import Group
from rich.live import Live
from rich.text import Text

from pdp.cli import console
from pdp.cli.cluster_client import Stub, await_revision, connected, head_line, nodes_table
from pdp.cli.exits import ExitCode
from pdp.cli.lazy import Entry, LazyGroup
from pdp.cli.policy_words import WORDS
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.v1 import cluster_service_pb2

_PAUSE_SECONDS: Final = 1.0
EPILOG = """\b
Examples:
  pdp node list
  pdp node list --watch
  pdp node wait 15 --timeout 30
  pdp node forget gz-3 --reason "machine retired"

Exit codes: 0 all is well, 1 a node did not follow, or the service does not answer, 2 wrong command line.
"""
_LIST_EPILOG = """\b
Examples:
  pdp node list
  pdp node list --watch                            as it changes, until Ctrl-C
  pdp node list --json | jq -r '.nodes[] | select(.health != "NODE_HEALTH_CURRENT").status.node'

Exit codes: 0 listed, 1 the service does not answer, 2 wrong command line, 130 ended by Ctrl-C.
"""
_WAIT_EPILOG = """\b
Examples:
  pdp node wait 15
  pdp node wait 15 --timeout 60 --json

Lost nodes, nodes that stop, and those that a rollout does not concern are not waited for.

Exit codes: 0 every healthy node decides by it or a later one, 1 one does not, 2 wrong command line.
"""
_FORGET_EPILOG = """\b
Examples:
  pdp node forget gz-3 --reason "machine retired"

Exit codes: 0 forgotten, 1 there is none, or it lives, 2 wrong command line.
"""

COMMANDS: dict[str, Entry] = {
    "list": Entry("Nodes", "pdp.cli.node:list_", "List the nodes: state, revision, load."),
    "wait": Entry("Nodes", "pdp.cli.node:wait", "Wait until all healthy nodes decide by a revision."),
    "forget": Entry("Nodes", "pdp.cli.node:forget", "Forget a lost node that will not come back."),
}

node = LazyGroup("node", entries=COMMANDS, help="See which node decides by what.", epilog=EPILOG)


@click.command("list", epilog=_LIST_EPILOG)
@click.option("--watch", is_flag=True, help="Again whenever something changes, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON; with --watch one object a line.")
@asking
def list_(*, watch: bool, as_json: bool, target: Target) -> ExitCode:
    """List the nodes by name, with those that are lost."""
    with connected(target) as stub:
        if watch:
            _watch(stub, target.language, as_json=as_json)
        answer = stub.ListNodes(cluster_service_pb2.ListNodesRequest(), timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
    else:
        console.console().print(_nodes(answer, target.language))
    return ExitCode.OK


def _nodes(answer: cluster_service_pb2.ListNodesResponse, lang: str) -> Group:
    nodes = nodes_table(answer.nodes, lang) if answer.nodes else Text(WORDS[lang]["no_nodes"])
    return Group(Text(head_line(answer, lang), "bold"), Text(), nodes)


def _watch(stub: Stub, lang: str, *, as_json: bool) -> None:
    """Show nodes as they change; a connection that breaks is made again."""
    out = console.console()
    seen = False
    with Live(console=out, auto_refresh=False, transient=False) as live:
        while True:
            try:
                for answer in stub.WatchNodes(cluster_service_pb2.WatchNodesRequest()):
                    seen = True
                    if as_json:
                        console.print_json(console.message_data(answer.nodes), indent=None)
                    elif out.is_terminal:
                        live.update(_nodes(answer.nodes, lang), refresh=True)
                    else:
                        out.print(_nodes(answer.nodes, lang))
            except grpc.RpcError as error:
                gone = isinstance(error, grpc.Call) and error.code() is grpc.StatusCode.UNAVAILABLE
                if not seen or not gone:
                    raise
            time.sleep(_PAUSE_SECONDS)


@click.command(epilog=_WAIT_EPILOG)
@click.argument("revision", type=click.IntRange(1))
@click.option("--timeout", default=10.0, show_default=True, type=click.FloatRange(0.1, 600), metavar="SECONDS",
              help="How long at most.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def wait(*, revision: int, timeout: float, as_json: bool, target: Target) -> ExitCode:
    """Wait until all healthy nodes decide by REVISION or a later one; name those that do not, and why."""
    with connected(target) as stub:
        return await_revision(stub, revision, timeout, target.language, as_json=as_json)


@click.command(epilog=_FORGET_EPILOG)
@click.argument("name")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is kept for ever.")
@asking
def forget(*, name: str, reason: str, target: Target) -> ExitCode:
    """Forget the lost node NAME, which will not come back."""
    with connected(target) as stub:
        request = cluster_service_pb2.ForgetNodeRequest(node=name, reason=reason)
        stub.ForgetNode(request, timeout=TIMEOUT_SECONDS)
    click.echo(WORDS[target.language]["forgotten"].format(name=name))
    return ExitCode.OK
