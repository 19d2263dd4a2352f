/** Builds what changed and runs the tests; arguments are names of test files without `.test.ts`, all when none. */
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = (...command) => {
  const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};

run("node_modules/typescript/bin/tsc", "-b");
const sources = new Set(readdirSync(`${root}/tests`).map((name) => name.replace(/\.ts$/, ".js")));
const built = readdirSync(`${root}/build`).filter((name) => name.endsWith(".test.js"));
// What was built of a test that is gone must not run any more.
for (const name of built.filter((name) => !sources.has(name))) rmSync(`${root}/build/${name}`);
const wanted = process.argv.slice(2);
const files = built
  .filter((name) => sources.has(name))
  .filter((name) => !wanted.length || wanted.includes(name.slice(0, -8)));
run("--test", "--test-reporter=spec", "--test-concurrency=2", ...files.map((name) => `build/${name}`));
