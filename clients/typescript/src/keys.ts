/** Where the keys of masks come from: the environment, a folder of files, or the caller's own function. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { KeyUnavailableError } from "./errors.js";

/**
 * From a key id to the key, or undefined when there is no such key. May throw KeyUnavailableError. It is asked for each
 * message, so one that looks far away should remember.
 */
export type KeyProvider = (keyId: string) => Uint8Array | undefined;

/** What every key has at least; 32 random bytes are best. */
export const MIN_KEY_BYTES = 16;

const KEY_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Knows no key. */
export const noKeys: KeyProvider = () => undefined;

/** Reads keys from environment variables, in base64: the key `id-card.2026` from `JINGXI_KEY_ID_CARD_2026`. */
export function keysFromEnv(prefix = "JINGXI_KEY_"): KeyProvider {
  return (keyId) => {
    if (!KEY_ID.test(keyId)) return undefined;
    const name = prefix + keyId.replaceAll(/[.-]/g, "_").toUpperCase();
    const text = process.env[name];
    return text === undefined ? undefined : decode(text, `environment variable \`${name}\``);
  };
}

/** Reads keys from files named as the key ids, in base64; white space around it does not count. */
export function keysFromFolder(folder: string): KeyProvider {
  return (keyId) => {
    if (!KEY_ID.test(keyId)) return undefined;
    const path = join(folder, keyId);
    let text: string;
    try {
      text = readFileSync(path, "latin1");
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
      if (code === "ENOENT") return undefined;
      throw new KeyUnavailableError(`key file \`${path}\` cannot be read: ${code}`, { cause: error });
    }
    return decode(text, `key file \`${path}\``);
  };
}

function decode(text: string, place: string): Uint8Array {
  const trimmed = text.trim();
  if (!BASE64.test(trimmed)) throw new KeyUnavailableError(`${place} is not base64`);
  const data = Buffer.from(trimmed, "base64");
  if (data.length < MIN_KEY_BYTES) {
    throw new KeyUnavailableError(`${place} holds ${data.length} bytes; use ${MIN_KEY_BYTES} or more, 32 at best`);
  }
  return data;
}
