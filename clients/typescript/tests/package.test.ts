/** What users load, and what errors say. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import * as api from "@jingxi/client";

/** Return the packages that a built module and what it imports need. */
function packagesOf(file: string, seen = new Set<string>()): Set<string> {
  const found = new Set<string>();
  if (seen.has(file)) return found;
  seen.add(file);
  for (const [, name = ""] of readFileSync(file, "utf8").matchAll(/^(?:import|export)[^;]*?from\s+"([^"]+)"/gm)) {
    if (!name.startsWith(".")) found.add(name);
    else for (const other of packagesOf(join(dirname(file), name), seen)) found.add(other);
  }
  return found;
}

test("who works online loads no CEL, and nobody loads Express", () => {
  const online = packagesOf("dist/index.js");
  assert.ok(online.has("@grpc/grpc-js"));
  assert.ok(![...online].some((name) => name.startsWith("@bufbuild/cel")));
  assert.ok(packagesOf("dist/offline/index.js").has("@bufbuild/cel"));
  for (const entry of ["dist/index.js", "dist/offline/index.js", "dist/express.js"]) {
    assert.ok(!packagesOf(entry).has("express"), entry);
  }
});

test("the dependencies are those that are imported, and no others", () => {
  const { dependencies } = JSON.parse(readFileSync("package.json", "utf8"));
  const imported = [...packagesOf("dist/offline/index.js"), ...packagesOf("dist/index.js")]
    .filter((name) => !name.startsWith("node:"))
    .map((name) =>
      name
        .split("/")
        .slice(0, name.startsWith("@") ? 2 : 1)
        .join("/"),
    );
  assert.deepEqual([...new Set(imported)].sort(), Object.keys(dependencies).sort());
});

test("every error has a code of its own", () => {
  type Kind = new (message: string, why?: string) => api.JingxiError;
  const errors = (Object.values(api) as unknown[]).filter(
    (value): value is Kind =>
      typeof value === "function" && (value === api.JingxiError || value.prototype instanceof api.JingxiError),
  );
  assert.equal(errors.length, 16);
  const codes = errors.map((kind) => new kind("says", "why").code);
  assert.equal(new Set(codes).size, errors.length);
  for (const kind of errors) assert.equal(new kind("says", "why").name, kind.name);
});
