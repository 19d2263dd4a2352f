/** Offline decisions against the table that all languages share. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fromJson, toJson } from "@bufbuild/protobuf";
import { BundleError } from "@jingxi/client";
import { type Grant, GrantSchema } from "../dist/gen/pdp/v1/bundle_pb.js";
import {
  DecideRequestSchema,
  type DecideResponse,
  DecideResponseSchema,
} from "../dist/gen/pdp/v1/decision_service_pb.js";
import { load as loadBundle, trustedKeys } from "../dist/offline/bundle.js";
import type { Program } from "../dist/offline/program.js";
import { type Json, load, VECTORS } from "./support.js";

const TABLE = load("decisions.json");
const GAPS = new Set<string>(load("gaps.json").typescript);
const TRUST = trustedKeys([`${VECTORS}/bundles/test.pub`]);

const read = (file: string) => readFileSync(`${VECTORS}/${file}`);

/** An answer as JSON, without the free text of diagnostics. */
function plain(reply: DecideResponse): Json {
  const found = toJson(DecideResponseSchema, reply) as Json;
  for (const diagnostic of found.diagnostics ?? []) delete diagnostic.message;
  return found;
}

test("vectors", () => {
  const programs = new Map<string, Program>();
  const failed: string[] = [];
  for (const one of TABLE.cases) {
    const program = programs.get(one.bundle) ?? loadBundle(read(TABLE.bundles[one.bundle]), TRUST);
    programs.set(one.bundle, program);
    const grants = new Map<string, Grant>((one.grants ?? []).map((g: Json) => [g.id, fromJson(GrantSchema, g)]));
    const reply = program.decide(fromJson(DecideRequestSchema, one.request), BigInt(one.now_nanos), grants);
    const wanted = plain(fromJson(DecideResponseSchema, one.expected));
    try {
      assert.deepEqual(plain(reply), wanted);
      if (GAPS.has(one.id)) failed.push(`${one.id} passes and is listed as a gap`);
    } catch (error) {
      if (!GAPS.has(one.id)) failed.push(`${one.id}: ${(error as Error).message}`);
    }
  }
  assert.equal(failed.length, 0, `${failed.length} of ${TABLE.cases.length}\n${failed.slice(0, 8).join("\n")}`);
});

test("refusals", async (t) => {
  for (const one of TABLE.refusals) {
    await t.test(one.id, () => {
      const inUse = one.in_use === undefined ? 0n : loadBundle(read(TABLE.bundles[one.in_use]), TRUST).revision;
      assert.throws(
        () => loadBundle(read(one.file), TRUST, inUse),
        (error) => error instanceof BundleError && error.why === one.why,
      );
    });
  }
});
