/** The failure rule (requirement A38): what is shown while no verdict can be had, and the record of it. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { methodOf } from "../connection/index.js";
import type { Pool } from "../connection/pool.js";
import type { Fallback, FallbackCause } from "../decisions.js";
import { DecisionUnavailableError, type JingxiError, ProtocolError } from "../errors.js";
import {
  FallbackCause as CauseNumber,
  type FallbackEvent,
  FallbackEventSchema,
  type FallbackItem,
  FallbackItemSchema,
  FallbackService,
  ReportFallbacksRequestSchema,
} from "../gen/pdp/v1/fallback_service_pb.js";
import { Masking } from "../masking.js";
import type { MaskSettings } from "../masks.js";
import { FULL, type Plan } from "../message-map.js";
import type { LogRecord, RecordLog } from "../state/log.js";
import type { AlarmListener } from "./alarm.js";
import type { Send } from "./reporter.js";

const MAX_ITEMS = 1_000;
const MAX_DETAIL_BYTES = 500;
const MAX_REQUEST_ID = 128;
const FULL_FROM = 0.5;
const REPORT = methodOf(FallbackService, FallbackService.method.reportFallbacks);

const CAUSES: Readonly<Record<string, FallbackCause>> = {
  UNAVAILABLE: "unavailable",
  FAILED_PRECONDITION: "unavailable",
  DEADLINE_EXCEEDED: "deadline",
  RESOURCE_EXHAUSTED: "overload",
  INTERNAL: "bad_answer",
  UNKNOWN: "bad_answer",
  ABORTED: "bad_answer",
  CANCELLED: "bad_answer",
  DATA_LOSS: "bad_answer",
  UNIMPLEMENTED: "bad_answer",
};
const NUMBERS: Readonly<Record<FallbackCause, CauseNumber>> = {
  unavailable: CauseNumber.UNAVAILABLE,
  deadline: CauseNumber.DEADLINE,
  bad_answer: CauseNumber.BAD_ANSWER,
  breaker_open: CauseNumber.BREAKER_OPEN,
  overload: CauseNumber.OVERLOAD,
};

/** Return why there was no verdict; undefined for an error that the caller must mend. */
export function causeOf(error: unknown): FallbackCause | undefined {
  if (error instanceof ProtocolError) return "bad_answer";
  return error instanceof DecisionUnavailableError ? CAUSES[error.status] : undefined;
}

/** What is known about a message that had no verdict. */
export interface Occasion {
  readonly cause: FallbackCause;
  readonly error: JingxiError;
  readonly requestId: string;
  readonly grantIds: readonly string[];
}

/** A message as the failure rule shows it. */
export interface Shown {
  readonly copy: unknown;
  readonly problems: readonly string[];
  readonly fallback: Fallback;
}

/** Shows messages by the failure rule of their maps, and records each before it is shown. */
export class FailureRule {
  readonly #log: RecordLog;
  readonly #alarm: AlarmListener;
  readonly #settings: MaskSettings;
  readonly #nanos: () => bigint;
  #filling = false;

  constructor(log: RecordLog, settings: MaskSettings, alarm: AlarmListener, nanos: () => bigint) {
    this.#log = log;
    this.#settings = settings;
    this.#alarm = alarm;
    this.#nanos = nanos;
  }

  /** Return the message as the rule shows it; the event is on the disk then, or nothing passes. */
  async show(message: unknown, asked: Plan, occasion: Occasion): Promise<Shown> {
    const mayPass = this.#nanos() < asked.map.passUntilNanos;
    const passes = (field: string) => mayPass && asked.map.fallbacks.get(field)?.pass === true;
    try {
      await this.#record(asked, occasion, passes);
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
      const said = `an event could not be written, so nothing passed: ${why}`;
      this.#alarm({ kind: "not_recorded", message: said });
      return this.#shown(message, asked, occasion, () => false, false, [said]);
    }
    this.#watchRoom();
    return this.#shown(message, asked, occasion, passes, true, []);
  }

  #shown(
    message: unknown,
    asked: Plan,
    occasion: Occasion,
    passes: (field: string) => boolean,
    recorded: boolean,
    problems: readonly string[],
  ): Shown {
    const work = new Masking(message, this.#settings);
    const passed = new Set<string>();
    for (const question of asked.questions) {
      for (const [field, places] of question.fields) {
        if (!passes(field)) work.mask(places, asked.map.fallbacks.get(field)?.mask ?? FULL);
        else if (places.length > 0) passed.add(field);
      }
    }
    const { cause, error } = occasion;
    const fallback = { cause, detail: error.message, passed: [...passed].sort(), recorded };
    return { copy: work.finish(), problems: [...problems, ...work.problems], fallback };
  }

  async #record(asked: Plan, occasion: Occasion, passes: (field: string) => boolean): Promise<void> {
    const items = asked.questions.map((question): FallbackItem => {
      const there = question.fields.filter(([, places]) => places.length > 0).map(([field]) => field);
      return create(FallbackItemSchema, {
        resource: question.resource,
        part: question.part.name,
        passed: there.filter(passes),
        masked: there.filter((field) => !passes(field)),
      });
    });
    const timeNanos = this.#nanos();
    const chunks = items.length === 0 ? [[]] : chunked(items, MAX_ITEMS);
    // Those that wait at the same time share an fsync; all of a message's events are there or nothing passes.
    await Promise.all(
      chunks.map((chunk) => {
        const build = (sequence: bigint) => eventOf(sequence, timeNanos, asked, occasion, chunk);
        return this.#log.append((sequence) => toBinary(FallbackEventSchema, build(sequence))).written;
      }),
    );
  }

  #watchRoom(): void {
    const filling = this.#log.filled > FULL_FROM;
    if (filling && !this.#filling) {
      const message = "more than half of the room for unreported events is used; when it is full, nothing passes";
      this.#alarm({ kind: "spool_filling", message });
    }
    this.#filling = filling;
  }
}

/** Return how a reporter sends the log of fallbacks. */
export function sendFallbacks(pool: Pool, clientId: string, revive: (sequence: bigint) => FallbackEvent): Send {
  return async (records, end) => {
    const events = records.map(({ sequence, payload }) =>
      payload === null ? revive(sequence) : fromBinary(FallbackEventSchema, payload),
    );
    const reply = await pool.call(REPORT, create(ReportFallbacksRequestSchema, { clientId, events }), end);
    return reply.recordedThrough;
  };
}

/** Return what stands for an event of which nothing is left but its number. */
export function lostEvent(sequence: bigint): FallbackEvent {
  return create(FallbackEventSchema, { sequence, detail: "the event was lost on the client's disk" });
}

/** Return the event of a record, for tests and tools. */
export function eventOfRecord({ sequence, payload }: LogRecord): FallbackEvent {
  return payload === null ? lostEvent(sequence) : fromBinary(FallbackEventSchema, payload);
}

function eventOf(
  sequence: bigint,
  timeNanos: bigint,
  asked: Plan,
  occasion: Occasion,
  items: FallbackItem[],
): FallbackEvent {
  const { map } = asked;
  return create(FallbackEventSchema, {
    sequence,
    timeNanos,
    cause: NUMBERS[occasion.cause],
    detail: cut(occasion.error.message, MAX_DETAIL_BYTES),
    requestId: cut(occasion.requestId, MAX_REQUEST_ID),
    message: { application: map.application, name: map.name },
    subject: asked.subject,
    action: asked.action,
    context: asked.context,
    grantIds: [...occasion.grantIds],
    revision: map.revision,
    policyHash: map.policyHash,
    items,
  });
}

/** Return a text cut to so many bytes of UTF-8, never within a character. */
function cut(text: string, bytes: number): string {
  const data = Buffer.from(text, "utf8");
  if (data.length <= bytes) return text;
  let end = bytes;
  while (((data[end] ?? 0) & 0xc0) === 0x80) end--;
  return data.toString("utf8", 0, end);
}

function chunked<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
