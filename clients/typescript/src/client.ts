/** The client: ask for decisions, and mask messages as they say. */
import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import type { ServiceError } from "@grpc/grpc-js";
import { Asker, Asking, type Call, DECIDE } from "./asking.js";
import { type ConnectionOptions, connect } from "./connection/index.js";
import { now, type Pool } from "./connection/pool.js";
import type { Action, Attributes, Decision, Masked, Resource, Subject } from "./decisions.js";
import {
  AccessDeniedError,
  AttributeValueError,
  ClientClosedError,
  ConfigurationError,
  DecisionUnavailableError,
  type JingxiError,
  RequestRejectedError,
} from "./errors.js";
import { type AlarmListener, FallbackCounter, guarded } from "./failure/alarm.js";
import { Breaker } from "./failure/breaker.js";
import { causeOf, FailureRule, lostEvent, sendFallbacks } from "./failure/fallback.js";
import { Reporter } from "./failure/reporter.js";
import { DecideRequestSchema, type GetMessageMapResponse } from "./gen/pdp/v1/decision_service_pb.js";
import type { Value } from "./gen/pdp/v1/types_pb.js";
import type { KeyProvider } from "./keys.js";
import { maskedBy } from "./masked.js";
import type { DecimalText, MaskSettings } from "./masks.js";
import { actionOf, type Caller, fromResponse, type MessageMap, plan, resourceOf, subjectOf } from "./message-map.js";
import { checkVerdicts, decisionOf, errorOf } from "./replies.js";
import { StateFolder } from "./state/folder.js";
import * as values from "./values.js";

const DEADLINE_MS = 500;
const NANOS_OF_MS = 1_000_000n;

/** What a client tells about its work, for metrics; times are in seconds. What the functions throw is not heard. */
export interface Metrics {
  /** A call of the service: `Decide`, `DecideBatch` or `GetMessageMap`; the outcome is `OK` or the gRPC status. */
  call?(method: string, outcome: string, seconds: number): void;
  /** A message: `decided`, `fallback` or `refused`. */
  message?(outcome: "decided" | "fallback" | "refused", seconds: number): void;
}

/** How a client works, online or offline. */
export interface CommonOptions {
  /** The keys of `hash`, `encrypt` and `fpe` masks; none unless given. */
  readonly keys?: KeyProvider | undefined;
  /** Which objects of a message are numbers that a lossless JSON parser made; none unless given. */
  readonly decimalText?: DecimalText | undefined;
  /** Is told what the bank's operators should know. */
  readonly alarm?: AlarmListener | undefined;
  readonly metrics?: Metrics | undefined;
}

/** How a client works and reaches the service. */
export interface ClientOptions extends ConnectionOptions, CommonOptions {
  /** What one `mask` or `decide` may take, all its calls together, in milliseconds; 500 unless given. */
  readonly deadlineMs?: number | undefined;
  /**
   * A folder of this client's own. With it messages are shown by the failure rule of the policy set while no verdict can
   * be had, and every such message is recorded; without it `mask` throws DecisionUnavailableError.
   */
  readonly stateFolder?: string | undefined;
}

/** Who asks about what, for `decide` and `mask`. */
export interface Question extends Caller {
  readonly subject: Subject;
  readonly action?: Action | undefined;
  readonly resource?: Resource | undefined;
  readonly context?: Attributes | undefined;
  /** Authorisations by a supervisor or the customer. */
  readonly grantIds?: readonly string[] | undefined;
  /** Correlation; made at random unless given. */
  readonly requestId?: string | undefined;
  readonly minRevision?: bigint | undefined;
  readonly minGrantRevision?: bigint | undefined;
}

/** Which message it is, as the policy set names it, and who asks. */
export interface MaskOptions extends Question {
  readonly application: string;
  readonly name: string;
}

/**
 * A connection to the decision service, one for the process, used by all its requests at the same time. Close it, or the
 * process does not end.
 */
export class Client {
  readonly #pool: Pool;
  readonly #asker: Asker;
  readonly #deadline: number;
  readonly #settings: MaskSettings;
  readonly #decimals: DecimalText | undefined;
  readonly #metrics: Metrics;
  readonly #alarm: AlarmListener;
  readonly #state: StateFolder | undefined;
  readonly #failureRule: FailureRule | undefined;
  readonly #reporter: Reporter | undefined;
  readonly #breaker: Breaker;
  readonly #counter: FallbackCounter;
  #closed = false;

  /** Throws ConfigurationError and StateFolderError. */
  constructor(options: ClientOptions) {
    this.#deadline = options.deadlineMs ?? DEADLINE_MS;
    if (!(this.#deadline > 0)) {
      throw new ConfigurationError(`\`deadlineMs\` is \`${this.#deadline}\`; give milliseconds above 0`);
    }
    this.#settings = { keys: options.keys, decimalText: options.decimalText };
    this.#decimals = options.decimalText;
    this.#metrics = quiet(options.metrics);
    this.#alarm = guarded(options.alarm);
    this.#counter = new FallbackCounter(this.#alarm);
    this.#breaker = new Breaker((open) => this.#tellBreaker(open));
    this.#asker = new Asker(this.#call, options.decimalText, (map) => this.#keepMap(map));
    this.#state = options.stateFolder === undefined ? undefined : new StateFolder(options.stateFolder);
    try {
      this.#pool = connect(options);
      const log = this.#state?.log("fallbacks");
      if (this.#state === undefined || log === undefined) return;
      this.#failureRule = new FailureRule(log, this.#settings, this.#alarm, wallNanos);
      this.#reporter = new Reporter(log, sendFallbacks(this.#pool, this.#state.clientId, lostEvent), this.#alarm);
      if (log.damaged > 0) {
        const message = `${log.damaged} files of events are damaged; their numbers are reported without their content`;
        this.#alarm({ kind: "spool_damaged", message });
      }
    } catch (error) {
      void this.#state?.close();
      throw error;
    }
  }

  /** Wait until a node can be reached. Throws DecisionUnavailableError. */
  async ready(timeoutMs = 10_000): Promise<void> {
    this.#checkOpen();
    try {
      await this.#pool.ready(now() + timeoutMs);
    } catch (error) {
      this.#checkOpen();
      throw new DecisionUnavailableError(`no node could be reached within ${timeoutMs} ms`, "UNAVAILABLE", {
        cause: error,
      });
    }
  }

  /** Fetch a message's map beforehand, so that its first message can fall back. Throws what `mask` throws. */
  async prepare(application: string, name: string): Promise<void> {
    await this.#asker.fetchMap(new Asking(application, name, "", [], 0n, 0n, this.#end()));
  }

  /**
   * Return the verdicts of fields of one resource, in their order.
   *
   * Attributes are sent as the types that JavaScript has for them; write `double(2)` for a double without a fraction. Throws
   * DecisionUnavailableError, RequestRejectedError, AccessDeniedError, AttributeValueError, ProtocolError.
   */
  async decide(fields: readonly string[], question: Question): Promise<Decision> {
    const { subject, action = {}, resource = {} } = question;
    const request = create(DecideRequestSchema, {
      requestId: question.requestId || randomUUID(),
      subject: subjectOf(subject, typed("subject", subject.attributes)),
      action: actionOf(action, typed("action", action.attributes)),
      resource: resourceOf(resource, typed("resource", resource.attributes)),
      context: typed("context", question.context),
      fields: fields.map((field) => values.textOf("fields", field)),
      grantIds: grantIdsOf(question),
      minRevision: question.minRevision ?? 0n,
      minGrantRevision: question.minGrantRevision ?? 0n,
    });
    const reply = await this.#call(DECIDE, request, this.#end());
    checkVerdicts(reply, fields);
    return decisionOf(reply, request.requestId);
  }

  /**
   * Return a copy of a JSON message, masked as the service decides, and the decisions.
   *
   * The message's map says where fields and attributes are; of the message only those attributes and the ids of resources
   * leave the process. What the caller gives wins over what the message holds; `context.application` is `application`
   * unless given. A part that the service cannot decide alone is masked in full. Throws DecisionUnavailableError when no
   * verdict can be had and there is no state folder, UnknownMessageError when there is no map, MessageMismatchError when
   * message and map do not fit, and what `decide` throws.
   */
  async mask<T = unknown>(message: T, options: MaskOptions): Promise<Masked<T>> {
    const begun = now();
    const told = (outcome: "decided" | "fallback" | "refused") =>
      this.#metrics.message?.(outcome, (now() - begun) / 1_000);
    try {
      const masked = await this.#mask(message, options);
      told(masked.fallback === null ? "decided" : "fallback");
      return masked as Masked<T>;
    } catch (error) {
      told("refused");
      throw error;
    }
  }

  /** End all calls and the connection; what is recorded and not yet reported is reported for at most a second. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#reporter?.close();
    this.#pool.close();
    await this.#state?.close();
  }

  async #mask(message: unknown, options: MaskOptions): Promise<Masked> {
    this.#checkOpen();
    const asking = new Asking(
      values.textOf("application", options.application),
      values.textOf("name", options.name),
      options.requestId || randomUUID(),
      grantIdsOf(options),
      options.minRevision ?? 0n,
      options.minGrantRevision ?? 0n,
      this.#end(),
    );
    if (this.#failureRule === undefined) return this.#decided(message, options, asking);
    if (!this.#breaker.admits()) {
      const error = new DecisionUnavailableError("the service failed too often and is not asked for a while");
      return this.#fallBack(message, options, asking, "breaker_open", error);
    }
    try {
      const masked = await this.#decided(message, options, asking);
      this.#breaker.succeeded();
      this.#reporter?.wake();
      return masked;
    } catch (error) {
      const cause = causeOf(error);
      if (cause === undefined) {
        // A refusal is an answer: the service is there. What was wrong before it was asked says nothing about it.
        if (error instanceof RequestRejectedError || error instanceof AccessDeniedError) this.#breaker.succeeded();
        else this.#breaker.abandoned();
        throw error;
      }
      this.#breaker.failed();
      this.#checkOpen();
      return this.#fallBack(message, options, asking, cause, error as JingxiError);
    }
  }

  async #decided(message: unknown, caller: Caller, asking: Asking): Promise<Masked> {
    const { asked, answers } = await this.#asker.ask(message, caller, asking);
    return maskedBy(message, asked, answers, asking.requestId, this.#settings);
  }

  async #fallBack(
    message: unknown,
    caller: Caller,
    asking: Asking,
    cause: Parameters<FailureRule["show"]>[2]["cause"],
    error: JingxiError,
  ): Promise<Masked> {
    const map = this.#knownMap(asking);
    // Without its map the message's fields cannot be known.
    if (map === undefined) throw error;
    const asked = plan(map, message, caller, this.#decimals);
    const { requestId, grantIds } = asking;
    const rule = this.#failureRule as FailureRule;
    const { copy, problems, fallback } = await rule.show(message, asked, { cause, error, requestId, grantIds });
    this.#counter.count(map.alarmEvents, map.alarmSeconds);
    return {
      message: copy,
      decisions: [],
      obligations: [],
      requestId,
      policyHash: map.policyHash,
      problems: [...asked.problems, ...problems],
      fallback,
    };
  }

  /** Return the latest map of a message: of this process, or of one before it. */
  #knownMap({ application, name }: Asking): MessageMap | undefined {
    const latest = this.#asker.maps.latest(application, name);
    if (latest !== undefined) return latest;
    const kept = this.#state?.map(application, name);
    if (kept === undefined) return undefined;
    const found = fromResponse(kept);
    this.#asker.maps.keep(application, name, found);
    return found;
  }

  #keepMap(response: GetMessageMapResponse): void {
    try {
      this.#state?.keepMap(response);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      this.#alarm({ kind: "not_recorded", message: `a message map could not be kept in the state folder: ${code}` });
    }
  }

  readonly #call: Call = async (method, request, end) => {
    this.#checkOpen();
    if (end - now() <= 0) {
      throw new DecisionUnavailableError(`the deadline passed before ${method.name}`, "DEADLINE_EXCEEDED");
    }
    const begun = now();
    const told = (outcome: string) => this.#metrics.call?.(method.name, outcome, (now() - begun) / 1_000);
    try {
      const reply = await this.#pool.call(method, request, end);
      told("OK");
      return reply;
    } catch (error) {
      this.#checkOpen();
      const found = errorOf(error as ServiceError, method.name);
      told(found instanceof DecisionUnavailableError ? found.status : found.code);
      throw found;
    }
  };

  #tellBreaker(open: boolean): void {
    this.#alarm(
      open
        ? { kind: "breaker_opened", message: "the service fails; messages fall back without asking it for a while" }
        : { kind: "breaker_closed", message: "the service answers again" },
    );
  }

  #end(): number {
    return now() + this.#deadline;
  }

  #checkOpen(): void {
    if (this.#closed) throw new ClientClosedError("the client is closed; make a new one");
  }
}

/** The machine's clock in nanoseconds since 1970. */
export function wallNanos(): bigint {
  return BigInt(Date.now()) * NANOS_OF_MS;
}

/** Return metrics whose own failure never reaches a transaction. */
export function quiet(metrics: Metrics | undefined): Metrics {
  const heard =
    <A extends unknown[]>(tell: (...args: A) => void) =>
    (...args: A) => {
      try {
        tell(...args);
      } catch (error) {
        process.emitWarning(`the metrics hook failed: ${(error as Error).name}`, { code: "JINGXI_METRICS" });
      }
    };
  return {
    call: heard((method: string, outcome: string, seconds: number) => metrics?.call?.(method, outcome, seconds)),
    message: heard((outcome: "decided" | "fallback" | "refused", seconds: number) =>
      metrics?.message?.(outcome, seconds),
    ),
  };
}

/** Return the ids of grants. Throws AttributeValueError. */
export function grantIdsOf(question: Question): string[] {
  return (question.grantIds ?? []).map((grantId) => values.textOf("grant_ids", grantId));
}

/** Return attributes as their own types. Throws AttributeValueError. */
export function typed(namespace: string, attributes: Attributes | undefined): Record<string, Value> {
  const found = values.emptyMap<Value>();
  for (const [name, value] of Object.entries(attributes ?? {})) {
    try {
      found[values.textOf("the name of an attribute", name)] = values.toValue(value);
    } catch (error) {
      if (!(error instanceof AttributeValueError)) throw error;
      throw new AttributeValueError(`attribute \`${namespace}.${name}\`: ${error.message}`);
    }
  }
  return found;
}
