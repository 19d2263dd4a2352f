/** The clients against the real service, on the sample bank: decided, killed, hung, gone and back. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Alarm, Client, type Masked } from "@jingxi/client";
import { OfflineClient } from "@jingxi/client/offline";
import { NO_SERVICE, Serving } from "./serving.js";
import { type Json, VECTORS } from "./support.js";

const POLICIES = process.env.JINGXI_POLICIES ?? "../../policies";
const PATIENT = 30_000;
const MESSAGE = JSON.parse(readFileSync(`${POLICIES}/samples/core-counter.customer-detail.json`, "utf8"));
const DETAIL = {
  application: "core-counter",
  name: "customer-detail",
  subject: { id: "T1001", roles: ["teller"], attributes: { level: 2, branch: "320400001" } },
  action: { name: "query" },
  context: { menu: "1201", channel: "counter", scenario: "processing", region: "320400" },
};

let folder: string;
let serving: Serving;
let client: Client;
const alarms: Alarm[] = [];

const mask = (): Promise<Masked<Json>> => client.mask(MESSAGE, DETAIL);

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = performance.now() + PATIENT; !(await condition()); ) {
    assert.ok(performance.now() < end, "it did not come to pass");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "jingxi-real-"));
  if (NO_SERVICE !== undefined) return;
  serving = await Serving.start(folder, "--policies", POLICIES);
  client = new Client({
    target: serving.address,
    deadlineMs: PATIENT,
    stateFolder: join(folder, "state"),
    alarm: (alarm) => alarms.push(alarm),
  });
});

after(async () => {
  await client?.close();
  await serving?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("a message of the sample bank", { skip: NO_SERVICE }, async () => {
  const masked = await mask();
  assert.equal(masked.fallback, null);
  assert.deepEqual(masked.problems, []);
  assert.match(masked.message.customer.mobile, /^\d{3}\*{4}\d{4}$/);
  assert.notEqual(masked.message.customer.name, MESSAGE.customer.name);
  assert.equal(masked.decisions.length, 1 + MESSAGE.accounts.length);
  await client.decide(["mobile"], { ...DETAIL, resource: { type: "customer", id: "C2001" } });
});

test("the offline client decides as the service does", { skip: NO_SERVICE }, async () => {
  const offline = new OfflineClient({
    bundleFile: `${VECTORS}/bundles/bank.pb`,
    trust: [`${VECTORS}/bundles/test.pub`],
    stateFolder: join(folder, "offline"),
  });
  await offline.ready(PATIENT);
  const [own, online] = [await offline.mask(MESSAGE, DETAIL), await mask()];
  assert.deepEqual(own.message, online.message);
  const plain = ({ decisions }: Masked<Json>) =>
    decisions.map(({ decision }) => ({ verdicts: decision?.verdicts, obligations: decision?.obligations }));
  assert.deepEqual(plain(own), plain(online));
  await offline.close();
});

test("the counter system shows each teller what that teller may see", { skip: NO_SERVICE }, async () => {
  const command = ["examples/counter/server.js", serving.address, `${POLICIES}/samples`];
  const system = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(system.stdout, "data");
  const get = async (path: string, session: string): Promise<[number, Json]> => {
    const response = await fetch(`${String(line).trim()}${path}`, { headers: { "x-session": session } });
    return [response.status, await response.json()];
  };
  const [status, shown] = await get("/1201/customers/C2001", "session-1");
  assert.equal(status, 200);
  const { mobile, name, id_no } = MESSAGE.customer;
  for (const value of [mobile, name, id_no]) assert.ok(!JSON.stringify(shown).includes(value));
  assert.equal(shown.customer.mobile, "138****8000");
  const [, transactions] = await get("/1501/customers/C2001/transactions", "session-2");
  assert.ok(Object.keys(transactions).length > 0);
  assert.equal((await get("/1201/customers/C2001", "nobody"))[0], 401);
  assert.equal((await get("/1201/customers/C9", "session-1"))[0], 404);
  system.kill("SIGTERM");
  const [code] = await once(system, "exit");
  assert.equal(code, 0);
});

test("hung, then back", { skip: NO_SERVICE }, async () => {
  const impatient = new Client({ target: serving.address, deadlineMs: 300, stateFolder: join(folder, "impatient") });
  await impatient.ready(PATIENT);
  await until(async () => (await impatient.mask(MESSAGE, DETAIL)).fallback === null);
  await serving.pause();
  const begun = performance.now();
  const masked = await impatient.mask(MESSAGE, DETAIL);
  assert.ok(performance.now() - begun < 10_000);
  assert.equal(masked.fallback?.cause, "deadline");
  serving.resume();
  await until(async () => (await impatient.mask(MESSAGE, DETAIL)).fallback === null);
  await impatient.close();
});

test("killed: messages fall back as the policy set says, and are reported when it is back", {
  skip: NO_SERVICE,
}, async () => {
  await serving.stop("SIGKILL");
  const shown = await mask();
  assert.equal(shown.fallback?.recorded, true);
  assert.ok((shown.fallback?.passed.length ?? 0) > 0);
  const [host, port] = serving.address.split(":");
  serving = await Serving.start(folder, "--policies", POLICIES, "--listen", `${host}:${port}`);
  await until(async () => (await mask()).fallback === null);
  await until(() => {
    const reported = (() => {
      try {
        return readFileSync(join(folder, "state", "fallbacks", "reported"), "utf8");
      } catch {
        return "0";
      }
    })();
    return Number(reported) >= 1;
  });
});
