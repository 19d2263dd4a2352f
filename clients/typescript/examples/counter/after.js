/** A counter system: tellers sign in at a terminal and look at customers. It shows what the teller may see. */
import { jingxi } from "@jingxi/client/express";
import express from "express";

/** The tellers that are signed in, by the token of their session. */
const SESSIONS = {
  "session-1": { teller: "T1001", roles: ["teller"], level: 2, branch: "320400001" },
  "session-2": { teller: "T1004", roles: ["senior_teller"], level: 3, branch: "320400001" },
};

/** The menus of the terminal, with the screens behind them. */
const MENUS = { 1201: "customer", 1501: "transactions" };

function signedIn(request, response, next) {
  const session = SESSIONS[request.get("x-session") ?? ""];
  if (session === undefined) return response.status(401).json({ error: "sign in first" });
  request.session = session;
  return next();
}

/** What the policies ask about: who looks, through which menu, where. */
function questionOf({ session, path }) {
  const { teller, roles, level, branch } = session;
  return {
    subject: { id: teller, roles, attributes: { level, branch } },
    action: { name: "query" },
    context: { menu: path.split("/")[1], channel: "counter", scenario: "processing", region: branch.slice(0, 6) },
  };
}

/** Do what a decision asks for besides, and say what an operator should know. */
function decided(log) {
  return (masked, request) => {
    for (const { type, rule } of masked.obligations) log({ type, rule, teller: request.session.teller });
    for (const problem of masked.problems) log({ type: "problem", problem });
    if (masked.fallback !== null) log({ type: "fallback", cause: masked.fallback.cause });
  };
}

/** Return the application over a core system that knows customers and their transactions. */
export function counterSystem(core, client, log) {
  const app = express();
  app.use(signedIn);
  app.use(jingxi({ client, application: "core-counter", question: questionOf, decided: decided(log) }));

  app.get("/menus", (request, response) => {
    response.json({ teller: request.session.teller, menus: MENUS });
  });

  app.get("/1201/customers/:no", async (request, response) => {
    const customer = await core.customer(request.params.no);
    if (customer === undefined) return response.status(404).json({ error: "no such customer" });
    return response.maskedJson("customer-detail", customer);
  });

  app.get("/1501/customers/:no/transactions", async (request, response) => {
    const transactions = await core.transactions(request.params.no);
    return response.maskedJson("transaction-list", transactions);
  });

  app.use((error, _request, response, _next) => {
    response.status(500).json({ error: error.code ?? "internal" });
  });
  return app;
}
