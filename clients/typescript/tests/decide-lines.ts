/**
 * Decides the requests on its input by a bundle, for comparison with other languages.
 *
 * `node build/decide-lines.js --bundle FILE`; a line in is `{"request": "<base64>", "now_nanos": "…", "grants": ["<base64>"…]}`, a
 * line out `{"response": "<base64>"}` or `{"error": "…"}`.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { GrantSchema } from "../dist/gen/pdp/v1/bundle_pb.js";
import { DecideRequestSchema, DecideResponseSchema } from "../dist/gen/pdp/v1/decision_service_pb.js";
import { loadUnverified } from "../dist/offline/bundle.js";

const [option, file] = process.argv.slice(2);
if (option !== "--bundle" || file === undefined) {
  process.stderr.write("usage: decide-lines.js --bundle FILE\n");
  process.exit(2);
}
const program = loadUnverified(readFileSync(file));
for await (const line of createInterface({ input: process.stdin })) {
  let answer: object;
  try {
    const {
      request,
      now_nanos,
      grants = [],
    }: { request: string; now_nanos: string; grants?: string[] } = JSON.parse(line);
    const given = grants.map((grant) => fromBinary(GrantSchema, Buffer.from(grant, "base64")));
    const reply = program.decide(
      fromBinary(DecideRequestSchema, Buffer.from(request, "base64")),
      BigInt(now_nanos),
      new Map(given.map((grant) => [grant.id, grant])),
    );
    answer = { response: Buffer.from(toBinary(DecideResponseSchema, reply)).toString("base64") };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
