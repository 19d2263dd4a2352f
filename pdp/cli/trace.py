"""A decision's trace as a tree for people."""

from __future__ import annotations

from rich.text import Text
from rich.tree import Tree

from pdp.cli.words import line
from pdp.server.verdict_words import mask_words, reason_words
from pdp.v1 import decision_service_pb2 as service
from pdp.v1 import types_pb2
from pdp.values import NANOS, format_timestamp

_RULES = {
    service.RULE_OUTCOME_MATCHED: ("matched", "green"),
    service.RULE_OUTCOME_NOT_MATCHED: ("not matched", "dim"),
    service.RULE_OUTCOME_UNDECIDED: ("undecided", "yellow"),
}
_CLAUSES = {
    service.CLAUSE_OUTCOME_TRUE: ("true", "green"),
    service.CLAUSE_OUTCOME_FALSE: ("false", "red"),
    service.CLAUSE_OUTCOME_UNDECIDED: ("undecided", "yellow"),
}


def decision_tree(response: service.ExplainResponse, lang: str) -> Tree:
    """Return verdicts, then rules with their clauses, then diagnostics and obligations."""
    decision = response.decision
    now = response.now.seconds * NANOS + response.now.nanos
    root = Tree(Text(f"decision {decision.decision_id}, revision {decision.revision}, at {format_timestamp(now)}"))
    verdicts = root.add(Text("verdicts", "bold"))
    for verdict in decision.verdicts:
        branch = verdicts.add(verdict_text(decision, verdict))
        sentence = line(response.sentences[verdict.field], lang) if verdict.field in response.sentences else ""
        if sentence:
            branch.add(Text(sentence))
    rules = root.add(Text("rules", "bold"))
    for trace in response.rules:
        _add_rule(rules, trace, lang)
    if not response.rules:
        rules.add(Text("none speaks about these fields here"))
    if decision.obligations:
        branch = root.add(Text("obligations", "bold"))
        for duty in decision.obligations:
            details = "".join(f" {key}={value}" for key, value in sorted(duty.parameters.items()))
            branch.add(Text(f"{duty.type}{details} for {', '.join(duty.fields)}, by {duty.rule}"))
    if decision.diagnostics:
        branch = root.add(Text("diagnostics", "bold yellow"))
        for item in decision.diagnostics:
            missing = f" ({', '.join(item.attributes)})" if item.attributes else ""
            branch.add(Text(f"{item.subject}: {item.message}{missing}"))
    return root


def verdict_text(decision: service.DecideResponse, verdict: types_pb2.Verdict) -> Text:
    """Return `mobile: mask mobile = keep(prefix=3, suffix=4), by core-counter/junior`."""
    reason = decision.reasons[verdict.reason]
    if verdict.effect == types_pb2.EFFECT_UNMASK:
        text = Text.assemble((verdict.field, "bold"), ": ", ("unmask", "green"))
    else:
        text = Text.assemble(
            (verdict.field, "bold"), ": ", ("mask", "red"), f" {mask_words(decision.masks[verdict.mask])}"
        )
    return text.append(f", {reason_words(reason)}")


def _add_rule(parent: Tree, trace: service.RuleTrace, lang: str) -> None:
    word, style = _RULES.get(trace.outcome, ("?", ""))
    head = Text.assemble((trace.rule, "bold"), " ", (word, style), f"  {line(trace.title, lang)}")
    if trace.priority:
        head.append(f"  priority {trace.priority}")
    if trace.grant_id:
        head.append(f"  under grant {trace.grant_id}")
    if trace.wins:
        head.append(f"  decides {', '.join(trace.wins)}")
    branch = parent.add(head)
    for clause in trace.clauses:
        word, style = _CLAUSES.get(clause.outcome, ("?", ""))
        text = Text.assemble((word, style), f"  {clause.expression}")
        if clause.values:
            text.append("  where " + ", ".join(f"{k} = {v}" for k, v in sorted(clause.values.items())))
        if clause.attributes:
            text.append("  missing or of another type: " + ", ".join(clause.attributes))
        leaf = branch.add(text)
        sentence = line(clause.sentence, lang)
        if sentence:
            leaf.add(Text(sentence, "dim"))
