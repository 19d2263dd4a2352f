"""A story as rich text, in the colours and the language of now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from admin_gui.domain.say import Say
from admin_gui.domain.snapshot_proof import Check, Evidence
from admin_gui.domain.snapshot_rows import LEVELS, clock
from admin_gui.domain.snapshot_story import Fact, FieldVerdict, RuleStory, Story
from admin_gui.theme.tokens import Tokens
from admin_gui.widgets.context import Context

_VERDICTS: Final = Say("每个字段", "Each field")
_GRANTS: Final = Say("谁批准的", "Who allowed it")
_OBLIGATIONS: Final = Say("要求调用方做的", "What the caller was to do besides")
_RULES: Final = Say("规则如何得出（当时版本）", "How the rules came out, as they stood then")
_FACTS: Final = Say("当时已知", "What was known")
_DETAILS: Final = Say("详情", "Details")
_EVIDENCE: Final = Say("证据", "Evidence")
_CLEAR, _MASKED = Say("明文", "in clear"), Say("脱敏", "masked")
_DECIDED: Final = Say("，决定了 {fields}", ", decided {fields}")
_UNDER: Final = Say("凭授权 {grant}", "under grant {grant}")
_MARKS: Final = {True: ("✓", "masked"), False: ("✗", "danger"), None: ("?", "warning")}
_OUTCOMES: Final = {
    "proven": ("✓", "masked"), "unsigned": ("?", "warning"), "other": ("?", "warning"), "broken": ("✗", "danger"),
}  # fmt: skip
_NUMBERS: Final = (
    Say("签名的根", "Signed root"), Say("路径长度", "Path length"), Say("检查点", "Checkpoint"),
    Say("签署时间", "Signed at"), Say("密钥", "Key"), Say("哈希算法", "Hash"),
)  # fmt: skip


def html_of(story: Story, context: Context, evidence: Evidence | None) -> str:
    """Return a story; with what a verification has found, that stands first."""
    return "".join(_Writer(context).parts(story, evidence))


class _Writer:
    def __init__(self, context: Context) -> None:
        self._say = context.language
        self._tokens: Tokens = context.theme.tokens

    def parts(self, story: Story, evidence: Evidence | None) -> Iterator[str]:
        flag = "danger" if story.severity == len(LEVELS) - 1 else "clear" if story.severity else "quiet"
        yield f"<p>{self._color(story.time, 'quiet')} &nbsp; {self._color(self._say(story.flag), flag, bold=True)}</p>"
        yield f'<p style="font-size: 11pt">{self._text(story.sentence)}</p>'
        for warning in story.warnings:
            yield f"<p>{self._color('⚠ ' + self._say(warning), 'warning')}</p>"
        if evidence is not None:
            yield from self._verified(evidence)
        yield self._table(story.people)
        if story.verdicts:
            yield self._heading(_VERDICTS)
            yield from map(self._verdict, story.verdicts)
        if story.grants:
            yield self._heading(_GRANTS)
            yield from map(self._table, story.grants)
        if story.obligations:
            yield self._heading(_OBLIGATIONS)
            yield "".join(f"<p>{self._text(duty)}</p>" for duty in story.obligations)
        if story.rules:
            yield self._heading(_RULES)
            yield from map(self._rule, story.rules)
        if story.facts:
            yield self._heading(_FACTS if story.severity is not None else _DETAILS)
            yield self._table(story.facts)
        yield self._heading(_EVIDENCE)
        yield self._table(story.evidence)

    def _verified(self, evidence: Evidence) -> Iterator[str]:
        mark, color = _OUTCOMES[evidence.outcome]
        ground = getattr(self._tokens, f"{color}_soft")
        yield f'<table width="100%" cellpadding="8" style="background-color: {ground}"><tr><td>'
        yield f"<p>{self._color(f'{mark} {self._say(evidence.summary)}', color, bold=True)}</p>"
        yield f"<p>{self._text(evidence.meaning(clock))}</p>"
        yield f"<p>{'<br>'.join(map(self._check, evidence.checks))}</p>"
        if evidence.root:
            numbers = (
                evidence.root, f"{evidence.path_length}  (#{evidence.sequence} / {evidence.size})",
                f"{evidence.node} #{evidence.checkpoint}", clock(evidence.time_nanos), evidence.key_id,
                evidence.algorithm,
            )  # fmt: skip
            facts = [Fact(label, Say(text, text)) for label, text in zip(_NUMBERS, numbers, strict=True)]
            yield self._table(facts)
        yield "</td></tr></table>"

    def _check(self, check: Check) -> str:
        sign, shade = _MARKS[check.good]
        return f"{self._color(sign, shade, bold=True)} {self._text(check.say)}"

    def _verdict(self, verdict: FieldVerdict) -> str:
        color = "clear" if verdict.unmasked else "masked"
        word = self._say(_CLEAR if verdict.unmasked else _MASKED)
        how = f" ({escape(verdict.mask)})" if verdict.mask else ""
        level = self._color(verdict.level, "quiet") if verdict.level else ""
        head = f"{self._bold(verdict.label)} {level} &nbsp; {self._color(word + how, color, bold=True)}"
        why = self._text(verdict.reason)
        if verdict.rule:
            why += f" {self._color(verdict.rule, 'quiet')}"
        if verdict.grant:
            why += f" · {self._text(_UNDER.filled(grant=verdict.grant))}"
        sentence = f"<br>{self._color(self._say(verdict.sentence), 'quiet')}" if any(verdict.sentence) else ""
        return f'<p style="margin-bottom: 6px">{head}<br>{why}{sentence}</p>'

    def _rule(self, rule: RuleStory) -> str:
        outcome = self._say(rule.outcome)
        if rule.decided:
            outcome += self._say(_DECIDED.filled(fields=", ".join(rule.decided)))
        name = escape(self._say(rule.title))
        link = f'<a href="place:{escape(rule.location, quote=True)}">{name}</a>' if rule.location else name
        lines = [f"{link} &nbsp; {self._color(outcome, rule.color)}"]
        for clause in rule.clauses:
            values = f" {self._color(clause.values, 'quiet')}" if clause.values else ""
            lines.append(
                f"&nbsp;&nbsp;&nbsp;{self._color(self._say(clause.outcome), clause.color)} "
                f"{self._text(clause.say)}{values}"
            )
        return f'<p style="margin-bottom: 6px">{"<br>".join(lines)}</p>'

    def _table(self, facts: Iterable[Fact]) -> str:
        rows = "".join(
            f'<tr><td style="padding: 1px 14px 1px 0">{self._color(self._say(fact.label), "quiet")}</td>'
            f'<td style="padding: 1px 0">{self._color(self._say(fact.text), fact.color)}</td></tr>'
            for fact in facts
        )
        return f'<table cellspacing="0" style="margin-top: 4px">{rows}</table>'

    def _heading(self, say: Say) -> str:
        return f'<p style="margin-top: 14px; font-size: 11pt; font-weight: 600">{self._text(say)}</p>'

    def _text(self, say: Say) -> str:
        return escape(self._say(say))

    def _bold(self, say: Say) -> str:
        return f"<b>{self._text(say)}</b>"

    def _color(self, text: str, token: str, *, bold: bool = False) -> str:
        inner = f"<b>{escape(text)}</b>" if bold else escape(text)
        return f'<span style="color: {getattr(self._tokens, token)}">{inner}</span>' if token else inner
