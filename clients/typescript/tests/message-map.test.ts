/** Messages and their maps against the table that all languages share. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromJson, toJson } from "@bufbuild/protobuf";
import { MessageMismatchError, PathError } from "@jingxi/client";
import { type AttributeType, AttributeTypeSchema, MessageMapSchema } from "../dist/gen/pdp/v1/bundle_pb.js";
import { DecideResponseSchema, GetMessageMapResponseSchema } from "../dist/gen/pdp/v1/decision_service_pb.js";
import { ActionSchema, Effect, ResourceSchema, SubjectSchema, ValueSchema } from "../dist/gen/pdp/v1/types_pb.js";
import { maskedCopy } from "../dist/masking.js";
import * as maps from "../dist/message-map.js";
import { show } from "../dist/paths.js";
import { decisionOf } from "../dist/replies.js";
import { at, type Json, load, replyOf } from "./support.js";

const TABLE = load("message_maps.json");
const CASES: Json[] = TABLE.cases;
const ERRORS: Record<string, new (message: string) => Error> = { mismatch: MessageMismatchError, path: PathError };

function mapOf(one: Json): maps.MessageMap {
  const types = Object.fromEntries(
    Object.entries(TABLE.types).map(([name, type]) => [
      name,
      AttributeTypeSchema.values.find((v) => v.name === type)?.number as AttributeType,
    ]),
  );
  const messageMap = fromJson(MessageMapSchema, one.map);
  return maps.fromResponse(create(GetMessageMapResponseSchema, { messageMap, attributeTypes: types }));
}

const callerOf = (one: Json): maps.Caller => one.caller ?? { subject: { id: "T1001" } };

test("vectors", async (t) => {
  for (const one of CASES) {
    await t.test(one.id, () => {
      const before = structuredClone(one.message);
      const planned = () => maps.plan(mapOf(one), one.message, callerOf(one));
      if (one.error !== undefined) {
        assert.throws(planned, (error: Error) => {
          assert.ok(error instanceof (ERRORS[one.error] as new (message: string) => Error));
          return !error.message.includes("13812348000");
        });
        return;
      }
      const plan = planned();
      const asked = plan.questions.map((q) => ({
        part: q.part.name,
        place: show(q.place),
        resource: toJson(ResourceSchema, q.resource),
      }));
      assert.deepEqual(
        asked,
        one.questions.map(({ part, place, resource }: Json) => ({ part, place, resource })),
      );
      if (one.shared !== undefined) {
        const context = Object.entries(plan.context).map(([name, value]) => [name, toJson(ValueSchema, value)]);
        assert.deepEqual(
          {
            subject: toJson(SubjectSchema, plan.subject),
            action: toJson(ActionSchema, plan.action),
            context: Object.fromEntries(context),
          },
          one.shared,
        );
      }
      const decisions = one.questions.map((q: Json) => q.verdicts && decisionOf(replyOf(q.verdicts), ""));
      const { copy, problems } = maskedCopy(one.message, plan, decisions, {});
      assert.deepEqual(copy, one.expected);
      assert.equal(plan.problems.length + problems.length, one.problems ?? 0);
      assert.deepEqual(one.message, before);
    });
  }
});

test("problems hold no values", () => {
  const one = CASES.find((c) => c.id === "mistyped-attributes-are-left-out");
  const text = maps.plan(mapOf(one), one.message, callerOf(one)).problems.join(" ");
  for (const value of ["12,34", "2026-03-02", "CNY", "USD"]) assert.ok(!text.includes(value));
  assert.match(text, /attribute `resource.grade` at `\$.grade`: a value of type `number` is not a whole number/);
});

test("maps agree when they ask and mask alike", () => {
  const first = mapOf(at(CASES, 0));
  assert.equal(first.fingerprint, mapOf(at(CASES, 0)).fingerprint);
  assert.notEqual(first.fingerprint, mapOf(at(CASES, 1)).fingerprint);
});

test("effects of the future mask in full", () => {
  const verdicts = [
    { field: "a", effect: Effect.UNSPECIFIED },
    { field: "b", effect: 99 as Effect },
    { field: "c", effect: Effect.MASK, mask: 5 },
  ];
  const decision = decisionOf(create(DecideResponseSchema, { verdicts }), "");
  for (const verdict of decision.verdicts) assert.equal(verdict.mask, maps.FULL);
});

test("a member called __proto__ is data like any other", () => {
  const one = structuredClone(at(CASES, 0));
  one.message = JSON.parse('{"customer": {"mobile": "13812348000", "__proto__": {"x": 1}}}');
  const plan = maps.plan(mapOf(one), one.message, callerOf(one));
  const { copy } = maskedCopy(one.message, plan, [decisionOf(replyOf({ mobile: "unmask" }), "")], {});
  assert.equal(JSON.stringify(copy), JSON.stringify(one.message));
});
