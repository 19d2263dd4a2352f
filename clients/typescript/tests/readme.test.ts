/** Every block of code in the README is run, against a service on a real socket. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { fromBinary } from "@bufbuild/protobuf";
import { BundleSchema, SignedBundleSchema } from "../dist/gen/pdp/v1/bundle_pb.js";
import { Service } from "./service.js";
import { at, replyOf, VECTORS } from "./support.js";

const BLOCKS = [...readFileSync("README.md", "utf8").matchAll(/```js\n(.*?)```/gs)].map(([, block = ""]) => block);

// What the blocks take as given.
const GIVEN = `
  const target = ADDRESS;
  const message = JSON.parse((await import("node:fs")).readFileSync(SAMPLE, "utf8"));
  const customer = message;
  const text = JSON.stringify(message);
  const options = {
    application: "core-counter", name: "customer-detail",
    subject: { id: "T1001", roles: ["teller"], attributes: { level: 2 } }, context: { menu: "1201" },
  };
  const log = () => undefined;
  const response = { json: (body) => { if (body.customer.mobile === message.customer.mobile) throw new Error("clear"); } };
  const core = { customer: async () => message };
  const app = (await import("express")).default();
`;

let folder: string;
const service = new Service();

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "jingxi-readme-"));
  writeFileSync(join(folder, "k1"), Buffer.alloc(32, 7).toString("base64"));
  service.bundle = fromBinary(SignedBundleSchema, readFileSync(`${VECTORS}/bundles/bank.pb`));
  const bundle = fromBinary(BundleSchema, service.bundle.bundle);
  for (const map of bundle.messageMaps) service.putMap(map);
  service.types = Object.fromEntries(bundle.attributes.map((attribute) => [attribute.name, attribute.type]));
  // A field without a verdict is masked in full.
  service.answer = () => replyOf({});
});

after(() => {
  service.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("the README has its blocks", () => assert.equal(BLOCKS.length, 6));

test("every block runs", async (t) => {
  const address = `127.0.0.1:${await service.serve()}`;
  const sample = join(process.env.JINGXI_POLICIES ?? "../../policies", "samples/core-counter.customer-detail.json");
  for (const [i, block] of BLOCKS.entries()) {
    await t.test(block.split("\n")[0], async () => {
      const replaced = block
        .replaceAll(/"localhost:7070"|"pdp.bank.example:7070"/g, JSON.stringify(address))
        .replaceAll("tls: true", "insecure: true")
        // A busy machine may take longer than a teller would wait.
        .replaceAll("new Client({", "new Client({ deadlineMs: 30_000,")
        .replaceAll("client.ready()", "client.ready(60_000)")
        .replaceAll('"/var/lib/counter/jingxi"', JSON.stringify(join(folder, `state-${i}`)))
        .replaceAll('"/etc/jingxi/pdp.pub"', JSON.stringify(`${VECTORS}/bundles/test.pub`))
        .replaceAll('"/etc/jingxi/keys"', JSON.stringify(folder));
      const imports = replaced.match(/^import .*$/gm) ?? [];
      const rest = replaced.replaceAll(/^import .*$/gm, "");
      const own = /const client\b/.test(rest)
        ? ""
        : 'const client = new (await import("@jingxi/client")).Client({ target, deadlineMs: 30_000 });';
      const given = GIVEN.replace("ADDRESS", JSON.stringify(address)).replace("SAMPLE", JSON.stringify(sample));
      // The second scope lets a block declare what is given.
      const body = `${imports.join("\n")}\n${given}\n{ ${own}\n${rest}\nawait client?.close(); }`;
      const path = join("build", `readme-${i}.mjs`);
      writeFileSync(path, body);
      await import(pathToFileURL(path).href);
    });
  }
  assert.ok(service.names().includes("DecideBatch"));
  assert.ok(at(service.known, 0));
});
