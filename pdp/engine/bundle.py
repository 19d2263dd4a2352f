"""Bundles: one revision of a policy set as one message that any node and any language can decide from."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from google.protobuf.message import DecodeError

from pdp.engine.mask_ranks import rank_masks
from pdp.engine.request import TYPE_NUMBERS, build_request, wire_value
from pdp.engine.wire_masks import mask_message
from pdp.errors import BundleError
from pdp.lang import model, resolved
from pdp.lang.cel import may_use_variables
from pdp.lang.sentence import Sentences
from pdp.masks import catalogue
from pdp.v1 import bundle_pb2, types_pb2
from pdp.values import AttributeType

FORMAT = 1

_EFFECTS = {model.Effect.UNMASK: types_pb2.EFFECT_UNMASK, model.Effect.MASK: types_pb2.EFFECT_MASK}
_RECORDS = {
    model.RecordMode.FULL: bundle_pb2.RECORD_MODE_FULL,
    model.RecordMode.BUCKET: bundle_pb2.RECORD_MODE_BUCKET,
    model.RecordMode.HASH: bundle_pb2.RECORD_MODE_HASH,
    model.RecordMode.NONE: bundle_pb2.RECORD_MODE_NONE,
}


def build(policy_set: resolved.ResolvedSet, revision: int = 0) -> bundle_pb2.SignedBundle:
    """Return the unsigned bundle of a policy set. The same set gives the same bytes and so the same hash."""
    types = {name: a.type for name, a in policy_set.attributes.items()}
    bundle = bundle_pb2.Bundle(
        format=FORMAT,
        attributes=[_attribute(policy_set.attributes[name]) for name in sorted(policy_set.attributes)],
        fields=[_field(policy_set.fields[name]) for name in sorted(policy_set.fields)],
        masks=[_mask(policy_set.masks[name]) for name in sorted(policy_set.masks)],
        message_maps=[_message_map(m) for m in sorted(policy_set.message_maps, key=lambda m: (m.application, m.name))],
        golden_cases=[
            _golden(suite, scenario, policy_set, types) for suite in policy_set.tests for scenario in suite.scenarios
        ],
        failure_rule=None if policy_set.failure_rule is None else _failure_rule(policy_set.failure_rule),
    )
    writer = _Policies(policy_set, types)
    for policy in policy_set.policies:
        bundle.policies.append(writer.policy(policy))
    rank_masks(bundle)
    payload = bundle.SerializeToString(deterministic=True)
    return bundle_pb2.SignedBundle(bundle=payload, hash=hashlib.sha256(payload).hexdigest(), revision=revision)


def parse(signed: bundle_pb2.SignedBundle) -> bundle_pb2.Bundle:
    """Return the bundle inside. Raises BundleError when its hash or its format is wrong."""
    if hashlib.sha256(signed.bundle).hexdigest() != signed.hash:
        raise BundleError("the bundle does not match its hash: it was damaged or altered")
    try:
        bundle = bundle_pb2.Bundle.FromString(signed.bundle)
    except DecodeError as error:
        raise BundleError(f"the bundle cannot be decoded: {error}") from None
    if bundle.format != FORMAT:
        raise BundleError(f"the bundle has format {bundle.format}, this program reads format {FORMAT}")
    return bundle


def write(path: Path, signed: bundle_pb2.SignedBundle) -> None:
    """Write a bundle so that a crash leaves the old file or the new one, never a part."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as stream:
        stream.write(signed.SerializeToString(deterministic=True))
        stream.flush()
        os.fsync(stream.fileno())
    Path(stream.name).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path) -> bundle_pb2.SignedBundle:
    """Return the bundle in a file. Raises BundleError."""
    try:
        signed = bundle_pb2.SignedBundle.FromString(path.read_bytes())
    except OSError as error:
        raise BundleError(f"cannot read `{path}`: {error.strerror}") from None
    except DecodeError:
        raise BundleError(f"`{path}` is not a bundle") from None
    parse(signed)
    return signed


def grant_message(grant: model.GrantSpec) -> bundle_pb2.Grant:
    """Return the message for a grant out of a file or a scenario."""
    return bundle_pb2.Grant(
        id=grant.id,
        kind=grant.kind,
        subject_id=grant.subject_id,
        resource_type=grant.resource_type,
        resource_id=grant.resource_id,
        fields=grant.fields,
        levels=grant.levels,
        not_before_nanos=grant.not_before,
        expires_at_nanos=grant.expires_at,
        approver=grant.approver,
        approver_level=grant.approver_level,
        scenario=grant.scenario,
        reason=grant.reason,
        evidence=grant.evidence,
        application=grant.application,
    )


def _text(label: model.Label) -> types_pb2.LocalizedText:
    return types_pb2.LocalizedText(zh=label.zh, en=label.en)


def _attribute(attribute: model.Attribute) -> bundle_pb2.AttributeDefinition:
    return bundle_pb2.AttributeDefinition(
        name=attribute.name,
        type=TYPE_NUMBERS[attribute.type],
        label=_text(attribute.label),
        allowed_values=[
            bundle_pb2.AllowedValue(value=wire_value(attribute.type.element, v.value), label=_text(v.label))
            for v in attribute.allowed
        ],
        default_value=None if attribute.default is None else wire_value(attribute.type, attribute.default),
        record=_RECORDS[attribute.record],
    )


def _mask(mask: resolved.Mask) -> types_pb2.Mask:
    return mask_message(mask.name, mask.algorithm, mask.parameters)


def _field(field: resolved.Field) -> bundle_pb2.FieldDefinition:
    return bundle_pb2.FieldDefinition(
        id=field.id,
        label=_text(field.label),
        level=field.level,
        category=field.category,
        tags=sorted(field.tags),
        semantic_type=field.semantic_type,
        default_mask=_mask(field.mask),
        default_effect=_EFFECTS[field.default],
        never_unmask=field.never_unmask,
    )


def _message_map(message: model.MessageMap) -> bundle_pb2.MessageMap:
    return bundle_pb2.MessageMap(
        application=message.application,
        name=message.name,
        label=_text(message.label),
        parts=[
            bundle_pb2.MessagePart(
                name=part.name,
                path=part.path.path,
                resource_type=part.resource_type,
                resource_id=part.resource_id.path if part.resource_id else "",
                fields=[
                    bundle_pb2.FieldPaths(field=name, paths=[p.path for p in paths])
                    for name, paths in part.fields.items()
                ],
                attributes=[
                    bundle_pb2.AttributePath(attribute=name, path=path.path) for name, path in part.attributes.items()
                ],
            )
            for part in message.parts
        ],
    )


def _failure_rule(rule: model.FailureRule) -> bundle_pb2.FailureRule:
    return bundle_pb2.FailureRule(
        pass_levels=rule.passes,
        until_nanos=rule.until or 0,
        alarm_events=rule.alarm_events,
        alarm_seconds=rule.alarm_seconds,
    )


class _Policies:
    """Writes policies; a clause that many rules share is put into words once."""

    def __init__(self, policy_set: resolved.ResolvedSet, types: Mapping[str, AttributeType]) -> None:
        self._types = types
        self._sentences = Sentences(policy_set)
        self._known: dict[bytes, types_pb2.LocalizedText] = {}

    def policy(self, policy: resolved.Policy) -> bundle_pb2.Policy:
        return bundle_pb2.Policy(
            id=policy.id,
            title=_text(policy.title),
            scope=[
                bundle_pb2.ScopeClause(
                    attribute=clause.attribute,
                    values=[wire_value(self._types[clause.attribute], v) for v in sorted(clause.values)],
                    location=str(clause.span),
                    sentence=_text(self._sentences.scope(clause)),
                )
                for clause in policy.scope
            ],
            variables=[
                bundle_pb2.Variable(name=v.name, expression=self._expression(policy, v.clause))
                for v in policy.variables
            ],
            rules=[
                bundle_pb2.Rule(
                    id=rule.id,
                    title=_text(rule.title),
                    when=[self._expression(policy, clause) for clause in rule.clauses],
                    fields=sorted(rule.fields),
                    effect=_EFFECTS[rule.effect],
                    mask=_mask(rule.mask) if rule.mask else None,
                    priority=rule.priority,
                    obligations=_obligations(rule.obligations),
                    location=str(rule.span),
                    sentence=_text(self._sentences.rule(policy, rule)),
                )
                for rule in policy.rules
            ],
        )

    def _expression(self, policy: resolved.Policy, clause: resolved.Clause) -> bundle_pb2.Expression:
        sentence = self._known.get(clause.checked)
        if sentence is None:
            sentence = _text(self._sentences.clause(policy, clause))
            if not may_use_variables(clause.text.value):
                self._known[clause.checked] = sentence
        return bundle_pb2.Expression(
            text=clause.text.value, checked=clause.checked, location=str(clause.text.span), sentence=sentence
        )


def _obligations(obligations: Iterable[model.Obligation]) -> list[types_pb2.Obligation]:
    return [types_pb2.Obligation(type=o.type, parameters=o.parameters) for o in obligations]


def _golden(
    suite: model.TestSuite,
    scenario: model.Scenario,
    policy_set: resolved.ResolvedSet,
    types: dict[str, AttributeType],
) -> bundle_pb2.GoldenCase:
    request = build_request(scenario.attributes, types, scenario.fields, scenario.grant_ids)
    return bundle_pb2.GoldenCase(
        name=f"{suite.id}/{scenario.id}",
        request=request.SerializeToString(deterministic=True),
        now_nanos=scenario.now or 0,
        grants=[grant_message(grant) for grant in scenario.grants],
        expected=[
            bundle_pb2.ExpectedVerdict(
                field=e.field, effect=_EFFECTS[e.effect], mask=_expected_mask(e.mask, policy_set)
            )
            for e in scenario.expected
        ],
    )


def _expected_mask(
    mask: model.MaskRef | model.MaskSpec | None, policy_set: resolved.ResolvedSet
) -> types_pb2.Mask | None:
    if isinstance(mask, model.MaskRef):
        return _mask(policy_set.masks[mask.name])
    if isinstance(mask, model.MaskSpec):
        return mask_message("", mask.algorithm, catalogue.complete(mask.algorithm, mask.parameters))
    return None
