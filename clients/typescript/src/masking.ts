/** With the answers about a message, its masked copy. */
import type { Decision, Mask } from "./decisions.js";
import { MaskUnavailableError } from "./errors.js";
import { DROP, HIDDEN, type Masker, type MaskSettings, masker } from "./masks.js";
import { FULL, type Plan } from "./message-map.js";
import * as paths from "./paths.js";

/**
 * Return a deep copy masked as the decisions say, one for each question, and the problems that arose. A field without a
 * verdict, and every field of a question whose decision is null, is masked in full.
 */
export function maskedCopy(
  message: unknown,
  asked: Plan,
  decisions: readonly (Decision | null)[],
  settings: MaskSettings,
): { copy: unknown; problems: string[] } {
  const work = new Masking(message, settings);
  for (const [i, question] of asked.questions.entries()) {
    const verdicts = new Map(decisions[i]?.verdicts.map((verdict) => [verdict.field, verdict.mask]));
    for (const [field, places] of question.fields) {
      const mask = verdicts.get(field);
      if (mask !== null) work.mask(places, mask ?? FULL);
    }
  }
  return { copy: work.finish(), problems: work.problems };
}

/** Masks places of a copy of a document. Drops wait until the end, so that the places of list items stay true. */
export class Masking {
  readonly problems: string[] = [];
  #document: unknown;
  readonly #settings: MaskSettings;
  readonly #maskers = new Map<Mask, Masker>();
  readonly #dropped: paths.Place[] = [];

  constructor(message: unknown, settings: MaskSettings) {
    this.#document = paths.copied(message);
    this.#settings = settings;
  }

  mask(places: readonly paths.Place[], mask: Mask): void {
    for (const place of places) {
      const key = place.at(-1);
      if (key === undefined) {
        this.#document = this.#shown(place, mask, this.#document);
        continue;
      }
      const parent = paths.get(this.#document, place.slice(0, -1));
      // A mask on what encloses it may have replaced it.
      if (paths.holds(parent, key)) paths.put(parent, key, this.#shown(place, mask, parent[key]));
    }
  }

  #shown(place: paths.Place, mask: Mask, value: unknown): unknown {
    const shown = this.#masker(mask)(value);
    if (shown !== DROP) return shown;
    this.#dropped.push(place);
    return HIDDEN;
  }

  finish(): unknown {
    return paths.remove(this.#document, this.#dropped);
  }

  #masker(mask: Mask): Masker {
    let found = this.#maskers.get(mask);
    if (found === undefined) {
      try {
        found = maskerOf(mask, this.#settings);
      } catch (error) {
        if (!(error instanceof MaskUnavailableError)) throw error;
        found = () => DROP;
        const problem = `fields masked by \`${mask.name || mask.algorithm}\` were dropped: ${error.message}`;
        if (!this.problems.includes(problem)) this.problems.push(problem);
      }
      this.#maskers.set(mask, found);
    }
    return found;
  }
}

const MASKERS_KEPT = 1_024;
const maskers = new Map<string, Masker>();
const maskersOf = new WeakMap<Mask, Masker>();

/** Return a mask's function; one that depends on nothing but its parameters is kept for other messages. */
function maskerOf(mask: Mask, settings: MaskSettings): Masker {
  const { algorithm, parameters } = mask;
  const own = settings.decimalText === undefined ? maskersOf.get(mask) : undefined;
  if (own !== undefined) return own;
  // Keys may change, ages count to today, and which objects are numbers is the client's own affair.
  if ("key" in parameters || algorithm === "date_trunc" || settings.decimalText !== undefined) {
    return masker(algorithm, parameters, settings);
  }
  const key = JSON.stringify([algorithm, parameters], bigintsAsText);
  let found = maskers.get(key);
  if (found === undefined) {
    found = masker(algorithm, parameters, settings);
    if (maskers.size === MASKERS_KEPT) maskers.clear();
    maskers.set(key, found);
  }
  maskersOf.set(mask, found);
  return found;
}

function bigintsAsText(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}
