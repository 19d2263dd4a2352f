/** The client that decides on its own, by the bundle in force. */
import { randomUUID } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { create, fromBinary } from "@bufbuild/protobuf";
import type { Answer } from "../asking.js";
import {
  type CommonOptions,
  grantIdsOf,
  type MaskOptions,
  type Metrics,
  type Question,
  quiet,
  typed,
  wallNanos,
} from "../client.js";
import { type ConnectionOptions, connect, methodOf } from "../connection/index.js";
import { now, type Pool } from "../connection/pool.js";
import type { Decision, Mask, Masked } from "../decisions.js";
import { ClientClosedError, ConfigurationError, DecisionUnavailableError, UnknownMessageError } from "../errors.js";
import { type Alarm, type AlarmListener, guarded } from "../failure/alarm.js";
import { Reporter, type Send } from "../failure/reporter.js";
import {
  BundleService,
  type OfflineDecision,
  OfflineDecisionSchema,
  ReportDecisionsRequestSchema,
} from "../gen/pdp/v1/bundle_service_pb.js";
import {
  type DecideRequest,
  DecideRequestSchema,
  type DecideResponse,
  GetMessageMapResponseSchema,
} from "../gen/pdp/v1/decision_service_pb.js";
import { DiagnosticCode, DiagnosticSchema, Effect } from "../gen/pdp/v1/types_pb.js";
import { maskedBy } from "../masked.js";
import type { DecimalText, MaskSettings } from "../masks.js";
import { actionOf, FULL, fromResponse, type MessageMap, maskOf, plan, resourceOf, subjectOf } from "../message-map.js";
import { decisionOf } from "../replies.js";
import { StateFolder } from "../state/folder.js";
import type { RecordLog } from "../state/log.js";
import * as values from "../values.js";
import { load, type TrustedKeys, trustedKeys } from "./bundle.js";
import type { Program } from "./program.js";
import { recordOf } from "./record.js";
import { followFile, followNodes, type Source } from "./source.js";

const MAX_DIAGNOSTICS = 32;
const FULL_FROM = 0.5;
const REPORT = methodOf(BundleService, BundleService.method.reportDecisions);
// What nobody sees without a record, whatever `record` says.
const SENSITIVE = new Set(["C2", "C3"]);

/** How an offline client works. */
export interface OfflineOptions extends CommonOptions {
  /** PEM files of the Ed25519 keys that may sign bundles. */
  readonly trust: readonly string[];
  /** A folder of this client's own, for the last good bundle and for the record of every decision. */
  readonly stateFolder: string;
  /** The service, which sends bundles and takes the record; without it the record stays in the state folder. */
  readonly service?: ConnectionOptions | undefined;
  /** A file with a bundle (`pdp bundle export`), looked at every five seconds, instead of the service's. */
  readonly bundleFile?: string | undefined;
  /** From this age on decisions say STALE_POLICIES, in milliseconds; never unless given. */
  readonly maxAgeMs?: number | undefined;
  /**
   * `sync` (unless given): a decision is on the disk before its message is returned. `async`: those that show nothing of C2
   * or C3 are returned at once. `async-all`: all are; a crash may then lose what was shown last.
   */
  readonly record?: "sync" | "async" | "async-all" | undefined;
}

/** What an offline client decides by. */
export interface OfflineStatus {
  /** The revision and hash of the bundle in use; null for none. */
  readonly revision: bigint | null;
  readonly hash: string | null;
  /** For how long the source has not said that it is the one in force, in milliseconds; null without a bundle. */
  readonly ageMs: number | null;
  /** Why the last bundle that came was refused, or the source failed; null when all is well. */
  readonly problem: string | null;
  /** How many decisions the service has not recorded yet. */
  readonly unreported: number;
}

/** Decides and masks without asking. Close it, or the process does not end. */
export class OfflineClient {
  readonly #trusted: TrustedKeys;
  readonly #state: StateFolder;
  readonly #log: RecordLog;
  readonly #pool: Pool | undefined;
  readonly #reporter: Reporter | undefined;
  readonly #source: Source;
  readonly #settings: MaskSettings;
  readonly #decimals: DecimalText | undefined;
  readonly #metrics: Metrics;
  readonly #alarm: AlarmListener;
  readonly #record: "sync" | "async" | "async-all";
  readonly #maxAge: number;
  readonly #maps = new Map<string, MessageMap>();
  readonly #waiters = new Set<() => void>();
  #program: Program | undefined;
  #confirmed = 0;
  #problem: string | undefined;
  #filling = false;
  #closed = false;

  /** Throws ConfigurationError and StateFolderError. */
  constructor(options: OfflineOptions) {
    if (options.service === undefined && options.bundleFile === undefined) {
      throw new ConfigurationError("there is nowhere to get bundles from; give `service` or `bundleFile`");
    }
    this.#settings = { keys: options.keys, decimalText: options.decimalText };
    this.#decimals = options.decimalText;
    this.#metrics = quiet(options.metrics);
    this.#alarm = guarded(options.alarm);
    this.#record = options.record ?? "sync";
    this.#maxAge = options.maxAgeMs ?? Number.POSITIVE_INFINITY;
    this.#trusted = trustedKeys(options.trust);
    this.#state = new StateFolder(options.stateFolder);
    try {
      this.#log = this.#state.log("decisions");
      this.#pool = options.service === undefined ? undefined : connect(options.service);
    } catch (error) {
      void this.#state.close();
      throw error;
    }
    if (this.#log.damaged > 0) {
      const message = `${this.#log.damaged} files of decisions are damaged; their numbers are reported without content`;
      this.#alarm({ kind: "spool_damaged", message });
    }
    this.#useKept();
    const listener = {
      inUse: () => this.#program,
      came: (data: Uint8Array) => this.#take(data),
      confirmed: () => this.#confirm(),
      failed: (why: string) => this.#tell("source_failed", `bundles cannot be had: ${why}`),
    };
    this.#source =
      options.bundleFile === undefined
        ? followNodes(this.#pool as Pool, listener)
        : followFile(options.bundleFile, listener);
    this.#reporter =
      this.#pool && new Reporter(this.#log, sendDecisions(this.#pool, this.#state.clientId), this.#alarm);
  }

  /** Wait until there is a bundle to decide by. Throws DecisionUnavailableError. */
  async ready(timeoutMs = 10_000): Promise<void> {
    this.#checkOpen();
    const end = now() + timeoutMs;
    while (this.#program === undefined) {
      const rest = end - now();
      if (rest <= 0) throw this.#noBundle();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, rest);
        this.#waiters.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
      this.#checkOpen();
    }
  }

  /** What it decides by, and how things are. */
  status(): OfflineStatus {
    return {
      revision: this.#program?.revision ?? null,
      hash: this.#program?.hash ?? null,
      ageMs: this.#program === undefined ? null : Date.now() - this.#confirmed,
      problem: this.#problem ?? null,
      unreported: this.#log.unreported,
    };
  }

  /** Return the verdicts of fields of one resource, in their order, as the online client does. */
  async decide(fields: readonly string[], question: Question): Promise<Decision> {
    const program = this.#require();
    const { subject, action = {}, resource = {} } = question;
    const request = create(DecideRequestSchema, {
      requestId: question.requestId || randomUUID(),
      subject: subjectOf(subject, typed("subject", subject.attributes)),
      action: actionOf(action, typed("action", action.attributes)),
      resource: resourceOf(resource, typed("resource", resource.attributes)),
      context: typed("context", question.context),
      fields: fields.map((field) => values.textOf("fields", field)),
      grantIds: grantIdsOf(question),
    });
    const [made] = await this.#recorded(program, [request]);
    return (made as { decision: Decision }).decision;
  }

  /** Return a copy of a JSON message, masked as the bundle decides, as the online client does. */
  async mask<T = unknown>(message: T, options: MaskOptions): Promise<Masked<T>> {
    const begun = now();
    try {
      const masked = await this.#mask(message, options);
      this.#metrics.message?.("decided", (now() - begun) / 1_000);
      return masked as Masked<T>;
    } catch (error) {
      this.#metrics.message?.("refused", (now() - begun) / 1_000);
      throw error;
    }
  }

  /** Stop; what is recorded and not yet reported is reported for at most a second. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#source.stop();
    this.#wake();
    await this.#reporter?.close();
    this.#pool?.close();
    await this.#state.close();
  }

  async #mask(message: unknown, options: MaskOptions): Promise<Masked> {
    const program = this.#require();
    const asked = plan(this.#mapOf(program, options.application, options.name), message, options, this.#decimals);
    const requestId = options.requestId || randomUUID();
    const grantIds = grantIdsOf(options);
    const { application, name } = asked.map;
    const requests = asked.questions.map((question) =>
      create(DecideRequestSchema, {
        requestId,
        subject: asked.subject,
        action: asked.action,
        resource: question.resource,
        context: asked.context,
        message: { application, name, part: question.part.name },
        grantIds,
      }),
    );
    const answers = await this.#recorded(program, requests);
    const masked = maskedBy(message, asked, answers, requestId, this.#settings);
    const failed = answers.find((answer) => answer.unrecorded !== "");
    return failed === undefined ? masked : { ...masked, problems: [failed.unrecorded, ...masked.problems] };
  }

  /** Decide requests and record the decisions; what cannot be recorded unmasks nothing. */
  async #recorded(program: Program, requests: readonly DecideRequest[]): Promise<(Answer & { unrecorded: string })[]> {
    const time = wallNanos();
    const replies = requests.map((request) => this.#aged(program.decide(request, time)));
    const written = Promise.all(
      requests.map((request, i) => {
        const reply = replies[i] as DecideResponse;
        return this.#log.append((sequence) => {
          reply.decisionId = `${this.#state.clientId}-${sequence}`;
          return recordOf(sequence, time, request, reply);
        }).written;
      }),
    );
    const awaited = this.#record === "sync" || (this.#record === "async" && replies.some((r) => sensitive(program, r)));
    let unrecorded = "";
    const noted = written.catch((error: NodeJS.ErrnoException) => {
      unrecorded = `a decision could not be written, so nothing was unmasked: ${error.code ?? error.message}`;
      this.#alarm({
        kind: "not_recorded",
        message: awaited ? unrecorded : "a decision that was returned is not recorded",
      });
    });
    if (awaited) await noted;
    this.#watchRoom();
    this.#reporter?.wake();
    return replies.map((reply) => ({
      policyHash: program.hash,
      decision: unrecorded === "" ? decisionOf(reply, "") : strict(program, decisionOf(reply, "")),
      error: "",
      unrecorded,
    }));
  }

  /** Say so when the bundle is older than it should be. */
  #aged(reply: DecideResponse): DecideResponse {
    const age = Date.now() - this.#confirmed;
    if (age > this.#maxAge && reply.diagnostics.length < MAX_DIAGNOSTICS) {
      const message = `the bundle was last known to be in force ${Math.round(age / 1_000)} s ago`;
      reply.diagnostics.push(create(DiagnosticSchema, { code: DiagnosticCode.STALE_POLICIES, message }));
    }
    return reply;
  }

  #mapOf(program: Program, application: string, name: string): MessageMap {
    const key = JSON.stringify([application, name]);
    let found = this.#maps.get(key);
    if (found === undefined) {
      const messageMap = program.messageMap(application, name);
      if (messageMap === undefined) {
        throw new UnknownMessageError(`application \`${application}\` has no message \`${name}\``);
      }
      const attributeTypes = Object.fromEntries(program.bundle.attributes.map((a) => [a.name, a.type]));
      const { hash: policyHash, revision } = program;
      found = fromResponse(create(GetMessageMapResponseSchema, { messageMap, attributeTypes, policyHash, revision }));
      this.#maps.set(key, found);
    }
    return found;
  }

  #useKept(): void {
    const kept = this.#state.bundle();
    if (kept === undefined) return;
    try {
      this.#program = load(kept, this.#trusted);
      this.#confirmed = statSync(join(this.#state.path, "bundle.pb")).mtimeMs;
    } catch (error) {
      this.#tell("bundle_refused", `the kept bundle is not used: ${(error as Error).message}`);
    }
  }

  #take(data: Uint8Array): void {
    let program: Program;
    try {
      program = load(data, this.#trusted, this.#program?.revision ?? 0n);
    } catch (error) {
      this.#tell("bundle_refused", `a bundle was refused: ${(error as Error).message}`);
      return;
    }
    this.#program = program;
    this.#maps.clear();
    this.#confirm();
    try {
      this.#state.keepBundle(data);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      this.#alarm({ kind: "not_recorded", message: `the bundle could not be kept in the state folder: ${code}` });
    }
  }

  #confirm(): void {
    if (this.#program === undefined) return;
    this.#confirmed = Date.now();
    this.#problem = undefined;
    this.#wake();
  }

  #tell(kind: Alarm["kind"], message: string): void {
    if (this.#closed || this.#problem === message) return;
    this.#problem = message;
    this.#alarm({ kind, message });
  }

  #watchRoom(): void {
    const filling = this.#log.filled > FULL_FROM;
    if (filling && !this.#filling) {
      const message =
        "more than half of the room for unreported decisions is used; when it is full, nothing is unmasked";
      this.#alarm({ kind: "spool_filling", message });
    }
    this.#filling = filling;
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }

  #require(): Program {
    this.#checkOpen();
    if (this.#program === undefined) throw this.#noBundle();
    return this.#program;
  }

  #noBundle(): DecisionUnavailableError {
    return new DecisionUnavailableError(`there is no bundle to decide by: ${this.#problem ?? "none has come yet"}`);
  }

  #checkOpen(): void {
    if (this.#closed) throw new ClientClosedError("the client is closed; make a new one");
  }
}

function sendDecisions(pool: Pool, clientId: string): Send {
  return async (records, end) => {
    const decisions = records.map(
      ({ sequence, payload }): OfflineDecision =>
        payload === null ? create(OfflineDecisionSchema, { sequence }) : fromBinary(OfflineDecisionSchema, payload),
    );
    const reply = await pool.call(REPORT, create(ReportDecisionsRequestSchema, { clientId, decisions }), end);
    return reply.recordedThrough;
  };
}

function sensitive(program: Program, reply: DecideResponse): boolean {
  return reply.verdicts.some((v) => v.effect === Effect.UNMASK && SENSITIVE.has(program.level(v.field)));
}

/** Return a decision with every field masked by its default mask. */
function strict(program: Program, decision: Decision): Decision {
  const masks = new Map(program.bundle.fields.map((f) => [f.id, f.defaultMask && maskOf(f.defaultMask)]));
  const maskFor = (field: string): Mask => masks.get(field) ?? FULL;
  return { ...decision, verdicts: decision.verdicts.map((v) => ({ ...v, mask: maskFor(v.field) })) };
}
