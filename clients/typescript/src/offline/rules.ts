/** A bundle's policies with their conditions planned. */
import { type CheckedExpr, CheckedExprSchema } from "@bufbuild/cel-spec/cel/expr/checked_pb.js";
import { fromBinary } from "@bufbuild/protobuf";
import type { Bundle, Policy, Rule } from "../gen/pdp/v1/bundle_pb.js";
import { type Condition, Conditions } from "./conditions.js";
import { usable } from "./facts.js";

/** What conditions are about, by dotted name. */
export type Values = Record<string, unknown>;

/** A clause of a rule: of its scope, or of its condition. */
export interface Clause {
  readonly names: ReadonlySet<string>;
  readonly holds: (values: Values) => boolean | undefined;
}

export interface CompiledRule {
  readonly index: number;
  readonly name: string;
  readonly message: Rule;
  readonly policy: CompiledPolicy;
  readonly fields: ReadonlySet<string>;
  readonly when: readonly Clause[];
  readonly asksGrant: boolean;
}

export interface CompiledPolicy {
  readonly scope: readonly Clause[];
  readonly rules: CompiledRule[];
}

/** Plan all conditions of a bundle. Throws for one that cannot be planned. */
export function compile(bundle: Bundle): CompiledPolicy[] {
  const conditions = new Conditions();
  let index = 0;
  return bundle.policies.map((policy) => {
    const variables = variablesOf(policy);
    const compiled: CompiledPolicy = { scope: policy.scope.map(scopeClause(bundle)), rules: [] };
    for (const rule of policy.rules) {
      const when = rule.when.map((expression): Condition => {
        try {
          return conditions.plan(expression.checked, variables);
        } catch (error) {
          throw new Error(`${expression.location}: ${(error as Error).message}`, { cause: error });
        }
      });
      compiled.rules.push({
        index: index++,
        name: `${policy.id}/${rule.id}`,
        message: rule,
        policy: compiled,
        fields: new Set(rule.fields),
        when,
        asksGrant: when.some((clause) => [...clause.names].some((name) => name.startsWith("grant."))),
      });
    }
    return compiled;
  });
}

function variablesOf(policy: Policy): Map<string, CheckedExpr> {
  const found = new Map<string, CheckedExpr>();
  for (const { name, expression } of policy.variables) {
    if (expression !== undefined) found.set(name, fromBinary(CheckedExprSchema, expression.checked));
  }
  return found;
}

function scopeClause(bundle: Bundle): (clause: Policy["scope"][number]) => Clause {
  const types = new Map(bundle.attributes.map((attribute) => [attribute.name, attribute.type]));
  return ({ attribute, values }) => {
    const type = types.get(attribute);
    if (type === undefined) throw new Error(`scope attribute \`${attribute}\` is not declared`);
    const allowed = new Set(values.map((value) => usable(value, type)));
    const holds = (given: Values) => (attribute in given ? allowed.has(given[attribute]) : undefined);
    return { names: new Set([attribute]), holds };
  };
}

/** Whether a rule speaks about one of these fields. */
export function speaksAbout(rule: CompiledRule, fields: ReadonlySet<string>): boolean {
  for (const field of fields) if (rule.fields.has(field)) return true;
  return false;
}

/** False if a clause is false, else undecided if one is undecided, else true. */
export function evaluated(
  clauses: readonly Clause[],
  values: Values,
  given: Values,
): { holds: boolean | undefined; lacking: string[] } {
  let holds: boolean | undefined = true;
  const lacking: string[] = [];
  for (const clause of clauses) {
    const found = clause.holds(values);
    if (found === false) return { holds: false, lacking: [] };
    if (found === true) continue;
    holds = undefined;
    for (const name of clause.names) if (!(name in given) && !name.startsWith("grant.")) lacking.push(name);
  }
  return { holds, lacking };
}
