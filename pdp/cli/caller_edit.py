"""`pdp caller add`, `edit`, `disable`, `enable` and `remove`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from pdp.cli.caller_client import as_json, connected, hand_over, token_wanted, told
from pdp.cli.caller_token import wish_of
from pdp.cli.caller_words import WORDS
from pdp.cli.exits import ExitCode
from pdp.cli.policy_client import reasoned
from pdp.cli.staff_client import TIMEOUT_SECONDS, Target, asking
from pdp.v1 import caller_pb2, caller_service_pb2

F = TypeVar("F", bound=Callable[..., Any])

_RATE = re.compile(r"(\d{1,7})(?:/(\d{1,7}))?")
_SECOND = "Where people sign in, what lets a caller do more waits until somebody else approves it."
_ENDS = "Exit codes: 0 {done}, 1 the service refuses or does not answer, 2 wrong command line."
_ADD_EPILOG = f"""\b
Examples:
  pdp caller add counter --owner "Zhang San" --application core-counter --subject "T*" \\
      --rate 500/1000 --token --out counter.token --reason "go-live of the new counter"
  pdp caller add desk --owner "Li Si" --application "*" --subject "S*" --certificate dns:desk.bank.example \\
      --call decide --call explain --reason "security desk"

{_SECOND}

{_ENDS.format(done="made or asked for")}
"""
_EDIT_EPILOG = f"""\b
Examples:
  pdp caller edit counter --rate 800 --reason "a new branch"
  pdp caller edit counter --application core-counter --application loans --version 3 --reason "loans too"

An edit begins from the caller as it is; lists that are given replace. {_SECOND}

{_ENDS.format(done="changed or asked for")}
"""
_STEP_EPILOG = """\b
Examples:
  pdp caller {}

{}

Exit codes: 0 {}, 1 the service refuses or does not answer, 2 wrong command line.
"""


def _parts(command: F) -> F:
    """Add the options for what a caller may do."""
    for option in (
        click.option("--certificate", "certificates", multiple=True, metavar="NAME",
                     help="A name in its certificate: `dns:…`, `uri:…` or `cn:…`; may be repeated."),
        click.option("--application", "applications", multiple=True, metavar="NAME",
                     help="An application it may ask about; `*` for all; may be repeated."),
        click.option("--subject", "subjects", multiple=True, metavar="ID",
                     help="A subject it may assert: an id, `T*`, `*` for all; may be repeated."),
        click.option("--call", "calls", multiple=True, type=click.Choice(["decide", "explain"]),
                     help="What it may call; may be repeated."),
        click.option("--grant", "grants", multiple=True, type=click.Choice(["ask", "consent"]),
                     help="What it may do about grants; may be repeated."),
        click.option("--consent-key", metavar="HEX", help="The raw Ed25519 public key by which it signs consents."),
        click.option("--rate", metavar="PER_SECOND[/BURST]", help="Decisions a second, and at once; or `any`."),
        click.option("--bundles/--no-bundles", default=None, help="Whether it may fetch bundles and decide by itself."),
        click.option("--reports/--no-reports", default=None,
                     help="Whether it may report what it let through while it was cut off."),
        click.option("--description", metavar="TEXT", help="What it is."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(epilog=_ADD_EPILOG)
@click.argument("name")
@click.option("--owner", required=True, metavar="TEXT", help="The person who answers for it.")
@_parts
@click.option("--token", "with_token", is_flag=True, help="With a first token.")
@token_wanted
@reasoned(required=True)
@as_json
@asking
def add(
    *,
    name: str,
    owner: str,
    with_token: bool,
    token_id: str,
    days: int,
    out: Path | None,
    reason: str,
    as_json: bool,
    target: Target,
    **parts: Any,
) -> ExitCode:
    """Make the caller NAME."""
    caller = _with(caller_pb2.Caller(name=name, owner=owner), parts)
    wish = wish_of(token_id, days) if with_token else None
    out = out if with_token else None
    with connected(target) as stub, hand_over(out) as hand:
        request = caller_service_pb2.CreateCallerRequest(caller=caller, token=wish, reason=reason)
        answer = stub.CreateCaller(request, timeout=TIMEOUT_SECONDS)
        hand(answer)
    return told(answer, "added", target.language, out=out, as_json=as_json)


@click.command(epilog=_EDIT_EPILOG)
@click.argument("name")
@click.option("--owner", metavar="TEXT", help="The person who answers for it.")
@_parts
@click.option("--version", type=click.IntRange(1), metavar="NUMBER",
              help="The version that you looked at; fails when somebody has changed it since.  [default: the present "
                   "one]")  # fmt: skip
@reasoned(required=True)
@as_json
@asking
def edit(
    *, name: str, owner: str | None, version: int | None, reason: str, as_json: bool, target: Target, **parts: Any
) -> ExitCode:
    """Change the caller NAME."""
    with connected(target) as stub:
        found = stub.GetCaller(caller_service_pb2.GetCallerRequest(name=name), timeout=TIMEOUT_SECONDS).caller
        caller = _with(found, parts)
        caller.owner = caller.owner if owner is None else owner
        caller.version = version or caller.version
        request = caller_service_pb2.UpdateCallerRequest(caller=caller, reason=reason)
        answer = stub.UpdateCaller(request, timeout=TIMEOUT_SECONDS)
    return told(answer, "edited", target.language, as_json=as_json)


@click.command(
    epilog=_STEP_EPILOG.format(
        'disable counter --reason "token seen in a log"', "Every node turns it away within a second.", "disabled"
    )
)
@click.argument("name")
@reasoned(required=True)
@as_json
@asking
def disable(*, name: str, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Turn the caller NAME away at once."""
    with connected(target) as stub:
        request = caller_service_pb2.DisableCallerRequest(name=name, reason=reason)
        answer = stub.DisableCaller(request, timeout=TIMEOUT_SECONDS)
    return told(answer, "disabled_done", target.language, as_json=as_json)


@click.command(epilog=_STEP_EPILOG.format('enable counter --reason "new token"', _SECOND, "enabled or asked for"))
@click.argument("name")
@reasoned(required=True)
@as_json
@asking
def enable(*, name: str, reason: str, as_json: bool, target: Target) -> ExitCode:
    """Let the disabled caller NAME call again."""
    with connected(target) as stub:
        request = caller_service_pb2.EnableCallerRequest(name=name, reason=reason)
        answer = stub.EnableCaller(request, timeout=TIMEOUT_SECONDS)
    return told(answer, "enabled_done", target.language, as_json=as_json)


@click.command(
    epilog=_STEP_EPILOG.format(
        'remove counter --reason "switched off"', "Its tokens are refused within a second, on every node.", "removed"
    )
)
@click.argument("name")
@reasoned(required=True)
@asking
def remove(*, name: str, reason: str, target: Target) -> ExitCode:
    """Remove the caller NAME at once."""
    with connected(target) as stub:
        stub.DeleteCaller(caller_service_pb2.DeleteCallerRequest(name=name, reason=reason), timeout=TIMEOUT_SECONDS)
    click.echo(WORDS[target.language]["removed"].format(name=name))
    return ExitCode.OK


def _with(caller: caller_pb2.Caller, parts: dict[str, Any]) -> caller_pb2.Caller:
    """Return a caller with what the options say. Raises BadParameter."""
    lists: Sequence[str] = ("certificates", "applications", "subjects", "calls", "grants")
    for part in lists:
        if parts[part]:
            caller.ClearField(part)
            getattr(caller, part).extend(parts[part])
    for part in ("consent_key", "bundles", "reports", "description"):
        if parts[part] is not None:
            setattr(caller, part, parts[part])
    if parts["rate"] == "any":
        caller.ClearField("rate")
    elif parts["rate"] is not None:
        found = _RATE.fullmatch(parts["rate"])
        if found is None:
            raise click.BadParameter("write `500`, `500/1000` or `any`", param_hint="--rate")
        caller.rate.CopyFrom(caller_pb2.CallerRate(per_second=int(found[1]), burst=int(found[2] or 0)))
    return caller
