/**
 * Masks that hide characters of a text. Every function gets a text that is not empty, as its code points.
 *
 * INVARIANT: each hides something. Where a rule would leave nothing hidden, because the value is too short or not of the
 * expected form, the value is hidden whole.
 */
import { COMPOUND_SURNAMES } from "./surnames.js";

/** What stands for a value whose form does not fit its mask. */
export const HIDDEN = "***";

interface Hiding {
  readonly char: string;
  readonly length: number;
}
interface Ends extends Hiding {
  readonly prefix: number;
  readonly suffix: number;
  readonly skip: string;
}
interface Delimiter extends Hiding {
  readonly delimiter: string;
  readonly occurrence: string;
}

const DOTS = new Set("\u00b7\u2022\u2027\u30fb");
const SPACES = new Set("\u0020\u00a0\u3000");
const LATIN = /^[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]$/;
const AREA_CODE = /^[(\uff08]?0(?:10|2[0-9]|[3-9][0-9]{2})[)\uff09]?/;
const PHONE_SEPARATORS = new Set("- ()\uff08\uff09");
const OCTET = "(?:0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])";
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);
const GROUP = /^[0-9A-Fa-f]{1,4}$/;

/** Hide everything. */
export function full(text: readonly string[], p: Hiding): string {
  return stretch(text.length, p);
}

/** Show the first `prefix` and the last `suffix` characters. */
export function keep(text: readonly string[], p: Ends): string {
  const letters = lettersOf(text, p.skip);
  const end = letters.length - p.suffix;
  return hide(text, end > p.prefix ? letters.slice(p.prefix, end) : [], p);
}

/** Hide the first `prefix` and the last `suffix` characters. */
export function mask(text: readonly string[], p: Ends): string {
  const letters = lettersOf(text, p.skip);
  const end = letters.length - p.suffix;
  return hide(text, end > p.prefix ? [...letters.slice(0, p.prefix), ...letters.slice(end)] : [], p);
}

/** Show the characters `from` to `to`, counted from 1. */
export function keepRange(
  text: readonly string[],
  p: Hiding & { readonly from: number; readonly to: number; readonly skip: string },
): string {
  const letters = lettersOf(text, p.skip);
  if (letters.length < p.to) return full(text, p);
  return hide(text, [...letters.slice(0, p.from - 1), ...letters.slice(p.to)], p);
}

/** Hide what stands before the delimiter. */
export function before(text: readonly string[], p: Delimiter): string {
  return hide(text, range(0, Math.max(find(text, p), 0)), p);
}

/** Hide what stands after the delimiter. */
export function after(text: readonly string[], p: Delimiter): string {
  const place = find(text, p);
  return hide(text, place >= 0 ? range(place + [...p.delimiter].length, text.length) : [], p);
}

/** Show a person's surname or initials. */
export function name(text: readonly string[], p: Hiding): string {
  const letters = range(0, text.length).filter((i) => !DOTS.has(at(text, i)) && !SPACES.has(at(text, i)));
  const shown = new Set(letters.slice(0, 1));
  if (!text.some((ch) => DOTS.has(ch))) {
    const [first, second] = letters;
    if (letters.length > 2 && first !== undefined && second !== undefined) {
      if (COMPOUND_SURNAMES.has(at(text, first) + at(text, second))) shown.add(second);
    }
    for (const i of letters.slice(1)) {
      if (SPACES.has(at(text, i - 1)) && LATIN.test(at(text, i))) shown.add(i);
    }
  }
  return hide(
    text,
    letters.filter((i) => !shown.has(i)),
    p,
  );
}

/** Show the first `prefix` characters and the domain. */
export function email(text: readonly string[], p: Hiding & { readonly prefix: number }): string {
  const last = text.lastIndexOf("@");
  if (last <= 0 || last === text.length - 1) return full(text, p);
  return hide(text, range(p.prefix < last ? p.prefix : 0, last), p);
}

/** Show an address through its district, or its first `prefix` characters. */
export function address(
  text: readonly string[],
  p: Hiding & {
    readonly markers: readonly string[];
    readonly exceptions: readonly string[];
    readonly prefix: number;
  },
): string {
  const whole = text.join("");
  let units = 0;
  for (let end = 1; end <= text.length; end++) {
    units += at(text, end - 1).length;
    const ends = (word: string) => whole.endsWith(word, units);
    if (p.markers.some(ends) && !p.exceptions.some(ends)) return hide(text, range(end, text.length), p);
  }
  return hide(text, range(p.prefix, text.length), p);
}

/** Show the area code and the last `suffix` characters. */
export function landline(text: readonly string[], p: Hiding & { readonly suffix: number }): string {
  // The code's characters are one UTF-16 unit each, so its length counts code points too.
  const start = AREA_CODE.exec(text.join(""))?.[0].length ?? 0;
  const letters = range(start, text.length).filter((i) => !PHONE_SEPARATORS.has(at(text, i)));
  return hide(text, letters.slice(0, Math.max(letters.length - p.suffix, 0)), p);
}

/** Show the first octets of an IPv4 address or the first groups of an IPv6 address. */
export function ip(
  text: readonly string[],
  p: { readonly ipv4: number; readonly ipv6: number; readonly char: string },
): string {
  const whole = text.join("");
  if (IPV4.test(whole)) return shownParts(whole.split("."), p.ipv4, p.char).join(".");
  const groups = ipv6Groups(whole);
  return groups === undefined ? HIDDEN : shownParts(groups, p.ipv6, p.char).join(":");
}

function shownParts(parts: readonly string[], shown: number, char: string): string[] {
  return parts.map((part, i) => (i < shown ? part : char));
}

/** Return the eight groups of an IPv6 address, in lower case without leading zeros; undefined for any other text. */
function ipv6Groups(text: string): string[] | undefined {
  let body = text;
  const lastColon = text.lastIndexOf(":");
  const tail = text.slice(lastColon + 1);
  if (tail.includes(".")) {
    if (!IPV4.test(tail)) return undefined;
    const [a, b, c, d] = tail.split(".").map(Number) as [number, number, number, number];
    body = `${text.slice(0, lastColon + 1)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  }
  const halves = body.split("::");
  if (halves.length > 2) return undefined;
  const [head = [], rest] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const given = [...head, ...(rest ?? [])];
  if (!given.every((group) => GROUP.test(group))) return undefined;
  if (rest === undefined ? given.length !== 8 : given.length > 7) return undefined;
  const zeros = Array.from({ length: 8 - given.length }, () => "0");
  return [...head, ...zeros, ...(rest ?? [])].map((group) => Number.parseInt(group, 16).toString(16));
}

function lettersOf(text: readonly string[], skip: string): number[] {
  if (skip === "") return range(0, text.length);
  const skipped = new Set(skip);
  return range(0, text.length).filter((i) => !skipped.has(at(text, i)));
}

/** Return where the delimiter stands, in code points; -1 for nowhere. */
function find(text: readonly string[], p: Delimiter): number {
  const whole = text.join("");
  const units = p.occurrence === "last" ? whole.lastIndexOf(p.delimiter) : whole.indexOf(p.delimiter);
  return units <= 0 ? units : [...whole.slice(0, units)].length;
}

/** Return the text with the characters at these rising places hidden; hidden whole when there are none. */
function hide(text: readonly string[], places: readonly number[], p: Hiding): string {
  if (places.length === 0) return full(text, p);
  let out = "";
  let next = 0;
  for (let i = 0; i < text.length; ) {
    if (places[next] !== i) {
      out += text[i++];
      continue;
    }
    const start = i;
    while (places[next] === i) {
      next++;
      i++;
    }
    out += stretch(i - start, p);
  }
  return out;
}

function stretch(count: number, p: Hiding): string {
  return p.char.repeat(p.length || count);
}

function range(start: number, end: number): number[] {
  const found: number[] = [];
  for (let i = start; i < end; i++) found.push(i);
  return found;
}

function at(text: readonly string[], i: number): string {
  return text[i] as string;
}
