"""One record as a story: who, where, about whom, what each field became and why, who allowed it, and its evidence."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from admin_gui.domain.form import shown, value_of
from admin_gui.domain.say import Say, plain
from admin_gui.domain.service_words import said
from admin_gui.domain.snapshot_rows import about, clock, context_of
from admin_gui.domain.snapshot_words import Vocabulary
from jingxi_client._gen.pdp.v1 import bundle_pb2, decision_service_pb2, snapshot_pb2, snapshot_service_pb2, types_pb2

_FLAGS: Final = (
    Say("没有展示明文", "nothing shown in clear"),
    Say("低：至多展示 C1 明文", "low: C1 at most in clear"),
    Say("中：展示了 C2 明文", "medium: C2 in clear"),
    Say("高：展示了 C3 或字典外的明文", "high: C3, or what the dictionary does not have, in clear"),
)
_ABOUT: Final = Say("{subject}：{message}", "{subject}: {message}")
_SOURCES: Final[Mapping[int, Say]] = {
    snapshot_pb2.SNAPSHOT_SOURCE_DECIDE: Say("单笔裁决", "one decision"),
    snapshot_pb2.SNAPSHOT_SOURCE_BATCH: Say("批量裁决", "one of a batch"),
    snapshot_pb2.SNAPSHOT_SOURCE_STREAM: Say("流式裁决", "one of a stream"),
    snapshot_pb2.SNAPSHOT_SOURCE_EXPLAIN: Say("裁决并解释", "a decision that was explained"),
    snapshot_pb2.SNAPSHOT_SOURCE_OFFLINE: Say("客户端离线裁决后上报", "decided offline by a client and reported"),
    snapshot_pb2.SNAPSHOT_SOURCE_FALLBACK: Say(
        "客户端未能询问，原样返回", "a client could not ask and passed it through"
    ),
}
_OUTCOMES: Final[Mapping[int, tuple[Say, str]]] = {
    decision_service_pb2.RULE_OUTCOME_MATCHED: (Say("成立", "matched"), "clear"),
    decision_service_pb2.RULE_OUTCOME_NOT_MATCHED: (Say("不成立", "not matched"), "quiet"),
    decision_service_pb2.RULE_OUTCOME_UNDECIDED: (Say("无法判定", "undecided"), "warning"),
}
_CLAUSES: Final[Mapping[int, tuple[Say, str]]] = {
    decision_service_pb2.CLAUSE_OUTCOME_TRUE: (Say("真", "true"), "clear"),
    decision_service_pb2.CLAUSE_OUTCOME_FALSE: (Say("假", "false"), "quiet"),
    decision_service_pb2.CLAUSE_OUTCOME_UNDECIDED: (Say("无法判定", "undecided"), "warning"),
}
_DEFAULT: Final = Say("字典默认", "default of the dictionary")
_UNKNOWN: Final = Say("字典中没有此字段", "not in the dictionary")
_SUPERVISOR, _CUSTOMER = Say("主管授权", "a supervisor's leave"), Say("客户同意", "a customer's consent")
_SIGNS: Final = (("=", "exactly"), (">", "above"), ("<", "below"))


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the story. `color` is a token of the theme, empty for the usual."""

    label: Say
    text: Say
    color: str = ""


@dataclass(frozen=True, slots=True)
class FieldVerdict:
    """What became of one field, by which rule, and that rule in words as it stood then."""

    field: str
    label: Say
    level: str
    unmasked: bool
    mask: str
    reason: Say
    rule: str
    sentence: Say
    grant: str


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause of a rule and how it came out."""

    say: Say
    outcome: Say
    color: str
    values: str


@dataclass(frozen=True, slots=True)
class RuleStory:
    """A rule that spoke about a field. `decided` are the fields that it decided."""

    rule: str
    title: Say
    outcome: Say
    color: str
    location: str
    decided: tuple[str, ...]
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """All there is to tell; what there is nothing of is empty. `warnings` come first."""

    id: str
    time: str
    flag: Say
    severity: int | None
    sentence: Say
    people: tuple[Fact, ...]
    verdicts: tuple[FieldVerdict, ...]
    grants: tuple[tuple[Fact, ...], ...]
    obligations: tuple[Say, ...]
    rules: tuple[RuleStory, ...]
    facts: tuple[Fact, ...]
    evidence: tuple[Fact, ...]
    warnings: tuple[Say, ...]


def story_of(answer: snapshot_service_pb2.GetSnapshotResponse, words: Vocabulary) -> Story:
    """Return the story of an answer."""
    if answer.entry.record.HasField("operation"):
        return _operation(answer, words)
    snapshot = answer.entry.record.snapshot
    facts = snapshot.facts
    severity = min(snapshot.severity, len(_FLAGS) - 1)
    return Story(
        snapshot.decision_id, clock(snapshot.time_nanos), _FLAGS[severity], severity, _sentence(snapshot, words),
        tuple(fact for fact in _people(snapshot, words) if any(fact.text)),
        tuple(_verdicts(answer, words)),
        tuple(_grant(grant) for grant in snapshot.grants),
        tuple(_obligation(duty, words) for duty in snapshot.obligations),
        tuple(_rule(rule) for rule in sorted(answer.rules, key=lambda rule: (not rule.wins, rule.outcome))),
        tuple(_known(facts, snapshot, words)), tuple(_evidence(answer)), tuple(_warnings(answer)),
    )  # fmt: skip


def _operation(answer: snapshot_service_pb2.GetSnapshotResponse, words: Vocabulary) -> Story:
    done = answer.entry.record.operation
    label = words.label("kind", done.kind)
    name = label if any(label) else plain(done.kind)
    outcome = Say("成功", "succeeded") if done.success else Say("失败", "failed")
    people = (
        Fact(Say("谁", "Who"), plain(done.actor)),
        Fact(Say("做了什么", "What"), Say(f"{name.zh}（{done.kind}）", f"{name.text('en')} ({done.kind})")),
        Fact(Say("结果", "Outcome"), outcome, "" if done.success else "danger"),
        Fact(Say("来自", "From"), plain(done.address) if done.address else Say("本机", "this machine")),
    )
    details = tuple(Fact(plain(key), plain(value)) for key, value in sorted(done.details.items()))
    said = Say("{who}：{what}，{how}。", "{who}: {what}, {how}.").filled(who=done.actor, what=name, how=outcome)
    evidence = tuple(_evidence(answer))
    return Story(
        done.id, clock(done.time_nanos), Say("操作记录", "operation"), None, said, people, (), (), (), (), details,
        evidence, (),
    )  # fmt: skip


def _sentence(snapshot: snapshot_pb2.Snapshot, words: Vocabulary) -> Say:
    clear = [name for one in snapshot.verdicts if one.effect == types_pb2.EFFECT_UNMASK for name in one.fields]
    hidden = sum(len(one.fields) for one in snapshot.verdicts if one.effect != types_pb2.EFFECT_UNMASK)
    menu = context_of(snapshot.facts, "menu")
    where = words.named("context.menu", menu) if menu else Say("某处", "somewhere")
    action = words.label("action.name", snapshot.facts.action.name)
    what = action if any(action) else plain(snapshot.facts.action.name or "?")
    return Say(
        "{who} 在菜单 {where} 对 {whom} 做“{what}”：{clear} 个字段明文，{hidden} 个脱敏。",
        "{who} in menu {where}, about {whom}, “{what}”: {clear} in clear, {hidden} masked.",
    ).filled(
        who=snapshot.facts.subject.id or "?", where=where, whom=about(snapshot) or "?", what=what, clear=len(clear),
        hidden=hidden,
    )  # fmt: skip


def _people(snapshot: snapshot_pb2.Snapshot, words: Vocabulary) -> Iterator[Fact]:
    facts = snapshot.facts
    roles = [words.label("subject.roles", role) for role in facts.subject.roles]
    named = [
        Say(label.zh or role, label.text("en") or role) for role, label in zip(facts.subject.roles, roles, strict=True)
    ]
    yield Fact(Say("操作员", "Operator"), plain(facts.subject.id))
    yield Fact(Say("岗位角色", "Roles"), Say("、".join(one.zh for one in named), ", ".join(one.en for one in named)))
    yield Fact(Say("调用系统", "Calling system"), plain(snapshot.caller))
    yield Fact(Say("对象", "About whom"), plain(about(snapshot)))
    if snapshot.resource_key:
        keyed = f"{snapshot.resource_key.hex()}  ({snapshot.key_id})"
        yield Fact(Say("对象的键控编号", "Keyed id"), plain(keyed), "quiet")
    yield Fact(Say("来源", "Source"), _SOURCES.get(snapshot.source, plain("")))
    yield Fact(Say("策略版本", "Revision"), plain(f"{snapshot.revision}  {snapshot.policy_hash[:12]}"))
    yield Fact(Say("请求号", "Request"), plain(snapshot.request_id))
    yield Fact(Say("耗时", "Took"), plain(f"{snapshot.latency_micros / 1_000:.2f} ms"))


def _verdicts(answer: snapshot_service_pb2.GetSnapshotResponse, words: Vocabulary) -> Iterator[FieldVerdict]:
    titles = {rule.rule: Say(rule.title.zh, rule.title.en) for rule in answer.rules}
    texts = {rule.id: rule for rule in answer.rule_texts}
    for one in answer.entry.record.snapshot.verdicts:
        for name in one.fields:
            rule = texts.get(one.rule, texts.get(one.rule.partition("/")[2], bundle_pb2.Rule()))
            title = titles.get(one.rule, Say(rule.title.zh, rule.title.en))
            sentence = Say(rule.sentence.zh, rule.sentence.en)
            if not any(sentence) and name in answer.sentences:
                sentence = Say(answer.sentences[name].zh, answer.sentences[name].en)
            reason = title if any(title) else plain(one.rule)
            if one.kind == types_pb2.REASON_KIND_UNKNOWN_FIELD:
                reason = _UNKNOWN
            elif not one.rule:
                reason = _DEFAULT
            if one.undecided:
                reason = Say(reason.zh + "（条件无法判定，从严）", reason.text("en") + " (undecided: strict)")
            yield FieldVerdict(
                name, words.field(name), one.level, one.effect == types_pb2.EFFECT_UNMASK, one.mask, reason, one.rule,
                sentence, one.grant_id,
            )  # fmt: skip


def _grant(grant: snapshot_pb2.RecordedGrant) -> tuple[Fact, ...]:
    consent = grant.kind == "customer"
    level = f"（{grant.approver_level} 级）" if grant.approver_level else ""
    rank = f" (level {grant.approver_level})" if grant.approver_level else ""
    found = (
        Fact(Say("授权", "Grant"), Say(f"{grant.id}  {_CUSTOMER.zh}", f"{grant.id}  {_CUSTOMER.en}") if consent else
             Say(f"{grant.id}  {_SUPERVISOR.zh}", f"{grant.id}  {_SUPERVISOR.en}")),
        Fact(Say("授权人", "Approver"), Say(grant.approver + level, grant.approver + rank)),
        Fact(Say("同意凭证", "Evidence of consent"), plain(grant.evidence)),
        Fact(Say("业务场景", "Scenario"), plain(grant.scenario)),
        Fact(Say("有效至", "Valid until"), plain(clock(grant.expires_at_nanos) if grant.expires_at_nanos else "")),
    )  # fmt: skip
    return tuple(fact for fact in found if any(fact.text))


def _obligation(duty: types_pb2.Obligation, words: Vocabulary) -> Say:
    details = "".join(f" {key}={value}" for key, value in sorted(duty.parameters.items()))
    labels = [words.field(name) for name in duty.fields]
    zh, en = "、".join(one.zh for one in labels), ", ".join(one.text("en") for one in labels)
    return Say(f"{duty.type}{details}：{zh}（{duty.rule}）", f"{duty.type}{details}: {en} ({duty.rule})")


def _rule(trace: decision_service_pb2.RuleTrace) -> RuleStory:
    outcome, color = _OUTCOMES.get(trace.outcome, (plain("?"), "quiet"))
    clauses = []
    for one in trace.clauses:
        said, shade = _CLAUSES.get(one.outcome, (Say("未留存，无从得知", "not told"), "quiet"))
        words = Say(one.sentence.zh, one.sentence.en)
        values = ", ".join(f"{name} = {value}" for name, value in sorted(one.values.items()))
        clauses.append(Clause(words if any(words) else plain(one.expression), said, shade, values))
    title = Say(trace.title.zh, trace.title.en)
    return RuleStory(
        trace.rule, title if any(title) else plain(trace.rule), outcome, color, trace.location, tuple(trace.wins),
        tuple(clauses),
    )  # fmt: skip


def _known(
    facts: decision_service_pb2.DecideRequest, snapshot: snapshot_pb2.Snapshot, words: Vocabulary
) -> Iterator[Fact]:
    for base, held in (
        ("subject", facts.subject.attributes), ("action", facts.action.attributes),
        ("resource", facts.resource.attributes), ("context", facts.context),
    ):  # fmt: skip
        for key, value in sorted(held.items()):
            name = f"{base}.{key}"
            yield Fact(_named(name, words), words.named(name, shown(value_of(value))))
    for name, bucket in sorted(snapshot.buckets.items()):
        sides = [f"{sign} {_plain(getattr(bucket, side))}" for sign, side in _SIGNS if bucket.HasField(side)]
        kept = ", ".join(sides) or "?"
        yield Fact(_named(name, words), Say(f"{kept}（仅留存区间）", f"{kept} (only the range was kept)"))
    for name, keyed in sorted(snapshot.hashes.items()):
        kept = f"#{keyed.hex()[:16]}"
        yield Fact(_named(name, words), Say(f"{kept}（仅留存哈希）", f"{kept} (only a keyed hash was kept)"), "quiet")
    if snapshot.withheld:
        yield Fact(Say("未留存", "Not kept"), plain(", ".join(snapshot.withheld)), "quiet")


def _evidence(answer: snapshot_service_pb2.GetSnapshotResponse) -> Iterator[Fact]:
    stream = answer.entry.stream
    day = datetime.date.fromordinal(datetime.date(1970, 1, 1).toordinal() + stream.day)
    yield Fact(Say("节点", "Node"), plain(f"{stream.node}  {stream.boot}"))
    yield Fact(Say("链中位置", "Place in its chain"), plain(f"{stream.retention}/{day}  #{answer.entry.sequence}"))
    yield Fact(Say("链值", "Chain value"), plain(answer.chain.hex()), "quiet")
    if answer.checkpoint:
        covered = Say(f"第 {answer.checkpoint} 号", f"number {answer.checkpoint}")
        yield Fact(Say("检查点", "Checkpoint"), covered)
    else:
        yield Fact(
            Say("检查点", "Checkpoint"), Say("尚未覆盖，稍后再核验", "none covers it yet; verify later"), "warning"
        )


def _warnings(answer: snapshot_service_pb2.GetSnapshotResponse) -> Iterator[Say]:
    if answer.insufficient:
        names = ", ".join(answer.insufficient)
        yield Say(
            f"以下属性留存不足，涉及它们的条件无法重现：{names}",
            f"Not enough was kept of these to tell the clauses about them: {names}",
        )
    if not answer.rules and not answer.rule_texts:
        yield Say("当时的策略集不在存储中，无法展示规则。", "The policy set that decided is not in the store.")
    for item in answer.entry.record.snapshot.diagnostics:
        yield _ABOUT.filled(subject=item.subject, message=said(item.message))


def _named(name: str, words: Vocabulary) -> Say:
    label = words.names.get(name, plain(name))
    return label if any(label) else plain(name)


def _plain(value: types_pb2.Value) -> str:
    return shown(value_of(value))
