/** Masks that whoever holds the key can undo: `encrypt` and `fpe`. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { sm4 } from "sm-crypto-v2";
import { KeyUnavailableError, MaskUnavailableError } from "../errors.js";
import type { KeyProvider } from "../keys.js";
import { ff1 } from "./ff1.js";
import { HIDDEN } from "./text.js";

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHERS = { "aes-gcm": 1, "sm4-gcm": 2 } as const;
const AES_KEY_BYTES = [16, 24, 32];
const SM4_KEY_BYTES = [16];
const KEY_ID = /^[A-Za-z0-9_.-]{1,64}$/;
const BASE64URL = /^[A-Za-z0-9_-]+$/;
const MAX_TWEAK = 64;
const MAX_NUMERALS = 64;

const DIGITS = "0123456789";
const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ALPHABETS: Readonly<Record<string, { readonly characters: string; readonly least: number }>> = {
  digits: { characters: DIGITS, least: 6 },
  alnum: { characters: DIGITS + UPPER, least: 4 },
  "alnum-case": { characters: DIGITS + UPPER + UPPER.toLowerCase(), least: 4 },
};

/** Gives 12 bytes that were never given before for the same key. */
export type NonceSource = () => Uint8Array;

/** Return `encrypt` as a function. Throws MaskUnavailableError. */
export function encrypting(
  p: { readonly key: string; readonly cipher: string },
  keys: KeyProvider,
  nonces: NonceSource,
): (text: string) => string {
  const cipher = p.cipher as keyof typeof CIPHERS;
  const key = keyOf(keys, p.key, cipher === "aes-gcm" ? AES_KEY_BYTES : SM4_KEY_BYTES);
  if (!KEY_ID.test(p.key)) throw new MaskUnavailableError("parameter `key` is not the id of a key");
  const head = Buffer.concat([Buffer.from([VERSION, CIPHERS[cipher], p.key.length]), Buffer.from(p.key, "ascii")]);
  return (text) => {
    const nonce = nonces();
    const plain = Buffer.from(text, "utf8");
    const sealed = cipher === "aes-gcm" ? sealAes(key, nonce, head, plain) : sealSm4(key, nonce, head, plain);
    return Buffer.concat([head, nonce, sealed]).toString("base64url");
  };
}

/**
 * Return what an `encrypt` mask was given. Throws KeyUnavailableError when the text is no such envelope, its key is not
 * there, or it was changed.
 */
export function decrypt(text: string, keys: KeyProvider): string {
  const data = BASE64URL.test(text) ? Buffer.from(text, "base64url") : Buffer.alloc(0);
  const length = data[2] ?? 0;
  const start = 3 + length;
  if (data[0] !== VERSION || length === 0 || data.length < start + NONCE_BYTES + TAG_BYTES) {
    throw new KeyUnavailableError("the text is not what `encrypt` makes");
  }
  const aes = data[1] === CIPHERS["aes-gcm"];
  if (!aes && data[1] !== CIPHERS["sm4-gcm"]) throw new KeyUnavailableError("the text's cipher is not known here");
  const head = data.subarray(0, start);
  const keyId = head.toString("latin1", 3);
  const key = usable(keys(keyId), aes ? AES_KEY_BYTES : SM4_KEY_BYTES);
  if (key === undefined) throw new KeyUnavailableError(`there is no key \`${keyId}\` that fits the text's cipher`);
  const nonce = data.subarray(start, start + NONCE_BYTES);
  const body = data.subarray(start + NONCE_BYTES, -TAG_BYTES);
  const tag = data.subarray(-TAG_BYTES);
  try {
    const plain = aes ? openAes(key, nonce, head, body, tag) : openSm4(key, nonce, head, body, tag);
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(plain);
  } catch {
    // The cause could quote what it was given.
    throw new KeyUnavailableError("the text was changed, or made by another key of this name");
  }
}

/** Return `fpe` as a function. Throws MaskUnavailableError. */
export function formatPreserving(
  p: { readonly key: string; readonly alphabet: string; readonly tweak: string },
  keys: KeyProvider,
): (text: string) => string {
  const key = keyOf(keys, p.key, AES_KEY_BYTES);
  if ([...p.tweak].length > MAX_TWEAK) throw new MaskUnavailableError("parameter `tweak` is too long");
  return (text) => converted(text, key, p.alphabet, p.tweak, false) ?? HIDDEN;
}

/** What `fpe` was told, for `fpeDecrypt`: `alphabet` defaults to `digits`, `tweak` to the empty text. */
export interface FpeParameters {
  readonly key: string;
  readonly alphabet?: "digits" | "alnum" | "alnum-case";
  readonly tweak?: string;
}

/** Return what an `fpe` mask was given. Throws KeyUnavailableError when the key is not there or the text too short. */
export function fpeDecrypt(text: string, parameters: FpeParameters, keys: KeyProvider): string {
  const key = usable(keys(parameters.key), AES_KEY_BYTES);
  if (key === undefined) throw new KeyUnavailableError(`there is no key \`${parameters.key}\` of 16, 24 or 32 bytes`);
  const found = converted(text, key, parameters.alphabet ?? "digits", parameters.tweak ?? "", true);
  if (found === undefined) throw new KeyUnavailableError("the text has too few or too many characters for `fpe`");
  return found;
}

/** Return the text with its characters of the alphabet converted; undefined for too few or too many of them. */
function converted(text: string, key: Uint8Array, name: string, tweak: string, back: boolean): string | undefined {
  const { characters, least } = ALPHABETS[name] as { characters: string; least: number };
  const all = [...text];
  const numerals = all.map((ch) => characters.indexOf(ch)).filter((numeral) => numeral >= 0);
  if (numerals.length < least || numerals.length > MAX_NUMERALS) return undefined;
  const others = ff1(key, characters.length, Buffer.from(tweak, "utf8"), numerals, back);
  let next = 0;
  return all.map((ch) => (characters.includes(ch) ? characters[others[next++] as number] : ch)).join("");
}

function keyOf(keys: KeyProvider, keyId: string, lengths: readonly number[]): Uint8Array {
  let key: Uint8Array | undefined;
  try {
    key = keys(keyId);
  } catch (error) {
    if (error instanceof KeyUnavailableError) throw new MaskUnavailableError(error.message, { cause: error });
    throw error;
  }
  const found = usable(key, lengths);
  if (found === undefined) {
    throw new MaskUnavailableError(`there is no key \`${keyId}\` of ${lengths.join(", ")} bytes`);
  }
  return found;
}

function usable(key: Uint8Array | undefined, lengths: readonly number[]): Uint8Array | undefined {
  return key !== undefined && lengths.includes(key.length) ? key : undefined;
}

function sealAes(key: Uint8Array, nonce: Uint8Array, head: Uint8Array, plain: Uint8Array): Buffer {
  const cipher = createCipheriv(`aes-${(key.length * 8) as 256}-gcm`, key, nonce).setAAD(head);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function openAes(key: Uint8Array, nonce: Uint8Array, head: Uint8Array, body: Uint8Array, tag: Uint8Array): Buffer {
  const cipher = createDecipheriv(`aes-${(key.length * 8) as 256}-gcm`, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(head).setAuthTag(tag);
  return Buffer.concat([cipher.update(body), cipher.final()]);
}

// Node's OpenSSL 3.0 has SM4 but not SM4-GCM, so these two come from sm-crypto-v2.
function sealSm4(key: Uint8Array, nonce: Uint8Array, head: Uint8Array, plain: Uint8Array): Buffer {
  const sealed = sm4.encrypt(plain, key, {
    mode: "gcm",
    iv: nonce,
    associatedData: head,
    output: "array",
    outputTag: true,
  }) as unknown as { output: Uint8Array; tag: Uint8Array };
  return Buffer.concat([sealed.output, sealed.tag]);
}

function openSm4(key: Uint8Array, nonce: Uint8Array, head: Uint8Array, body: Uint8Array, tag: Uint8Array): Uint8Array {
  return sm4.decrypt(body, key, { mode: "gcm", iv: nonce, associatedData: head, tag, output: "array" }) as Uint8Array;
}
