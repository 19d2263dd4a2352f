/**
 * Client of the Jingxi policy decision point: ask what may be shown, and mask messages in the calling process.
 *
 * ```ts
 * const client = new Client({ target: "localhost:7070" });
 * const masked = await client.mask(message, { application: "core-counter", name: "customer-detail", subject: { id: "T1001" } });
 * ```
 *
 * @module
 */

export {
  Client,
  type ClientOptions,
  type CommonOptions,
  type MaskOptions,
  type Metrics,
  type Question,
} from "./client.js";
export type { ConnectionOptions, TlsOptions } from "./connection/index.js";
export * from "./decisions.js";
export * from "./errors.js";
export type { Alarm, AlarmListener } from "./failure/alarm.js";
export { type KeyProvider, keysFromEnv, keysFromFolder, noKeys } from "./keys.js";
export type { DecimalText } from "./masks.js";
export * as masks from "./masks.js";
export { double, duration, type Typed, timestamp } from "./values.js";
