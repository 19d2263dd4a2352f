/** The failure rule against a service that fails in every way a service fails. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { status as Status } from "@grpc/grpc-js";
import {
  type Alarm,
  Client,
  type ClientOptions,
  DecisionUnavailableError,
  type Masked,
  MessageMismatchError,
  RequestRejectedError,
} from "@jingxi/client";
import { FallbackCounter } from "../dist/failure/alarm.js";
import { Breaker } from "../dist/failure/breaker.js";
import { eventOfRecord } from "../dist/failure/fallback.js";
import { AttributeType, type MessageMap, MessageMapSchema } from "../dist/gen/pdp/v1/bundle_pb.js";
import { FallbackCause, type FallbackEvent } from "../dist/gen/pdp/v1/fallback_service_pb.js";
import { RecordLog } from "../dist/state/log.js";
import { Refusal, Service } from "./service.js";
import { at, type Json, replyOf } from "./support.js";

const MESSAGE = {
  no: "C1",
  name: "张三",
  mobile: "13812348000",
  cvv: "123",
  other: "x",
  accounts: [{ no: "100200300400" }],
};
/** The mobile number and the name may pass, the CVV never; the account number has nothing said about it. */
const PASSED = { ...MESSAGE, cvv: "***", accounts: [{ no: "***" }] };
const MASKED = { ...PASSED, name: "张*", mobile: "138****8000" };
const PATIENT = 30_000;
const FAR = 2n ** 62n;

let folder: string;
let service: Service;
let client: Client;
let alarms: Alarm[];
let port: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "jingxi-failure-"));
  alarms = [];
  service = prepared(new Service());
  port = await service.serve();
  client = opened();
});

afterEach(async () => {
  await client.close();
  service.stop();
  rmSync(folder, { recursive: true, force: true });
});

function opened(more: Partial<ClientOptions> = {}): Client {
  return new Client({
    target: `127.0.0.1:${port}`,
    deadlineMs: PATIENT,
    stateFolder: folder,
    alarm: (alarm) => alarms.push(alarm),
    ...more,
  });
}

function prepared(one: Service): Service {
  const part = (name: string, path: string, type: string, fields: string[]) => ({
    name,
    path,
    resourceType: type,
    resourceId: "$.no",
    fields: fields.map((field) => ({ field, paths: [`$.${field}`] })),
  });
  const map: MessageMap = create(MessageMapSchema, {
    application: "core-counter",
    name: "customer",
    parts: [part("", "$", "customer", ["name", "mobile", "cvv"]), part("accounts", "$.accounts", "account", ["no"])],
  } as object);
  one.putMap(map);
  one.types = { "context.menu": AttributeType.STRING };
  one.passUntilNanos = FAR;
  const keep = replyOf({ m: { algorithm: "keep", parameters: { prefix: 3, suffix: 4 } } });
  const name = replyOf({ m: { algorithm: "name", parameters: {} } });
  one.fallbacks = [
    { field: "cvv", level: "C3", pass: false },
    { field: "mobile", level: "C2", pass: true, mask: at(keep.masks, 0) },
    { field: "name", level: "C1", pass: true, mask: at(name.masks, 0) },
  ] as Json;
  one.answer = (item) =>
    replyOf(item.message?.part === "" ? { name: "unmask", mobile: "unmask", cvv: "unmask" } : { no: "unmask" });
  return one;
}

function mask(message: Json = MESSAGE): Promise<Masked<Json>> {
  return client.mask(message, {
    application: "core-counter",
    name: "customer",
    subject: { id: "T1001" },
    context: { menu: "3101" },
    grantIds: ["G1"],
    requestId: "r1",
  });
}

const failing = (code: Status) => () => {
  throw new Refusal(code, "says why");
};

async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + PATIENT; !condition(); ) {
    assert.ok(performance.now() < end, "it did not come to pass");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function written(): Promise<FallbackEvent[]> {
  await client.close();
  const log = new RecordLog(join(folder, "fallbacks"));
  const found = (await log.unreportedRecords(1_000, 1e9)).map(eventOfRecord);
  await log.close();
  return found;
}

test("without a verdict the rule of the policy set holds, and the event is on the disk", async () => {
  await client.prepare("core-counter", "customer");
  service.before = failing(Status.UNAVAILABLE);
  const before = structuredClone(MESSAGE);
  const masked = await mask();
  assert.deepEqual(masked.message, PASSED);
  assert.deepEqual(MESSAGE, before);
  assert.deepEqual(masked.fallback, {
    cause: "unavailable",
    detail: "DecideBatch failed: says why (UNAVAILABLE)",
    passed: ["mobile", "name"],
    recorded: true,
  });
  assert.deepEqual([masked.decisions, masked.requestId, masked.policyHash], [[], "r1", "h1"]);
  const [event] = await written();
  assert.equal(event?.sequence, 1n);
  assert.equal(event?.cause, FallbackCause.UNAVAILABLE);
  assert.equal(event?.requestId, "r1");
  assert.ok(Math.abs(Number(event?.timeNanos) / 1e6 - Date.now()) < 60_000);
  assert.deepEqual([event?.message?.application, event?.message?.name], ["core-counter", "customer"]);
  assert.deepEqual(
    [event?.subject?.id, event?.grantIds, event?.revision, event?.policyHash],
    ["T1001", ["G1"], 7n, "h1"],
  );
  assert.deepEqual(event?.context.menu?.kind, { case: "stringValue", value: "3101" });
  assert.deepEqual(
    event?.items.map((i) => [i.part, i.resource?.type, i.resource?.id, i.passed, i.masked]),
    [
      ["", "customer", "C1", ["name", "mobile"], ["cvv"]],
      ["accounts", "account", "100200300400", [], ["no"]],
    ],
  );
});

test("every failure of the service falls back, every refusal is thrown", async () => {
  await client.prepare("core-counter", "customer");
  const causes: [Status, string][] = [
    [Status.UNAVAILABLE, "unavailable"],
    [Status.DEADLINE_EXCEEDED, "deadline"],
    [Status.INTERNAL, "bad_answer"],
    [Status.UNKNOWN, "bad_answer"],
    [Status.ABORTED, "bad_answer"],
    [Status.CANCELLED, "bad_answer"],
    [Status.DATA_LOSS, "bad_answer"],
    [Status.UNIMPLEMENTED, "bad_answer"],
    [Status.RESOURCE_EXHAUSTED, "overload"],
    [Status.FAILED_PRECONDITION, "unavailable"],
  ];
  for (const [code, cause] of causes) {
    service.before = failing(code);
    assert.equal((await mask()).fallback?.cause, cause, Status[code]);
    service.before = () => undefined;
    assert.equal((await mask()).fallback, null); // keeps the breaker closed
  }
  for (const code of [
    Status.INVALID_ARGUMENT,
    Status.NOT_FOUND,
    Status.OUT_OF_RANGE,
    Status.UNAUTHENTICATED,
    Status.PERMISSION_DENIED,
  ]) {
    service.before = failing(code);
    await assert.rejects(mask(), /says why/);
  }
  await assert.rejects(mask({ accounts: {} }), MessageMismatchError);
  service.before = () => undefined;
  service.garbage = Buffer.from([0x0a, 0xff]);
  assert.equal((await mask()).fallback?.cause, "bad_answer");
});

test("a service that hangs, and one that is gone", async () => {
  await client.prepare("core-counter", "customer");
  await client.close();
  client = opened({ deadlineMs: 200 });
  service.before = () => new Promise(() => undefined);
  assert.equal((await mask()).fallback?.cause, "deadline");
  service.stop();
  const gone = await mask();
  assert.ok(["unavailable", "deadline"].includes(gone.fallback?.cause ?? ""));
  assert.deepEqual(gone.message, PASSED);
});

test("the map of an earlier process is good for a fallback; without one the error is thrown", async () => {
  await client.prepare("core-counter", "customer");
  await client.close();
  service.stop();
  client = opened();
  assert.deepEqual((await mask()).message, PASSED);
  await client.close();
  rmSync(join(folder, "maps"), { recursive: true });
  client = opened();
  await assert.rejects(mask(), DecisionUnavailableError);
});

test("after its end nothing passes, and nothing did that the map does not let pass", async () => {
  service.passUntilNanos = BigInt(Date.now() - 1_000) * 1_000_000n;
  await client.prepare("core-counter", "customer");
  service.before = failing(Status.UNAVAILABLE);
  const masked = await mask();
  assert.deepEqual(masked.message, MASKED);
  assert.deepEqual([masked.fallback?.passed, masked.fallback?.recorded], [[], true]);
});

test("what cannot be recorded does not pass, and the alarm is raised", async () => {
  await client.prepare("core-counter", "customer");
  service.before = failing(Status.UNAVAILABLE);
  rmSync(join(folder, "fallbacks"), { recursive: true });
  const masked = await mask();
  assert.deepEqual(masked.message, MASKED);
  assert.deepEqual([masked.fallback?.passed, masked.fallback?.recorded], [[], false]);
  assert.match(at(masked.problems, 0), /could not be written, so nothing passed: ENOENT/);
  assert.deepEqual(
    alarms.map((alarm) => alarm.kind),
    ["not_recorded"],
  );
});

test("events are reported once, after the next answer", async () => {
  await client.prepare("core-counter", "customer");
  service.before = failing(Status.UNAVAILABLE);
  await Promise.all(Array.from({ length: 3 }, () => mask()));
  service.before = () => undefined;
  await mask();
  await until(() => service.recordedThrough === 3n);
  assert.deepEqual(
    service.events.map((event) => event.sequence),
    [1n, 2n, 3n],
  );
  assert.deepEqual(await written(), []);
});

test("a report whose answer was lost is made again and recorded once", async () => {
  await client.prepare("core-counter", "customer");
  service.before = failing(Status.UNAVAILABLE);
  await mask();
  let lost = 0;
  service.before = (name, request) => {
    if (name !== "ReportFallbacks" || lost > 0) return;
    lost += 1;
    service.events.push(...(request as FallbackEvent[]));
    service.recordedThrough = 1n;
    throw new Refusal(Status.DATA_LOSS, "the answer is lost");
  };
  await mask();
  await until(() => lost === 1);
  await client.close();
  assert.equal(service.events.length, 1);
  client = opened();
  assert.deepEqual(await written(), []);
});

test("a client whose disk was put back goes on after what the service has", async () => {
  await client.prepare("core-counter", "customer");
  service.recordedThrough = 41n;
  const fallThenAnswer = async () => {
    service.before = failing(Status.UNAVAILABLE);
    await mask();
    service.before = () => undefined;
    await mask();
  };
  let reports = 0;
  service.reported = () => {
    reports += 1;
  };
  await fallThenAnswer();
  await until(() => reports === 1);
  await fallThenAnswer();
  await until(() => service.recordedThrough === 42n);
  assert.deepEqual(
    service.events.map((event) => event.sequence),
    [42n],
  );
});

test("a service that has lost its records gets the numbers, so that the sequence has no gap", async () => {
  await client.prepare("core-counter", "customer");
  service.before = failing(Status.UNAVAILABLE);
  for (let i = 0; i < 2; i++) await mask();
  service.before = () => undefined;
  await mask();
  await until(() => service.recordedThrough === 2n);
  service.recordedThrough = 0n;
  service.events = [];
  service.before = failing(Status.UNAVAILABLE);
  await mask();
  service.before = () => undefined;
  await mask();
  await until(() => service.recordedThrough === 3n);
  assert.deepEqual(
    service.events.map((event) => event.sequence),
    [1n, 2n, 3n],
  );
});

test("a record that the service refuses does not keep the others from being recorded", async () => {
  await client.prepare("core-counter", "customer");
  service.before = failing(Status.UNAVAILABLE);
  for (let i = 0; i < 3; i++) await mask();
  service.before = (name, request) => {
    if (name !== "ReportFallbacks") return;
    if ((request as FallbackEvent[]).some((event) => event.sequence === 2n && event.items.length > 0)) {
      throw new Refusal(Status.INVALID_ARGUMENT, "events[0] is wrong", "ERROR_REASON_INVALID_REQUEST");
    }
  };
  await mask();
  await until(() => service.recordedThrough === 3n);
  assert.deepEqual(
    service.events.map((event) => [event.sequence, event.items.length]),
    [
      [1n, 2],
      [2n, 0],
      [3n, 2],
    ],
  );
  assert.deepEqual(
    alarms.map((alarm) => alarm.kind),
    ["not_recorded"],
  );
});

test("after five failures in a row the service is left alone, then tried by one call", async () => {
  let time = 0;
  const told: boolean[] = [];
  const breaker = new Breaker(
    (open) => told.push(open),
    { failures: 5, firstMs: 1_000, longestMs: 4_000 },
    () => time,
  );
  for (let i = 0; i < 4; i++) {
    assert.ok(breaker.admits());
    breaker.failed();
  }
  breaker.succeeded();
  for (let i = 0; i < 5; i++) breaker.failed();
  assert.deepEqual(told, [true]);
  for (const pause of [1_000, 2_000, 4_000, 4_000]) {
    time += pause - 1;
    assert.equal(breaker.admits(), false, `${pause}`);
    breaker.failed(); // one that was under way
    time += pause * 0.1 + 1;
    assert.equal(breaker.admits(), true);
    assert.equal(breaker.admits(), false);
    breaker.failed();
  }
  time += 10_000;
  assert.equal(breaker.admits(), true);
  breaker.abandoned();
  assert.equal(breaker.admits(), true);
  breaker.succeeded();
  assert.deepEqual(told, [true, false]);
  assert.ok(breaker.admits() && breaker.admits());
});

test("an open breaker falls back without asking; the alarm tells that it opened and closed", async () => {
  await client.prepare("core-counter", "customer");
  service.before = failing(Status.INTERNAL);
  for (let i = 0; i < 5; i++) await mask();
  service.calls = [];
  const masked = await mask();
  assert.deepEqual([masked.fallback?.cause, service.names()], ["breaker_open", []]);
  assert.deepEqual(masked.message, PASSED);
  service.before = () => undefined;
  for (const end = performance.now() + PATIENT; (await mask()).fallback !== null; ) {
    assert.ok(performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.deepEqual(
    alarms.map((alarm) => alarm.kind),
    ["breaker_opened", "breaker_closed"],
  );
});

test("a refusal is no failure", async () => {
  await client.prepare("core-counter", "customer");
  service.before = failing(Status.INVALID_ARGUMENT);
  for (let i = 0; i < 10; i++) await assert.rejects(mask(), RequestRejectedError);
  assert.deepEqual(alarms, []);
});

test("the alarm is told once in a while when too many messages fell back", () => {
  let time = 0;
  const told: Alarm[] = [];
  const counter = new FallbackCounter(
    (alarm) => told.push(alarm),
    () => time,
  );
  const count = (times: number) => {
    for (let i = 0; i < times; i++) counter.count(3, 60);
    return told.length;
  };
  assert.equal(count(3), 0);
  assert.equal(count(1), 1);
  assert.equal(count(100), 1);
  time = 61_000;
  assert.equal(count(3), 1);
  assert.equal(count(2), 2);
  counter.count(0, 0);
  assert.equal(told.length, 2);
});

test("the bound of the map raises the alarm; a listener that fails does not harm", async () => {
  service.alarm = [1, 60];
  await client.close();
  client = opened({
    alarm: (alarm) => {
      alarms.push(alarm);
      throw new Error("not heard");
    },
  });
  await client.prepare("core-counter", "customer");
  service.before = failing(Status.UNAVAILABLE);
  for (let i = 0; i < 4; i++) await mask();
  assert.deepEqual(
    alarms.map((alarm) => alarm.kind),
    ["many_fallbacks"],
  );
});

test("a hundred messages at the same time are all recorded", async () => {
  await client.prepare("core-counter", "customer");
  service.before = failing(Status.UNAVAILABLE);
  const results = await Promise.all(Array.from({ length: 100 }, () => mask()));
  for (const masked of results) assert.deepEqual(masked.message, PASSED);
  assert.equal((await written()).length, 100);
});

test("a message of very many resources is recorded in several events, all or none", async () => {
  await client.prepare("core-counter", "customer");
  service.before = failing(Status.UNAVAILABLE);
  const accounts = Array.from({ length: 1_500 }, (_, i) => ({ no: String(i).padStart(12, "0") }));
  const masked = await mask({ ...MESSAGE, accounts });
  assert.equal(masked.fallback?.recorded, true);
  const events = await written();
  assert.deepEqual(
    events.map((event) => [event.sequence, event.requestId, event.items.length]),
    [
      [1n, "r1", 1_000],
      [2n, "r1", 501],
    ],
  );
});
