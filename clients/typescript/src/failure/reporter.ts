/** Tells the service in the background what a log holds, until it has recorded everything. */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { type ServiceError, status as Status } from "@grpc/grpc-js";
import { now } from "../connection/pool.js";
import type { LogRecord, RecordLog } from "../state/log.js";
import type { AlarmListener } from "./alarm.js";

const PERIOD_MS = 5_000;
const CALL_MS = 5_000;
const LAST_TRY_MS = 1_000;
const MOST_RECORDS = 100;
const MOST_BYTES = 150 * 1_024;

/** Sends records and returns the number up to which the service has them. Throws ServiceError. */
export type Send = (records: readonly LogRecord[], end: number) => Promise<bigint>;

/** Reports one log. */
export class Reporter {
  readonly #log: RecordLog;
  readonly #send: Send;
  readonly #timer: NodeJS.Timeout;
  readonly #alarm: AlarmListener;
  #running: Promise<void> | undefined;
  #closed = false;
  /** Up to here records go one by one: one of them was refused. */
  #singlyTo = 0n;
  #refused: bigint | undefined;

  constructor(log: RecordLog, send: Send, alarm: AlarmListener, periodMs = PERIOD_MS) {
    this.#log = log;
    this.#send = send;
    this.#alarm = alarm;
    this.#timer = setInterval(() => this.wake(), periodMs);
    this.#timer.unref();
  }

  /** Report now, if there is something to report. */
  wake(): void {
    if (this.#closed || this.#log.unreported === 0) return;
    this.#running ??= this.#run(Number.POSITIVE_INFINITY).finally(() => {
      this.#running = undefined;
    });
  }

  /** Try once more, at most for a second; the rest is reported at the next start. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    const end = now() + LAST_TRY_MS;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LAST_TRY_MS);
    });
    await Promise.race([late, (this.#running ?? Promise.resolve()).then(() => this.#run(end))]);
    clearTimeout(timer);
  }

  async #next(): Promise<LogRecord[]> {
    const [first, ...others] = await this.#log.unreportedRecords(MOST_RECORDS, MOST_BYTES);
    if (first === undefined) return [];
    if (first.sequence === this.#refused) return [{ sequence: first.sequence, payload: null }];
    return first.sequence <= this.#singlyTo ? [first] : [first, ...others];
  }

  /**
   * After a refusal send records one by one, and of one that is refused alone the number only: it must not keep all later
   * ones from being recorded. Return whether there is something else to try.
   */
  #sortOut(records: readonly LogRecord[]): boolean {
    const [only] = records;
    if (only === undefined || only.payload === null) return false;
    this.#singlyTo = records.at(-1)?.sequence ?? 0n;
    if (records.length > 1) return true;
    this.#refused = only.sequence;
    const message = `the service refuses record ${only.sequence}; it is reported by its number alone`;
    this.#alarm({ kind: "not_recorded", message });
    return true;
  }

  async #run(end: number): Promise<void> {
    try {
      while (this.#log.unreported > 0 && now() < end) {
        const records = await this.#next();
        let through: bigint;
        try {
          through = await this.#send(records, Math.min(now() + CALL_MS, end));
        } catch (error) {
          if ((error as ServiceError).code === Status.INVALID_ARGUMENT && this.#sortOut(records)) continue;
          const expected = expectedOf(error as ServiceError);
          if (expected === undefined) return; // tried again in a while
          if (expected === records[0]?.sequence) return; // it asks for what it was sent: another try, later
          await this.#log.skipTo(expected);
          continue;
        }
        const last = records.at(-1)?.sequence ?? 0n;
        // A service that has more than was ever sent knows this client from before its disk was put back.
        if (through > last) await this.#log.skipTo(through + 1n);
        else await this.#log.report(through);
        if (through < (records[0]?.sequence ?? 0n)) return; // nothing was taken
      }
    } catch {
      // The disk: what is not noted as reported is reported again, and recorded once.
    }
  }
}

/** Return the number that the service expects next, when it says that the records do not follow what it has. */
function expectedOf(error: ServiceError): bigint | undefined {
  if (
    error.code !== Status.FAILED_PRECONDITION &&
    error.code !== Status.OUT_OF_RANGE &&
    error.code !== Status.ABORTED
  ) {
    return undefined;
  }
  for (const entry of error.metadata?.get("grpc-status-details-bin") ?? []) {
    if (typeof entry === "string") continue;
    for (const detail of fieldsOf(entry, 3)) {
      for (const info of fieldsOf(detail, 2)) {
        if (textOf(info, 1) !== "ERROR_REASON_OUT_OF_SEQUENCE") continue;
        const pair = fieldsOf(info, 3).find((found) => textOf(found, 1) === "expected");
        const text = pair === undefined ? "" : textOf(pair, 2);
        if (/^[0-9]{1,19}$/.test(text)) return BigInt(text);
      }
    }
  }
  return undefined;
}

function fieldsOf(data: Uint8Array, number: number): Uint8Array[] {
  const reader = new BinaryReader(data);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === number && wireType === WireType.LengthDelimited) found.push(reader.bytes());
    else reader.skip(wireType, field);
  }
  return found;
}

function textOf(data: Uint8Array, number: number): string {
  return new TextDecoder().decode(fieldsOf(data, number)[0] ?? new Uint8Array());
}
