"""`pdp policy rollout`."""

from __future__ import annotations

import click
from rich.text import Text
from rich.tree import Tree

from pdp.cli import console
from pdp.cli.exits import ExitCode
from pdp.cli.policy_client import PUBLISH_SECONDS, Stub, connected, reasoned
from pdp.cli.policy_text import labels, pick, steps_branch
from pdp.cli.policy_words import ROLLOUTS, WORDS
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.v1 import control_pb2, policy_service_pb2

_NEVER = 1.0
_EPILOG = """\b
Examples:
  pdp policy rollout show
  pdp policy rollout promote --revision 15
  pdp policy rollout stop --reason "names are masked in zone a"

Exit codes: 0 done, 1 no rollout is running, or the service does not answer, 2 wrong command line.
"""
_REVISION = click.option(
    "--revision", type=click.IntRange(1), metavar="NUMBER",
    help="The candidate that you looked at; fails when another one is running.  [default: the running one]",
)  # fmt: skip


@click.group(epilog=_EPILOG)
def rollout() -> None:
    """Look at, promote or stop a revision that decides on some nodes first."""


@rollout.command(epilog=_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def show(*, as_json: bool, target: Target) -> ExitCode:
    """Show the rollout that is running, or the last one, and what its nodes compared."""
    with connected(target) as stub:
        answer = stub.GetRollout(policy_service_pb2.GetRolloutRequest(), timeout=TIMEOUT_SECONDS)
    if as_json:
        console.print_json(console.message_data(answer))
    else:
        console.console().print(_tree(answer, target.language))
    return ExitCode.OK


@rollout.command(epilog=_EPILOG)
@_REVISION
@reasoned(required=False)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def promote(*, revision: int | None, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Put the candidate in force everywhere."""
    with connected(target) as stub:
        request = policy_service_pb2.PromoteRolloutRequest(revision=_candidate(stub, revision), reason=reason)
        answer = stub.PromoteRollout(request, timeout=PUBLISH_SECONDS)
    _print(answer.rollout, "promoted_now", target.language, as_json=as_json)
    return ExitCode.OK


@rollout.command(epilog=_EPILOG)
@_REVISION
@reasoned(required=True)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@asking
def stop(*, revision: int | None, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Take the candidate back: its nodes decide by the text in force again."""
    with connected(target) as stub:
        request = policy_service_pb2.StopRolloutRequest(revision=_candidate(stub, revision), reason=reason)
        answer = stub.StopRollout(request, timeout=PUBLISH_SECONDS)
    _print(answer.rollout, "stopped_now", target.language, as_json=as_json)
    return ExitCode.OK


def _candidate(stub: Stub, revision: int | None) -> int:
    if revision is not None:
        return revision
    answer = stub.GetRollout(policy_service_pb2.GetRolloutRequest(), timeout=TIMEOUT_SECONDS)
    return int(answer.rollout.revision)


def _print(made: control_pb2.Rollout, line: str, lang: str, *, as_json: bool) -> None:
    if as_json:
        console.print_json(console.message_data(made))
    else:
        click.echo(WORDS[lang][line].format(number=made.revision, fallback=made.fallback))


def _tree(answer: policy_service_pb2.GetRolloutResponse, lang: str) -> Tree:
    words, found = WORDS[lang], answer.rollout
    root = Tree(
        Text(words["rollout"].format(revision=found.revision, labels=labels(found.labels.items())), "bold").append(
            f"  {pick(ROLLOUTS.get(found.state, ('', '')), lang)}", "bold green"
        )
    )
    if found.stopped_because:
        root.add(Text(f"{words['stopped_because']}: {found.stopped_because}", "red"))
    never = found.max_difference >= _NEVER
    limits = words["sample_never" if never else "sample_words"].format(
        sample=f"{found.sample:.0%}", most=f"{found.max_difference:.2%}", least=found.min_compared
    )
    root.add(Text(f"{words['sample']}: {limits}"))
    root.add(Text(f"{words['fallback']}: {words['revision']} {found.fallback}"))
    nodes = root.add(Text(words["node"], "bold"))
    for status in answer.nodes:
        line = Text(f"{status.node}  {words['revision']} {status.revision}")
        for shadow in status.shadows:
            share = f" ({shadow.differing / shadow.compared:.2%})" if shadow.compared else ""
            line.append(
                f"  {words['compared']} {shadow.compared:,}, {words['differing']} {shadow.differing:,}{share}, "
                f"{words['failed']} {shadow.failed:,}"
            )
        if status.refused_revision:
            refusal = words["refuses"].format(
                revision=status.refused_revision, code=status.refused_code, error=status.refused_error
            )
            line.append(f"  {refusal}", "red")
        nodes.add(line)
    if not answer.nodes:
        nodes.add(Text(words["no_canary_nodes"], "yellow"))
    steps_branch(root, found.steps, lang)
    return root
