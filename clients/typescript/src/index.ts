export * from "./errors.js";
export * from "./decisions.js";
export { type KeyProvider, keysFromEnv, keysFromFolder, noKeys } from "./keys.js";
export * as masks from "./masks.js";
export type { DecimalText } from "./masks.js";
export { double, duration, timestamp, Typed } from "./values.js";
