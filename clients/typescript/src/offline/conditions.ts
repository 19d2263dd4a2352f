/**
 * Conditions of a bundle, planned by the official CEL runtime for JavaScript.
 *
 * That runtime plans a tree and does not read what the checker has found out about it. So the tree is rewritten first:
 * calls become the function that their types name, variables become what they stand for, and constants of time become
 * numbers.
 */
import { celEnv, isCelError, plan } from "@bufbuild/cel";
import {
  type CheckedExpr,
  CheckedExprSchema,
  type Type,
  Type_PrimitiveType,
  Type_WellKnownType,
} from "@bufbuild/cel-spec/cel/expr/checked_pb.js";
import { type Expr, Expr_CallSchema, ExprSchema } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";
import { create, fromBinary } from "@bufbuild/protobuf";
import { AttributeType } from "../gen/pdp/v1/bundle_pb.js";
import { parseMoment, typedValue } from "../values.js";
import { type Facts, LEFT, testOf, VARIABLES } from "./clauses.js";
import { functionOf, functions, HAS, OUTER, patternOf, WITHIN } from "./functions.js";
import { checkZone, NANOS } from "./time.js";

const PRIMITIVES: Readonly<Record<number, string>> = {
  [Type_PrimitiveType.BOOL]: "bool",
  [Type_PrimitiveType.INT64]: "int",
  [Type_PrimitiveType.DOUBLE]: "double",
  [Type_PrimitiveType.STRING]: "string",
};
const WELL_KNOWN: Readonly<Record<number, string>> = {
  [Type_WellKnownType.TIMESTAMP]: "timestamp",
  [Type_WellKnownType.DURATION]: "duration",
};
// The planner evaluates these itself: they may be decided while an operand is an error.
const OWN = new Set(["_&&_", "_||_", "_?_:_", "_[_]", "@not_strictly_false", "__not_strictly_false__"]);

/** A condition and the attributes that it names, those of its variables included. */
export interface Condition {
  readonly names: ReadonlySet<string>;
  /** True, false, or undefined when the evaluation ends in an error. */
  readonly holds: (facts: Facts) => boolean | undefined;
}

/** Plans the expressions of one bundle. */
export class Conditions {
  readonly #environment = celEnv({ funcs: functions() });

  /** Plan an expression; `variables` are those of its policy, each of which may use those before it. */
  plan(checked: Uint8Array, variables: ReadonlyMap<string, CheckedExpr>): Condition {
    const names = new Set<string>();
    const read = fromBinary(CheckedExprSchema, checked);
    const tree = new Rewriting(variables, names).tree(read);
    const evaluate = plan(this.#environment, tree);
    const test = testOf(read, variables);
    return {
      names,
      holds: (facts) => {
        const found = test === undefined ? LEFT : test(facts);
        if (found !== LEFT) return found;
        const result: unknown = evaluate(facts as Record<string, never>);
        return typeof result === "boolean" && !isCelError(result) ? result : undefined;
      },
    };
  }
}

/** Where a node stands: what the checker knows about it, the loop variables, and the macro around it (0 for none). */
interface Place {
  readonly checked: CheckedExpr;
  readonly local: ReadonlySet<string>;
  readonly around: bigint;
}

class Rewriting {
  readonly #variables: ReadonlyMap<string, CheckedExpr>;
  readonly #names: Set<string>;
  #macros = 0n;

  constructor(variables: ReadonlyMap<string, CheckedExpr>, names: Set<string>) {
    this.#variables = variables;
    this.#names = names;
  }

  tree(checked: CheckedExpr, around = 0n): Expr {
    return this.#node(checked.expr, { checked, local: new Set(), around });
  }

  #node(expr: Expr | undefined, place: Place): Expr {
    if (expr === undefined) throw new Error("an expression is incomplete");
    const { exprKind } = expr;
    switch (exprKind.case) {
      case "constExpr":
        return expr;
      case "identExpr":
        return this.#identifier(expr, exprKind.value.name, place);
      case "selectExpr": {
        const operand = this.#node(exprKind.value.operand, place);
        if (exprKind.value.testOnly) return call(expr.id, HAS, [operand, text(expr.id, exprKind.value.field)]);
        // As an index: the planner would try the path as one name, too.
        return call(expr.id, "_[_]", [operand, text(expr.id, exprKind.value.field)]);
      }
      case "callExpr":
        return this.#call(expr, place);
      case "listExpr": {
        const elements = exprKind.value.elements.map((element) => this.#node(element, place));
        return made(expr.id, { case: "listExpr", value: { ...exprKind.value, elements } });
      }
      case "structExpr": {
        const entries = exprKind.value.entries.map((entry) => ({ ...entry, value: this.#node(entry.value, place) }));
        return made(expr.id, { case: "structExpr", value: { ...exprKind.value, entries } });
      }
      case "comprehensionExpr":
        return this.#comprehension(expr, place);
      default:
        throw new Error(`\`${exprKind.case}\` is no expression`);
    }
  }

  #identifier(expr: Expr, name: string, { local, around }: Place): Expr {
    if (local.has(name)) return expr;
    if (!name.startsWith(VARIABLES)) {
      this.#names.add(name);
      return expr;
    }
    const variable = this.#variables.get(name.slice(VARIABLES.length));
    if (variable === undefined) throw new Error(`there is no variable \`${name}\``);
    return this.tree(variable, around);
  }

  #call(expr: Expr, place: Place): Expr {
    if (expr.exprKind.case !== "callExpr") throw new Error("not a call");
    const { function: name, target, args } = expr.exprKind.value;
    const operands = target === undefined ? args : [target, ...args];
    const rewritten = () => operands.map((operand) => this.#node(operand, place));
    if (OWN.has(name)) return call(expr.id, name, rewritten());
    const types = operands.map((operand) => typeOf(operand, place.checked));
    const [first, second] = operands;
    const constant = first === undefined ? undefined : textOf(first);
    if (name === "timestamp" && types[0] === "string") return int(expr.id, timestampOf(constant));
    if (name === "duration" && types[0] === "string") return int(expr.id, durationOf(constant));
    const argument = second === undefined ? undefined : textOf(second);
    if (name === "matches") patternOf(argument ?? "(");
    if (types[0] === "timestamp" && types[1] === "string") checkZone(argument ?? "");
    const found = functionOf(name, types);
    if (found === undefined) throw new Error(`\`${name}\` of ${types.join(" and ")} is not known to this client`);
    return found === "" ? this.#node(first, place) : call(expr.id, found, rewritten());
  }

  #comprehension(expr: Expr, place: Place): Expr {
    if (expr.exprKind.case !== "comprehensionExpr") throw new Error("not a macro");
    const loop = expr.exprKind.value;
    this.#macros += 1n;
    const own = this.#macros;
    const inner = {
      checked: place.checked,
      local: new Set([...place.local, loop.iterVar, loop.accuVar]),
      around: own,
    };
    let range = this.#node(loop.iterRange, place);
    if (place.around > 0n) range = call(expr.id, WITHIN, [range, int(expr.id, place.around)]);
    const value = {
      ...loop,
      iterRange: call(expr.id, OUTER, [range, int(expr.id, own)]),
      accuInit: this.#node(loop.accuInit, place),
      loopCondition: this.#node(loop.loopCondition, inner),
      loopStep: this.#node(loop.loopStep, inner),
      result: this.#node(loop.result, inner),
    };
    return made(expr.id, { case: "comprehensionExpr", value });
  }
}

function typeOf(expr: Expr, checked: CheckedExpr): string {
  return nameOf(checked.typeMap[String(expr.id)]);
}

function nameOf(type: Type | undefined): string {
  switch (type?.typeKind.case) {
    case "primitive":
      return PRIMITIVES[type.typeKind.value] ?? "unknown";
    case "wellKnown":
      return WELL_KNOWN[type.typeKind.value] ?? "unknown";
    case "listType":
      return "list";
    case "mapType":
      return "map";
    default:
      return "dyn";
  }
}

function textOf(expr: Expr): string | undefined {
  const kind = expr.exprKind.case === "constExpr" ? expr.exprKind.value.constantKind : undefined;
  return kind?.case === "stringValue" ? kind.value : undefined;
}

function timestampOf(constant: string | undefined): bigint {
  const found = parseMoment((constant ?? "").toUpperCase());
  if (found === undefined) throw new Error("a timestamp is no constant date-time");
  return found.seconds * NANOS + BigInt(found.nanos);
}

function durationOf(constant: string | undefined): bigint {
  if (constant === "0") return 0n;
  // `.5s` and `1.s` are durations in CEL.
  const full = (constant ?? "").replaceAll(/(^|[^0-9])\./g, "$10.").replaceAll(/\.([a-z])/g, ".0$1");
  const { kind } = typedValue(full, AttributeType.DURATION);
  if (kind.case !== "durationValue") throw new Error("a duration is no constant");
  return kind.value.seconds * NANOS + BigInt(kind.value.nanos);
}

// biome-ignore lint/suspicious/noExplicitAny: parts of one message of the specification, as they were read.
function made(id: bigint, exprKind: any): Expr {
  return create(ExprSchema, { id, exprKind: { ...exprKind, value: { ...exprKind.value, $typeName: undefined } } });
}

function call(id: bigint, name: string, args: Expr[]): Expr {
  return create(ExprSchema, {
    id,
    exprKind: { case: "callExpr", value: create(Expr_CallSchema, { function: name, args }) },
  });
}

function text(id: bigint, value: string): Expr {
  return made(id, { case: "constExpr", value: { constantKind: { case: "stringValue", value } } });
}

function int(id: bigint, value: bigint): Expr {
  return made(id, { case: "constExpr", value: { constantKind: { case: "int64Value", value } } });
}
