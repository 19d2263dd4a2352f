/**
 * The client's figures, as benchmarks/clients.py of the repository wants them; CPU time, which a busy machine disturbs
 * least.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { Client } from "@jingxi/client";
import { OfflineClient } from "@jingxi/client/offline";
import { DecideRequestSchema, GetMessageMapResponseSchema } from "../dist/gen/pdp/v1/decision_service_pb.js";
import { maskedBy } from "../dist/masked.js";
import { maskedCopy } from "../dist/masking.js";
import { fromResponse, plan } from "../dist/message-map.js";
import { loadUnverified } from "../dist/offline/bundle.js";
import { decisionOf } from "../dist/replies.js";
import { type Json, replyOf, VECTORS, type VerdictJson } from "./support.js";

const ROUNDS = 10;
const CALLS = 200;
// By then the runtime has compiled what it compiles.
const WARM_UP = 3_000;
const ABOUT = {
  application: "core-counter",
  name: "customer-detail",
  subject: { id: "T1001", roles: ["teller"], attributes: { level: 2, branch: "320400001" } },
  action: { name: "query" },
  context: { menu: "1201", channel: "counter", scenario: "processing", region: "320400" },
};
const BUNDLE = `${VECTORS}/bundles/bank.pb`;
const POLICIES = process.env.JINGXI_POLICIES ?? "../../policies";

/** Return the microseconds that a call takes, the best of some rounds. */
async function microseconds(work: () => unknown): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < WARM_UP; i++) await work();
  for (let round = 0; round < ROUNDS; round++) {
    const begun = process.cpuUsage();
    for (let i = 0; i < CALLS; i++) await work();
    const { user, system } = process.cpuUsage(begun);
    best = Math.min(best, (user + system) / CALLS);
  }
  return best;
}

function tell(name: string, value: number, unit: string): void {
  process.stdout.write(`${JSON.stringify({ name, value, unit })}\n`);
}

/** The masking of 40 fields by verdicts that are known. */
function maskForty(): () => unknown {
  const masks: [VerdictJson, string][] = [
    [{ algorithm: "keep", parameters: { prefix: 3, suffix: 4 } }, "13812348000"],
    [{ algorithm: "name", parameters: {} }, "张三丰"],
    [{ algorithm: "email", parameters: {} }, "zhangsan@example.com"],
    [{ algorithm: "full", parameters: {} }, "secret"],
  ];
  const pick = (i: number) => masks[i % masks.length] as (typeof masks)[number];
  const places = Array.from({ length: 40 }, (_, i) => [`part${i % 4}`, `f${i}`] as const);
  const message: Json = { part0: {}, part1: {}, part2: {}, part3: {} };
  for (const [i, [part, field]] of places.entries()) message[part][field] = pick(i)[1];
  const fields = places.map(([part, field]) => ({ field, paths: [`$.${part}.${field}`] }));
  const messageMap = { application: "a", name: "m", parts: [{ path: "$", fields }] };
  const map = fromResponse(create(GetMessageMapResponseSchema, { messageMap } as object));
  const decision = decisionOf(replyOf(Object.fromEntries(places.map(([, field], i) => [field, pick(i)[0]]))), "r");
  return () => maskedCopy(message, plan(map, message, ABOUT), [decision], {});
}

/** The twelve fields that a counter shows of a customer, without accounts and contacts. */
function twelve(): Json {
  const { customer }: Json = JSON.parse(readFileSync(`${POLICIES}/samples/core-counter.customer-detail.json`, "utf8"));
  const own = ["no", "class", "name", "id_type", "id_no", "birth_date", "gender", "nationality", "mobile", "email"];
  const shown = [...own, "address", "total_assets"].map((name) => [name, customer[name]]);
  return { customer: Object.fromEntries(shown) };
}

/** Decide offline and mask, without the record. */
function unrecorded(message: Json): () => unknown {
  const program = loadUnverified(readFileSync(BUNDLE));
  const messageMap = program.messageMap("core-counter", "customer-detail") as Json;
  const attributeTypes = Object.fromEntries(program.bundle.attributes.map((a) => [a.name, a.type]));
  const map = fromResponse(create(GetMessageMapResponseSchema, { messageMap, attributeTypes } as object));
  const reference = { application: map.application, name: map.name, part: "" };
  return () => {
    const asked = plan(map, message, ABOUT);
    const { subject, action, context, questions } = asked;
    const resource = questions[0]?.resource as Json;
    const request = create(DecideRequestSchema, { subject, action, context, resource, message: reference });
    const reply = program.decide(request, BigInt(Date.now()) * 1_000_000n);
    return maskedBy(message, asked, [{ policyHash: "", decision: decisionOf(reply, "r"), error: "" }], "r", {});
  };
}

const message = twelve();
tell("mask_40_fields", await microseconds(maskForty()), "µs");
const offline = await microseconds(unrecorded(message));
tell("offline_12_fields", offline, "µs");
tell("offline_messages_per_second", 1e6 / offline, "1/s");
const stateFolder = mkdtempSync(join(tmpdir(), "jingxi-bench-"));
const trust = [`${VECTORS}/bundles/test.pub`];
const recording = new OfflineClient({ bundleFile: BUNDLE, trust, stateFolder, record: "async-all" });
await recording.ready();
tell("offline_12_fields_recorded", await microseconds(() => recording.mask(message, ABOUT)), "µs");
await recording.close();
rmSync(stateFolder, { recursive: true });
if (process.env.JINGXI_TARGET !== undefined) {
  const client = new Client({ target: process.env.JINGXI_TARGET, deadlineMs: 30_000 });
  await client.ready(30_000);
  const waits: number[] = [];
  for (let i = 0; i < 300; i++) {
    const began = performance.now();
    await client.mask(message, ABOUT);
    waits.push(performance.now() - began);
  }
  await client.close();
  waits.sort((a, b) => a - b);
  tell("online_p50", waits[150] ?? 0, "ms");
  tell("online_p99", waits[297] ?? 0, "ms");
}
