/** Decides by a bundle as the service does: `tests/reference/evaluator.py` of the Jingxi repository is the same, plain. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { RequestRejectedError, UnknownMessageError } from "../errors.js";
import type { Bundle, FieldDefinition, Grant, MessageMap } from "../gen/pdp/v1/bundle_pb.js";
import { type DecideRequest, type DecideResponse, DecideResponseSchema } from "../gen/pdp/v1/decision_service_pb.js";
import {
  DiagnosticCode,
  DiagnosticSchema,
  Effect,
  ObligationSchema,
  ReasonKind,
  VerdictSchema,
} from "../gen/pdp/v1/types_pb.js";
import { type Given, Schema } from "./facts.js";
import { type Asked, askedFor, type Said } from "./outcomes.js";
import { type CompiledPolicy, type CompiledRule, compile, evaluated, type Values } from "./rules.js";
import { entryOf, type MaskEntry, type Result, Table } from "./table.js";

const MAX_DIAGNOSTICS = 32;
const NO_GRANT = {
  "grant.active": false,
  "grant.kind": "",
  "grant.approver": "",
  "grant.approver_level": 0n,
  "grant.scenario": "",
};

const NO_GRANTS = [undefined];

type Diagnostic = MessageInitShape<typeof DiagnosticSchema>;

/** The grants that there are, by id. */
export type Grants = ReadonlyMap<string, Grant>;

/** One bundle, ready to decide. */
export class Program {
  readonly hash: string;
  readonly revision: bigint;
  readonly bundle: Bundle;
  readonly #schema: Schema;
  readonly #fields: ReadonlyMap<string, FieldDefinition>;
  readonly #defaults: ReadonlyMap<string, MaskEntry>;
  readonly #ruleMasks: readonly (MaskEntry | undefined)[];
  readonly #full: MaskEntry;
  readonly #policies: readonly CompiledPolicy[];
  readonly #parts = new Map<string, Asked>();

  /** Throws what a condition that cannot be planned throws. */
  constructor(bundle: Bundle, hash: string, revision: bigint) {
    this.bundle = bundle;
    this.hash = hash;
    this.revision = revision;
    this.#schema = new Schema(bundle);
    this.#fields = new Map(bundle.fields.map((field) => [field.id, field]));
    this.#defaults = new Map(bundle.fields.map((f) => [f.id, entryOf(f.defaultMask, f.defaultStrictness)]));
    this.#full = entryOf(undefined, 0);
    this.#policies = compile(bundle);
    this.#ruleMasks = this.#policies.flatMap((policy) =>
      policy.rules.map(({ message: { mask, strictness } }) =>
        mask === undefined ? undefined : entryOf(mask, strictness),
      ),
    );
    for (const { application, name, parts } of bundle.messageMaps) {
      for (const part of parts) {
        const key = partKey(application, name, part.name);
        const fields = part.fields.map((field) => field.field);
        if (!this.#parts.has(key)) this.#parts.set(key, askedFor(fields, this.#fields, this.#policies));
      }
    }
  }

  /** Return the map of a message; undefined when the bundle has none. */
  messageMap(application: string, name: string): MessageMap | undefined {
    return this.bundle.messageMaps.find((map) => map.application === application && map.name === name);
  }

  /** The level of a field; empty for one that the dictionary lacks. */
  level(field: string): string {
    return this.#fields.get(field)?.level ?? "";
  }

  /** Return the decision, without a `decision_id`. Throws RequestRejectedError. */
  decide(request: DecideRequest, nowNanos: bigint, grants: Grants = new Map()): DecideResponse {
    const asked = this.#askedBy(request);
    const given = this.#schema.given(request);
    given.values.now = nowNanos;
    const [counting, aboutGrants] = countingGrants(request, given, nowNanos, grants);
    const results = withoutStacks(() => this.#results(asked, given, counting));
    const said = asked.known.said(results, () => this.#said(asked, results));
    const reply = create(DecideResponseSchema);
    reply.requestId = request.requestId;
    reply.revision = this.revision;
    reply.policyHash = this.hash;
    // Shared with other replies, and too much to be made of plain objects for each.
    reply.verdicts = said.verdicts;
    reply.masks = said.masks;
    reply.reasons = said.reasons;
    reply.obligations = said.obligations;
    reply.diagnostics = this.#diagnostics(asked, given, aboutGrants, results).map((d) => create(DiagnosticSchema, d));
    return reply;
  }

  /** Return what the rules that apply say. */
  #said(asked: Asked, results: readonly Result[]): Said {
    const table = new Table();
    const obligations = new Map<CompiledRule, string[]>();
    for (const [i, name] of asked.names.entries()) this.#settle(name, asked.fields[i], results, table, obligations);
    return {
      verdicts: table.verdicts.map((verdict) => create(VerdictSchema, verdict)),
      masks: table.masks,
      reasons: table.reasons,
      obligations: [...obligations]
        .sort(([a], [b]) => a.index - b.index)
        .flatMap(([rule, carried]) =>
          rule.message.obligations.map(({ type, parameters }) =>
            create(ObligationSchema, { type, parameters, fields: [...new Set(carried)], rule: rule.name }),
          ),
        ),
    };
  }

  #askedBy(request: DecideRequest): Asked {
    const reference = request.message;
    if (reference === undefined) {
      if (request.fields.length === 0) throw new RequestRejectedError("`fields` is empty; name one at least");
      return askedFor(request.fields, this.#fields, this.#policies);
    }
    const { application, name, part } = reference;
    const found = this.#parts.get(partKey(application, name, part));
    if (found === undefined) {
      throw new UnknownMessageError(`application \`${application}\` has no message \`${name}\` with part \`${part}\``);
    }
    return found;
  }

  /** Return how every rule came out that speaks about a requested field and is not false. */
  #results(asked: Asked, given: Given, grants: readonly Grant[]): Result[] {
    const found: Result[] = [];
    Object.assign(given.values, NO_GRANT);
    const under = new Map<Grant | undefined, Values>([[undefined, given.values]]);
    for (const grant of grants) under.set(grant, { ...given.values, ...factsOf(grant) });
    for (const policy of asked.policies) {
      const scope = evaluated(policy.scope, given.values, given.values);
      if (scope.holds === false) continue;
      for (const rule of policy.rules) {
        for (const grant of rule.asksGrant && grants.length > 0 ? grants : NO_GRANTS) {
          const when = evaluated(rule.when, under.get(grant) as Values, given.values);
          if (when.holds === false) continue;
          const holds = scope.holds === true && when.holds === true ? true : undefined;
          found.push({ rule, grant, holds, lacking: [...scope.lacking, ...when.lacking] });
        }
      }
    }
    return found;
  }

  /** Write a field's verdict, and note which rules' obligations it carries. */
  #settle(
    field: string,
    definition: FieldDefinition | undefined,
    results: readonly Result[],
    table: Table,
    obligations: Map<CompiledRule, string[]>,
  ): void {
    if (definition === undefined) {
      table.add(field, this.#full, ReasonKind.UNKNOWN_FIELD);
      return;
    }
    const own = this.#defaults.get(field) as MaskEntry;
    const applying = new Map<CompiledRule, Result>();
    for (const result of results) {
      const { rule } = result;
      if (rule.fields.has(field) && !applying.has(rule) && applies(result, definition)) applying.set(rule, result);
    }
    if (applying.size === 0) {
      table.add(field, definition.defaultEffect === Effect.MASK ? own : undefined, ReasonKind.DEFAULT);
      return;
    }
    // 0 is below every mask: showing.
    const said = [...applying.values()].map((result) => {
      const unmasks = result.rule.message.effect === Effect.UNMASK;
      const mask = unmasks ? undefined : (this.#ruleMasks[result.rule.index] ?? own);
      return { result, mask, strictness: mask?.strictness ?? 0 };
    });
    const winner = said.reduce((best, next) => {
      const difference = next.result.rule.message.priority - best.result.rule.message.priority;
      return difference > 0 || (difference === 0 && next.strictness > best.strictness) ? next : best;
    });
    table.add(field, winner.mask, ReasonKind.RULE, winner.result);
    for (const { result, strictness } of said) {
      if (strictness !== winner.strictness || result.rule.message.obligations.length === 0) continue;
      const carried = obligations.get(result.rule) ?? [];
      carried.push(field);
      obligations.set(result.rule, carried);
    }
  }

  #diagnostics(
    asked: Asked,
    given: Given,
    aboutGrants: readonly Diagnostic[],
    results: readonly Result[],
  ): Diagnostic[] {
    const lacking = new Map<CompiledRule, Set<string>>();
    for (const { rule, holds, lacking: names } of results) {
      if (holds !== undefined) continue;
      const found = lacking.get(rule) ?? new Set();
      for (const name of names) found.add(name);
      lacking.set(rule, found);
    }
    const diagnostics: Diagnostic[] = [
      ...[...new Set(asked.names.filter((_, i) => asked.fields[i] === undefined))].map((subject) => ({
        code: DiagnosticCode.UNKNOWN_FIELD,
        message: "the field is not in the dictionary; it is masked in full",
        subject,
      })),
      ...given.undeclared.map((subject) => ({
        code: DiagnosticCode.UNDECLARED_ATTRIBUTE,
        message: "the policy set does not declare the attribute; it was ignored",
        subject,
      })),
      ...aboutGrants,
      ...[...lacking].map(([rule, names]) => ({
        code: DiagnosticCode.UNDECIDED_RULE,
        message: "the rule could not be decided",
        subject: rule.name,
        attributes: [...names].sort(),
      })),
    ];
    if (diagnostics.length <= MAX_DIAGNOSTICS) return diagnostics;
    const left = diagnostics.length - MAX_DIAGNOSTICS + 1;
    return [
      ...diagnostics.slice(0, MAX_DIAGNOSTICS - 1),
      { code: DiagnosticCode.TRUNCATED, message: `${left} more diagnostics` },
    ];
  }
}

function partKey(application: string, message: string, part: string): string {
  return JSON.stringify([application, message, part]);
}

/** CEL's errors are values here, and nobody reads where they were made, which is most of what making one costs. */
function withoutStacks<T>(work: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

function applies({ rule, grant, holds }: Result, field: FieldDefinition): boolean {
  // Results that are false are not kept.
  if (rule.message.effect === Effect.MASK) return true;
  const covered =
    grant === undefined ||
    (grant.fields.length === 0 && grant.levels.length === 0) ||
    grant.fields.includes(field.id) ||
    grant.levels.includes(field.level);
  return holds === true && covered && !field.neverUnmask;
}

function factsOf(grant: Grant): Values {
  return {
    "grant.active": true,
    "grant.kind": grant.kind,
    "grant.approver": grant.approver,
    "grant.approver_level": grant.approverLevel,
    "grant.scenario": grant.scenario,
  };
}

function countingGrants(
  request: DecideRequest,
  { values }: Given,
  nowNanos: bigint,
  grants: Grants,
): [counting: Grant[], diagnostics: Diagnostic[]] {
  const counting: Grant[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const subject of new Set(request.grantIds)) {
    const grant = grants.get(subject);
    if (grant === undefined) {
      diagnostics.push({ code: DiagnosticCode.GRANT_NOT_FOUND, message: "the grant is not known", subject });
    } else if (nowNanos < grant.notBeforeNanos || nowNanos >= grant.expiresAtNanos) {
      diagnostics.push({ code: DiagnosticCode.GRANT_INACTIVE, message: "the grant is not valid now", subject });
    } else if (
      grant.subjectId !== (request.subject?.id ?? "") ||
      grant.resourceType !== (values["resource.type"] ?? "") ||
      (grant.resourceId !== "" && grant.resourceId !== (values["resource.id"] ?? ""))
    ) {
      const message = "the grant is for another subject or resource";
      diagnostics.push({ code: DiagnosticCode.GRANT_MISMATCH, message, subject });
    } else if (grant.application !== "" && !namesOnly(grant.application, request)) {
      const message = "the grant is for an application that the request does not name, or not alone";
      diagnostics.push({ code: DiagnosticCode.GRANT_MISMATCH, message, subject });
    } else {
      counting.push(grant);
    }
  }
  return [counting, diagnostics];
}

/** Tells whether a request says, in its context or by a message, that it is for this application and for no other. */
function namesOnly(application: string, request: DecideRequest): boolean {
  const named: string[] = [];
  const kind = request.context["application"]?.kind;
  if (kind?.case !== undefined) {
    named.push(kind.case === "stringValue" ? kind.value : "");
  }
  if (request.message !== undefined) {
    named.push(request.message.application);
  }
  return named.length > 0 && named.every((one) => one === application);
}
