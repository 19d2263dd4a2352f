/** The tables of cases, and replies as the service gives them. */
import { readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { type DecideResponse, DecideResponseSchema } from "../dist/gen/pdp/v1/decision_service_pb.js";
import { Effect, ReasonKind, type Value, ValueSchema } from "../dist/gen/pdp/v1/types_pb.js";

// biome-ignore lint/suspicious/noExplicitAny: tables of JSON cases, checked by their schemas.
export type Json = any;

/** The folder of the vectors that all languages share. */
export const VECTORS = process.env.JINGXI_VECTORS ?? "../../tests/vectors";

export function load(name: string): Json {
  return JSON.parse(readFileSync(`${VECTORS}/${name}`, "utf8"));
}

export type VerdictJson =
  | "unmask"
  | { readonly algorithm: string; readonly parameters: Readonly<Record<string, Json>> };

export function valueMessage(parameter: Json): Value {
  if (typeof parameter === "boolean") return create(ValueSchema, { kind: { case: "boolValue", value: parameter } });
  if (typeof parameter === "number") {
    return create(ValueSchema, { kind: { case: "intValue", value: BigInt(parameter) } });
  }
  if (typeof parameter === "string") return create(ValueSchema, { kind: { case: "stringValue", value: parameter } });
  if (parameter.every((item: unknown) => typeof item === "number")) {
    const values = parameter.map(BigInt);
    return create(ValueSchema, { kind: { case: "intList", value: { values } } as Json });
  }
  return create(ValueSchema, { kind: { case: "stringList", value: { values: parameter } } as Json });
}

/** Return a reply with these verdicts: `unmask` or a mask with algorithm and parameters, by field. */
export function replyOf(verdicts: Readonly<Record<string, VerdictJson>>): DecideResponse {
  const reply: Json = { decisionId: "d1", revision: 7n, verdicts: [], masks: [], obligations: [], diagnostics: [] };
  reply.reasons = [{ kind: ReasonKind.RULE, rule: "p/r", title: { zh: "规则", en: "rule" }, grantId: "G1" }];
  for (const [field, verdict] of Object.entries(verdicts)) {
    if (verdict === "unmask") {
      reply.verdicts.push({ field, effect: Effect.UNMASK });
      continue;
    }
    reply.verdicts.push({ field, effect: Effect.MASK, mask: reply.masks.length });
    const parameters = Object.fromEntries(Object.entries(verdict.parameters).map(([n, v]) => [n, valueMessage(v)]));
    reply.masks.push({ algorithm: verdict.algorithm, parameters });
  }
  return create(DecideResponseSchema, reply);
}

/** Return an item of a list that must be there. */
export function at<T>(items: readonly T[], index: number): T {
  const found = items.at(index);
  if (found === undefined) throw new Error(`there is no item ${index} of ${items.length}`);
  return found;
}
