/** The state folder: its lock, its frames, what is left of it after a crash. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { Client, StateFolderError } from "@jingxi/client";
import { crc32, slowCrc32 } from "../dist/state/crc.js";
import { StateFolder } from "../dist/state/folder.js";
import { lockFolder } from "../dist/state/lock.js";
import { RecordLog } from "../dist/state/log.js";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "jingxi-state-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const payload = (n: bigint) => Buffer.from(`event ${n}`);

async function append(log: RecordLog): Promise<bigint> {
  const { sequence, written } = log.append(payload);
  await written;
  return sequence;
}

async function filled(count: number, bounds?: { file: number; all: number }): Promise<RecordLog> {
  const log = new RecordLog(folder, bounds);
  for (let i = 0; i < count; i++) await append(log);
  return log;
}

const texts = async (log: RecordLog) =>
  (await log.unreportedRecords(1_000, 1e9)).map((r) =>
    r.payload === null ? `lost ${r.sequence}` : r.payload.toString(),
  );

test("frames are as the contract says", async () => {
  const log = await filled(2);
  await log.close();
  const data = readFileSync(join(folder, "00000001.log"));
  assert.equal(data.readUInt32BE(0), 7);
  assert.equal(data.readUInt32BE(4), crc32(payload(1n)));
  assert.equal(data.toString("utf8", 8, 15), "event 1");
  assert.equal(data.length, 30);
  for (const crc of [crc32, slowCrc32]) assert.equal(crc(Buffer.from("123456789")), 0xcbf43926);
});

test("records that wait at the same time have their own numbers, in order", async () => {
  const log = new RecordLog(folder);
  const numbers = await Promise.all(Array.from({ length: 100 }, () => append(log)));
  assert.deepEqual(
    numbers,
    Array.from({ length: 100 }, (_, i) => BigInt(i + 1)),
  );
  assert.equal(log.unreported, 100);
  assert.deepEqual((await texts(log)).slice(0, 2), ["event 1", "event 2"]);
  assert.equal((await log.unreportedRecords(10, 20)).length, 2);
  await log.close();
  await assert.rejects(append(log), /closed/);
});

test("what is reported is forgotten, file by file, and never again given after a restart", async () => {
  const log = await filled(10, { file: 40, all: 1e6 });
  assert.equal(readdirSync(folder).length, 4);
  await log.report(4n);
  assert.deepEqual(readdirSync(folder).sort(), ["00000004.log", "00000007.log", "00000010.log", "reported"]);
  assert.equal(readFileSync(join(folder, "reported"), "utf8"), "4");
  await log.close();
  const again = new RecordLog(folder, { file: 40, all: 1e6 });
  assert.deepEqual(
    await texts(again),
    [5n, 6n, 7n, 8n, 9n, 10n].map((n) => `event ${n}`),
  );
  await again.report(99n);
  assert.equal(again.unreported, 0);
  assert.equal(await append(again), 11n);
  await again.close();
  const third = new RecordLog(folder);
  assert.deepEqual(await texts(third), ["event 11"]);
  await third.close();
});

test("a torn last frame is cut off, wherever it was torn", async () => {
  await (await filled(3)).close();
  const path = join(folder, "00000001.log");
  const whole = readFileSync(path);
  for (let size = 30; size < 45; size++) {
    writeFileSync(path, whole.subarray(0, size));
    const log = new RecordLog(folder);
    assert.equal(log.damaged, 0);
    assert.deepEqual(await texts(log), ["event 1", "event 2"]);
    assert.equal(await append(log), 3n);
    assert.deepEqual((await texts(log)).at(-1), "event 3");
    await log.close();
    for (const name of readdirSync(folder)) if (name !== "00000001.log") rmSync(join(folder, name));
  }
});

test("any flipped bit costs records of its file, never a number", async () => {
  await (await filled(5, { file: 40, all: 1e6 })).close();
  const path = join(folder, "00000001.log");
  const whole = readFileSync(path);
  for (let bit = 0; bit < whole.length * 8; bit += 7) {
    const flipped = Buffer.from(whole);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    writeFileSync(path, flipped);
    const log = new RecordLog(folder, { file: 40, all: 1e6 });
    assert.equal(log.damaged, 1);
    const found = await texts(log);
    const damagedFrom = Math.floor(bit / 8 / 15) + 1;
    assert.deepEqual(
      found,
      [1, 2, 3, 4, 5].map((n) => (n >= damagedFrom && n <= 3 ? `lost ${n}` : `event ${n}`)),
    );
    await log.close();
  }
});

test("a write that fails leaves nothing behind and later ones go on", async () => {
  const log = await filled(2);
  const aside = `${folder}.aside`;
  await log.report(2n);
  await log.close();
  renameSync(folder, aside);
  const gone = new RecordLog(folder, { file: 1, all: 1e6 });
  assert.equal(await append(gone), 1n);
  rmSync(folder, { recursive: true });
  await assert.rejects(append(gone), /ENOENT/);
  mkdirSync(folder);
  assert.equal(await append(gone), 3n);
  assert.deepEqual(await texts(gone), ["lost 1", "lost 2", "event 3"]);
  await gone.close();
  const later = new RecordLog(folder);
  assert.deepEqual(await texts(later), ["lost 1", "lost 2", "event 3"]);
  await later.close();
  rmSync(aside, { recursive: true });
});

test("a log that is full refuses, and has room again when records are reported", async () => {
  const log = await filled(4, { file: 30, all: 60 });
  assert.equal(log.filled, 1);
  await assert.rejects(append(log), /full/);
  await log.report(4n);
  assert.equal(await append(log), 6n);
  assert.deepEqual(await texts(log), ["lost 5", "event 6"]);
  await log.close();
});

test("a full disk refuses, and nothing of the record is left", async (t) => {
  const script = `
    import { RecordLog } from ${JSON.stringify(new URL("../dist/state/log.js", import.meta.url).href)};
    const log = new RecordLog(process.argv[1]);
    const big = () => Buffer.alloc(30_000, 1);
    await log.append(big).written;
    const outcome = await log.append(() => Buffer.alloc(90_000, 2)).written.then(() => "written", (error) => error.code);
    await log.close();
    const again = new RecordLog(process.argv[1]);
    process.stdout.write(outcome + " " + again.damaged + " " + again.unreported);
    await again.append(() => Buffer.from("small")).written;
    process.stdout.write(" " + again.unreported);
  `;
  const mounted = `mount -t tmpfs -o size=96k none "$0" && exec "$1" --input-type=module -e "$2" "$0"`;
  const run = spawnSync(
    "unshare",
    ["--mount", "--map-root-user", "sh", "-c", mounted, folder, process.execPath, script],
    {
      encoding: "utf8",
    },
  );
  if (run.error !== undefined || /unshare|mount/.test(run.stderr)) return t.skip("needs leave to mount a tmpfs");
  assert.equal(run.stdout, "ENOSPC 0 1 2", run.stderr);
});

test("a second client is kept out while the first one lives, also in another process", async () => {
  const first = new StateFolder(folder);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.match(first.clientId, /^[0-9a-f]{32}$/);
  assert.throws(() => new StateFolder(folder), /is used by another client/);
  const code = `
    import { StateFolder } from ${JSON.stringify(new URL("../dist/state/folder.js", import.meta.url).href)};
    try { new StateFolder(process.argv[1]); console.log("open"); } catch (error) { console.log(error.code); }
  `;
  const open = () =>
    spawnSync(process.execPath, ["--input-type=module", "-e", code, folder], { encoding: "utf8" }).stdout.trim();
  assert.equal(open(), "state");
  const { clientId } = first;
  await first.close();
  assert.equal(open(), "open");
  const again = new StateFolder(folder);
  assert.equal(again.clientId, clientId);
  await again.close();
  writeFileSync(join(folder, "file"), "");
  assert.throws(() => new StateFolder(join(folder, "file")), StateFolderError);
  assert.throws(() => new Client({ target: "pdp:1", stateFolder: folder }), /there is no TLS/);
  await new StateFolder(folder).close(); // the client that could not be made has let it go
});

for (const [how, program] of [
  ["flock", "flock"],
  ["the owner's file", "no-such-program"],
] as const) {
  test(`a lock by ${how} goes with its process, however that ends`, async () => {
    const code = `
      import { lockFolder } from ${JSON.stringify(new URL("../dist/state/lock.js", import.meta.url).href)};
      lockFolder(process.argv[1], ${JSON.stringify(program)});
      console.log("locked");
      setInterval(() => undefined, 1_000);
    `;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code, folder]);
    await once(child.stdout, "data");
    assert.throws(() => lockFolder(folder, program), StateFolderError);
    child.kill("SIGKILL");
    await once(child, "exit");
    const unlock = lockFolder(folder, program);
    assert.throws(() => lockFolder(folder, program), StateFolderError);
    unlock();
    lockFolder(folder, program)();
    assert.equal(existsSync(join(folder, "lock.owner")), false);
  });
}

test("a number that another process has got since does not keep the folder locked", () => {
  const self = { pid: process.pid, started: "1", host: "", boot: "" };
  writeFileSync(join(folder, "lock.owner"), JSON.stringify({ ...self, host: "elsewhere" }));
  assert.throws(() => lockFolder(folder, "no-such-program"), StateFolderError);
  const unlock = (() => {
    rmSync(join(folder, "lock.owner"));
    return lockFolder(folder, "no-such-program");
  })();
  const owner = JSON.parse(readFileSync(join(folder, "lock.owner"), "utf8"));
  unlock();
  writeFileSync(join(folder, "lock.owner"), JSON.stringify({ ...owner, started: "1" }));
  lockFolder(folder, "no-such-program")();
  writeFileSync(join(folder, "lock.owner"), "{");
  lockFolder(folder, "no-such-program")();
});

test("cut files of a torn rename are no obstacle", async () => {
  writeFileSync(join(folder, "reported"), "x");
  const log = await filled(1);
  await log.close();
  truncateSync(join(folder, "00000001.log"), 3);
  const again = new RecordLog(folder);
  assert.equal(await append(again), 1n);
  await again.close();
});
