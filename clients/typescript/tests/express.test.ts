/** The middleware, and what it costs to connect a system. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, test } from "node:test";
import type { Masked, MaskOptions } from "@jingxi/client";
import { jingxi, type Masker } from "@jingxi/client/express";
import express from "express";
import type { Json } from "./support.js";

let server: Server | undefined;

afterEach(() => server?.close());

async function get(listener: RequestListener, path: string): Promise<{ status: number; body: Json; headers: Headers }> {
  server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
  return { status: response.status, body: await response.json(), headers: response.headers };
}

const asked: MaskOptions[] = [];

/** Masks every message as one text, and fails for one of this name. */
const client: Masker = {
  mask: async (message, options) => {
    asked.push(options);
    if (options.name === "broken") throw Object.assign(new Error("no verdict"), { code: "unavailable" });
    return { message: { masked: Object.keys(message as object) }, obligations: [] } as unknown as Masked<
      typeof message
    >;
  },
};

const question = (request: express.Request) => ({
  subject: { id: String(request.query.teller) },
  context: { menu: "1201" },
});

test("a route sends what may be shown, and is told what was decided first", async () => {
  const told: unknown[] = [];
  const app = express();
  app.use(
    jingxi({
      client,
      application: "core-counter",
      question,
      decided: (masked, request, response) => {
        told.push(masked.message, request.path, response.headersSent);
      },
    }),
  );
  app.get("/x", async (_, response) => {
    await response.maskedJson("customer-detail", { mobile: "13812348000" }, { context: { menu: "1101" } });
  });
  const { status, body, headers } = await get(app, "/x?teller=T1");
  assert.deepEqual([status, body, headers.get("cache-control")], [200, { masked: ["mobile"] }, "no-store"]);
  assert.deepEqual(told, [{ masked: ["mobile"] }, "/x", false]);
  assert.deepEqual(asked.at(-1), {
    subject: { id: "T1" },
    context: { menu: "1101" },
    application: "core-counter",
    name: "customer-detail",
  });
});

test("without a verdict nothing is sent but the error handler's answer", async () => {
  const app = express();
  app.use(jingxi({ client, application: "core-counter", question }));
  app.get("/x", async (_, response) => {
    await response.maskedJson("broken", { mobile: "13812348000" });
  });
  app.use(((error, _request, response, _next) => {
    response.status(503).json({ error: error.code });
  }) satisfies express.ErrorRequestHandler);
  const { status, body } = await get(app, "/x?teller=T1");
  assert.deepEqual([status, body], [503, { error: "unavailable" }]);
});

test("connecting the counter system changes at most 50 lines", () => {
  const { stdout } = spawnSync("diff", ["examples/counter/before.js", "examples/counter/after.js"], {
    encoding: "utf8",
  });
  const changed = stdout.split("\n").filter((line) => /^[<>]/.test(line)).length;
  assert.ok(changed > 0 && changed <= 50, `${changed} lines`);
});
