"""Policy sets for the benchmarks, as the YAML files that a bank would write.

All sets share one schema and one dictionary, and the same request asks about the same 12 fields of each. A menu's rules
depend on the menu alone, so a larger set holds the smaller one.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from conditions import AtLeast, Condition, Not, OneOf, Role, Same, text, to_cel

APPLICATIONS = (
    "core-counter", "crm", "loans", "cards", "wealth", "call-center", "mobile-desk", "collections", "trade", "private",
)  # fmt: skip
ROLES = (
    "teller", "senior_teller", "lobby_manager", "supervisor", "branch_head", "relationship_manager", "private_banker",
    "wealth_advisor", "loan_officer", "loan_approver", "collector", "card_officer", "call_agent", "auditor",
)  # fmt: skip
# Where one scope holds every rule, posts tell them apart.
POSTS = tuple(f"post_{number:03d}" for number in range(500))
BRANCHES = tuple(f"3204000{number:02d}" for number in range(1, 21))
CLASSES = ("standard", "gold", "platinum", "diamond", "private")
CHANNELS = ("counter", "phone", "mobile", "web")
SCENARIOS = ("service", "processing", "marketing", "complaint", "audit")
ACTIONS = ("query", "update", "print", "export")
# The fields that a request asks about, with category and named mask.
FIELDS = {
    "name": ("identity", "name"),
    "id_no": ("identity", "id-card"),
    "birth_date": ("identity", "hidden"),
    "mobile": ("contact", "mobile"),
    "email": ("contact", "hidden"),
    "address": ("contact", "address"),
    "employer": ("profile", "hidden"),
    "income": ("profile", "hidden"),
    "account_no": ("account", "number"),
    "card_no": ("account", "number"),
    "balance": ("account", "hidden"),
    "risk_rating": ("profile", "hidden"),
}
# The rest of the dictionary.
_OTHER_FIELDS = {f"{category}_{n:02d}": (category, "hidden") for category in ("profile", "account") for n in range(24)}

_SCHEMA = """\
kind: Attributes
attributes:
  subject.level: {type: int, label: {zh: 员工级别, en: staff level}}
  subject.branch: {type: string, label: {zh: 所属机构, en: branch of the employee}}
  resource.branch: {type: string, label: {zh: 开户机构, en: branch of the customer}}
  resource.customer_class: {type: string, label: {zh: 客户等级, en: customer class}}
  resource.balance: {type: int, label: {zh: 余额（元）, en: balance in yuan}}
  context.application: {type: string, label: {zh: 系统, en: application}}
  context.menu: {type: string, label: {zh: 菜单, en: menu}}
  context.channel: {type: string, label: {zh: 渠道, en: channel}}
  context.scenario: {type: string, label: {zh: 场景, en: scenario}}
  context.terminal: {type: string, label: {zh: 终端, en: terminal}}
---
kind: Masks
masks:
  name: {label: {zh: 只显示姓氏, en: surname shown}, algorithm: name}
  id-card: {label: {zh: 显示前 6 后 4, en: first 6 and last 4 shown}, algorithm: keep, prefix: 6, suffix: 4}
  mobile: {label: {zh: 显示前 3 后 4, en: first 3 and last 4 shown}, algorithm: keep, prefix: 3, suffix: 4}
  number: {label: {zh: 显示后 4, en: last 4 shown}, algorithm: keep, prefix: 0, suffix: 4}
  address: {label: {zh: 显示前 6, en: first 6 shown}, algorithm: keep, prefix: 6, suffix: 0}
  hidden: {label: {zh: 全部遮盖, en: masked in full}, algorithm: full}
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. Prohibitions stand above permissions by priority, so that engines without priorities can follow."""

    id: str
    conditions: tuple[Condition, ...]
    fields: tuple[str, ...]
    unmasks: bool
    # What only the policy language has: clauses of CEL beside the portable conditions.
    cel: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()

    @property
    def priority(self) -> int:
        """100 for what must not be shown, 10 for what may."""
        return 10 if self.unmasks else 100


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one menu of one application, or of the whole bank when both are empty."""

    id: str
    application: str
    menus: tuple[str, ...]
    rules: tuple[Rule, ...]
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Policies and the menus that requests may come from."""

    name: str
    policies: tuple[Policy, ...]

    @property
    def size(self) -> int:
        """The number of rules."""
        return sum(len(policy.rules) for policy in self.policies)

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Every (application, menu) that has rules."""
        return tuple((p.application, menu) for p in self.policies for menu in p.menus)

    def texts(self) -> dict[str, str]:
        """Return the YAML files by name, one file a policy."""
        files = {"schema.yaml": _SCHEMA, "dictionary.yaml": _dictionary()}
        return files | {f"policies/{policy.id}.yaml": _policy_text(policy) for policy in self.policies}


def portable(rules: int) -> RuleSet:
    """Return rules that every engine can express: per menu 10, of which a third or so are prohibitions."""
    return RuleSet(f"portable-{rules}", tuple(_menu_policy(n, portable_only=True) for n in range(rules // 10)))


def bank(rules: int, *, bank_wide: int = 10) -> RuleSet:
    """Return rules as a bank has them: `bank_wide` ones without a scope, the others 10 to a menu."""
    menus = (rules - bank_wide) // 10
    general = Policy("bank-wide", "", (), tuple(_general_rule(n) for n in range(bank_wide)))
    return RuleSet(f"bank-{rules}", (general, *(_menu_policy(n, portable_only=False) for n in range(menus))))


def one_scope(rules: int) -> RuleSet:
    """Return the worst case: every rule is of one menu, and roles, levels and branches alone tell them apart."""
    found = []
    for number in range(rules):
        draw = random.Random(f"one-scope-{number}")
        found.append(
            Rule(
                f"rule-{number:05d}",
                (Role(POSTS[number % len(POSTS)]), AtLeast("subject.level", draw.randint(1, 5)), _SAME_BRANCH),
                _some_fields(draw),
                unmasks=True,
            )
        )
    return RuleSet(f"one-scope-{rules}", (Policy("core-counter", "core-counter", ("3000",), tuple(found)),))


_BY_DAY = 'now.getHours("Asia/Shanghai") in [8, 9, 10, 11, 12, 13, 14, 15, 16, 17]'
_SAME_BRANCH = Same("subject.branch", "resource.branch")


def _menu_policy(number: int, *, portable_only: bool) -> Policy:
    application = APPLICATIONS[number % len(APPLICATIONS)]
    menu = str(3000 + number // len(APPLICATIONS))
    draw = random.Random(f"menu-{number}")
    rules = tuple(_menu_rule(draw, position, portable_only=portable_only) for position in range(10))
    variables = {} if portable_only else {"by_day": _BY_DAY}
    return Policy(f"{application}-{menu}", application, (menu,), rules, variables)


def _menu_rule(draw: random.Random, position: int, *, portable_only: bool) -> Rule:
    """Return a menu's rule: seven permissions by role, then three prohibitions."""
    fields = _some_fields(draw)
    if position < 7:
        conditions: tuple[Condition, ...] = (Role(draw.choice(ROLES)), AtLeast("subject.level", draw.randint(1, 5)))
        extra: tuple[Condition, ...] = draw.choice(
            (
                (),
                (_SAME_BRANCH,),
                (OneOf("context.channel", ("counter", "phone")),),
                (OneOf("context.scenario", tuple(draw.sample(SCENARIOS, 2))),),
                (Not(OneOf("resource.customer_class", ("diamond", "private"))),),
                (OneOf("subject.branch", tuple(draw.sample(BRANCHES, draw.randint(2, 6)))),),
            )
        )
        cel = () if portable_only or position != 3 else ("vars.by_day",)
        return Rule(f"show-{position}", (*conditions, *extra), fields, unmasks=True, cel=cel)
    condition: Condition = draw.choice(
        (
            AtLeast("resource.balance", draw.randint(5, 500) * 10_000),
            OneOf("context.scenario", ("marketing",)),
            OneOf("action.name", ("print", "export")),
        )
    )
    obligations = () if portable_only else ("alert",)
    limit = Not(AtLeast("subject.level", draw.randint(2, 5)))
    return Rule(f"hide-{position}", (condition, limit), fields, unmasks=False, obligations=obligations)


def _general_rule(number: int) -> Rule:
    """Return a rule of the whole bank: without a scope, so it is looked at for every request."""
    draw = random.Random(f"bank-wide-{number}")
    fields = _some_fields(draw)
    match number % 5:
        case 0:
            level = draw.randint(3, 5)
            cel: tuple[str, ...] = ("grant.active", 'grant.kind == "supervisor"', f"grant.approver_level >= {level}")
            return Rule(f"authorised-{number}", (), fields, unmasks=True, cel=cel, obligations=("watermark",))
        case 1:
            night = ('now.getHours("Asia/Shanghai") >= 22 || now.getHours("Asia/Shanghai") < 6',)
            roles = Not(Role(draw.choice(ROLES)))
            return Rule(f"night-{number}", (roles,), fields, unmasks=False, cel=night, obligations=("alert",))
        case 2:
            conditions: tuple[Condition, ...] = (OneOf("action.name", ("export",)), Not(Role(draw.choice(ROLES))))
            return Rule(f"export-{number}", conditions, fields, unmasks=False)
        case 3:
            balance = AtLeast("resource.balance", 100_000 * (number + 1))
            conditions = (OneOf("context.scenario", ("marketing",)), balance)
            return Rule(f"marketing-{number}", conditions, fields, unmasks=False)
        case _:
            conditions = (Role("auditor"), OneOf("context.scenario", ("audit",)), AtLeast("subject.level", 4))
            return Rule(f"audit-{number}", conditions, fields, unmasks=True, obligations=("watermark",))


def _some_fields(draw: random.Random) -> tuple[str, ...]:
    return tuple(sorted(draw.sample(tuple(FIELDS), draw.randint(1, 5))))


def _dictionary() -> str:
    lines = ["kind: Dictionary", "defaults: {C1: unmask, C2: mask, C3: mask}", "fields:"]
    for name, (category, mask) in (FIELDS | _OTHER_FIELDS).items():
        label = f"{{zh: 字段 {name}, en: {name.replace('_', ' ')}}}"
        lines.append(f"  {name}: {{label: {label}, level: C2, category: {category}, mask: {mask}}}")
    return "\n".join(lines) + "\n"


def _policy_text(policy: Policy) -> str:
    lines = ["kind: Policy", f"id: {policy.id}", f"title: {{zh: 策略 {policy.id}, en: policy {policy.id}}}"]
    if policy.application:
        lines.append(f"scope: {{context.application: {policy.application}, context.menu: {_flow(policy.menus)}}}")
    if policy.variables:
        lines.append("variables:")
        lines += [f"  {name}: {_quoted(expression)}" for name, expression in policy.variables.items()]
    lines.append("rules:")
    for rule in policy.rules:
        lines += _rule_lines(rule)
    return "\n".join(lines) + "\n"


def _rule_lines(rule: Rule) -> Iterable[str]:
    yield f"  - id: {rule.id}"
    yield f"    title: {{zh: 规则 {rule.id}, en: rule {rule.id}}}"
    clauses = [*(to_cel(c) for c in rule.conditions), *rule.cel]
    if clauses:
        yield "    when:"
        yield from (f"      - {_quoted(clause)}" for clause in clauses)
    yield f"    fields: [{', '.join(rule.fields)}]"
    yield "    unmask: true" if rule.unmasks else "    mask: default"
    yield f"    priority: {rule.priority}"
    if rule.obligations:
        yield f"    obligations: [{', '.join(rule.obligations)}]"


def _flow(values: Sequence[str]) -> str:
    return f"[{', '.join(map(text, values))}]"


def _quoted(expression: str) -> str:
    return "'" + expression.replace("'", "''") + "'"
