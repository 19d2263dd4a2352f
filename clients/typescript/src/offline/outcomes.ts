/** What requests ask about, and what is remembered of the answers. */
import type { FieldDefinition } from "../gen/pdp/v1/bundle_pb.js";
import type { Mask, Obligation, Reason, Verdict } from "../gen/pdp/v1/types_pb.js";
import { type CompiledPolicy, speaksAbout } from "./rules.js";
import type { Result } from "./table.js";

// For one list of fields; few of the combinations of rules ever come up.
const MOST = 1_024;

/** What the rules that apply say about fields: the part of a reply that follows from them alone. Replies share it. */
export interface Said {
  readonly verdicts: Verdict[];
  readonly masks: Mask[];
  readonly reasons: Reason[];
  readonly obligations: Obligation[];
}

/** A list of fields: the dictionary's, undefined for one that it lacks, and the rules that speak about them. */
export interface Asked {
  readonly names: readonly string[];
  readonly fields: readonly (FieldDefinition | undefined)[];
  readonly policies: readonly CompiledPolicy[];
  readonly known: Outcomes;
}

/** Return what a request for these fields asks about. */
export function askedFor(
  names: readonly string[],
  dictionary: ReadonlyMap<string, FieldDefinition>,
  policies: readonly CompiledPolicy[],
): Asked {
  const own = new Set(names);
  return {
    names,
    fields: names.map((name) => dictionary.get(name)),
    policies: policies
      .map(({ scope, rules }) => ({ scope, rules: rules.filter((rule) => speaksAbout(rule, own)) }))
      .filter(({ rules }) => rules.length > 0),
    known: new Outcomes(),
  };
}

/** Remembers what was said by the rules that applied. INVARIANT: never a decision; rules are evaluated for each request. */
export class Outcomes {
  readonly #known = new Map<string, Said>();

  /** Return what these results say; `say` tells where it is not remembered. */
  said(results: readonly Result[], say: () => Said): Said {
    let key = "";
    for (const { rule, grant, holds } of results) {
      // What is said under a grant names it.
      if (grant !== undefined) return say();
      key += holds === undefined ? `?${rule.index}` : ` ${rule.index}`;
    }
    let found = this.#known.get(key);
    if (found === undefined) {
      found = say();
      if (this.#known.size < MOST) this.#known.set(key, found);
    }
    return found;
  }
}
