/**
 * The offline client: decides by a signed bundle in the calling process, without asking.
 *
 * ```ts
 * const client = new OfflineClient({ service: { target: "pdp:7070", tls: true }, trust: ["pdp.pub"], stateFolder: "/var/lib/teller" });
 * await client.ready();
 * ```
 *
 * @module
 */

export { OfflineClient, type OfflineOptions, type OfflineStatus } from "./client.js";
