/**
 * Most conditions compare an attribute with a constant, as scope clauses do. Those, and what `&&`, `||` and `!` make of
 * them, are decided here without a turn through the CEL runtime; all others, and values that CEL treats in a way of its
 * own, are left to it. The differential tests hold both to the same answers.
 */
import type { CheckedExpr } from "@bufbuild/cel-spec/cel/expr/checked_pb.js";
import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";

/** The start of the names of a policy's variables. */
export const VARIABLES = "vars.";

/** How a test comes out that only the CEL runtime can decide. */
export const LEFT: unique symbol = Symbol("left to the CEL runtime");

/** The values of a request by dotted name; a lacking attribute is absent. */
export type Facts = Readonly<Record<string, unknown>>;

/** Decides a condition; undefined when it cannot be decided. */
export type Test = (facts: Facts) => boolean | undefined | typeof LEFT;

type Constant = string | bigint | number;
type Signs = (sign: number) => boolean;

const ORDERS: Readonly<Record<string, Signs>> = {
  less_int64: (sign) => sign < 0,
  less_double: (sign) => sign < 0,
  less_equals_int64: (sign) => sign <= 0,
  less_equals_double: (sign) => sign <= 0,
  greater_int64: (sign) => sign > 0,
  greater_double: (sign) => sign > 0,
  greater_equals_int64: (sign) => sign >= 0,
  greater_equals_double: (sign) => sign >= 0,
};

/** Return the test of an expression; undefined when it is of another shape. `variables` are those of its policy. */
export function testOf(checked: CheckedExpr, variables: ReadonlyMap<string, CheckedExpr>): Test | undefined {
  return test(checked.expr, checked, variables);
}

function test(
  expr: Expr | undefined,
  checked: CheckedExpr,
  variables: ReadonlyMap<string, CheckedExpr>,
): Test | undefined {
  const kind = expr?.exprKind;
  if (kind?.case === "identExpr" && kind.value.name.startsWith(VARIABLES)) {
    const variable = variables.get(kind.value.name.slice(VARIABLES.length));
    return variable && testOf(variable, variables);
  }
  const name = attribute(expr);
  if (name !== undefined) {
    return (facts) => {
      const value = facts[name];
      return typeof value === "boolean" ? value : otherwise(value);
    };
  }
  if (kind?.case === "selectExpr") {
    const { operand, field, testOnly } = kind.value;
    return testOnly ? has(attribute(operand), field) : undefined;
  }
  if (kind?.case !== "callExpr" || kind.value.target !== undefined) return undefined;
  const [left, right] = kind.value.args;
  const inner = (own: Expr | undefined) => test(own, checked, variables);
  const overloads = checked.referenceMap[String(expr?.id)]?.overloadId ?? [];
  const overload = overloads.length === 1 ? (overloads[0] as string) : "";
  switch (overload) {
    case "logical_not":
      return not(inner(left));
    case "logical_and":
      return joined(inner(left), inner(right), false);
    case "logical_or":
      return joined(inner(left), inner(right), true);
    case "equals":
      return equal(left, right);
    case "not_equals":
      return not(equal(left, right));
    case "in_list":
      return within(left, right);
    default: {
      const wanted = ORDERS[overload];
      return wanted && compared(left, right, wanted);
    }
  }
}

/** The attribute that an expression names; undefined when it is something else. */
function attribute(expr: Expr | undefined): string | undefined {
  const kind = expr?.exprKind;
  return kind?.case === "identExpr" && !kind.value.name.startsWith(VARIABLES) ? kind.value.name : undefined;
}

/** What a constant is; undefined for none, and for one of a type that is left to the runtime. */
function constant(expr: Expr | undefined): Constant | undefined {
  const kind = expr?.exprKind.case === "constExpr" ? expr.exprKind.value.constantKind : undefined;
  switch (kind?.case) {
    case "stringValue":
    case "int64Value":
    case "doubleValue":
      return kind.value;
    default:
      return undefined;
  }
}

/** How a test comes out whose attribute is lacking, or not of the type that it looks for. */
function otherwise(value: unknown): undefined | typeof LEFT {
  return value === undefined ? undefined : LEFT;
}

function not(inner: Test | undefined): Test | undefined {
  return (
    inner &&
    ((facts) => {
      const found = inner(facts);
      return typeof found === "boolean" ? !found : found;
    })
  );
}

/** `&&` (`ending` false) or `||` (true): a side that ends decides even where the other cannot be decided. */
function joined(left: Test | undefined, right: Test | undefined, ending: boolean): Test | undefined {
  if (left === undefined || right === undefined) return undefined;
  return (facts) => {
    const first = left(facts);
    if (first === ending) return ending;
    const second = right(facts);
    if (second === ending) return ending;
    if (first === LEFT || second === LEFT) return LEFT;
    return first === undefined ? first : second;
  };
}

function equal(left: Expr | undefined, right: Expr | undefined): Test | undefined {
  const [own, other] = [attribute(left), attribute(right)];
  if (own !== undefined && other !== undefined) return same(own, other);
  const wanted = constant(own === undefined ? left : right);
  const name = own ?? other;
  return name === undefined || wanted === undefined ? undefined : among(name, [wanted]);
}

/** The test that two attributes hold the same text. */
function same(left: string, right: string): Test {
  return (facts) => {
    const [first, second] = [facts[left], facts[right]];
    if (typeof first === "string" && typeof second === "string") return first === second;
    return first === undefined || second === undefined ? undefined : LEFT;
  };
}

/** The test that a map has a key. */
function has(name: string | undefined, key: string): Test | undefined {
  if (name === undefined) return undefined;
  return (facts) => {
    const value = facts[name];
    return value instanceof Map ? value.has(key) : otherwise(value);
  };
}

/** The test that an attribute is one of some constants of one type. */
function among(name: string, wanted: readonly Constant[]): Test {
  const [only] = wanted;
  const all: ReadonlySet<unknown> = new Set(wanted);
  const is = wanted.length === 1 ? (value: unknown) => value === only : (value: unknown) => all.has(value);
  return (facts) => {
    const value = facts[name];
    return typeof value === typeof only && !Number.isNaN(value) ? is(value) : otherwise(value);
  };
}

function compared(left: Expr | undefined, right: Expr | undefined, wanted: Signs): Test | undefined {
  const own = attribute(left);
  const name = own ?? attribute(right);
  const bound = constant(own === undefined ? left : right);
  if (name === undefined || bound === undefined || typeof bound === "string" || Number.isNaN(bound)) return undefined;
  const direction = own === undefined ? -1 : 1;
  return (facts) => {
    const value = facts[name];
    if (typeof value !== typeof bound || Number.isNaN(value)) return otherwise(value);
    const found = value as typeof bound;
    return wanted(direction * (found < bound ? -1 : found > bound ? 1 : 0));
  };
}

/** The test of an attribute in a list of constants, or of a text in a list that is an attribute. */
function within(item: Expr | undefined, list: Expr | undefined): Test | undefined {
  const wanted = constant(item);
  const listed = attribute(list);
  if (typeof wanted === "string" && listed !== undefined) {
    return (facts) => {
      const value = facts[listed];
      return Array.isArray(value) ? value.includes(wanted) : otherwise(value);
    };
  }
  const name = attribute(item);
  if (name === undefined || list?.exprKind.case !== "listExpr") return undefined;
  const { elements, optionalIndices } = list.exprKind.value;
  const constants = elements.map(constant);
  const type = typeof constants[0];
  const alike = constants.every((found): found is Constant => found !== undefined && typeof found === type);
  const told = type === "string" || type === "bigint";
  return alike && told && optionalIndices.length === 0 ? among(name, constants as Constant[]) : undefined;
}
