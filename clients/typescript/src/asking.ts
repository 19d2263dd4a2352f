/** Asks the service about a message: its map, its decisions, again when the policy sets of both differ. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { methodOf } from "./connection/index.js";
import type { Method } from "./connection/node.js";
import type { Decision } from "./decisions.js";
import { DecisionUnavailableError, ProtocolError, UnknownMessageError } from "./errors.js";
import {
  type BatchItem,
  BatchItemSchema,
  DecideBatchRequestSchema,
  DecideRequestSchema,
  DecisionService,
  GetMessageMapRequestSchema,
  type GetMessageMapResponse,
} from "./gen/pdp/v1/decision_service_pb.js";
import type { DecimalText } from "./masks.js";
import { type Caller, fromResponse, itemOf, type MessageMap, type Plan, plan } from "./message-map.js";
import { decisionOf } from "./replies.js";

/** How often a message is asked about when policy sets change or differ between nodes meanwhile. */
export const MAX_ROUNDS = 8;
/** How often in a row the map of one policy set is asked for; calls go round the nodes, and one of them has it. */
export const MAX_FETCHES = 4;

const MAX_BATCH_ITEMS = 1_000;
// Below the 256 KB that the service accepts, for all that a batch holds besides its items.
const MAX_BATCH_BYTES = 192 * 1_024;
// Versions kept of one message's map: nodes may answer by different policy sets during a rollout.
const MAPS_KEPT = 8;

export const DECIDE = methodOf(DecisionService, DecisionService.method.decide);
const DECIDE_BATCH = methodOf(DecisionService, DecisionService.method.decideBatch);
const GET_MESSAGE_MAP = methodOf(DecisionService, DecisionService.method.getMessageMap);

/** Calls a method of the service; throws the client's own errors. */
export type Call = <I, O>(method: Method<I, O>, request: I, end: number) => Promise<O>;

/** The answer to one question; without a decision `error` says why the service could not decide it alone. */
export interface Answer {
  readonly policyHash: string;
  readonly decision: Decision | null;
  readonly error: string;
}

/** What all calls for one message share. Each call has a request id of its own, made from the message's. */
export class Asking {
  #calls = 0;

  constructor(
    readonly application: string,
    readonly name: string,
    readonly requestId: string,
    readonly grantIds: string[],
    readonly minRevision: bigint,
    readonly minGrantRevision: bigint,
    /** When it must be over, in monotonic milliseconds. */
    readonly end: number,
  ) {}

  nextId(): string {
    this.#calls += 1;
    return this.#calls === 1 ? this.requestId : `${this.requestId.slice(0, 100)}-${this.#calls}`;
  }
}

/** The message maps seen so far: of each message a few versions by policy hash, the latest last. */
export class Maps {
  readonly #kept = new Map<string, Map<string, MessageMap>>();

  latest(application: string, name: string): MessageMap | undefined {
    return [...this.#versions(application, name).values()].at(-1);
  }

  get(application: string, name: string, policyHash: string): MessageMap | undefined {
    return this.#versions(application, name).get(policyHash);
  }

  keep(application: string, name: string, found: MessageMap): void {
    const versions = this.#versions(application, name);
    versions.delete(found.policyHash);
    versions.set(found.policyHash, found);
    for (const oldest of versions.keys()) {
      if (versions.size <= MAPS_KEPT) break;
      versions.delete(oldest);
    }
    this.#kept.set(JSON.stringify([application, name]), versions);
  }

  #versions(application: string, name: string): Map<string, MessageMap> {
    return this.#kept.get(JSON.stringify([application, name])) ?? new Map();
  }
}

/** Asks about messages over a connection. */
export class Asker {
  readonly maps = new Maps();
  readonly #call: Call;
  readonly #decimals: DecimalText | undefined;
  readonly #kept: (response: GetMessageMapResponse) => void;

  /** `kept` is told of every map that came from the service. */
  constructor(call: Call, decimals: DecimalText | undefined, kept: (response: GetMessageMapResponse) => void) {
    this.#call = call;
    this.#decimals = decimals;
    this.#kept = kept;
  }

  /** Return the plan that the answers fit, and the answers in its order. */
  async ask(message: unknown, caller: Caller, asking: Asking): Promise<{ asked: Plan; answers: Answer[] }> {
    let current = this.maps.latest(asking.application, asking.name) ?? (await this.fetchMap(asking));
    const followed = new Set([current.fingerprint]);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const asked = plan(current, message, caller, this.#decimals);
      let answers: Answer[];
      try {
        answers = await this.#answers(asked, asking);
      } catch (error) {
        if (!(error instanceof UnknownMessageError)) throw error;
        current = await this.fetchMap(asking); // throws the same when there is no map at all
        continue;
      }
      // Answers by another policy set say nothing about where that set has the fields.
      const other = await this.#disagreeingMap(current, answers, asking);
      if (other === undefined) return { asked, answers };
      // Two nodes that differ take turns: following each would never end, so each map is followed once.
      if (!followed.has(other.fingerprint)) {
        current = other;
        followed.add(other.fingerprint);
      }
    }
    throw new DecisionUnavailableError(
      `policy sets changed ${MAX_ROUNDS} times while message \`${asking.name}\` was asked about; ask again`,
    );
  }

  /** Ask the service for a message's map and keep it. */
  async fetchMap(asking: Asking): Promise<MessageMap> {
    const { application, name } = asking;
    const response = await this.#call(
      GET_MESSAGE_MAP,
      create(GetMessageMapRequestSchema, { application, name }),
      asking.end,
    );
    const found = fromResponse(response);
    this.maps.keep(application, name, found);
    this.#kept(response);
    return found;
  }

  async #answers(asked: Plan, asking: Asking): Promise<Answer[]> {
    const items = asked.questions.map((question) => itemOf(question, asked.map));
    const [only] = items;
    const shared = () => ({
      requestId: asking.nextId(),
      subject: asked.subject,
      action: asked.action,
      context: asked.context,
      grantIds: asking.grantIds,
      minRevision: asking.minRevision,
      minGrantRevision: asking.minGrantRevision,
    });
    if (only !== undefined && items.length === 1 && asked.questions[0]?.place.length === 0) {
      const { resource, message } = only as { resource: object; message: object };
      const request = create(DecideRequestSchema, {
        ...shared(),
        resource,
        message,
      } as MessageInitShape<typeof DecideRequestSchema>);
      const reply = await this.#call(DECIDE, request, asking.end);
      return [{ policyHash: reply.policyHash, decision: decisionOf(reply, request.requestId), error: "" }];
    }
    const answers: Answer[] = [];
    for (const batch of batches(items)) {
      const request = create(DecideBatchRequestSchema, { ...shared(), items: batch });
      const reply = await this.#call(DECIDE_BATCH, request, asking.end);
      if (reply.results.length !== batch.length) {
        throw new ProtocolError(`DecideBatch answered ${reply.results.length} of ${batch.length} items`);
      }
      const { policyHash, revision } = reply;
      for (const { result } of reply.results) {
        // What decided stands once, beside the items.
        answers.push(
          result.case === "decision"
            ? {
                policyHash,
                decision: decisionOf({ ...result.value, revision, policyHash }, request.requestId),
                error: "",
              }
            : { policyHash, decision: null, error: result.value?.message || "the item has no answer" },
        );
      }
    }
    return answers;
  }

  /**
   * Return a map by which one of these policy sets masks otherwise than by `current`; undefined when all agree. Where
   * nothing was asked, there is no hash to go by, and the service is asked for the map itself.
   */
  async #disagreeingMap(
    current: MessageMap,
    answers: readonly Answer[],
    asking: Asking,
  ): Promise<MessageMap | undefined> {
    const hashes = [...new Set(answers.map((answer) => answer.policyHash))].sort();
    for (const policyHash of hashes.length > 0 ? hashes : [undefined]) {
      const known = policyHash === undefined ? await this.fetchMap(asking) : await this.#mapOf(policyHash, asking);
      if (known.fingerprint !== current.fingerprint) return known;
      if (policyHash !== undefined && policyHash !== known.policyHash) return known;
    }
    return undefined;
  }

  /** Return the map of a policy set; of another one when no node that answers has it. */
  async #mapOf(policyHash: string, asking: Asking): Promise<MessageMap> {
    let known = this.maps.get(asking.application, asking.name, policyHash);
    for (let fetches = 0; known?.policyHash !== policyHash && fetches < MAX_FETCHES; fetches++) {
      known = await this.fetchMap(asking);
    }
    return known as MessageMap;
  }
}

/** Split items so that each batch keeps within the service's bounds. */
export function* batches(items: readonly BatchItem[], maxItems = MAX_BATCH_ITEMS, maxBytes = MAX_BATCH_BYTES) {
  let batch: BatchItem[] = [];
  let size = 0;
  for (const item of items) {
    const weight = toBinary(BatchItemSchema, item).length + 8;
    if (batch.length > 0 && (batch.length === maxItems || size + weight > maxBytes)) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(item);
    size += weight;
  }
  if (batch.length > 0) yield batch;
}
