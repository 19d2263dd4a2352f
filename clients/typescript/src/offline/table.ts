/** Verdicts as a reply has them: masks and reasons stand once, verdicts point to them. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Grant } from "../gen/pdp/v1/bundle_pb.js";
import { Effect, type Mask, MaskSchema, type Reason, type ReasonKind, ReasonSchema } from "../gen/pdp/v1/types_pb.js";
import type { CompiledRule } from "./rules.js";

const FULL: MessageInitShape<typeof MaskSchema> = {
  algorithm: "full",
  parameters: {
    length: { kind: { case: "intValue", value: 3n } },
    char: { kind: { case: "stringValue", value: "*" } },
  },
};
/** A mask with what tells masks of a reply apart. */
export interface MaskEntry {
  readonly mask: Mask;
  readonly key: string;
  readonly strictness: number;
}

/** How a rule came out under a grant, or without one; `holds` undefined when it is undecided. */
export interface Result {
  readonly rule: CompiledRule;
  readonly grant: Grant | undefined;
  readonly holds: boolean | undefined;
  /** The lacking attributes of its undecided clauses. */
  readonly lacking: readonly string[];
}

/** Collects verdicts with each different mask and reason once. */
export class Table {
  readonly verdicts: { field: string; effect: Effect; mask: number; reason: number }[] = [];
  readonly masks: Mask[] = [];
  readonly reasons: Reason[] = [];
  readonly #maskPlaces = new Map<string, number>();
  readonly #reasonPlaces = new Map<string, number>();

  add(field: string, mask: MaskEntry | undefined, kind: ReasonKind, result?: Result): void {
    let position = 0;
    if (mask !== undefined) {
      position = this.#maskPlaces.get(mask.key) ?? this.masks.push(mask.mask) - 1;
      this.#maskPlaces.set(mask.key, position);
    }
    const undecided = result !== undefined && result.holds === undefined;
    const grantId = result?.grant?.id ?? "";
    const key = result === undefined ? `${kind}` : JSON.stringify([result.rule.index, grantId, undecided]);
    let reason = this.#reasonPlaces.get(key);
    if (reason === undefined) {
      const found = { kind, rule: result?.rule.name ?? "", grantId, undecided };
      const title = result?.rule.message.title;
      reason = this.reasons.push(create(ReasonSchema, title === undefined ? found : { ...found, title })) - 1;
      this.#reasonPlaces.set(key, reason);
    }
    const effect = mask === undefined ? Effect.UNMASK : Effect.MASK;
    this.verdicts.push({ field, effect, mask: position, reason });
  }
}

/** Return a mask with what tells it apart; the full one where there is none. */
export function entryOf(mask: Mask | undefined, strictness: number): MaskEntry {
  const found = mask ?? create(MaskSchema, FULL);
  // The order of a map is no difference.
  const parameters = Object.fromEntries(Object.entries(found.parameters).sort(([a], [b]) => (a < b ? -1 : 1)));
  const sorted = create(MaskSchema, { name: found.name, algorithm: found.algorithm, parameters });
  return { mask: found, key: Buffer.from(toBinary(MaskSchema, sorted)).toString("latin1"), strictness };
}
