/**
 * Masks that make a number or a date coarser, and the text of a number.
 *
 * What they cannot read becomes HIDDEN; decimals are computed exactly.
 */
import { HIDDEN } from "./text.js";

/** Digits on either side of the point; every double fits. */
export const MAX_DIGITS = 400;

const MAX_NUMBER_TEXT = 64;
const NUMBER = /^([+-]?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]+))?$/;
const PLAIN_DECIMAL = /^-?[0-9]+(?:\.[0-9]+)?$/;
const DECIMAL = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,7}))?$/;
const TAIL = "(?:[T ][0-9:.,+Zz-]*)?";
const DATES = [
  new RegExp(`^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})${TAIL}$`),
  new RegExp(`^([0-9]{4})/([0-9]{1,2})/([0-9]{1,2})${TAIL}$`),
  new RegExp(`^([0-9]{4})\\.([0-9]{1,2})\\.([0-9]{1,2})${TAIL}$`),
  new RegExp(`^([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日${TAIL}$`),
  /^([0-9]{4})([0-9]{2})([0-9]{2})(?:[0-9]{6})?$/,
];

/** A day of the calendar, month and day from 1. */
export interface CalendarDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** An exact decimal: `digits` shifted by `scale` places to the right of the point. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

/**
 * Return a JSON number as text, or undefined for one that has none (NaN, an infinity, more than 400 digits).
 *
 * A double as the shortest decimal that reads back as the same double, without exponent and without a trailing `.0`.
 */
export function numberText(value: number | bigint): string | undefined {
  if (typeof value === "bigint") {
    const text = value.toString();
    return text.replace("-", "").length <= MAX_DIGITS ? text : undefined;
  }
  if (!Number.isFinite(value)) return undefined;
  if (value === 0) return "0";
  const text = String(value);
  return text.includes("e") ? decimalText(text) : text;
}

/** Return a decimal text, such as a lossless parser keeps it, without exponent; undefined for any other text. */
export function decimalText(text: string): string | undefined {
  if (PLAIN_DECIMAL.test(text)) return text.length <= MAX_DIGITS ? text : undefined;
  const match = DECIMAL.exec(text);
  const whole = match?.[2] ?? "";
  const fraction = match?.[3] ?? "";
  const exponent = Number(match?.[4] ?? "0");
  if (match === null || whole + fraction === "" || Math.abs(exponent) > MAX_DIGITS) return undefined;
  const digits = whole + fraction;
  const point = whole.length + exponent;
  const integer = point > 0 ? digits.slice(0, point).padEnd(point, "0") : "0";
  const rest = point > 0 ? digits.slice(point) : "0".repeat(-point) + digits;
  if (integer.length > MAX_DIGITS || rest.length > MAX_DIGITS) return undefined;
  const shown = rest === "" ? integer : `${integer}.${rest}`;
  return match[1] === "-" ? `-${shown}` : shown;
}

/** Return the exact number of a decimal text, with or without thousands separators; undefined for any other text. */
export function parseNumber(text: string): Decimal | undefined {
  const match = text.length <= MAX_NUMBER_TEXT ? NUMBER.exec(text) : null;
  if (match === null) return undefined;
  const fraction = match[3] ?? "";
  const digits = BigInt((match[2] as string).replaceAll(",", "") + fraction);
  return { digits: match[1] === "-" ? -digits : digits, scale: fraction.length };
}

/**
 * Name the range that a number falls in: a lower edge belongs to its range. `edges` are the numbers of `p.edges`.
 */
export function bucket(
  text: string,
  p: { readonly edges: readonly string[]; readonly labels?: readonly string[] },
  edges: readonly Decimal[],
): string {
  const number = parseNumber(text);
  if (number === undefined) return HIDDEN;
  const index = edges.filter((edge) => compare(number, edge) >= 0).length;
  if (p.labels !== undefined) return p.labels[index] as string;
  if (index === 0) return `<${p.edges[0]}`;
  if (index === p.edges.length) return `≥${p.edges[index - 1]}`;
  return `${p.edges[index - 1]}–${p.edges[index]}`;
}

/** Round a number to a multiple of `unit`, written with as many decimals as `unit`. */
export function round(text: string, p: { readonly unit: string; readonly mode: string }): string {
  const number = parseNumber(text);
  if (number === undefined) return HIDDEN;
  const unit = parseNumber(p.unit) as Decimal;
  const scale = Math.max(number.scale, unit.scale);
  const value = scaled(number, scale);
  const magnitude = value < 0n ? -value : value;
  const step = scaled(unit, scale);
  const count = p.mode === "nearest" ? (2n * magnitude + step) / (2n * step) : magnitude / step;
  const decimals = unit.scale;
  const digits = (count * unit.digits).toString().padStart(decimals + 1, "0");
  const shown = decimals > 0 ? `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}` : digits;
  return value < 0n && count > 0n ? `-${shown}` : shown;
}

/** Show the year, the year and month, or the age band of a date. */
export function dateTrunc(
  text: string,
  p: { readonly unit: string; readonly band: number },
  today: CalendarDate,
): string {
  const date = parseDate(text);
  if (date === undefined) return HIDDEN;
  const year = String(date.year).padStart(4, "0");
  if (p.unit === "year") return year;
  if (p.unit === "month") return `${year}-${String(date.month).padStart(2, "0")}`;
  const before = today.month < date.month || (today.month === date.month && today.day < date.day);
  const age = today.year - date.year - (before ? 1 : 0);
  if (age < 0) return HIDDEN;
  const low = Math.floor(age / p.band) * p.band;
  return `${low}–${low + p.band - 1}`;
}

function compare(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale);
  const difference = scaled(a, scale) - scaled(b, scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function scaled(number: Decimal, scale: number): bigint {
  return number.digits * 10n ** BigInt(scale - number.scale);
}

function parseDate(text: string): CalendarDate | undefined {
  for (const pattern of DATES) {
    const match = pattern.exec(text);
    if (match === null) continue;
    const [year, month, day] = match.slice(1, 4).map(Number) as [number, number, number];
    return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month)
      ? { year, month, day }
      : undefined;
  }
  return undefined;
}

function daysOf(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
}
