/** What a request says: the usable values of its attributes, and which names it holds that nobody declared. */
import { AttributeType, type Bundle } from "../gen/pdp/v1/bundle_pb.js";
import type { DecideRequest } from "../gen/pdp/v1/decision_service_pb.js";
import type { Value } from "../gen/pdp/v1/types_pb.js";
import { emptyMap } from "../values.js";
import { NANOS, TIMESTAMP_MAX, TIMESTAMP_MIN } from "./time.js";

const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 63n - 1n;
const BUILT_IN = new Set(["subject.id", "subject.roles", "action.name", "resource.type", "resource.id"]);

const CASES: Readonly<Record<number, Value["kind"]["case"]>> = {
  [AttributeType.STRING]: "stringValue",
  [AttributeType.INT]: "intValue",
  [AttributeType.DOUBLE]: "doubleValue",
  [AttributeType.BOOL]: "boolValue",
  [AttributeType.TIMESTAMP]: "timestampValue",
  [AttributeType.DURATION]: "durationValue",
  [AttributeType.STRING_LIST]: "stringList",
  [AttributeType.INT_LIST]: "intList",
  [AttributeType.DOUBLE_LIST]: "doubleList",
  [AttributeType.STRING_MAP]: "stringMap",
};

/** What a request says. */
export interface Given {
  /** The usable values by dotted name, without inherited members. */
  readonly values: Record<string, unknown>;
  /** The attributes that the request holds and nobody declares, sorted. */
  readonly undeclared: string[];
}

/** The declared attributes of a bundle. */
export class Schema {
  /** By namespace with its dot, then by name without it. */
  readonly #declared = new Map<string, Map<string, readonly [dotted: string, type: AttributeType]>>();
  readonly #defaults: [name: string, value: unknown][] = [];

  constructor(bundle: Bundle) {
    for (const { name, type, defaultValue } of bundle.attributes) {
      const start = name.indexOf(".") + 1;
      const own = this.#declared.get(name.slice(0, start)) ?? new Map();
      if (!BUILT_IN.has(name)) own.set(name.slice(start), [name, type]);
      this.#declared.set(name.slice(0, start), own);
      const value = defaultValue === undefined ? undefined : usable(defaultValue, type);
      if (value !== undefined) this.#defaults.push([name, value]);
    }
  }

  /** Read a request's attributes. */
  given(request: DecideRequest): Given {
    const values = emptyMap<unknown>();
    const undeclared: string[] = [];
    // Of another type than declared: its default does not stand in.
    const unfit = new Set<string>();
    const { subject, action, resource } = request;
    const sources = [
      ["subject.", subject?.attributes],
      ["action.", action?.attributes],
      ["resource.", resource?.attributes],
      ["context.", request.context],
    ] as const;
    for (const [prefix, attributes] of sources) {
      const declared = this.#declared.get(prefix);
      for (const key in attributes) {
        const known = declared?.get(key);
        if (known === undefined) {
          undeclared.push(prefix + key);
          continue;
        }
        const [name, type] = known;
        const value = attributes[key] as Value;
        if (value.kind.case === undefined) continue;
        const found = usable(value, type);
        if (found === undefined) unfit.add(name);
        else values[name] = found;
      }
    }
    values["subject.id"] = subject?.id ?? "";
    values["subject.roles"] = subject?.roles ?? [];
    if (action?.name) values["action.name"] = action.name;
    if (resource?.type) values["resource.type"] = resource.type;
    if (resource?.id) values["resource.id"] = resource.id;
    for (const [name, value] of this.#defaults) {
      if (!(name in values) && !unfit.has(name)) values[name] = value;
    }
    return { values, undeclared: undeclared.sort(byCodePoints) };
  }
}

/** Return what a Value holds, as `functions` has it; undefined when it is of another type or out of its range. */
export function usable(value: Value, type: AttributeType): unknown {
  const { kind } = value;
  if (kind.case !== CASES[type]) return undefined;
  switch (kind.case) {
    case "timestampValue": {
      const nanos = kind.value.seconds * NANOS + BigInt(kind.value.nanos);
      const inside =
        kind.value.nanos >= 0 && kind.value.nanos < 1e9 && nanos >= TIMESTAMP_MIN && nanos <= TIMESTAMP_MAX;
      return inside ? nanos : undefined;
    }
    case "durationValue": {
      const { seconds, nanos } = kind.value;
      const all = seconds * NANOS + BigInt(nanos);
      const sameSign = Math.abs(nanos) < 1e9 && !(seconds > 0n && nanos < 0) && !(seconds < 0n && nanos > 0);
      return sameSign && all >= INT_MIN && all <= INT_MAX ? all : undefined;
    }
    case "stringList":
    case "intList":
    case "doubleList":
      return kind.value.values;
    case "stringMap":
      return new Map(Object.entries(kind.value.entries));
    default:
      return kind.value;
  }
}

function byCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
