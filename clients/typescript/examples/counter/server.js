/** Serves the counter system with masked messages: `node examples/counter/server.js 127.0.0.1:7070 FOLDER`, from the repository. */
import { readFileSync } from "node:fs";
import { Client } from "@jingxi/client";
import { counterSystem } from "./after.js";

const [target = "127.0.0.1:7070", samples = "../../policies/samples"] = process.argv.slice(2);
const sample = (name) => JSON.parse(readFileSync(`${samples}/core-counter.${name}.json`, "utf8"));
const core = {
  customer: async (no) => [sample("customer-detail")].find(({ customer }) => customer.no === no),
  transactions: async () => sample("transaction-list"),
};
const say = (entry) => process.stderr.write(`${JSON.stringify(entry)}\n`);
const client = new Client({ target, stateFolder: process.env.STATE_FOLDER, alarm: say });
await client.ready();
const server = counterSystem(core, client, say).listen(0, "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => server.close(() => client.close()));
}
