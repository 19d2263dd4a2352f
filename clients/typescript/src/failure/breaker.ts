/** Stops asking a service that fails, and tries it again one call at a time. */
import { now } from "../connection/pool.js";

/** When a breaker opens, and for how long. */
export interface BreakerSettings {
  readonly failures: number;
  readonly firstMs: number;
  readonly longestMs: number;
}

/** What the contract says. */
export const BREAKER: BreakerSettings = { failures: 5, firstMs: 1_000, longestMs: 30_000 };

const JITTER = 0.1;

/** Open after so many failures in a row; `changed` is told when it opens and when it closes. */
export class Breaker {
  readonly #settings: BreakerSettings;
  readonly #changed: (open: boolean) => void;
  readonly #clock: () => number;
  #failures = 0;
  #pause = 0;
  #until = 0;
  #trying = false;

  constructor(changed: (open: boolean) => void, settings = BREAKER, clock: () => number = now) {
    this.#changed = changed;
    this.#settings = settings;
    this.#clock = clock;
  }

  get isOpen(): boolean {
    return this.#pause > 0;
  }

  /** Whether a call may be made now; who is told so must tell how it went. */
  admits(): boolean {
    if (!this.isOpen) return true;
    if (this.#trying || this.#clock() < this.#until) return false;
    this.#trying = true;
    return true;
  }

  succeeded(): void {
    const wasOpen = this.isOpen;
    this.#failures = 0;
    this.#pause = 0;
    this.#trying = false;
    if (wasOpen) this.#changed(false);
  }

  /** The call was never made. */
  abandoned(): void {
    this.#trying = false;
  }

  failed(): void {
    const wasOpen = this.isOpen;
    this.#failures += 1;
    // A call that was under way when it opened says nothing new.
    if (wasOpen ? !this.#trying : this.#failures < this.#settings.failures) return;
    this.#trying = false;
    this.#pause = wasOpen ? Math.min(this.#pause * 2, this.#settings.longestMs) : this.#settings.firstMs;
    this.#until = this.#clock() + this.#pause * (1 + JITTER * Math.random());
    if (!wasOpen) this.#changed(true);
  }
}
