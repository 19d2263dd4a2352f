/** The client against a service on a real socket. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { create, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import { status as Status } from "@grpc/grpc-js";
import {
  AccessDeniedError,
  AttributeValueError,
  Client,
  ClientClosedError,
  type ClientOptions,
  ConfigurationError,
  DecisionUnavailableError,
  double,
  duration,
  type JingxiError,
  type Masked,
  type MaskOptions,
  MessageMismatchError,
  ProtocolError,
  RequestRejectedError,
  RevisionTooOldError,
  UnknownMessageError,
  verdictOf,
} from "@jingxi/client";
import { batches } from "../dist/asking.js";
import { AttributeType, AttributeTypeSchema, type MessageMap, MessageMapSchema } from "../dist/gen/pdp/v1/bundle_pb.js";
import {
  BatchItemSchema,
  type DecideBatchRequest,
  DecideBatchRequestSchema,
  type DecideRequest,
  DecideRequestSchema,
  GetMessageMapRequestSchema,
} from "../dist/gen/pdp/v1/decision_service_pb.js";
import { DiagnosticCode } from "../dist/gen/pdp/v1/types_pb.js";
import { Refusal, Service } from "./service.js";
import { at, type Json, load, replyOf, type VerdictJson } from "./support.js";

const TELLER = { id: "T1001", roles: ["teller"], attributes: { level: 2 } };
/** What a call may take on a busy machine that is not about time. */
const PATIENT = 30_000;
const KEEP: VerdictJson = { algorithm: "keep", parameters: { prefix: 3, suffix: 4 } };

let service: Service;
let services: Service[];
let clients: Client[];

beforeEach(() => {
  service = new Service();
  services = [];
  clients = [];
});

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  for (const one of services) one.stop();
});

async function served(one: Service, options: Parameters<Service["serve"]>[0] = {}): Promise<number> {
  services.push(one);
  return one.serve(options);
}

async function clientOf(options: Partial<ClientOptions> = {}): Promise<Client> {
  const target = options.target ?? `127.0.0.1:${await served(service)}`;
  const client = new Client({ deadlineMs: PATIENT, ...options, target });
  clients.push(client);
  return client;
}

/** A map of `$.<field>` for each field. */
function customerMap(...fields: string[]): MessageMap {
  return create(MessageMapSchema, {
    application: "core-counter",
    name: "customer",
    parts: [
      {
        path: "$",
        resourceType: "customer",
        resourceId: "$.no",
        fields: fields.map((field) => ({ field, paths: [`$.${field}`] })),
        attributes: [{ attribute: "resource.customer_class", path: "$.class" }],
      },
    ],
  } as object);
}

function withAccounts(map: MessageMap): MessageMap {
  const part = {
    name: "accounts",
    path: "$.accounts",
    resourceType: "account",
    resourceId: "$.no",
    fields: [{ field: "account_no", paths: ["$.no"] }],
    attributes: [{ attribute: "resource.balance", path: "$.balance" }],
  };
  return create(MessageMapSchema, { ...map, $typeName: undefined, parts: [...map.parts, part] } as object);
}

function prepared(one: Service, map: MessageMap): Service {
  one.putMap(map);
  one.types = { "resource.customer_class": AttributeType.STRING, "resource.balance": AttributeType.DOUBLE };
  one.answer = (item) => {
    const part = map.parts.find((p) => p.name === item.message?.part);
    return replyOf(Object.fromEntries((part?.fields ?? []).map((f) => [f.field, KEEP])));
  };
  return one;
}

function mask(client: Client, message: Json, more: Partial<MaskOptions> = {}): Promise<Masked<Json>> {
  return client.mask(message, { application: "core-counter", name: "customer", subject: TELLER, ...more });
}

test("decide: question and answer", async () => {
  service.answer = () => {
    const reply = replyOf({ mobile: KEEP, name: "unmask" });
    reply.obligations.push({ type: "alert", parameters: { severity: "high" }, fields: ["name"], rule: "p/r" } as Json);
    reply.diagnostics.push({
      code: DiagnosticCode.UNDECIDED_RULE,
      message: "m",
      subject: "p/r",
      attributes: ["subject.x"],
    } as Json);
    return reply;
  };
  const client = await clientOf();
  const decision = await client.decide(["mobile", "name"], {
    subject: TELLER,
    action: { name: "query", attributes: { amount: double(5) } },
    resource: { type: "customer", id: "C1", attributes: { vip: true, idle: duration("1h30m") } },
    context: { menu: "3101" },
    grantIds: ["G1"],
    requestId: "r1",
    minRevision: 3n,
    minGrantRevision: 4n,
  });
  assert.deepEqual(service.names(), ["Decide"]);
  assert.deepEqual(toJson(DecideRequestSchema, at(service.requests<DecideRequest>("Decide"), 0)), {
    requestId: "r1",
    subject: { id: "T1001", roles: ["teller"], attributes: { level: { intValue: "2" } } },
    action: { name: "query", attributes: { amount: { doubleValue: 5 } } },
    resource: {
      type: "customer",
      id: "C1",
      attributes: { vip: { boolValue: true }, idle: { durationValue: "5400s" } },
    },
    context: { menu: { stringValue: "3101" } },
    fields: ["mobile", "name"],
    grantIds: ["G1"],
    minRevision: "3",
    minGrantRevision: "4",
  });
  assert.deepEqual([decision.decisionId, decision.requestId, decision.revision], ["d1", "r1", 7n]);
  assert.equal(decision.policyHash, "h1");
  assert.deepEqual(verdictOf(decision, "mobile")?.mask, {
    algorithm: "keep",
    parameters: { prefix: 3, suffix: 4 },
    name: "",
  });
  assert.equal(verdictOf(decision, "name")?.mask, null);
  assert.equal(verdictOf(decision, "email"), undefined);
  const reason = verdictOf(decision, "name")?.reason;
  assert.deepEqual([reason?.kind, reason?.rule, reason?.title.zh, reason?.grantId], ["rule", "p/r", "规则", "G1"]);
  assert.deepEqual(decision.obligations, [
    { type: "alert", parameters: { severity: "high" }, fields: ["name"], rule: "p/r" },
  ]);
  assert.deepEqual(decision.diagnostics, [
    { code: "undecided_rule", message: "m", subject: "p/r", attributes: ["subject.x"] },
  ]);
});

test("decide: every call has a request id of its own", async () => {
  const client = await clientOf();
  const ids = new Set<string>();
  for (let i = 0; i < 3; i++) ids.add((await client.decide(["a"], { subject: TELLER })).requestId);
  assert.equal(ids.size, 3);
  assert.deepEqual(new Set(service.requests<DecideRequest>("Decide").map((r) => r.requestId)), ids);
});

test("decide: an answer about other fields is refused", async () => {
  service.answer = () => replyOf({ name: "unmask", mobile: "unmask" });
  const client = await clientOf();
  await assert.rejects(client.decide(["mobile", "name"], { subject: TELLER }), ProtocolError);
});

test("a value that cannot be sent is refused before anything is sent", async () => {
  const client = await clientOf();
  const refused = async (question: Json, why: RegExp) =>
    assert.rejects(
      client.decide(["a"], question),
      (error) => error instanceof AttributeValueError && why.test(error.message),
    );
  await refused({ subject: TELLER, context: { x: new WeakMap() } }, /attribute `context\.x`: .*`WeakMap`/);
  await refused({ subject: { id: "\ud800" } }, /`subject\.id`/);
  await refused({ subject: TELLER, resource: { type: "customer", id: 5 } }, /`resource\.id`/);
  await refused({ subject: TELLER, context: { x: [1, "secret"] } }, /^(?!.*secret)/);
  assert.deepEqual(service.calls, []);
});

test("a status becomes its error", async () => {
  const table: [Status, string, new (...args: never[]) => JingxiError][] = [
    [Status.INVALID_ARGUMENT, "ERROR_REASON_INVALID_REQUEST", RequestRejectedError],
    [Status.INVALID_ARGUMENT, "ERROR_REASON_UNKNOWN_MESSAGE", UnknownMessageError],
    [Status.NOT_FOUND, "ERROR_REASON_UNKNOWN_MESSAGE", UnknownMessageError],
    [Status.OUT_OF_RANGE, "", RequestRejectedError],
    [Status.FAILED_PRECONDITION, "ERROR_REASON_REVISION_TOO_OLD", RevisionTooOldError],
    [Status.UNAVAILABLE, "ERROR_REASON_NO_POLICY", DecisionUnavailableError],
    [Status.INTERNAL, "ERROR_REASON_INTERNAL", DecisionUnavailableError],
    [Status.RESOURCE_EXHAUSTED, "", DecisionUnavailableError],
    [Status.UNAUTHENTICATED, "", AccessDeniedError],
    [Status.PERMISSION_DENIED, "", AccessDeniedError],
  ];
  const client = await clientOf();
  for (const [code, reason, kind] of table) {
    service.before = () => {
      throw new Refusal(code, "says why", reason, {}, { fields: "is empty" });
    };
    await assert.rejects(client.decide(["a"], { subject: TELLER }), (error: JingxiError) => {
      assert.equal(error.constructor, kind, Status[code]);
      assert.match(error.message, /says why/);
      if (error instanceof RequestRejectedError) {
        assert.deepEqual(error.violations, [{ field: "fields", description: "is empty" }]);
      }
      if (error instanceof DecisionUnavailableError) assert.equal(error.status, Status[code]);
      return error.name === kind.name;
    });
  }
});

test("details that cannot be read are left aside", async () => {
  const client = await clientOf();
  service.before = () => {
    const refusal = new Refusal(Status.INVALID_ARGUMENT, "says why");
    refusal.metadata.set("grpc-status-details-bin", Buffer.from([0xff, 0xff, 0xff]));
    throw refusal;
  };
  await assert.rejects(client.decide(["a"], { subject: TELLER }), RequestRejectedError);
});

test("an answer that is none is DecisionUnavailable", async () => {
  const client = await clientOf();
  service.garbage = Buffer.from([0x0a, 0xff]);
  await assert.rejects(
    client.decide(["a"], { subject: TELLER }),
    (error) => error instanceof DecisionUnavailableError && error.status === "INTERNAL",
  );
});

test("UNAVAILABLE is tried three times, other failures once", async () => {
  const client = await clientOf();
  for (const [code, fails, tries] of [
    [Status.UNAVAILABLE, 2, 3],
    [Status.UNAVAILABLE, 9, 3],
    [Status.INTERNAL, 1, 1],
  ] as const) {
    service.calls = [];
    service.before = () => {
      if (service.calls.length <= fails) throw new Refusal(code, "away");
    };
    const asked = client.decide(["a"], { subject: TELLER });
    if (fails < tries) await asked;
    else await assert.rejects(asked, DecisionUnavailableError);
    assert.equal(service.calls.length, tries);
  }
});

test("the deadline holds for all calls and tries of a message together", async () => {
  prepared(service, customerMap("mobile"));
  const client = await clientOf({ deadlineMs: 1_000 });
  await client.ready(PATIENT);
  let hung = 0;
  service.before = (name) => {
    if (name !== "Decide") return undefined;
    hung += 1;
    return new Promise(() => undefined);
  };
  const begun = performance.now();
  await assert.rejects(
    mask(client, { mobile: "13812348000" }),
    (error) => error instanceof DecisionUnavailableError && error.status === "DEADLINE_EXCEEDED",
  );
  const taken = performance.now() - begun;
  assert.ok(taken >= 990 && taken < 10_000, `${taken} ms`);
  assert.equal(hung, 1);
});

test("nobody there is UNAVAILABLE, and is told soon", async () => {
  const port = await served(service);
  service.stop();
  const client = await clientOf({ target: `127.0.0.1:${port}` });
  await assert.rejects(
    client.decide(["a"], { subject: TELLER }),
    (error) => error instanceof DecisionUnavailableError && error.status === "UNAVAILABLE",
  );
  await assert.rejects(client.ready(50), DecisionUnavailableError);
});

test("calls go round the healthy nodes and follow what their health service says", async () => {
  const [one, two] = [new Service(), new Service()];
  const target = `ipv4:127.0.0.1:${await served(one)},127.0.0.1:${await served(two)}`;
  const client = await clientOf({ target });
  const counts = async (calls: number) => {
    one.calls = [];
    two.calls = [];
    for (let i = 0; i < calls; i++) await client.decide(["a"], { subject: TELLER });
    return [one.calls.length, two.calls.length];
  };
  const until = async (wanted: readonly number[]) => {
    let found: number[] = [];
    for (const end = performance.now() + PATIENT; performance.now() < end; ) {
      found = await counts(4);
      if (found.join() === wanted.join()) return;
    }
    assert.deepEqual(found, wanted);
  };
  await until([2, 2]);
  two.health = 2;
  await until([4, 0]);
  two.health = 1;
  await until([2, 2]);
  one.stop();
  await until([0, 4]);
});

test("a call that a node refuses as UNAVAILABLE is answered by the next one", async () => {
  const [one, two] = [new Service(), new Service()];
  const client = await clientOf({ target: [`127.0.0.1:${await served(one)}`, `127.0.0.1:${await served(two)}`] });
  one.before = () => {
    throw new Refusal(Status.UNAVAILABLE, "stops");
  };
  for (let i = 0; i < 6; i++) await client.decide(["a"], { subject: TELLER });
  assert.equal(two.calls.length, 6);
  assert.ok(one.calls.length >= 1);
});

test("a service that comes back is used again", async () => {
  const port = await served(service);
  const client = await clientOf({ target: `localhost:${port}` });
  await client.decide(["a"], { subject: TELLER });
  service.stop();
  await assert.rejects(client.decide(["a"], { subject: TELLER }), DecisionUnavailableError);
  const again = new Service();
  await served(again, { port });
  await client.ready(PATIENT);
  await client.decide(["a"], { subject: TELLER });
  assert.deepEqual(again.names(), ["Decide"]);
});

test("a service without the health service is healthy when it can be reached", async () => {
  const client = await clientOf({ target: `127.0.0.1:${await served(service, { health: false })}` });
  await client.decide(["a"], { subject: TELLER });
  assert.deepEqual(service.names(), ["Decide"]);
});

test("plain text goes to this machine only, unless asked for", async () => {
  for (const target of [
    "pdp:1",
    "10.0.0.1:1",
    "ipv4:127.0.0.1:1,10.0.0.1:1",
    "dns:///pdp.example:1",
    "localhost.example:1",
    "[2001:db8::1]:1",
  ]) {
    assert.throws(() => new Client({ target }), /there is no TLS/, target);
    await new Client({ target, insecure: true }).close();
    assert.throws(() => new Client({ target, insecure: true, tokenFile: "/dev/null" }), /a token is sent over TLS/);
  }
  for (const target of ["localhost:1", "127.0.0.1:1", "[::1]:1", "unix:/tmp/x", "dns:///localhost:1"]) {
    await new Client({ target }).close();
  }
  for (const target of ["", "xds:///pdp", "pdp", "pdp:0", "pdp:99999", []]) {
    assert.throws(() => new Client({ target, insecure: true }), ConfigurationError);
  }
  assert.throws(() => new Client({ target: "localhost:1", deadlineMs: 0 }), ConfigurationError);
});

test("a closed client says so, and may be closed again", async () => {
  const client = await clientOf();
  service.before = () => new Promise(() => undefined);
  const hanging = client.decide(["a"], { subject: TELLER });
  const ended = assert.rejects(hanging, ClientClosedError);
  await client.close();
  await client.close();
  await ended;
  await assert.rejects(client.decide(["a"], { subject: TELLER }), ClientClosedError);
  await assert.rejects(mask(client, {}), ClientClosedError);
  await assert.rejects(client.ready(1), ClientClosedError);
});

test("message maps: vectors over the wire", async () => {
  const table = load("message_maps.json");
  const types = Object.fromEntries(
    Object.entries(table.types).map(([n, t]) => [n, AttributeTypeSchema.values.find((v) => v.name === t)?.number]),
  ) as Record<string, AttributeType>;
  const target = `127.0.0.1:${await served(service)}`;
  for (const one of table.cases.filter((c: Json) => c.error === undefined)) {
    service.types = types;
    service.putMap(fromJson(MessageMapSchema, one.map));
    const verdicts = one.questions.map((q: Json) => q.verdicts);
    service.answer = () => {
      const found = verdicts.shift();
      return found === null ? { failed: "no" } : replyOf(found);
    };
    const client = new Client({ target, deadlineMs: PATIENT });
    const masked = await client.mask(one.message, {
      application: "core-counter",
      name: "customer-detail",
      subject: { id: "T1001" },
      ...one.caller,
    });
    await client.close();
    assert.deepEqual(masked.message, one.expected, one.id);
    assert.deepEqual(
      masked.decisions.map(({ part, place }) => ({ part, place })),
      one.questions.map(({ part, place }: Json) => ({ part, place })),
    );
    const failed = one.questions.filter((q: Json) => q.verdicts === null).length;
    assert.equal(masked.problems.length, (one.problems ?? 0) + failed, one.id);
  }
});

test("nothing but declared attributes and ids leaves the process", async () => {
  prepared(service, withAccounts(customerMap("mobile", "name")));
  const client = await clientOf();
  await mask(client, {
    no: "C2001",
    class: "private",
    mobile: "13812348000",
    name: "张三",
    unmapped: "secret",
    accounts: [{ no: "100200300400", balance: "12.5", holder: "李四", mobile: 13912348001 }],
  });
  const sent = Buffer.concat([
    ...service.requests<DecideBatchRequest>("DecideBatch").map((r) => toBinary(DecideBatchRequestSchema, r)),
    ...service.requests<Json>("GetMessageMap").map((r) => toBinary(GetMessageMapRequestSchema, r)),
  ]);
  for (const value of ["13812348000", "张三", "secret", "李四", "13912348001", "12.5"])
    assert.ok(!sent.includes(value));
  // Declared: the resources' ids and an attribute.
  for (const value of ["C2001", "private", "100200300400"]) assert.ok(sent.includes(value));
});

test("one call for a message and one for a message with lists; the map is fetched once", async () => {
  prepared(service, withAccounts(customerMap("mobile")));
  const client = await clientOf();
  await mask(client, { no: "C1", mobile: "13812348000" }, { requestId: "r1", grantIds: ["G1"], minRevision: 2n });
  const masked = await mask(client, { no: "C1", accounts: [{ no: "100200300400" }, { no: "1" }] }, { requestId: "r2" });
  assert.deepEqual(service.names(), ["GetMessageMap", "Decide", "DecideBatch"]);
  const decide = at(service.requests<DecideRequest>("Decide"), 0);
  const batch = at(service.requests<DecideBatchRequest>("DecideBatch"), 0);
  assert.deepEqual([decide.requestId, decide.grantIds, decide.minRevision], ["r1", ["G1"], 2n]);
  assert.deepEqual([batch.requestId, batch.items.length], ["r2", 3]);
  assert.deepEqual(
    [at(batch.items, 1).message?.application, at(batch.items, 1).message?.name, at(batch.items, 1).message?.part],
    ["core-counter", "customer", "accounts"],
  );
  assert.deepEqual(masked.message.accounts, [{ no: "100*****0400" }, { no: "*" }]);
  assert.deepEqual(
    masked.decisions.map((part) => part.place),
    ["$", "$.accounts[0]", "$.accounts[1]"],
  );
  for (const { decision } of masked.decisions) assert.deepEqual([decision?.revision, decision?.policyHash], [7n, "h1"]);
  assert.deepEqual([masked.requestId, masked.policyHash, masked.problems, masked.fallback], ["r2", "h1", [], null]);
});

test("long lists go in batches the service accepts", () => {
  const items = Array.from({ length: 50 }, (_, i) =>
    create(BatchItemSchema, { resource: { id: String(i).padStart(i < 40 ? 12 : 250, "0") } }),
  );
  const found = [...batches(items, 15, 2_000)];
  assert.deepEqual(found.flat(), items);
  assert.equal(Math.max(...found.map((batch) => batch.length)), 15);
  for (const batch of found) {
    assert.ok(batch.reduce((sum, item) => sum + toBinary(BatchItemSchema, item).length, 0) < 2_000);
  }
});

test("a new map is followed at once, and a new policy set with the same map costs one fetch", async () => {
  prepared(service, customerMap("mobile"));
  const client = await clientOf();
  const message = { mobile: "13812348000", email: "zhangsan@example.com" };
  assert.equal((await mask(client, message)).message.email, "zhangsan@example.com");
  prepared(service, customerMap("mobile", "email")).policyHash = "h2";
  const masked = await mask(client, message);
  assert.deepEqual(masked.message, { mobile: "138****8000", email: "zha*************.com" });
  assert.equal(masked.policyHash, "h2");
  service.calls = [];
  await mask(client, message);
  assert.deepEqual(service.names(), ["Decide"]);
  service.policyHash = "h3";
  service.calls = [];
  await mask(client, message);
  await mask(client, message);
  service.policyHash = "h2"; // a node that has not got the new one yet
  await mask(client, message);
  assert.deepEqual(service.names(), ["Decide", "GetMessageMap", "Decide", "Decide"]);
  service.types["resource.customer_class"] = AttributeType.INT;
  service.policyHash = "h4";
  await mask(client, { class: "3" });
  const [last] = service.requests<DecideRequest>("Decide").slice(-1);
  assert.deepEqual(last?.resource?.attributes.customer_class?.kind, { case: "intValue", value: 3n });
});

test("where nothing is asked the map is checked", async () => {
  prepared(service, withAccounts(customerMap()));
  const client = await clientOf();
  assert.equal((await mask(client, { accounts: [], email: "a@b.cn" })).message.email, "a@b.cn");
  prepared(service, withAccounts(customerMap("email"))).policyHash = "h2";
  assert.equal((await mask(client, { accounts: [], email: "a@b.cn" })).message.email, "******");
});

test("nodes with different maps", async () => {
  const old = prepared(new Service(), customerMap("mobile"));
  const young = prepared(new Service(), customerMap("mobile", "email"));
  young.policyHash = "h2";
  const client = await clientOf({ target: `ipv4:127.0.0.1:${await served(old)},127.0.0.1:${await served(young)}` });
  const message = { mobile: "13812348000", email: "zhangsan@example.com" };
  const seen = new Map<string, Json>();
  for (let i = 0; i < 2_000 && seen.size < 2; i++) {
    const masked = await mask(client, message);
    seen.set(masked.policyHash, masked.message);
  }
  assert.deepEqual(seen.get("h1"), { mobile: "138****8000", email: "zhangsan@example.com" });
  assert.deepEqual(seen.get("h2"), { mobile: "138****8000", email: "zha*************.com" });
});

test("a policy set that never stands still", async () => {
  prepared(service, customerMap("mobile"));
  service.before = () => {
    service.policyHash = `h${service.calls.length}`;
  };
  const client = await clientOf();
  await assert.rejects(mask(client, {}), /policy sets changed 8 times/);
  assert.ok(service.calls.length <= 1 + 8 * 5);
});

test("no map, and a map that was taken away", async () => {
  const client = await clientOf();
  await assert.rejects(mask(client, {}), UnknownMessageError);
  prepared(service, customerMap("mobile"));
  await mask(client, {});
  service.maps.clear();
  service.before = (name) => {
    if (name === "Decide") throw new Refusal(Status.NOT_FOUND, "gone", "ERROR_REASON_UNKNOWN_MESSAGE");
  };
  await assert.rejects(mask(client, {}), UnknownMessageError);
});

test("a message that does not fit is refused before anything is asked", async () => {
  prepared(service, withAccounts(customerMap("mobile")));
  const client = await clientOf();
  await assert.rejects(mask(client, { accounts: { no: "100200300400" } }), MessageMismatchError);
  assert.deepEqual(service.names(), ["GetMessageMap"]);
});

test("an item that fails alone is masked in full", async () => {
  const map = withAccounts(customerMap());
  prepared(service, map);
  const usual = service.answer;
  service.answer = (item) => (item.resource?.id === "13" ? { failed: "its id is too long" } : usual(item));
  const client = await clientOf();
  const masked = await mask(client, { accounts: [{ no: "13" }, { no: "100200300400" }] });
  assert.deepEqual(masked.message.accounts, [{ no: "***" }, { no: "100*****0400" }]);
  assert.equal(at(masked.decisions, 0).decision, null);
  assert.deepEqual(masked.problems, ["$.accounts[0] was masked in full: its id is too long"]);
});

test("a mask it does not know drops the field and says so", async () => {
  prepared(service, customerMap("mobile", "name"));
  const full: VerdictJson = { algorithm: "full", parameters: {} };
  service.answer = () => replyOf({ mobile: { algorithm: "tokenize", parameters: {} }, name: full });
  const client = await clientOf();
  const masked = await mask(client, { mobile: "13812348000", name: "张三" });
  assert.deepEqual(masked.message, { name: "***" });
  assert.equal(masked.problems.length, 1);
  assert.match(at(masked.problems, 0), /does not know the algorithm `tokenize`/);
});

test("hashes take their key from the caller", async () => {
  prepared(service, customerMap("mobile"));
  service.answer = () => replyOf({ mobile: { algorithm: "hash", parameters: { key: "k", digits: 16 } } });
  const keys = (id: string) => (id === "k" ? Buffer.from("0123456789abcdef0123456789abcdef") : undefined);
  const client = await clientOf({ keys });
  assert.deepEqual((await mask(client, { mobile: "13812348000" })).message, { mobile: "03a5fa1f12d5f495" });
});

test("numbers of a lossless parser keep their digits", async () => {
  prepared(service, withAccounts(customerMap("mobile")));
  class Lossless {
    constructor(readonly value: string) {}
  }
  const client = await clientOf({ decimalText: (value) => (value instanceof Lossless ? value.value : undefined) });
  const message = {
    mobile: new Lossless("12345678901234567890"),
    accounts: [{ no: "1", balance: new Lossless("12.50") }],
  };
  const masked = await mask(client, message);
  assert.equal(masked.message.mobile, "123*************7890");
  const item = at(at(service.requests<DecideBatchRequest>("DecideBatch"), 0).items, 1);
  assert.deepEqual(item.resource?.attributes.balance?.kind, { case: "doubleValue", value: 12.5 });
});

test("obligations of all parts once", async () => {
  prepared(service, withAccounts(customerMap()));
  service.answer = () => {
    const reply = replyOf({ account_no: "unmask" });
    reply.obligations.push({ type: "watermark", parameters: {}, fields: ["account_no"], rule: "p/r" } as Json);
    return reply;
  };
  const client = await clientOf();
  const masked = await mask(client, { accounts: [{ no: "1" }, { no: "2" }] });
  assert.deepEqual(
    masked.obligations.map((o) => o.type),
    ["watermark"],
  );
});

test("a hundred messages at the same time share a client", async () => {
  prepared(service, withAccounts(customerMap("mobile")));
  const client = await clientOf();
  const messages = Array.from({ length: 100 }, (_, i) => ({
    no: `C${i}`,
    mobile: `138${String(i).padStart(8, "0")}`,
    accounts: Array.from({ length: i % 4 }, () => ({ no: String(i).padStart(12, "0") })),
  }));
  const before = structuredClone(messages);
  const results = await Promise.all(messages.map((message) => mask(client, message)));
  for (const [i, { message }] of results.entries()) {
    const digits = String(i).padStart(8, "0");
    assert.deepEqual([message.no, message.mobile], [`C${i}`, `138****${digits.slice(-4)}`]);
    assert.deepEqual(
      message.accounts,
      at(messages, i).accounts.map(({ no }) => ({ no: `000*****${no.slice(-4)}` })),
    );
  }
  assert.deepEqual(messages, before);
});

test("metrics and interceptors are told of every call; what they throw is not heard", async () => {
  prepared(service, customerMap("mobile"));
  const calls: string[] = [];
  const outcomes: string[] = [];
  const seen: string[] = [];
  const client = await clientOf({
    metrics: {
      call: (method, outcome, seconds) => {
        calls.push(`${method} ${outcome}`);
        assert.ok(seconds >= 0 && seconds < 60);
        throw new Error("not heard");
      },
      message: (outcome) => {
        outcomes.push(outcome);
      },
    },
    interceptors: [
      (options, next) => {
        seen.push(options.method_definition.path);
        return next(options) as never;
      },
    ],
  });
  await mask(client, { mobile: "1" });
  await assert.rejects(mask(client, "text"), MessageMismatchError);
  service.before = () => {
    throw new Refusal(Status.INTERNAL, "broken");
  };
  await assert.rejects(mask(client, {}), DecisionUnavailableError);
  assert.deepEqual(calls, ["GetMessageMap OK", "Decide OK", "Decide INTERNAL"]);
  assert.deepEqual(outcomes, ["decided", "refused", "refused"]);
  assert.ok(seen.includes("/pdp.v1.DecisionService/Decide"));
});
