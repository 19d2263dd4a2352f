/** What a client raises the alarm for. */
import { now } from "../connection/pool.js";

/** Something that the bank's operators should know; `message` is in English and holds no value of a message. */
export interface Alarm {
  readonly kind:
    | "breaker_opened"
    | "breaker_closed"
    | "many_fallbacks"
    | "not_recorded"
    | "spool_filling"
    | "spool_damaged"
    | "bundle_refused"
    | "source_failed";
  readonly message: string;
}

/** Is told of alarms. What it throws is not heard. */
export type AlarmListener = (alarm: Alarm) => void;

/** Return a listener whose own failure never reaches the transaction. */
export function guarded(listener: AlarmListener | undefined): AlarmListener {
  return (alarm) => {
    try {
      listener?.(alarm);
    } catch (error) {
      process.emitWarning(`the alarm listener failed: ${(error as Error).name}`, { code: "JINGXI_ALARM" });
    }
  };
}

/** Counts messages without a verdict; tells once in so many seconds when there were more than so many. */
export class FallbackCounter {
  readonly #alarm: AlarmListener;
  readonly #clock: () => number;
  #times: number[] = [];
  #told = Number.NEGATIVE_INFINITY;

  constructor(alarm: AlarmListener, clock: () => number = now) {
    this.#alarm = alarm;
    this.#clock = clock;
  }

  count(events: number, seconds: number): void {
    if (seconds <= 0) return;
    const time = this.#clock();
    const since = time - seconds * 1_000;
    this.#times = this.#times.filter((t) => t > since);
    // One more than the bound is as good as any number more.
    if (this.#times.length <= events) this.#times.push(time);
    if (this.#times.length <= events || this.#told > since) return;
    this.#told = time;
    this.#alarm({ kind: "many_fallbacks", message: `more than ${events} messages had no verdict within ${seconds} s` });
  }
}
