/** A counter system: tellers sign in at a terminal and look at customers. It shows whatever the core system has. */
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

/** Return the application over a core system that knows customers and their transactions. */
export function counterSystem(core) {
  const app = express();
  app.use(signedIn);

  app.get("/menus", (request, response) => {
    response.json({ teller: request.session.teller, menus: MENUS });
  });

  app.get("/1201/customers/:no", async (request, response) => {
    const customer = await core.customer(request.params.no);
    if (customer === undefined) return response.status(404).json({ error: "no such customer" });
    return response.json(customer);
  });

  app.get("/1501/customers/:no/transactions", async (request, response) => {
    const transactions = await core.transactions(request.params.no);
    return response.json(transactions);
  });

  app.use((error, _request, response, _next) => {
    response.status(500).json({ error: error.code ?? "internal" });
  });
  return app;
}
