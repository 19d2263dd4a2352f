/** Clocks in time zones, at the resolution and within the bounds that CEL's timestamps have. */

/** Nanoseconds in a second. */
export const NANOS = 1_000_000_000n;
/** The first nanosecond of the year 1 and the last of the year 9999, since 1970. */
export const TIMESTAMP_MIN = -62_135_596_800n * NANOS;
export const TIMESTAMP_MAX = 253_402_300_800n * NANOS - 1n;

const DAY = 86_400;
const BUCKET = 900;
const MOST_BUCKETS = 4_096;
// A day inwards: zones have no transitions near the ends, and Intl computes there.
const FIRST = Number(TIMESTAMP_MIN / NANOS) + DAY;
const LAST = Number(TIMESTAMP_MAX / NANOS) - DAY;
const FIXED = /^([+-])([01][0-9]|2[0-3]):([0-5][0-9])$/;

/** Returns the offset from UTC in seconds at a moment, which is in seconds since 1970. */
type Offset = (seconds: number) => number;

const zones = new Map<string, Offset>();

/** What a clock in a zone shows, as seconds since it showed 1970-01-01T00:00:00. Throws RangeError for no zone. */
export function localSeconds(nanos: bigint, zone: string): number {
  const seconds = Number(floorDiv(nanos, NANOS));
  return seconds + offsetOf(zone)(seconds);
}

/** The date that a clock in the zone shows; undefined outside the years 1 to 9999. */
export function localDate(nanos: bigint, zone: string): Date | undefined {
  const date = new Date(Math.floor(localSeconds(nanos, zone) / DAY) * DAY * 1_000);
  const year = date.getUTCFullYear();
  return year >= 1 && year <= 9_999 ? date : undefined;
}

/** Division rounded down. */
export function floorDiv(a: bigint, b: bigint): bigint {
  return a % b < 0n ? a / b - 1n : a / b;
}

/** Throw RangeError unless this runtime knows the zone. */
export function checkZone(zone: string): void {
  offsetOf(zone)(0);
}

function offsetOf(zone: string): Offset {
  let found = zones.get(zone);
  if (found === undefined) {
    const match = FIXED.exec(zone);
    const fixed = (Number(match?.[2] ?? 0) * 60 + Number(match?.[3] ?? 0)) * 60 * (match?.[1] === "-" ? -1 : 1);
    found = zone === "UTC" || match !== null ? () => fixed : cached(named(zone));
    zones.set(zone, found);
  }
  return found;
}

/** Remember offsets of quarters of an hour in which they do not change. */
function cached(offset: Offset): Offset {
  const steady = new Map<number, number | undefined>();
  return (seconds) => {
    const start = seconds - (((seconds % BUCKET) + BUCKET) % BUCKET);
    if (!steady.has(start)) {
      const first = offset(start);
      if (steady.size === MOST_BUCKETS) steady.clear();
      steady.set(start, first === offset(start + BUCKET - 1) ? first : undefined);
    }
    return steady.get(start) ?? offset(seconds);
  };
}

function named(zone: string): Offset {
  // Not the calendar iso8601: there Node.js has Julian dates before 1582.
  const format = new Intl.DateTimeFormat("en-US-u-ca-gregory-nu-latn", {
    timeZone: zone,
    hourCycle: "h23",
    era: "short",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  return (seconds) => {
    const inside = Math.min(Math.max(seconds, FIRST), LAST);
    const parts = new Map(format.formatToParts(inside * 1_000).map(({ type, value }) => [type, value]));
    const part = (type: Intl.DateTimeFormatPartTypes) => Number(parts.get(type));
    const year = parts.get("era")?.startsWith("B") ? 1 - part("year") : part("year");
    const shown = new Date(0);
    shown.setUTCFullYear(year, part("month") - 1, part("day"));
    shown.setUTCHours(part("hour"), part("minute"), part("second"));
    return shown.getTime() / 1_000 - inside;
  };
}
