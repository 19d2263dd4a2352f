/**
 * CEL's functions by the types of their arguments, over the values that stand for CEL's here.
 *
 * The official runtime chooses an overload by looking at each value, and keeps timestamps as messages. Expressions in a
 * bundle are type-checked, so each call is planned as the one function that its types name: exact, and without a search.
 *
 * | CEL | value |
 * |---|---|
 * | string, double, bool | string, number, boolean |
 * | int | bigint |
 * | timestamp, duration | bigint: nanoseconds, since 1970 |
 * | list, map | CelList, CelMap |
 */
import {
  type CelFunc,
  type CelList,
  type CelMap,
  CelScalar,
  celError,
  celFunc,
  celList,
  isCelList,
  isCelMap,
} from "@bufbuild/cel";
import { RE2JS } from "re2js";
import * as time from "./time.js";

const { NANOS } = time;
const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 63n - 1n;
// As many steps as Google's runtime allows an expression; lists come from clients and may hold 1,000 items each.
const MAX_PAIRS = 10_000;

// biome-ignore lint/suspicious/noExplicitAny: the checker has told the types, see above.
type Any = any;
type Implementation = (...args: Any[]) => unknown;

function fail(message: string): never {
  throw celError(message);
}

function int(value: bigint): bigint {
  return value >= INT_MIN && value <= INT_MAX ? value : fail("integer overflow");
}

function moment(nanos: bigint): bigint {
  return nanos >= time.TIMESTAMP_MIN && nanos <= time.TIMESTAMP_MAX ? nanos : fail("timestamp overflow");
}

/** Compare by code points: JavaScript's own order is that of UTF-16 units. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    // Surrogates stand for what lies above all other units.
    const [high, other] = [x >= 0xd800 && x <= 0xdfff, y >= 0xd800 && y <= 0xdfff];
    return high === other ? x - y : high ? 1 : -1;
  }
  return a.length - b.length;
}

/** `==` where the types are known only now: numbers by value, other types never equal. */
export function equals(a: Any, b: Any): boolean {
  if (typeof a === typeof b && typeof a !== "object") return a === b;
  if (typeof a === "bigint" && typeof b === "number") return Number(a) === b;
  if (typeof a === "number" && typeof b === "bigint") return a === Number(b);
  if (isCelList(a) && isCelList(b)) {
    if (a.size !== b.size) return false;
    const other = b[Symbol.iterator]();
    for (const item of a) if (!equals(item, other.next().value)) return false;
    return true;
  }
  if (isCelMap(a) && isCelMap(b)) {
    if (a.size !== b.size) return false;
    for (const [key, value] of a) {
      const found = b.get(key as string);
      if (found === undefined || !equals(value, found)) return false;
    }
    return true;
  }
  return false;
}

/** An order where the types are known only now: numbers by value, other mixtures are an error. */
function order(a: Any, b: Any): number {
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  const isNumber = (v: unknown) => typeof v === "number" || typeof v === "bigint";
  if (typeof a !== typeof b) {
    if (!isNumber(a) || !isNumber(b)) fail("no order between these types");
    return order(Number(a), Number(b));
  }
  return a < b ? -1 : a > b ? 1 : a === b ? 0 : Number.NaN;
}

const compared =
  (test: (order: number) => boolean): Implementation =>
  (a, b) =>
    test(order(a, b));

function contains(item: Any, list: CelList): boolean {
  for (const other of list) if (equals(item, other)) return true;
  return false;
}

function divide(a: bigint, b: bigint): bigint {
  return b === 0n ? fail("division by zero") : int(a / b);
}

function modulo(a: bigint, b: bigint): bigint {
  if (b === 0n) fail("modulus by zero");
  return b === -1n && a === INT_MIN ? fail("integer overflow") : a % b;
}

function intOfDouble(value: number): bigint {
  // The ends of the range themselves are refused, as in cel-cpp.
  return value > Number(INT_MIN) && value < Number(INT_MAX)
    ? BigInt(Math.trunc(value))
    : fail("double out of int range");
}

const PATTERNS_KEPT = 1_024;
const patterns = new Map<string, RE2JS>();

/** Return a pattern ready to be used. Throws what RE2JS throws. */
export function patternOf(text: string): RE2JS {
  let found = patterns.get(text);
  if (found === undefined) {
    found = RE2JS.compile(text);
    if (patterns.size === PATTERNS_KEPT) patterns.clear();
    patterns.set(text, found);
  }
  return found;
}

const ofDate =
  (pick: (date: Date) => number): Implementation =>
  (nanos, zone = "UTC") => {
    const date = time.localDate(nanos, zone);
    return date === undefined ? fail("local date out of range") : BigInt(pick(date));
  };

const ofClock =
  (pick: (seconds: number) => number): Implementation =>
  (nanos, zone = "UTC") =>
    BigInt(pick(time.localSeconds(nanos, zone)));

const modulus = (value: number, by: number) => ((value % by) + by) % by;

function dayOfYear(date: Date): number {
  const first = new Date(0);
  first.setUTCFullYear(date.getUTCFullYear(), 0, 1);
  return Math.round((date.getTime() - first.getTime()) / 86_400_000);
}

// By CEL's name of the function and the types of its arguments; `*` stands for any types.
const TABLE: Readonly<Record<string, Implementation>> = {
  "!_ bool": (a) => !a,
  "_==_ *": equals,
  "_!=_ *": (a, b) => !equals(a, b),
  "_<_ *": compared((o) => o < 0),
  "_<=_ *": compared((o) => o <= 0),
  "_>_ *": compared((o) => o > 0),
  "_>=_ *": compared((o) => o >= 0),
  "_+_ int int": (a: bigint, b: bigint) => int(a + b),
  "_-_ int int": (a: bigint, b: bigint) => int(a - b),
  "_*_ int int": (a: bigint, b: bigint) => int(a * b),
  "_/_ int int": divide,
  "_%_ int int": modulo,
  "-_ int": (a: bigint) => int(-a),
  "_+_ double double": (a, b) => a + b,
  "_-_ double double": (a, b) => a - b,
  "_*_ double double": (a, b) => a * b,
  "_/_ double double": (a, b) => a / b,
  "-_ double": (a) => -a,
  "_+_ string string": (a, b) => a + b,
  "_+_ list list": (a: CelList, b: CelList) => celList([...a, ...b]),
  "_+_ duration duration": (a: bigint, b: bigint) => int(a + b),
  "_-_ duration duration": (a: bigint, b: bigint) => int(a - b),
  "_+_ timestamp duration": (a: bigint, b: bigint) => moment(a + b),
  "_+_ duration timestamp": (a: bigint, b: bigint) => moment(a + b),
  // The duration needs an opposite, as in cel-cpp.
  "_-_ timestamp duration": (a: bigint, b: bigint) => moment(a + int(-b)),
  "_-_ timestamp timestamp": (a: bigint, b: bigint) => {
    int(b - a);
    return int(a - b);
  },
  "@in * list": contains,
  "@in * map": (key, map: CelMap) => map.get(key) !== undefined,
  "size string": (a: string) => BigInt([...a].length),
  "size list": (a: CelList) => BigInt(a.size),
  "size map": (a: CelMap) => BigInt(a.size),
  "contains string string": (a: string, b: string) => a.includes(b),
  "startsWith string string": (a: string, b: string) => a.startsWith(b),
  "endsWith string string": (a: string, b: string) => a.endsWith(b),
  "matches string string": (text: string, pattern: string) => patternOf(pattern).test(text),
  "int double": intOfDouble,
  "int timestamp": (a) => time.floorDiv(a, NANOS),
  "double int": (a) => Number(a),
  "string int": (a) => String(a),
  "string bool": (a) => String(a),
  "timestamp int": (a: bigint) => moment(a * NANOS),
  "getFullYear timestamp": ofDate((date) => date.getUTCFullYear()),
  "getMonth timestamp": ofDate((date) => date.getUTCMonth()),
  "getDayOfYear timestamp": ofDate(dayOfYear),
  "getDayOfMonth timestamp": ofDate((date) => date.getUTCDate() - 1),
  "getDate timestamp": ofDate((date) => date.getUTCDate()),
  // 1970-01-01 was a Thursday; CEL counts from Sunday.
  "getDayOfWeek timestamp": ofClock((seconds) => modulus(Math.floor(seconds / 86_400) + 4, 7)),
  "getHours timestamp": ofClock((seconds) => modulus(Math.floor(seconds / 3_600), 24)),
  "getMinutes timestamp": ofClock((seconds) => modulus(Math.floor(seconds / 60), 60)),
  "getSeconds timestamp": ofClock((seconds) => modulus(seconds, 60)),
  "getMilliseconds timestamp": (nanos: bigint) => (nanos - time.floorDiv(nanos, NANOS) * NANOS) / 1_000_000n,
  "getHours duration": (nanos: bigint) => nanos / (3_600n * NANOS),
  "getMinutes duration": (nanos: bigint) => nanos / (60n * NANOS),
  "getSeconds duration": (nanos: bigint) => nanos / NANOS,
  "getMilliseconds duration": (nanos: bigint) => (nanos / 1_000_000n) % 1_000n,
};
const IDENTITIES = new Set([
  "int int",
  "double double",
  "string string",
  "bool bool",
  "timestamp timestamp",
  "duration duration",
]);

/** Presence of a key: the official planner takes `has` of a missing attribute for false, where it is an error. */
export const HAS = "@has";
/** Notes how much a macro goes through, for those inside it. */
export const OUTER = "@outer";
/** Lets a macro inside another go through what it does, unless the two make too many pairs. */
export const WITHIN = "@within";

/** The name of the function that a call of these types is; empty for one that gives back its argument. */
export function functionOf(name: string, types: readonly string[]): string | undefined {
  const exact = `${name} ${types.join(" ")}`;
  if (name === "dyn" || IDENTITIES.has(exact)) return "";
  for (const key of [exact, `${name} *`, `${name} * ${types.at(-1)}`]) if (Object.hasOwn(TABLE, key)) return key;
  const zoned = `${name} ${types[0]}`;
  return types.length === 2 && types[1] === "string" && types[0] === "timestamp" && Object.hasOwn(TABLE, zoned)
    ? zoned
    : undefined;
}

/** Return all functions, for one environment: how much outer macros go through is its own. */
export function functions(): CelFunc[] {
  const { DYN } = CelScalar;
  const sizes = new Map<bigint, number>();
  const count = (source: CelList | CelMap) => source.size;
  const made = (name: string, arity: number, implementation: Implementation) =>
    celFunc(name, new Array(arity).fill(DYN), DYN, implementation as Any);
  return [
    ...Object.entries(TABLE).flatMap(([name, implementation]) =>
      [1, 2].map((arity) => made(name, arity, implementation)),
    ),
    made(HAS, 2, (map: CelMap, key: string) => map.get(key) !== undefined),
    made(OUTER, 2, (source: CelList | CelMap, id: bigint) => {
      sizes.set(id, count(source));
      return source;
    }),
    made(WITHIN, 2, (source: CelList | CelMap, id: bigint) =>
      count(source) * (sizes.get(id) ?? 0) > MAX_PAIRS ? fail("too many pairs in nested macros") : source,
    ),
  ];
}
