/** TLS, mutual TLS and tokens on real sockets. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ServerCredentials } from "@grpc/grpc-js";
import { Client, type ClientOptions, ConfigurationError, DecisionUnavailableError } from "@jingxi/client";
import { Service } from "./service.js";

const TELLER = { subject: { id: "T1001" } };
const PATIENT = 30_000;
const SOON = 2_000;

let folder: string;
const read = (name: string) => readFileSync(join(folder, name));

function openssl(...words: string[]): void {
  const { status, stderr } = spawnSync("openssl", words, { cwd: folder, encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

/** Make a key and a certificate for a name, signed by the authority. */
function certificate(name: string): void {
  writeFileSync(join(folder, `${name}.ext`), `subjectAltName=DNS:${name}`);
  openssl(
    "req",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.csr`,
    "-subj",
    `/CN=${name}`,
  );
  openssl(
    "x509",
    "-req",
    "-in",
    `${name}.csr`,
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-days",
    "2",
    "-out",
    `${name}.pem`,
    "-extfile",
    `${name}.ext`,
  );
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), "jingxi-tls-"));
  openssl(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-days",
    "2",
    "-subj",
    "/CN=ca",
  );
  certificate("localhost");
  certificate("teller");
});

after(() => rmSync(folder, { recursive: true, force: true }));

async function decided(service: Service, target: string, options: Partial<ClientOptions>): Promise<void> {
  const client = new Client({ target, deadlineMs: PATIENT, ...options });
  try {
    await client.decide(["a"], TELLER);
  } finally {
    await client.close();
    service.stop();
  }
}

const serverPair = () => [{ private_key: read("localhost.key"), cert_chain: read("localhost.pem") }];

test("TLS by the name that was looked up, with own roots", async () => {
  const service = new Service();
  const port = await service.serve({ credentials: ServerCredentials.createSsl(null, serverPair()) });
  await decided(service, `localhost:${port}`, { tls: { roots: read("ca.pem") } });
  assert.deepEqual(service.names(), ["Decide"]);
});

test("another name and other roots are refused", async () => {
  for (const tls of [{ roots: read("ca.pem"), serverName: "elsewhere" }, true] as const) {
    const service = new Service();
    const port = await service.serve({ credentials: ServerCredentials.createSsl(null, serverPair()) });
    await assert.rejects(decided(service, `localhost:${port}`, { tls, deadlineMs: SOON }), DecisionUnavailableError);
    assert.deepEqual(service.names(), []);
  }
});

test("an address with the name of its certificate given", async () => {
  const service = new Service();
  const port = await service.serve({ credentials: ServerCredentials.createSsl(null, serverPair()) });
  await decided(service, `127.0.0.1:${port}`, { tls: { roots: read("ca.pem"), serverName: "localhost" } });
});

test("mutual TLS", async () => {
  const own = { key: read("teller.key"), certificate: read("teller.pem") };
  for (const [given, ok] of [
    [own, true],
    [{}, false],
  ] as const) {
    const service = new Service();
    const credentials = ServerCredentials.createSsl(read("ca.pem"), serverPair(), true);
    const port = await service.serve({ credentials });
    const asked = decided(service, `localhost:${port}`, {
      tls: { roots: read("ca.pem"), ...given },
      deadlineMs: ok ? PATIENT : SOON,
    });
    if (ok) await asked;
    else await assert.rejects(asked, DecisionUnavailableError);
  }
  assert.throws(() => new Client({ target: "pdp:1", tls: { key: "x" } }), /go together/);
  assert.throws(() => new Client({ target: "pdp:1", tls: { key: "x", certificate: "y" } }), ConfigurationError);
});

test("the token is sent with every call, and read again when its file changes", async () => {
  const service = new Service();
  const path = join(folder, "token");
  writeFileSync(path, "first\n");
  const client = new Client({ target: `127.0.0.1:${await service.serve()}`, deadlineMs: PATIENT, tokenFile: path });
  const sent = async () => {
    await client.decide(["a"], TELLER);
    return service.metadata.at(-1)?.get("authorization")[0];
  };
  assert.equal(await sent(), "Bearer first");
  writeFileSync(path, "second");
  utimesSync(path, 1, 1);
  for (const end = performance.now() + PATIENT; (await sent()) !== "Bearer second"; )
    assert.ok(performance.now() < end);
  rmSync(path);
  assert.equal(await sent(), "Bearer second");
  await client.close();
  service.stop();
  assert.throws(() => new Client({ target: "localhost:1", tokenFile: path }), /token file `.*` cannot be read: ENOENT/);
});
