/** The offline client with bundles out of files: what it takes into use, records, and does when it cannot record. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type Alarm,
  ClientClosedError,
  ConfigurationError,
  DecisionUnavailableError,
  MessageMismatchError,
  UnknownMessageError,
  verdictOf,
} from "@jingxi/client";
import { OfflineClient, type OfflineOptions } from "@jingxi/client/offline";
import { SignedBundleSchema } from "../dist/gen/pdp/v1/bundle_pb.js";
import { type OfflineDecision, OfflineDecisionSchema } from "../dist/gen/pdp/v1/bundle_service_pb.js";
import { followFile } from "../dist/offline/source.js";
import { RecordLog } from "../dist/state/log.js";
import { Service } from "./service.js";
import { at, type Json, VECTORS } from "./support.js";

const BANK = `${VECTORS}/bundles/bank.pb`;
const POLICIES = process.env.JINGXI_POLICIES ?? "../../policies";
const MESSAGE = JSON.parse(readFileSync(`${POLICIES}/samples/core-counter.customer-detail.json`, "utf8"));
const PATIENT = 30_000;
const QUESTION = {
  subject: { id: "T1001", roles: ["teller"], attributes: { level: 2, branch: "320400001" } },
  action: { name: "query" },
  context: { menu: "1201", channel: "counter", scenario: "processing", region: "320400" },
};
const DETAIL = { ...QUESTION, application: "core-counter", name: "customer-detail" };

let folder: string;
let file: string;
let clients: OfflineClient[];
let alarms: Alarm[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "jingxi-offline-"));
  file = join(folder, "bundle");
  copyFileSync(BANK, file);
  clients = [];
  alarms = [];
});

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  rmSync(folder, { recursive: true, force: true });
});

function opened(more: Partial<OfflineOptions> = {}): OfflineClient {
  const client = new OfflineClient({
    bundleFile: file,
    trust: [`${VECTORS}/bundles/test.pub`],
    stateFolder: join(folder, "state"),
    alarm: (alarm) => alarms.push(alarm),
    ...more,
  });
  clients.push(client);
  return client;
}

async function ready(more: Partial<OfflineOptions> = {}): Promise<OfflineClient> {
  const client = opened(more);
  await client.ready(PATIENT);
  return client;
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + PATIENT; !condition(); ) {
    assert.ok(performance.now() < end, "it did not come to pass");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function recorded(): Promise<OfflineDecision[]> {
  await Promise.all(clients.map((client) => client.close()));
  const log = new RecordLog(join(folder, "state", "decisions"));
  const found = await log.unreportedRecords(1_000, 1e9);
  await log.close();
  return found.map(({ payload }) => fromBinary(OfflineDecisionSchema, payload as Uint8Array));
}

test("a message is masked by the bundle, and every decision is recorded", async () => {
  const client = await ready();
  const before = structuredClone(MESSAGE);
  const masked: Json = await client.mask(MESSAGE, { ...DETAIL, requestId: "r1" });
  assert.deepEqual(MESSAGE, before);
  assert.notDeepEqual(masked.message, MESSAGE);
  assert.equal(masked.decisions.length, 1 + MESSAGE.accounts.length);
  const ids = masked.decisions.map((part: Json) => part.decision.decisionId);
  assert.match(ids[0], /^[0-9a-f]{32}-1$/);
  const { ageMs, ...status } = client.status();
  assert.ok(ageMs !== null && ageMs >= 0 && ageMs < PATIENT);
  assert.deepEqual(status, { revision: 7n, hash: masked.policyHash, problem: null, unreported: ids.length });
  const events = await recorded();
  assert.deepEqual(
    events.map((event) => event.response?.decisionId),
    ids,
  );
  const [first] = events;
  assert.deepEqual([first?.sequence, first?.request?.requestId, first?.response?.revision], [1n, "r1", 7n]);
  assert.equal(first?.request?.message?.name, "customer-detail");
  assert.ok((first?.response?.verdicts.length ?? 0) > 0);
  for (const value of [MESSAGE.customer.mobile, MESSAGE.customer.name]) {
    assert.ok(!events.some((event) => Buffer.from(toBinary(OfflineDecisionSchema, event)).includes(value)));
  }
});

test("decide gives verdicts; grants are not known offline", async () => {
  const client = await ready();
  const question = { ...QUESTION, resource: { type: "customer", id: "C1" }, grantIds: ["G1"] };
  const decision = await client.decide(["mobile", "nowhere"], question);
  assert.equal(verdictOf(decision, "nowhere")?.reason.kind, "unknown_field");
  const codes = decision.diagnostics.map((diagnostic) => diagnostic.code);
  assert.ok(codes.includes("grant_not_found") && codes.includes("unknown_field"));
});

test("without a bundle nothing is decided", async () => {
  rmSync(file);
  const client = opened();
  await assert.rejects(client.mask(MESSAGE, DETAIL), DecisionUnavailableError);
  await assert.rejects(client.ready(20), /there is no bundle to decide by/);
  assert.throws(() => new OfflineClient({ trust: [], stateFolder: folder }), ConfigurationError);
  assert.throws(
    () => opened({ trust: [`${VECTORS}/masking.json`], stateFolder: join(folder, "other") }),
    /names no public key/,
  );
  await client.close();
  await assert.rejects(client.mask(MESSAGE, DETAIL), ClientClosedError);
});

test("the kept bundle is used while the source is away, after it was verified again", async () => {
  await (await ready()).close();
  rmSync(file);
  const again = opened();
  await again.mask(MESSAGE, DETAIL);
  await again.close();
  const kept = join(folder, "state", "bundle.pb");
  const data = readFileSync(kept);
  data[100] = (data[100] as number) ^ 1;
  writeFileSync(kept, data);
  alarms = [];
  await assert.rejects(opened().mask(MESSAGE, DETAIL), DecisionUnavailableError);
  assert.match(at(alarms, 0).message, /the kept bundle is not used: the bundle does not match its hash/);
});

test("a bundle that is refused leaves the one in use, and is told", async () => {
  const client = await ready();
  await client.close();
  copyFileSync(`${VECTORS}/bundles/refused-flipped-signature.pb`, file);
  const again = opened();
  await until(() => again.status().problem !== null);
  assert.equal(again.status().revision, 7n);
  assert.match(again.status().problem ?? "", /a bundle was refused: the signature is not that of the key/);
  await again.mask(MESSAGE, DETAIL);
  assert.deepEqual(
    alarms.map((alarm) => alarm.kind),
    ["bundle_refused"],
  );
});

test("a file is looked at again and again", async () => {
  const came: number[] = [];
  let confirmed = 0;
  let failed = "";
  const source = followFile(
    file,
    {
      inUse: () => undefined,
      came: (data) => came.push(data.length),
      confirmed: () => {
        confirmed += 1;
      },
      failed: (why) => {
        failed = why;
      },
    },
    5,
  );
  await until(() => came.length === 1 && confirmed > 1);
  writeFileSync(file, "shorter");
  utimesSync(file, 1, 1);
  await until(() => came.at(-1) === 7);
  rmSync(file);
  await until(() => failed.includes("ENOENT"));
  source.stop();
});

test("what cannot be recorded unmasks nothing", async () => {
  const client = await ready();
  const shown: Json = await client.mask(MESSAGE, DETAIL);
  const unmasked = shown.decisions[0].decision.verdicts.filter((v: Json) => v.mask === null).map((v: Json) => v.field);
  assert.ok(unmasked.length > 0);
  await client.close();
  const again = await ready();
  rmSync(join(folder, "state", "decisions"), { recursive: true });
  const masked: Json = await again.mask(MESSAGE, DETAIL);
  for (const part of masked.decisions)
    for (const verdict of part.decision.verdicts) assert.notEqual(verdict.mask, null);
  assert.match(masked.problems[0], /could not be written, so nothing was unmasked: ENOENT/);
  assert.ok(alarms.some((alarm) => alarm.kind === "not_recorded"));
});

test("asynchronous records do not wait, but for what must not be seen without one", async () => {
  for (const [record, waits] of [
    ["async", true],
    ["async-all", false],
  ] as const) {
    const client = await ready({ record });
    rmSync(join(folder, "state", "decisions"), { recursive: true });
    // At every hour, somebody of this level sees fields of C2.
    const subject = { ...DETAIL.subject, attributes: { ...DETAIL.subject.attributes, level: 4 } };
    const masked = await client.mask(MESSAGE, { ...DETAIL, subject });
    assert.equal(
      masked.problems.some((problem) => problem.includes("could not be written")),
      waits,
    );
    await client.close();
    rmSync(join(folder, "state"), { recursive: true });
  }
  assert.ok(alarms.every((alarm) => alarm.kind === "not_recorded"));
});

test("an old bundle says so", async () => {
  const client = await ready({ maxAgeMs: -1 });
  const decision = await client.decide(["mobile"], QUESTION);
  assert.equal(decision.diagnostics.at(-1)?.code, "stale_policies");
});

test("messages without a map, and those that do not fit it", async () => {
  const client = await ready();
  await assert.rejects(client.mask(MESSAGE, { ...DETAIL, name: "nothing" }), UnknownMessageError);
  await assert.rejects(client.mask({ accounts: {} }, DETAIL), MessageMismatchError);
  assert.equal(client.status().unreported, 0);
});

test("a hundred messages at the same time are all recorded", async () => {
  const client = await ready();
  const { customer } = MESSAGE;
  const results = await Promise.all(Array.from({ length: 100 }, () => client.mask({ customer }, DETAIL)));
  const ids = results.flatMap((masked) => masked.decisions.map((part) => part.decision?.decisionId));
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(client.status().unreported, ids.length);
});

test("a bundle that nobody signed is not decided by", async () => {
  const signed = fromBinary(SignedBundleSchema, readFileSync(BANK));
  const unsigned = { ...signed, $typeName: undefined, signature: new Uint8Array(), keyId: "" };
  writeFileSync(file, toBinary(SignedBundleSchema, create(SignedBundleSchema, unsigned as Json)));
  const client = opened();
  await until(() => client.status().problem !== null);
  await assert.rejects(client.ready(1), /is not signed/);
});

test("a node sends the bundle, takes the record, and is told what the client has when it comes back", async () => {
  const service = new Service();
  service.bundle = fromBinary(SignedBundleSchema, readFileSync(BANK));
  const port = await service.serve();
  const online: Partial<OfflineOptions> = { bundleFile: undefined, service: { target: `127.0.0.1:${port}` } };
  const client = await ready(online);
  const masked = await client.mask(MESSAGE, DETAIL);
  await until(() => client.status().unreported === 0);
  assert.deepEqual(
    service.decisions.map((decision) => decision.response?.decisionId),
    masked.decisions.map((part) => part.decision?.decisionId),
  );
  assert.deepEqual(service.known, [[0n, ""]]);
  await client.close();
  const again = await ready(online);
  await until(() => service.known.length === 2);
  assert.deepEqual(service.known[1], [7n, service.bundle.hash]);
  // What is sent later and does not hold what it says leaves the bundle in use.
  await again.close();
  rmSync(join(folder, "state", "bundle.pb"));
  service.bundle = { ...service.bundle, hash: "0".repeat(64) };
  const refusing = opened(online);
  await until(() => refusing.status().problem !== null);
  await assert.rejects(refusing.ready(1), /a bundle was refused: the bundle does not match its hash/);
  service.stop();
});
