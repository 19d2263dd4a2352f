/**
 * From JavaScript and JSON values to the typed values of a request.
 *
 * | type | value | also read from a message |
 * |---|---|---|
 * | string | string | number: its text |
 * | int | bigint, number without fraction | text such as `"12"` |
 * | double | number, bigint | text such as `"1234.56"` or `"1,234.56"` |
 * | bool | boolean | `"true"`, `"false"` |
 * | timestamp | Date, `timestamp("2026-03-02T10:00:00.123456789+08:00")` | such a text |
 * | duration | `duration("1h30m")` | such a text |
 * | list(…) | array | items as above |
 * | map(string, string) | plain object, Map | |
 *
 * JavaScript does not tell `2` from `2.0`: a number without a fraction is an int, unless the policy set is known to declare
 * a double; `double(2)` says so where it is not known.
 */
import { create } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { AttributeValueError } from "./errors.js";
import { AttributeType } from "./gen/pdp/v1/bundle_pb.js";
import { type Value, ValueSchema } from "./gen/pdp/v1/types_pb.js";
import { numberText, parseNumber, decimalText as plainDecimal } from "./masks/figures.js";
import type { DecimalText } from "./masks.js";
import { isObject } from "./paths.js";

/** The most items of a list or map. */
export const MAX_LIST = 1_000;

const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 63n - 1n;
const NANOS = 1_000_000_000n;
const TIMESTAMP_MIN = -62_135_596_800n;
const TIMESTAMP_MAX = 253_402_300_799n;
const INT = /^[+-]?[0-9]{1,19}$/;
const DATE_TIME =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))$/;
const DURATION = /^([+-]?)((?:[0-9]+(?:\.[0-9]+)?(?:ns|us|ms|s|m|h))+)$/;
const DURATION_PART = /([0-9]+)(?:\.([0-9]+))?(ns|us|ms|s|m|h)/g;
const MAX_DURATION_TEXT = 64;
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: NANOS,
  m: 60n * NANOS,
  h: 3_600n * NANOS,
};

/** A value of which the caller says the type. */
export class Typed {
  constructor(
    readonly type: AttributeType,
    readonly value: unknown,
  ) {}
}

/** A floating-point number, also when it has no fraction. */
export function double(value: number): Typed {
  return new Typed(AttributeType.DOUBLE, value);
}

/** A span of time: nanoseconds, or a text such as `1h30m`. */
export function duration(value: bigint | string): Typed {
  return new Typed(AttributeType.DURATION, value);
}

/** A point in time as an RFC 3339 text with up to nine decimals; a Date has three. */
export function timestamp(value: string): Typed {
  return new Typed(AttributeType.TIMESTAMP, value);
}

/** Return a value as its own type says. Throws AttributeValueError. */
export function toValue(value: unknown): Value {
  if (value instanceof Typed) return typedValue(value.value, value.type);
  const kind = ownType(value);
  if (kind !== undefined) return typedValue(value, kind);
  throw new AttributeValueError(`a value of type \`${typeName(value)}\` cannot be sent`);
}

/** Return a value as a declared type. Throws AttributeValueError, which never quotes the value. */
export function typedValue(given: unknown, type: AttributeType, decimals?: DecimalText): Value {
  const value = given instanceof Typed ? given.value : given;
  switch (type) {
    case AttributeType.STRING:
      return made("stringValue", string(value, decimals));
    case AttributeType.INT:
      return made("intValue", int(value, decimals));
    case AttributeType.DOUBLE:
      return made("doubleValue", number(value, decimals));
    case AttributeType.BOOL:
      return made("boolValue", bool(value));
    case AttributeType.TIMESTAMP:
      return made("timestampValue", moment(value));
    case AttributeType.DURATION: {
      const nanos = span(value);
      // Both parts carry the sign, as BigInt's division and rest do.
      return made("durationValue", { seconds: nanos / NANOS, nanos: Number(nanos % NANOS) });
    }
    case AttributeType.STRING_LIST:
      return made("stringList", { values: list(value).map((item) => string(item, decimals)) });
    case AttributeType.INT_LIST:
      return made("intList", { values: list(value).map((item) => int(item, decimals)) });
    case AttributeType.DOUBLE_LIST:
      return made("doubleList", { values: list(value).map((item) => number(item, decimals)) });
    case AttributeType.STRING_MAP:
      return made("stringMap", { entries: entries(value, decimals) });
    default:
      throw new AttributeValueError("its declared type is not known to this client; update the client");
  }
}

/** Return a text that is no attribute, such as the subject's id. Throws AttributeValueError. */
export function textOf(name: string, value: unknown): string {
  if (typeof value === "string" && value.isWellFormed()) return value;
  throw new AttributeValueError(
    `\`${name}\` is a value of type \`${typeName(value)}\` and not a text without surrogates`,
  );
}

/** Whether an attribute type is one of the list types. */
export function isListType(type: AttributeType): boolean {
  return [AttributeType.STRING_LIST, AttributeType.INT_LIST, AttributeType.DOUBLE_LIST].includes(type);
}

/** Return the plain value of a mask's parameter; null for a kind that no parameter has. */
export function plain(value: Value): unknown {
  switch (value.kind.case) {
    case "stringValue":
    case "boolValue":
      return value.kind.value;
    case "intValue":
      return small(value.kind.value);
    case "stringList":
      return value.kind.value.values;
    case "intList":
      return value.kind.value.values.map(small);
    default:
      return null;
  }
}

/** Return an empty map that has no inherited members, for names that come from outside. */
export function emptyMap<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>;
}

/** What people call the type of a value. */
export function typeName(value: unknown): string {
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  return Array.isArray(value) ? "array" : (value.constructor?.name ?? "object");
}

function ownType(value: unknown): AttributeType | undefined {
  switch (typeof value) {
    case "boolean":
      return AttributeType.BOOL;
    case "string":
      return AttributeType.STRING;
    case "bigint":
      return AttributeType.INT;
    case "number":
      return Number.isInteger(value) ? AttributeType.INT : AttributeType.DOUBLE;
  }
  if (value instanceof Date) return AttributeType.TIMESTAMP;
  if (Array.isArray(value)) {
    if (value.some((item) => item instanceof Typed || ownType(item) === AttributeType.DOUBLE)) {
      return AttributeType.DOUBLE_LIST;
    }
    const first = value.find((item) => typeof item !== "string");
    return first === undefined ? AttributeType.STRING_LIST : AttributeType.INT_LIST;
  }
  return isObject(value) || value instanceof Map ? AttributeType.STRING_MAP : undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: one place that names the kinds; each caller gives what its kind holds.
function made(kind: string, value: any): Value {
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  const own = { case: kind, value } as any;
  if (typeof value === "object") return create(ValueSchema, { kind: own });
  // Most attributes are texts and numbers, and an object to be made of another takes twice as long.
  const found = create(ValueSchema);
  found.kind = own;
  return found;
}

function string(value: unknown, decimals: DecimalText | undefined): string {
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new AttributeValueError("the text holds a lone surrogate");
    return value;
  }
  const text = textOfNumber(value, decimals);
  if (text === undefined) throw unfit(value, "a text");
  return text;
}

function textOfNumber(value: unknown, decimals: DecimalText | undefined): string | undefined {
  if (typeof value === "number" || typeof value === "bigint") return numberText(value);
  if (typeof value !== "object" || value === null || decimals === undefined) return undefined;
  const text = decimals(value);
  return text === undefined ? undefined : plainDecimal(text);
}

function int(value: unknown, decimals: DecimalText | undefined): bigint {
  const text = typeof value === "string" ? value : textOfNumber(value, decimals)?.replace(/\.0+$/, "");
  const found = text !== undefined && INT.test(text) ? BigInt(text.replace("+", "")) : undefined;
  if (found === undefined || found < INT_MIN || found > INT_MAX) throw unfit(value, "a whole number of 64 bits");
  return found;
}

function number(value: unknown, decimals: DecimalText | undefined): number {
  let found: number | undefined;
  if (typeof value === "number" || typeof value === "bigint") found = Number(value);
  else if (typeof value !== "string") found = Number(textOfNumber(value, decimals) ?? Number.NaN);
  else if (parseNumber(value) !== undefined) found = Number(value.replaceAll(",", ""));
  if (found === undefined || !Number.isFinite(found)) throw unfit(value, "a number");
  return found;
}

function bool(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  if (value === "true" || value === "false") return value === "true";
  throw unfit(value, "true or false");
}

function moment(value: unknown): Timestamp {
  let found: { seconds: bigint; nanos: number } | undefined;
  if (value instanceof Date && !Number.isNaN(value.getTime())) {
    const seconds = Math.floor(value.getTime() / 1_000);
    found = { seconds: BigInt(seconds), nanos: (value.getTime() - seconds * 1_000) * 1_000_000 };
  } else if (typeof value === "string") {
    found = parseMoment(value);
  }
  if (found === undefined || found.seconds < TIMESTAMP_MIN || found.seconds > TIMESTAMP_MAX) {
    throw unfit(value, "a date-time with a time zone");
  }
  return create(TimestampSchema, found);
}

/** Return seconds and nanoseconds of an RFC 3339 text; undefined for any other, and for a day that does not exist. */
export function parseMoment(text: string): { seconds: bigint; nanos: number } | undefined {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // Date.UTC reads the years 0 to 99 as 1900 to 1999.
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || hour > 23 || minute > 59 || second > 59) return undefined;
  const [hours, minutes] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  if (hours > 23 || minutes > 59) return undefined;
  const offset = (hours * 60 + minutes) * 60 * (match[8] === "-" ? -1 : 1);
  const seconds = date.getTime() / 1_000 + hour * 3_600 + minute * 60 + second - offset;
  return { seconds: BigInt(seconds), nanos: Number((match[7] ?? "").padEnd(9, "0")) };
}

function span(value: unknown): bigint {
  let nanos = typeof value === "bigint" ? value : undefined;
  if (typeof value === "string" && value.length <= MAX_DURATION_TEXT) {
    const match = DURATION.exec(value);
    if (match !== null) {
      nanos = 0n;
      for (const [, whole = "", fraction = "", unit = ""] of (match[2] as string).matchAll(DURATION_PART)) {
        const size = UNITS[unit] as bigint;
        nanos += BigInt(whole) * size + (BigInt(fraction || "0") * size) / 10n ** BigInt(fraction.length);
      }
      if (match[1] === "-") nanos = -nanos;
    }
  }
  if (nanos === undefined) throw unfit(value, "a duration");
  if (nanos < INT_MIN || nanos > INT_MAX) throw unfit(value, "a duration of at most 292 years");
  return nanos;
}

function list(value: unknown): unknown[] {
  if (Array.isArray(value) && value.length <= MAX_LIST) {
    return value.map((item) => (item instanceof Typed ? item.value : item));
  }
  throw unfit(value, `a list of at most ${MAX_LIST} items`);
}

function entries(value: unknown, decimals: DecimalText | undefined): Record<string, string> {
  const pairs = value instanceof Map ? [...value] : isObject(value) ? Object.entries(value) : undefined;
  if (pairs === undefined || pairs.length > MAX_LIST) throw unfit(value, "an object of texts");
  const found = emptyMap<string>();
  for (const [key, item] of pairs) found[string(key, decimals)] = string(item, decimals);
  return found;
}

function small(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function unfit(value: unknown, expected: string): AttributeValueError {
  return new AttributeValueError(`a value of type \`${typeName(value)}\` is not ${expected}`);
}
