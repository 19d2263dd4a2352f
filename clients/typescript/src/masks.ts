/**
 * The masks as this client performs them: the masking guide in code, held to it by `tests/vectors/masking.json`.
 *
 * A mask that cannot be performed exactly as told, because its algorithm or one of its parameters is not known here or
 * its key is missing, drops the field: nothing is better than something less strict than was decided.
 */
import { createHmac, getHashes, randomBytes } from "node:crypto";
import { RE2JS } from "re2js";
import { KeyUnavailableError, MaskUnavailableError } from "./errors.js";
import { type KeyProvider, MIN_KEY_BYTES, noKeys } from "./keys.js";
import * as figures from "./masks/figures.js";
import { encrypting, formatPreserving, type NonceSource } from "./masks/sealing.js";
import * as text from "./masks/text.js";

export type { CalendarDate } from "./masks/figures.js";
export { decrypt, type FpeParameters, fpeDecrypt, type NonceSource } from "./masks/sealing.js";
export { HIDDEN } from "./masks/text.js";

/** Lists in lists beyond this are hidden whole. */
export const MAX_DEPTH = 64;

/** What a mask returns for a field that must be left out. */
export const DROP: unique symbol = Symbol("drop");

/** Stands for the default of a parameter that has none and must be given. */
export const REQUIRED: unique symbol = Symbol("required");

/** From a JSON value to what may be shown of it. */
export type Masker = (value: unknown) => unknown;

/** A mask's parameters by name. */
export type Parameters = Readonly<Record<string, unknown>>;

/**
 * The decimal text of an object by which a lossless JSON parser keeps a number, such as `12345678901234567.89`;
 * undefined for every other object.
 */
export type DecimalText = (value: object) => string | undefined;

/** What a mask may draw on besides value and parameters. */
export interface MaskSettings {
  /** The keys of `hash`, `encrypt` and `fpe`; none unless given. */
  readonly keys?: KeyProvider | undefined;
  /** The day that ages count to; the machine's local date unless given. */
  readonly today?: figures.CalendarDate | undefined;
  /** The nonces of `encrypt`, for tests; the system's random source unless given. */
  readonly nonces?: NonceSource | undefined;
  /** Which objects of a message are numbers; none unless given. */
  readonly decimalText?: DecimalText | undefined;
}

interface Setting {
  readonly keys: KeyProvider;
  readonly today: () => figures.CalendarDate;
  readonly nonces: NonceSource;
}

type TextMask = (value: string) => string;
// biome-ignore lint/suspicious/noExplicitAny: the parameters were checked against the algorithm's own table.
type Given = any;

interface Parameter {
  /** REQUIRED for none, undefined for one that may stay out. */
  readonly fallback: unknown;
  readonly accepts: (value: unknown) => boolean;
}

interface Algorithm {
  readonly make: (p: Given, setting: Setting) => TextMask;
  readonly parameters: Readonly<Record<string, Parameter>>;
}

const isCount = (v: unknown) => Number.isInteger(v) && (v as number) >= 0 && (v as number) <= 1_000;
const isPosition = (v: unknown) => isCount(v) && v !== 0;
const isText = (v: unknown): v is string => typeof v === "string";
const isSomeText = (v: unknown) => isText(v) && v !== "";
const isCharacter = (v: unknown) => isText(v) && [...v].length === 1;
const isTexts = (v: unknown) => Array.isArray(v) && v.length > 0 && v.every(isSomeText);
const isNumber = (v: unknown): v is string => isText(v) && !v.includes(",") && figures.parseNumber(v) !== undefined;
const isNumbers = (v: unknown) => Array.isArray(v) && v.length > 0 && v.every(isNumber);
const isUnit = (v: unknown) => isNumber(v) && (figures.parseNumber(v)?.digits ?? 0n) > 0n;
const oneOf =
  (...choices: readonly string[]) =>
  (v: unknown) =>
    isText(v) && choices.includes(v);

const parameter = (fallback: unknown, accepts: (value: unknown) => boolean): Parameter => ({ fallback, accepts });
const prefix = (fallback: number) => ({ prefix: parameter(fallback, isCount) });
const suffix = (fallback: number) => ({ suffix: parameter(fallback, isCount) });
const skip = { skip: parameter("", isText) };
const char = { char: parameter("*", isCharacter) };
const hiding = (length = 0) => ({ length: parameter(length, isCount), ...char });
const key = { key: parameter(REQUIRED, isSomeText) };

const ends = { ...prefix(0), ...suffix(0), ...skip, ...hiding() };
const delimiter = {
  delimiter: parameter(REQUIRED, isSomeText),
  occurrence: parameter("first", oneOf("first", "last")),
  ...hiding(),
};
const ADDRESS_EXCEPTIONS = "自治区 行政区 小区 社区 园区 校区 厂区 景区 住宅区 生活区 工业区 别墅区".split(" ");

const onCharacters =
  (mask: (characters: readonly string[], p: Given) => string) =>
  (p: Given): TextMask =>
  (value) =>
    mask([...value], p);

// `suppress` and `null` are not here: they do not look at the value.
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  full: { make: onCharacters(text.full), parameters: hiding(3) },
  keep: { make: onCharacters(text.keep), parameters: ends },
  mask: { make: onCharacters(text.mask), parameters: ends },
  keep_range: {
    make: makeKeepRange,
    parameters: {
      from: parameter(REQUIRED, isPosition),
      to: parameter(REQUIRED, isPosition),
      ...skip,
      ...hiding(),
    },
  },
  before: { make: onCharacters(text.before), parameters: delimiter },
  after: { make: onCharacters(text.after), parameters: delimiter },
  name: { make: onCharacters(text.name), parameters: hiding() },
  email: { make: onCharacters(text.email), parameters: { ...prefix(1), ...hiding(3) } },
  address: {
    make: onCharacters(text.address),
    parameters: {
      markers: parameter(["区", "县", "旗"], isTexts),
      exceptions: parameter(ADDRESS_EXCEPTIONS, isTexts),
      ...prefix(6),
      ...hiding(4),
    },
  },
  landline: { make: onCharacters(text.landline), parameters: { ...suffix(2), ...hiding() } },
  bucket: {
    make: makeBucket,
    parameters: { edges: parameter(REQUIRED, isNumbers), labels: parameter(undefined, isTexts) },
  },
  round: {
    make: (p) => (value) => figures.round(value, p),
    parameters: { unit: parameter("1000", isUnit), mode: parameter("nearest", oneOf("nearest", "down")) },
  },
  date_trunc: {
    make: makeDateTrunc,
    parameters: { unit: parameter("year", oneOf("year", "month", "age")), band: parameter(10, isCount) },
  },
  ip: { make: makeIp, parameters: { ipv4: parameter(1, isCount), ipv6: parameter(3, isCount), ...char } },
  regex: {
    make: makeRegex,
    parameters: { pattern: parameter(REQUIRED, isSomeText), template: parameter(REQUIRED, isSomeText) },
  },
  hash: {
    make: makeHash,
    parameters: { ...key, digest: parameter("sha256", oneOf("sha256", "sm3")), digits: parameter(64, isCount) },
  },
  encrypt: {
    make: (p, setting) => encrypting(p, setting.keys, setting.nonces),
    parameters: { ...key, cipher: parameter("aes-gcm", oneOf("aes-gcm", "sm4-gcm")) },
  },
  fpe: {
    make: (p, setting) => formatPreserving(p, setting.keys),
    parameters: {
      ...key,
      alphabet: parameter("digits", oneOf("digits", "alnum", "alnum-case")),
      tweak: parameter("", isText),
    },
  },
};

/** Every algorithm with its parameters' defaults: REQUIRED for those that must be given, undefined for optional ones. */
export const PARAMETERS: Readonly<Record<string, Parameters>> = Object.fromEntries(
  [["suppress", {}] as const, ["null", {}] as const, ...Object.entries(ALGORITHMS).map(defaultsOf)].map(
    (entry) => entry,
  ),
);

function defaultsOf([name, algorithm]: [string, Algorithm]): readonly [string, Parameters] {
  return [name, Object.fromEntries(Object.entries(algorithm.parameters).map(([n, p]) => [n, p.fallback]))];
}

/**
 * Return the mask as a function from a JSON value to what may be shown of it, or DROP. The function never changes its
 * argument. Throws MaskUnavailableError when the mask cannot be performed exactly as told.
 */
export function masker(algorithm: string, parameters: Parameters, settings: MaskSettings = {}): Masker {
  const given = complete(algorithm, parameters);
  if (algorithm === "suppress") return () => DROP;
  if (algorithm === "null") return () => null;
  const setting = {
    keys: settings.keys ?? noKeys,
    today: () => settings.today ?? localToday(),
    nonces: settings.nonces ?? (() => randomBytes(12)),
  };
  const mask = (ALGORITHMS[algorithm] as Algorithm).make(given, setting);
  return (value) => onValue(value, mask, settings.decimalText, 0);
}

/** Return what a mask shows of a JSON value; DROP for a field to be left out or a mask that cannot be performed. */
export function apply(algorithm: string, parameters: Parameters, value: unknown, settings: MaskSettings = {}): unknown {
  try {
    return masker(algorithm, parameters, settings)(value);
  } catch (error) {
    if (error instanceof MaskUnavailableError) return DROP;
    throw error;
  }
}

/** Return the parameters with defaults. Throws MaskUnavailableError. */
function complete(algorithm: string, parameters: Parameters): Given {
  if (algorithm === "suppress" || algorithm === "null") {
    const [name] = Object.keys(parameters);
    if (name !== undefined) throw unknownParameter(name, algorithm);
    return {};
  }
  if (!Object.hasOwn(ALGORITHMS, algorithm)) {
    throw new MaskUnavailableError(`this client does not know the algorithm \`${algorithm}\``);
  }
  const known = (ALGORITHMS[algorithm] as Algorithm).parameters;
  for (const name of Object.keys(parameters)) {
    if (!Object.hasOwn(known, name)) throw unknownParameter(name, algorithm);
  }
  const given: Record<string, unknown> = {};
  for (const [name, { fallback, accepts }] of Object.entries(known)) {
    const value = Object.hasOwn(parameters, name) ? parameters[name] : fallback;
    if (value === undefined && !Object.hasOwn(parameters, name)) continue;
    if (value === REQUIRED || !accepts(value)) {
      throw new MaskUnavailableError(`parameter \`${name}\` of \`${algorithm}\` is missing or wrong`);
    }
    given[name] = value;
  }
  return given;
}

function unknownParameter(name: string, algorithm: string): MaskUnavailableError {
  return new MaskUnavailableError(`this client does not know the parameter \`${name}\` of \`${algorithm}\``);
}

/** Mask whatever JSON may hold: see "Values that are no text" in the masking guide. */
function onValue(value: unknown, mask: TextMask, decimals: DecimalText | undefined, depth: number): unknown {
  let shown: string | undefined;
  switch (typeof value) {
    case "string":
      shown = value;
      break;
    case "number":
    case "bigint":
      shown = figures.numberText(value);
      break;
    case "object": {
      if (value === null) return null;
      if (Array.isArray(value)) {
        return depth < MAX_DEPTH ? value.map((item) => onValue(item, mask, decimals, depth + 1)) : text.HIDDEN;
      }
      const decimal = decimals?.(value);
      shown = decimal === undefined ? undefined : figures.decimalText(decimal);
    }
  }
  if (shown === undefined || !shown.isWellFormed()) return text.HIDDEN;
  return shown === "" ? "" : mask(shown);
}

function localToday(): figures.CalendarDate {
  const now = new Date();
  return { year: now.getFullYear(), month: now.getMonth() + 1, day: now.getDate() };
}

function makeKeepRange(p: Given): TextMask {
  if (p.to < p.from) throw new MaskUnavailableError("parameter `to` lies before `from`");
  return (value) => text.keepRange([...value], p);
}

function makeBucket(p: Given): TextMask {
  if (p.labels !== undefined && p.labels.length !== p.edges.length + 1) {
    throw new MaskUnavailableError("parameter `labels` does not have one item more than `edges`");
  }
  const edges = p.edges.map(figures.parseNumber);
  return (value) => figures.bucket(value, p, edges);
}

function makeDateTrunc(p: Given, setting: Setting): TextMask {
  if (p.band === 0) throw new MaskUnavailableError("parameter `band` is 0");
  const today = setting.today();
  return (value) => figures.dateTrunc(value, p, today);
}

function makeIp(p: Given): TextMask {
  if (p.ipv4 > 3 || p.ipv6 > 7) throw new MaskUnavailableError("parameter `ipv4` or `ipv6` would show everything");
  return (value) => text.ip([...value], p);
}

function makeRegex(p: Given): TextMask {
  const pattern = compiled(p.pattern);
  const template = templateParts(p.template, pattern.groupCount());
  return (value) => {
    const matcher = pattern.matcher(value);
    if (!matcher.matches()) return text.HIDDEN;
    const shown = template.map((part) => (typeof part === "string" ? part : (matcher.group(part) ?? ""))).join("");
    return shown === value ? text.HIDDEN : shown;
  };
}

const PATTERNS_KEPT = 256;
const patterns = new Map<string, RE2JS>();

function compiled(pattern: string): RE2JS {
  let found = patterns.get(pattern);
  if (found === undefined) {
    try {
      found = RE2JS.compile(pattern);
    } catch (error) {
      throw new MaskUnavailableError("parameter `pattern` is not RE2", { cause: error });
    }
    if (patterns.size === PATTERNS_KEPT) patterns.clear();
    patterns.set(pattern, found);
  }
  return found;
}

/** Return the template as plain texts and numbers of groups. */
function templateParts(template: string, groups: number): (string | number)[] {
  const parts: (string | number)[] = [];
  for (let i = 0; i < template.length; i++) {
    if (template[i] !== "$") {
      parts.push(template[i] as string);
      continue;
    }
    const following = template[++i] ?? "";
    if (following === "$") parts.push("$");
    else if (/^[1-9]$/.test(following) && Number(following) <= groups) parts.push(Number(following));
    else throw new MaskUnavailableError("parameter `template` uses a group that the pattern does not have");
  }
  return parts;
}

function makeHash(p: Given, setting: Setting): TextMask {
  let found: Uint8Array | undefined;
  try {
    found = setting.keys(p.key);
  } catch (error) {
    if (error instanceof KeyUnavailableError) throw new MaskUnavailableError(error.message, { cause: error });
    throw error;
  }
  if (found === undefined || found.length < MIN_KEY_BYTES) {
    throw new MaskUnavailableError(`there is no key \`${p.key}\` of ${MIN_KEY_BYTES} bytes or more`);
  }
  if (p.digits < 16 || p.digits > 64) throw new MaskUnavailableError("parameter `digits` is not from 16 to 64");
  if (!getHashes().includes(p.digest)) throw new MaskUnavailableError(`this Node.js has no \`${p.digest}\``);
  const secret = found;
  return (value) => createHmac(p.digest, secret).update(value, "utf8").digest("hex").slice(0, p.digits);
}
