"""The same question in the words of each service: requests as wire bytes, and verdicts read from replies."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import grpc
import yaml
from conditions import AtLeast, Condition, Not, OneOf, Role, Same, text
from policy_sets import Policy, Rule, RuleSet
from samples import FIELD_IDS, Sample

from pdp.v1 import decision_service_pb2, types_pb2

UNARY, BATCH = "unary", "batch"
BATCH_ITEMS = 50

# Somebody's question about one customer, or about each of several.
Question = Sequence[Sample]
# For each of FIELD_IDS, whether it may be shown.
Verdicts = tuple[bool, ...]


class Dialect(Protocol):
    """How a service is asked."""

    def path(self, kind: str) -> str:
        """Return the method as it stands in the request: `/package.Service/Method`."""

    def request(self, kind: str, question: Question) -> bytes:
        """Return the request. A batch takes subject, action and context from its first sample."""

    def verdicts(self, kind: str, reply: bytes) -> list[Verdicts]:
        """Return the verdicts for each customer."""


class Jingxi:
    """Decide and DecideBatch."""

    def path(self, kind: str) -> str:
        return f"/pdp.v1.DecisionService/{'Decide' if kind == UNARY else 'DecideBatch'}"

    def request(self, kind: str, question: Question) -> bytes:
        if kind == UNARY:
            return question[0].payload()
        each = [decision_service_pb2.DecideRequest.FromString(sample.payload()) for sample in question]
        one = each[0]
        batch = decision_service_pb2.DecideBatchRequest(
            request_id=one.request_id, subject=one.subject, action=one.action, context=one.context
        )
        for request in each:
            batch.items.add(resource=request.resource, fields=request.fields)
        return batch.SerializeToString()

    def verdicts(self, kind: str, reply: bytes) -> list[Verdicts]:
        if kind == UNARY:
            return [self._one(decision_service_pb2.DecideResponse.FromString(reply))]
        results = decision_service_pb2.DecideBatchResponse.FromString(reply).results
        return [self._one(result.decision) for result in results]

    @staticmethod
    def _one(response: decision_service_pb2.DecideResponse) -> Verdicts:
        return tuple(verdict.effect == types_pb2.EFFECT_UNMASK for verdict in response.verdicts)


class Cerbos:
    """CheckResources. A field is an action, and what Jingxi calls context is the principal's."""

    def __init__(self) -> None:
        # Found on the module search path, where this folder is.
        self._messages: Any = grpc.protos("cerbos/check.proto")

    def path(self, kind: str) -> str:
        return "/cerbos.svc.v1.CerbosService/CheckResources"

    def request(self, kind: str, question: Question) -> bytes:
        one = question[0]
        message = self._messages.CheckResourcesRequest(request_id="20260302-000001")
        message.principal.id = one.subject_id
        message.principal.roles.extend(one.roles)
        attributes = message.principal.attr
        attributes["level"].number_value = one.level
        for name in ("branch", "action", "application", "menu", "channel", "scenario", "terminal"):
            attributes[name].string_value = getattr(one, name)
        for sample in question:
            entry = message.resources.add(actions=FIELD_IDS)
            entry.resource.kind = _kind(one.application, one.menu)
            entry.resource.id = sample.resource_id
            entry.resource.attr["branch"].string_value = sample.resource_branch
            entry.resource.attr["customer_class"].string_value = sample.customer_class
            entry.resource.attr["balance"].number_value = sample.balance
        wire: bytes = message.SerializeToString()
        return wire

    def verdicts(self, kind: str, reply: bytes) -> list[Verdicts]:
        allow = self._messages.Effect.Value("EFFECT_ALLOW")
        results = self._messages.CheckResourcesResponse.FromString(reply).results
        return [tuple(result.actions[field] == allow for field in FIELD_IDS) for result in results]


def write_cerbos_policies(rule_set: RuleSet, folder: Path) -> None:
    """Write one resource policy a menu, which is the encoding that Cerbos answers fastest: README.md.

    A resource kind leads straight to its rules, a role to those of the role, and a prohibition wins over permissions.
    """
    for policy in rule_set.policies:
        document = {
            "apiVersion": "api.cerbos.dev/v1",
            "resourcePolicy": {
                "resource": _kind(policy.application, policy.menus[0]),
                "version": "default",
                "rules": [_rule(rule) for rule in policy.rules],
            },
        }
        _assert_one_menu(policy)
        (folder / f"{policy.id}.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def cerbos_command(
    binary: Path, policies: Path, address: str, http_address: str, more: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return how to start Cerbos, as arguments and environment; `more` settings come before those of its file."""
    config = Path(__file__).resolve().parent / "cerbos" / "config.yaml"
    settings = {
        "server.grpcListenAddr": address,
        "server.httpListenAddr": http_address,
        "storage.disk.directory": str(policies),
        **more,
    }
    flags = [f"--set={name}={value}" for name, value in settings.items()]
    command = [str(binary), "server", f"--config={config}", "--log-level=error", *flags]
    return command, {**os.environ, "CERBOS_NO_TELEMETRY": "1"}


def _assert_one_menu(policy: Policy) -> None:
    if len(policy.menus) != 1:
        raise ValueError(f"policy `{policy.id}` is not of one menu; write it once for each")


def _kind(application: str, menu: str) -> str:
    return f"{application}-{menu}"


def _rule(rule: Rule) -> dict[str, Any]:
    roles = [c.role for c in rule.conditions if isinstance(c, Role)]
    clauses = [_cel(c) for c in rule.conditions if not isinstance(c, Role)]
    if rule.cel or len(roles) > 1:
        raise ValueError(f"rule `{rule.id}` cannot be written for Cerbos")
    found: dict[str, Any] = {
        "name": rule.id,
        "actions": list(rule.fields),
        "effect": "EFFECT_ALLOW" if rule.unmasks else "EFFECT_DENY",
        "roles": roles or ["*"],
    }
    return found | ({"condition": {"match": {"expr": " && ".join(clauses)}}} if clauses else {})


def _cel(condition: Condition) -> str:
    match condition:
        case Role(role):
            return f"{text(role)} in P.roles"
        case AtLeast(attribute, bound):
            return f"{_attribute(attribute)} >= {bound}"
        case OneOf(attribute, (only,)):
            return f"{_attribute(attribute)} == {text(only)}"
        case OneOf(attribute, values):
            return f"{_attribute(attribute)} in [{', '.join(map(text, values))}]"
        case Same(left, right):
            return f"{_attribute(left)} == {_attribute(right)}"
        case Not(operand):
            return f"!({_cel(operand)})"


def _attribute(name: str) -> str:
    root, _, key = name.partition(".")
    if root == "resource":
        return f"R.attr.{key}"
    return "P.attr.action" if root == "action" else f"P.attr.{key}"
