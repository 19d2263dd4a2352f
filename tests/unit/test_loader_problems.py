"""What is wrong with a document is told with code, place and a way to mend; everything at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pdp.lang import loader
from pdp.lang.diagnostics import Diagnostic
from pdp.lang.loader import load_texts

ATTRIBUTES = """
kind: Attributes
attributes:
  subject.level: {type: int, values: [{value: 1}, {value: 2}]}
  subject.projects: {type: list(string), values: [{value: credit}, {value: cards}]}
  resource.is_vip: {type: bool}
  resource.balance: {type: double}
  resource.frozen_until: {type: timestamp}
  resource.flags: {type: "map(string, string)"}
  context.idle: {type: duration}
  context.menu: {type: string}
  context.channel: {type: string, values: [{value: counter}, {value: mobile-bank}]}
"""


def findings(text: str, **others: str) -> list[Diagnostic]:
    _, diagnostics = load_texts({"a.yaml": ATTRIBUTES, "x.yaml": text, **others})
    for item in diagnostics.items:
        assert item.message[:1].islower() or item.message[:1] in "`012345"
        assert not item.message.endswith(".")
        assert not item.hint.endswith(".")
    return diagnostics.sorted()


def places(found: list[Diagnostic]) -> list[str]:
    return [f"{item.span.line}:{item.span.column} {item.code}" for item in found]


RULE = "kind: Policy\nid: p\nrules:\n- id: r\n  fields: all\n  unmask: true\n"
SCOPE = "kind: Policy\nid: p\nrules: []\nscope: "
SCENARIO = "kind: Test\nid: t\nscenarios:\n- id: s\n  expect: {a: mask}\n  request:\n    subject: {id: T1}\n"
EXPECT = "kind: Test\nid: t\nrequest: {subject: {id: T1}}\nscenarios:\n- id: s\n  expect: "
GRANT = (
    "kind: Test\nid: t\nscenarios: []\ngrants:\n- {id: G, kind: customer, subject: T, resource: {type: c}, "
    "not_before: 2026-01-01T00:00:00Z,\n   expires_at: 2026-01-02T00:00:00Z"
)
FIELD = "kind: Dictionary\nfields:\n  mobile: "
MAP = "kind: MessageMap\napplication: a\nmessage: m\n"
DECLARE = "kind: Attributes\nattributes:\n  "

CASES: dict[str, tuple[str, list[str]]] = {
    # Documents
    "no kind": ("id: p\n", ["1:1 missing-key"]),
    "unknown kind": ("kind: Polcy\nid: p\n", ["1:7 unknown-kind"]),
    "kind that is no text": ("kind: [Policy]\n", ["1:7 wrong-type"]),
    "grants in a policy set": ("kind: Grants\ngrants: []\n", ["1:7 unknown-kind"]),
    "document that is a list": ("- kind: Policy\n", ["1:1 wrong-type"]),
    "document that is a text": ("Policy", ["1:1 wrong-type"]),
    "second document": ("kind: Masks\nmasks: {}\n---\nkind: Masks\nmask: {}\n", ["4:1 missing-key", "5:1 unknown-key"]),
    "key twice": ("kind: Masks\nmasks: {}\nmasks: {}\n", ["3:1 duplicate-key"]),
    "key that is a number": ("kind: Masks\nmasks: {}\n1: x\n", ["3:1 wrong-type"]),
    "key that is a list": ("kind: Masks\nmasks: {}\n[a]: x\n", ["3:1 wrong-type"]),
    "key that is nothing": ("kind: Masks\nmasks: {}\n? \n: x\n", ["3:2 wrong-type"]),
    "value that is nothing": ("kind: Masks\nmasks:\n", ["2:7 wrong-type"]),
    # Attributes
    "type left out": (DECLARE + "subject.x: {label: x}", ["3:14 missing-key"]),
    "unknown type": (DECLARE + "subject.x: {type: integer}", ["3:21 bad-value"]),
    "unknown section": (DECLARE + "user.x: {type: int}", ["3:3 bad-id"]),
    "upper case": (DECLARE + "subject.X: {type: int}", ["3:3 bad-id"]),
    "word of CEL": (DECLARE + "context.in: {type: int}", ["3:3 bad-id"]),
    "now": (DECLARE + "now: {type: timestamp}", ["3:3 bad-id"]),
    "grant": (DECLARE + "grant.kind: {type: string}", ["3:3 bad-id"]),
    "declared twice": (DECLARE + "subject.level: {type: int}", ["3:3 duplicate-id"]),
    "built in, other type": (DECLARE + "subject.id: {type: int}", ["3:22 bad-value"]),
    "built in, default": (DECLARE + "subject.id: {default: x}", ["3:16 unknown-key"]),
    "unknown key": (DECLARE + "subject.x: {type: int, lable: x}", ["3:26 unknown-key"]),
    "record": (DECLARE + "subject.x: {type: int, record: buckets}", ["3:34 bad-value"]),
    "text has no buckets": (DECLARE + "subject.x: {type: string, record: bucket}", ["3:37 bad-value"]),
    "allowed value of another type": (DECLARE + 'subject.x: {type: int, values: [{value: "1"}]}', ["3:43 wrong-type"]),
    "allowed value without a mapping": (DECLARE + "subject.x: {type: int, values: [1]}", ["3:35 wrong-type"]),
    "allowed value without a value": (DECLARE + "subject.x: {type: int, values: [{label: a}]}", ["3:35 missing-key"]),
    "allowed value twice": (
        DECLARE + "subject.x: {type: int, values: [{value: 1}, {value: 1}]}", ["3:55 duplicate-value"],
    ),
    "no allowed values": (DECLARE + "subject.x: {type: int, values: []}", ["3:34 bad-value"]),
    "allowed values of a map": (
        DECLARE + "subject.x: {type: 'map(string, string)', values: [{value: a}]}", ["3:44 bad-value"],
    ),
    "default of another type": (DECLARE + "subject.x: {type: bool, default: yes}", ["3:36 wrong-type"]),
    "default that is not allowed": (
        DECLARE + "subject.x: {type: list(int), values: [{value: 1}], default: [1, 7]}", ["3:67 value-not-allowed"],
    ),
    "label in another language": (DECLARE + "subject.x: {type: int, label: {fr: x}}", ["3:34 unknown-key"]),
    "label that is a list": (DECLARE + "subject.x: {type: int, label: [x]}", ["3:33 wrong-type"]),
    "label without text": (DECLARE + "subject.x: {type: int, label: {}}", ["3:33 missing-key"]),
    "label that is a number": (DECLARE + "subject.x: {type: int, label: 3}", ["3:33 wrong-type"]),
    # Dictionary and masks
    "field without a level": (FIELD + "{category: c}", ["3:11 missing-key"]),
    "unknown level": (FIELD + "{level: C4}", ["3:19 bad-value"]),
    "field id": ("kind: Dictionary\nfields: {Mobile: {level: C1}}", ["2:10 bad-id"]),
    "field called all": ("kind: Dictionary\nfields: {all: {level: C1}}", ["2:10 bad-id"]),
    "tags": (FIELD + "{level: C1, tags: phone}", ["3:29 wrong-type"]),
    "never_unmask": (FIELD + "{level: C1, never_unmask: on}", ["3:37 wrong-type"]),
    "default": (FIELD + "{level: C1, default: clear}", ["3:32 bad-value"]),
    "field mask": (FIELD + "{level: C1, mask: Mobile}", ["3:29 bad-id"]),
    "field mask that is a list": (FIELD + "{level: C1, mask: [mobile]}", ["3:29 wrong-type"]),
    "defaults": ("kind: Dictionary\ndefaults: {C1: show, C5: mask}", ["2:16 bad-value", "2:22 unknown-key"]),
    "dictionary without anything": ("kind: Dictionary\n", ["1:1 missing-key"]),
    "mask without algorithm": ("kind: Masks\nmasks: {m: {prefix: 1}}", ["2:12 missing-key"]),
    "mask name": ("kind: Masks\nmasks: {3m: {algorithm: full}}", ["2:9 bad-id"]),
    "reserved mask name": ("kind: Masks\nmasks: {default: {algorithm: full}}", ["2:9 bad-id"]),
    "octal parameter": ("kind: Masks\nmasks: {m: {algorithm: keep, prefix: 03}}", ["2:38 ambiguous-number"]),
    "endless parameter": ("kind: Masks\nmasks: {m: {algorithm: keep, prefix: [.inf]}}", ["2:39 bad-value"]),
    # Message maps
    "message without fields": (MAP, ["1:1 missing-key"]),
    "application name": ("kind: MessageMap\napplication: A B\nmessage: m\nfields: {}", ["2:14 bad-id"]),
    "path": (MAP + "fields: {a: customer.name}", ["4:13 bad-path"]),
    "path with a digit first": (MAP + "fields: {a: $.customer.2nd}", ["4:23 bad-path"]),
    "path with a quotation mark": (MAP + "fields: {a: \"$['it's']\"}", ["4:15 bad-path"]),
    "paths of all kinds": (MAP + "fields: {a: $.id-no.客户._x, b: \"$[*]['a b\\\\'c']\", c: $}", []),
    "star in a name": (MAP + "resource: {id: \"$['a[*]']\"}\nfields: {}", []),
    "list inside lists": (MAP + "each:\n- {name: a, path: '$.x[*].y', fields: {}}", []),
    "roles out of a message": (MAP + "fields: {}\nattributes: {subject.roles: $.x}", ["5:14 bad-value"]),
    "path to one item": (MAP + "fields: {a: '$.x[0]'}", ["4:17 bad-path"]),
    "path with a recursive step": (MAP + "fields: {a: $..x}", ["4:14 bad-path"]),
    "path twice": (MAP + "fields: {a: [$.x, $.x]}", ["4:19 duplicate-value"]),
    "no path": (MAP + "fields: {a: []}", ["4:13 bad-value"]),
    "id of many": (MAP + 'resource: {id: "$.x[*].id"}\nfields: {a: $.a}', ["4:16 bad-path"]),
    "attribute of many": (
        MAP + 'fields: {}\nattributes: {context.menu: "$.x[*]", subject.projects: "$.x[*]"}', ["5:28 bad-path"],
    ),
    "attribute name": (MAP + "fields: {}\nattributes: {menu: $.x}", ["5:14 bad-id"]),
    "resource as an attribute": (MAP + "fields: {}\nattributes: {resource.id: $.x}", ["5:14 bad-value"]),
    "list without a name": (MAP + "each:\n- path: $.a\n  fields: {}", ["5:3 missing-key"]),
    "list with a star": (MAP + "each:\n- name: a\n  path: $.a[*]\n  fields: {}", ["6:12 bad-path"]),
    "list twice": (
        MAP + "each:\n- {name: a, path: $.a, fields: {}}\n- {name: a, path: $.b, fields: {}}", ["6:10 duplicate-id"],
    ),
    "context of an item": (
        MAP + "each:\n- {name: a, path: $.a, fields: {}, attributes: {context.menu: $.x}}", ["5:49 bad-value"],
    ),
    # Policies
    "policy id": ("kind: Policy\nid: Core Counter\nrules: []", ["2:5 bad-id"]),
    "policy id that is a number": ("kind: Policy\nid: 12\nrules: []", ["2:5 wrong-type"]),
    "policy without rules": ("kind: Policy\nid: p\n", ["1:1 missing-key"]),
    "rules that are a mapping": ("kind: Policy\nid: p\nrules: {r: x}", ["3:8 wrong-type"]),
    "number for a text": (SCOPE + "{context.menu: 3101}", ["4:23 wrong-type"]),
    "date for a text is text": (SCOPE + "{context.menu: 2026-03-02}", []),
    "scope, unknown attribute": (SCOPE + "{context.meun: x}", ["4:9 unknown-attribute"]),
    "scope, value": (SCOPE + "{context.channel: [counter, mobile]}", ["4:36 value-not-allowed"]),
    "scope, value twice": (SCOPE + "{context.menu: [a, a]}", ["4:27 duplicate-value"]),
    "scope, no value": (SCOPE + "{context.menu: []}", ["4:23 bad-scope"]),
    "scope, null": (SCOPE + "{context.menu: null}", ["4:23 wrong-type"]),
    "scope, list": (SCOPE + "{subject.projects: [credit]}", ["4:9 bad-scope"]),
    "scope, map": (SCOPE + "{resource.flags: {a: b}}", ["4:9 bad-scope"]),
    "scope, grant": (SCOPE + "{grant.kind: customer}", ["4:9 bad-scope"]),
    "scope, time": (SCOPE + "{resource.frozen_until: 2026-13-01T00:00:00Z}", ["4:32 bad-value"]),
    "scope, truth": (SCOPE + "{resource.is_vip: yes}", ["4:26 wrong-type"]),
    "scope, octal": (SCOPE + "{subject.level: 01}", ["4:24 ambiguous-number"]),
    "scope, separators": (SCOPE + "{subject.level: 1_000}", ["4:24 wrong-type"]),
    "scope, too large": (SCOPE + "{subject.level: 9223372036854775808}", ["4:24 bad-value"]),
    "scope, very many digits": (SCOPE + "{subject.level: " + "9" * 5000 + "}", ["4:24 bad-value"]),
    "scope, endless": (SCOPE + "{resource.balance: .inf}", ["4:27 bad-value"]),
    "variable name": ("kind: Policy\nid: p\nrules: []\nvariables: {Big: a, if: b, 'a-b': c}",
                      ["4:13 bad-id", "4:21 bad-id", "4:28 bad-id"]),
    "variable without a value": ("kind: Policy\nid: p\nrules: []\nvariables:\n  big:\n", ["5:7 wrong-type"]),
    "rule id": ("kind: Policy\nid: p\nrules: [{id: R, fields: all, unmask: true}]", ["3:14 bad-id"]),
    "rule twice": (RULE + "- {id: r, fields: all, unmask: true}\n", ["7:8 duplicate-id"]),
    "rule without fields": ("kind: Policy\nid: p\nrules: [{id: r, unmask: true}]", ["3:9 missing-key"]),
    "rule without a verdict": ("kind: Policy\nid: p\nrules: [{id: r, fields: all}]", ["3:9 missing-key"]),
    "rule with two verdicts": (RULE + "  mask: x\n", ["6:3 bad-value"]),
    "unmask: false": (RULE.replace("true", "false"), ["6:11 bad-value"]),
    "unmask: yes": (RULE.replace("true", "yes"), ["6:11 wrong-type"]),
    "fields that are one field": (RULE.replace("all", "mobile"), ["5:11 wrong-type"]),
    "no fields": (RULE.replace("all", "[]"), ["5:11 bad-value"]),
    "field that is a number": (RULE.replace("all", "[1]"), ["5:12 wrong-type"]),
    "empty selector": (RULE.replace("all", "[{}]"), ["5:12 bad-value"]),
    "selector, unknown key": (RULE.replace("all", "[{levle: C2}]"), ["5:13 unknown-key"]),
    "selector, level": (RULE.replace("all", "[{level: C2, tag: ''}]"), ["5:29 bad-value"]),
    "except all": (RULE + "  except: [all]\n", ["7:12 bad-id"]),
    "when that is empty": (RULE + "  when: []\n", ["7:9 bad-value"]),
    "when without text": (RULE + "  when: ''\n", ["7:9 bad-value"]),
    "when that is nothing": (RULE + "  when:\n", ["7:8 wrong-type"]),
    "when that became a mapping": (RULE + "  when:\n  - a ? b : c\n", ["8:5 wrong-type"]),
    "when that became a tag": (RULE + "  when:\n  - !vars.x\n", ["8:5 tag"]),
    "priority": (RULE + "  priority: 1001\n", ["7:13 bad-value"]),
    "priority with a fraction": (RULE + "  priority: 1.5\n", ["7:13 wrong-type"]),
    "obligation": (RULE + "  obligations: [3, {severity: high}, {type: alert, level: 2}]\n",
                   ["7:17 wrong-type", "7:20 missing-key", "7:59 wrong-type"]),
    "policy id twice": (RULE + "---\n" + RULE, ["9:5 duplicate-document"]),
    # Tests
    "no subject": ("kind: Test\nid: t\nscenarios: [{id: s, expect: {a: mask}}]", ["3:13 missing-key"]),
    "subject taken away": (
        SCENARIO + "---\n" + EXPECT.replace("id: t", "id: u") + "{a: mask}\n  request: {subject: {id: null}}",
        ["13:3 missing-key"],
    ),
    "unknown section of a request": (SCENARIO + "    user: {}\n", ["8:5 unknown-key"]),
    "unknown attribute of a request": (SCENARIO + "    context: {mneu: x}\n", ["8:15 unknown-attribute"]),
    "value that is not allowed": (SCENARIO + "    context: {channel: atm}\n", ["8:24 value-not-allowed"]),
    "item that is not allowed": (
        SCENARIO.replace("T1}", "T1, projects: [cards, loans]}"), ["7:41 value-not-allowed"],
    ),
    "list for a text": (SCENARIO + "    context: {menu: [x]}\n", ["8:21 wrong-type"]),
    "text for a list": (SCENARIO.replace("T1}", "T1, roles: teller}"), ["7:30 wrong-type"]),
    "duration": (SCENARIO + "    context: {idle: 1 hour}\n", ["8:21 bad-value"]),
    "map": (SCENARIO + "    resource: {flags: {a: 1, b: [x]}}\n", ["8:27 wrong-type", "8:33 wrong-type"]),
    "null in a shared request": (
        "kind: Test\nid: t\nscenarios: []\nrequest: {context: {menu: null}}", ["4:27 wrong-type"],
    ),
    "nothing expected": (EXPECT + "{}", ["6:11 bad-value"]),
    "expected field": (EXPECT + "{A: mask}", ["6:12 bad-id"]),
    "expected verdict": (EXPECT + "{a: [mask]}", ["6:15 wrong-type"]),
    "expected verdict, not clear": (EXPECT + "{a: {rule: p/r}}", ["6:15 missing-key"]),
    "expected verdict, two": (EXPECT + "{a: {mask: x, unmask: true}}", ["6:15 bad-value"]),
    "expected verdict, no unmasking": (EXPECT + "{a: {unmask: false}}", ["6:24 bad-value"]),
    "expected rule": (EXPECT + "{a: {mask: mask, rule: r}}", ["6:34 bad-id"]),
    "scenario twice": (EXPECT + "{a: mask}\n- {id: s, expect: {a: mask}}", ["7:8 duplicate-id"]),
    "too many grants": (EXPECT + "{a: mask}\n  grant_ids: [a, b, c, d, e, f, g, h, i]", ["7:14 bad-value"]),
    "time of a scenario": (EXPECT + "{a: mask}\n  now: 2026-03-02", ["7:8 bad-value"]),
    "test twice": (EXPECT + "{a: mask}\n---\n" + EXPECT + "{a: mask}", ["9:5 duplicate-document"]),
    # Grants
    "grant kind": (GRANT.replace("customer", "manager") + "}", ["5:17 bad-value"]),
    "grant without a subject": (GRANT.replace(" subject: T,", "") + "}", ["5:3 missing-key"]),
    "grant with an empty id": (GRANT.replace("id: G", "id: ''") + "}", ["5:8 bad-value"]),
    "grant that ends before it begins": (GRANT.replace("01-02", "01-01") + "}", ["6:16 bad-value"]),
    "grant time": (GRANT.replace("2026-01-02T00:00:00Z", "tomorrow") + "}", ["6:16 bad-value"]),
    "grant level": (GRANT + ", levels: [C9]}", ["6:47 bad-value"]),
    "grant fields": (GRANT + ", fields: mobile}", ["6:46 wrong-type"]),
    "grant approver level": (GRANT + ", approver_level: '5'}", ["6:54 wrong-type"]),
    "grant twice": (GRANT + "}\n" + GRANT.splitlines()[4] + "\n" + GRANT.splitlines()[5] + "}", ["7:3 duplicate-id"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_problems(case: str) -> None:
    text, expected = CASES[case]
    assert places(findings(text)) == expected


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (SCOPE + "{context.menu: 3101}", "`context.menu` must be text, not the number `3101`",
         'put it in quotes: `"3101"`'),
        (SCOPE + "{context.meun: x}", "the attribute `context.meun` is not declared", "did you mean `context.menu`"),
        (SCOPE + "{context.channel: mobile-bnk}", "`mobile-bnk` is not an allowed value of `context.channel`",
         "did you mean `mobile-bank`; allowed are `counter` and `mobile-bank`"),
        (SCOPE + "{subject.level: 3}", "`3` is not an allowed value of `subject.level`", "allowed are `1` and `2`"),
        (SCOPE + "{resource.is_vip: on}", "`resource.is_vip` must be `true` or `false`, not the text `on`",
         "write `true`"),
        (SCOPE + "{resource.balance: '1_000.5'}", "`resource.balance` must be a number, not the text `1_000.5`",
         "write `1000.5` without quotes"),
        (SCOPE + "{subject.level: 012}", "`012` is octal to some YAML readers and decimal to others",
         'leave out the leading zeros, or write `"012"` for a text'),
        (RULE + "  priorty: 3", "a rule has no key `priorty`", "did you mean `priority`"),
        (RULE + "  zzz: 3", "a rule has no key `zzz`",
         "the keys are `id`, `fields`, `title`, `when`, `except`, `unmask`, `mask`, `priority` and `obligations`"),
        ("kind: polcy", "`polcy` is not a kind of document", "did you mean `Policy`"),
        (DECLARE + "subject.x: {type: map(string)}", "`type` cannot be `map(string)`",
         "did you mean `map(string, string)`"),
        (MAP + "fields: {a: $.a$}", "`$.a$` is not a path from `$` on",
         "a path is `$`, then `.name`, `['any name']` or `[*]`"),
        (MAP + "fields: {a: $.2nd}", "`$.2nd` is not a path from `.2nd` on", "write `['2nd']`"),
        (RULE + "  when:\n  - a ? b : c", "an item of `when` must be a CEL expression, not a mapping",
         "put a condition that contains `: ` in quotes"),
        (DECLARE + "subject.x: {type: duration, values: [{value: 1h}], default: 2h}",
         "`2h` is not an allowed value of `subject.x`", 'allowed are `duration("3600s")`'),
        ("kind: Masks\nmasks: {m: {algorithm: full}}\nmasks: {}", "`masks` is written twice", ""),
    ],
)  # fmt: skip
def test_words(text: str, message: str, hint: str) -> None:
    (found,) = findings(text)
    assert (found.message, found.hint) == (message, hint)


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("kind: Policy\nid: p\nrules: []", "kind: Policy\nid: p\nrules: []", "duplicate-document"),
        ("kind: Test\nid: p\nscenarios: []", "kind: Test\nid: p\nscenarios: []", "duplicate-document"),
        (MAP + "fields: {}", MAP + "fields: {}", "duplicate-document"),
        ("kind: Masks\nmasks: {m: {algorithm: full}}", "kind: Masks\nmasks: {m: {algorithm: keep}}", "duplicate-id"),
        (FIELD + "{level: C1}", FIELD + "{level: C2}", "duplicate-id"),
        ("kind: Dictionary\ndefaults: {C1: mask}", "kind: Dictionary\ndefaults: {C1: unmask}", "duplicate-id"),
        (DECLARE + "subject.x: {type: int}", DECLARE + "subject.x: {type: int}", "duplicate-id"),
    ],
)
def test_duplicates_across_files_point_to_the_first(first: str, second: str, code: str) -> None:
    (found,) = findings(first, **{"y.yaml": second})
    (related,) = found.related
    assert (found.code, found.span.file, related.span.file) == (code, "y.yaml", "x.yaml")
    assert (found.span.line, found.span.column) == (related.span.line, related.span.column)


def test_every_code_is_documented() -> None:
    folder = Path(loader.__path__[0])
    sources = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    raised = set(re.findall(r'(?:error|warning|_BoundError)\(\s*"([a-z0-9-]+)"', sources))
    raised |= set(re.findall(r'"(duplicate-[a-z]+)"', sources))
    rows = re.findall(r"^\| ([^|]+) \|", loader.__doc__ or "", re.MULTILINE)
    documented = {code for row in rows[1:] for code in row.split(", ")}
    assert raised == documented


def test_everything_is_reported_at_once_and_the_rest_is_read() -> None:
    bad = "kind: Policy\nid: p\ntitel: x\nrules:\n- {id: A, fields: [1], unmask: yes}\n"
    bad += "- {id: ok, fields: all, mask: m}\n"
    policy_set, diagnostics = load_texts({"b.yaml": bad, "c.yaml": "kind: Masks\nmasks: {m: {algorithm: full}}\n"})
    assert places(diagnostics.sorted()) == [
        "3:1 unknown-key", "5:8 bad-id", "5:20 wrong-type", "5:32 wrong-type",
    ]  # fmt: skip
    assert [rule.id for rule in policy_set.policies[0].rules] == ["ok"]
    assert list(policy_set.masks) == ["m"]


def test_a_broken_declaration_is_not_blamed_on_its_users() -> None:
    text = DECLARE + "subject.x: {type: itn}\n---\n" + SCOPE + "{subject.x: 3}"
    assert places(findings(text)) == ["3:21 bad-value"]


def test_a_rule_listed_twice_through_an_alias() -> None:
    text = "kind: Policy\nid: p\nrules: [&r {id: r, fields: all, unmask: true}, *r]"
    assert places(findings(text)) == ["3:17 duplicate-id"]


def test_a_flood_of_problems_is_cut_off() -> None:
    text = "kind: Masks\nmasks:\n" + "".join(f"  M{number}: 3\n" for number in range(3000))
    _, diagnostics = load_texts({"x.yaml": text})
    assert len(diagnostics.items) == 1001
    assert diagnostics.items[-1].code == "too-many-problems"


def test_a_long_list_of_allowed_values_is_shortened() -> None:
    values = ", ".join(f"{{value: v{number}}}" for number in range(100))
    text = DECLARE + f"context.x: {{type: string, values: [{values}]}}\n---\n" + SCOPE + "{context.x: zzzz}"
    (found,) = findings(text)
    assert found.hint.startswith("allowed are `v0`, `v1`")
    assert found.hint.endswith("`v11`, …")


def test_a_list_has_a_bound() -> None:
    text = SCENARIO.replace("T1}", f"T1, roles: [{'a, ' * 1000}b]}}")
    assert places(findings(text)) == ["7:30 bad-value"]
    names = ", ".join(f"k{number}: v" for number in range(1001))
    assert places(findings(SCENARIO + f"    resource: {{flags: {{{names}}}}}\n")) == ["8:23 bad-value"]


def test_too_many_fields_are_expected() -> None:
    text = EXPECT + "{" + ", ".join(f"f{number}: mask" for number in range(513)) + "}"
    assert places(findings(text)) == ["6:11 bad-value"]
