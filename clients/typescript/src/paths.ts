/**
 * JSON paths of message maps: `$`, then `.name`, `['any name']` or `[*]`.
 *
 * A path finds places; a place is the keys and indices that lead to a value. What is absent is not found. What is there
 * and of another kind than the path expects (a text where an object should be) is a MessageMismatchError, because data
 * would otherwise slip past the map unmasked.
 */
import { MessageMismatchError, PathError } from "./errors.js";

/** The keys and indices that lead to a value. */
export type Place = readonly (string | number)[];

/** The step `[*]`. */
export const EVERY: unique symbol = Symbol("[*]");

/** A path: its text and its steps, each a member's name or EVERY. */
export interface Path {
  readonly text: string;
  readonly steps: readonly (string | typeof EVERY)[];
  /** Whether it may lead to several places. */
  readonly many: boolean;
}

/** A place of a document and the value there. */
export type Hit = readonly [place: Place, value: unknown];

const NAME = String.raw`[A-Za-z_\u0080-\uD7FF\uE000-\u{10FFFF}][0-9A-Za-z_\u0080-\uD7FF\uE000-\u{10FFFF}-]*`;
const STEP = new RegExp(String.raw`\.(${NAME})|\['((?:[^'\\]|\\['\\])+)'\]|(\[\*\])`, "uy");

/** Return the path that a text writes. Throws PathError. */
export function parse(text: string): Path {
  if (!text.startsWith("$")) throw new PathError(`path \`${text}\` does not begin with \`$\``);
  const steps: (string | typeof EVERY)[] = [];
  for (let end = 1; end < text.length; end = STEP.lastIndex) {
    STEP.lastIndex = end;
    const match = STEP.exec(text);
    if (match === null) {
      const character = [...text.slice(0, end)].length + 1;
      throw new PathError(
        `path \`${text}\` cannot be read at character ${character}; use \`.name\`, \`['any name']\` or \`[*]\``,
      );
    }
    steps.push(match[3] !== undefined ? EVERY : (match[1] ?? (match[2] as string).replaceAll(/\\(.)/gs, "$1")));
  }
  return { text, steps, many: steps.includes(EVERY) };
}

/**
 * Return every place below `start` that the path leads to, in the document's order, with the value there. A place that
 * holds null is found; nothing is found below it. Throws MessageMismatchError.
 */
export function find(document: unknown, path: Path, start: Place = []): Hit[] {
  if (!path.many && start.length === 0) return below(document, path);
  let found: Hit[] = [[start, get(document, start)]];
  for (const step of path.steps) {
    const next: Hit[] = [];
    for (const [place, value] of found) follow(path, place, value, step, next);
    found = next;
  }
  return found;
}

/** `find` for a path that leads to one place, from the root: the place is the path's own steps. */
function below(document: unknown, path: Path): Hit[] {
  const steps = path.steps as readonly string[];
  let value = document;
  for (const [i, step] of steps.entries()) {
    if (value === null || value === undefined) return [];
    if (!isObject(value)) {
      const place = show(steps.slice(0, i));
      throw new MessageMismatchError(`path \`${path.text}\` expects an object at \`${place}\``);
    }
    value = Object.hasOwn(value, step) ? value[step] : undefined;
    // A member that is undefined is none: JSON.stringify leaves it out.
    if (value === undefined) return [];
  }
  return [[steps, value]];
}

/** Return the value at a place; undefined when something on the way is gone. */
export function get(document: unknown, place: Place): unknown {
  let value = document;
  for (const key of place) {
    if (typeof key === "number") value = Array.isArray(value) ? value[key] : undefined;
    else value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return value;
}

/** Return a deep copy whose objects and lists are new; what is neither stands in both. */
export function copied(document: unknown): unknown {
  if (Array.isArray(document)) return document.map(copied);
  if (!isObject(document)) return document;
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(document)) put(copy, key, copied(value));
  return copy;
}

/**
 * Take places out of the document itself and return it; null when the root is among them. List items go from the last to
 * the first, so that the places of the others stay true. What is gone is fine.
 */
export function remove(document: unknown, places: readonly Place[]): unknown {
  const unique = new Map(places.map((place) => [JSON.stringify(place), place]));
  for (const place of [...unique.values()].sort((a, b) => order(b, a))) {
    const key = place.at(-1);
    if (key === undefined) return null;
    const parent = get(document, place.slice(0, -1));
    if (!holds(parent, key)) continue;
    if (Array.isArray(parent)) parent.splice(key as number, 1);
    else delete parent[key];
  }
  return document;
}

/** Whether an object or list has a member or item of this key. */
export function holds(parent: unknown, key: string | number): parent is Record<string | number, unknown> {
  if (typeof key === "number") return Array.isArray(parent) && key < parent.length;
  return isObject(parent) && Object.hasOwn(parent, key);
}

/** Return a place as people write it, such as `$.accounts[2].no`. */
export function show(place: Place): string {
  return `$${place.map((key) => (typeof key === "number" ? `[${key}]` : `.${key}`)).join("")}`;
}

/** Whether a value is what JSON calls an object: made by `{}` or without a prototype. */
export function isObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function follow(path: Path, place: Place, value: unknown, step: string | typeof EVERY, found: Hit[]): void {
  if (value === null || value === undefined) return;
  if (step === EVERY) {
    if (!Array.isArray(value))
      throw new MessageMismatchError(`path \`${path.text}\` expects a list at \`${show(place)}\``);
    for (const [index, item] of value.entries()) found.push([[...place, index], item]);
    return;
  }
  if (!isObject(value)) throw new MessageMismatchError(`path \`${path.text}\` expects an object at \`${show(place)}\``);
  // A member that is undefined is none: JSON.stringify leaves it out.
  if (Object.hasOwn(value, step) && value[step] !== undefined) found.push([[...place, step], value[step]]);
}

/** Set a member, `__proto__` too: JSON may hold a member of that name, and an assignment would change the prototype. */
export function put(target: Record<string | number, unknown>, key: string | number, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    target[key] = value;
  }
}

/** Order places so that list indices compare as numbers and a parent comes before what is in it. */
function order(a: Place, b: Place): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const x = a[i] as string | number;
    const y = b[i] as string | number;
    if (x === y) continue;
    if (typeof x === typeof y) return x < y ? -1 : 1;
    return typeof x === "number" ? -1 : 1;
  }
  return a.length - b.length;
}
