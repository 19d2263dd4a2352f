/**
 * The nodes of the service: calls go round those that are healthy, and are tried again by the next one.
 *
 * @grpc/grpc-js has round robin but no health checks of its own, and repeats a call by its service config on whatever node
 * the balancer names next. So each address has a channel of its own here, and picking and repeating stand above them.
 */
import { lookup } from "node:dns/promises";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ChannelCredentials,
  type ClientOptions,
  type ClientReadableStream,
  Metadata,
  type ServiceError,
  status as Status,
} from "@grpc/grpc-js";
import { type Method, Node } from "./node.js";
import type { Endpoint } from "./target.js";

const MAX_TRIES = 3;
const FIRST_BACKOFF_MS = 20;
const LONGEST_BACKOFF_MS = 100;
const JITTER = 0.2;
// After many failures in a row calls are no longer repeated, so that clients do not hold a struggling service down.
const MAX_TOKENS = 100;
const TOKENS_OF_SUCCESS = 0.1;
const LOOKUP_PAUSE_MS = 2_000;

const CHANNEL_OPTIONS: ClientOptions = {
  // Repeating is done here, by another node.
  "grpc.enable_retries": 0,
  "grpc.service_config_disable_resolution": 1,
  // Decisions must not wander through a web proxy that the environment happens to name.
  "grpc.enable_http_proxy": 0,
  // A node that comes back is used within 2 s; gRPC's own bound is 2 minutes.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 2_000,
  // A peer that vanished without a word is noticed.
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.keepalive_permit_without_calls": 1,
  // Clients of one process with other credentials must not share connections.
  "grpc.use_local_subchannel_pool": 1,
};

/** How the pool reaches the service. */
export interface PoolSettings {
  readonly endpoints: readonly Endpoint[];
  readonly credentials: ChannelCredentials;
  readonly options: ClientOptions;
  /** The metadata of each call. */
  readonly metadata: () => Metadata;
}

/** Return the monotonic time in milliseconds. */
export function now(): number {
  return performance.now();
}

/** A status as a call of a node would have failed with. */
export function serviceError(code: Status, details: string): ServiceError {
  const error = new Error(`${code} ${Status[code]}: ${details}`);
  return Object.assign(error, { code, details, metadata: new Metadata() });
}

/** All nodes behind the targets. */
export class Pool {
  readonly #settings: PoolSettings;
  readonly #nodes = new Map<string, Node>();
  readonly #waiters = new Set<() => void>();
  #lookup: Promise<void> | undefined;
  #lookedUp = Number.NEGATIVE_INFINITY;
  #lookupFailure = "";
  #next = 0;
  #tokens = MAX_TOKENS;
  #closed = false;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    this.#refresh();
  }

  /** Call a method by a healthy node, at most until `end` (monotonic milliseconds). Throws ServiceError. */
  async call<I, O>(method: Method<I, O>, request: I, end: number): Promise<O> {
    const tried = new Set<Node>();
    for (let tries = 1; ; tries++) {
      try {
        const node = await this.#pick(end, tried);
        tried.add(node);
        const reply = await node.call(method, request, { deadline: Date.now() + Math.max(end - now(), 0) });
        this.#tokens = Math.min(this.#tokens + TOKENS_OF_SUCCESS, MAX_TOKENS);
        return reply;
      } catch (error) {
        const backoff = Math.min(FIRST_BACKOFF_MS * 2 ** (tries - 1), LONGEST_BACKOFF_MS);
        const pause = backoff * (1 + JITTER * (2 * Math.random() - 1));
        if (!this.#mayRepeat(error as ServiceError) || tries === MAX_TRIES || now() + pause >= end) throw error;
        await sleep(pause);
      }
    }
  }

  /** Call a method that answers with a stream by a healthy node. Throws ServiceError when there is none before `end`. */
  async stream<I, O>(method: Method<I, O>, request: I, end: number): Promise<ClientReadableStream<O>> {
    return (await this.#pick(end, new Set())).stream(method, request);
  }

  /** Wait until a node can be used. Throws ServiceError. */
  async ready(end: number): Promise<void> {
    while (![...this.#nodes.values()].some((node) => node.state === "usable")) await this.#change(end);
  }

  close(): void {
    this.#closed = true;
    for (const node of this.#nodes.values()) node.close();
    this.#changed();
  }

  #mayRepeat(error: ServiceError): boolean {
    if (error.code !== Status.UNAVAILABLE || this.#closed) return false;
    this.#tokens = Math.max(this.#tokens - 1, 0);
    return this.#tokens > MAX_TOKENS / 2;
  }

  /** Return the next healthy node, one that was not tried yet if there is one. */
  async #pick(end: number, tried: ReadonlySet<Node>): Promise<Node> {
    for (;;) {
      if (this.#closed) throw serviceError(Status.CANCELLED, "the client was closed");
      const nodes = [...this.#nodes.values()];
      const usable = nodes.filter((node) => node.state === "usable");
      if (usable.length < nodes.length) this.#refresh();
      const untried = usable.filter((node) => !tried.has(node));
      const choice = untried.length > 0 ? untried : usable;
      if (choice.length > 0) return choice[this.#next++ % choice.length] as Node;
      if (this.#lookup === undefined && nodes.every((node) => node.state === "down")) {
        this.#refresh();
        const why = this.#lookupFailure || "no node can be reached, or none says that it serves";
        throw serviceError(Status.UNAVAILABLE, why);
      }
      await this.#change(end);
    }
  }

  /** Wait until a node or the list of nodes has changed. */
  async #change(end: number): Promise<void> {
    const rest = end - now();
    if (rest <= 0) throw serviceError(Status.DEADLINE_EXCEEDED, "no node was ready in time");
    let wake: () => void = () => undefined;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      wake = resolve;
      this.#waiters.add(wake);
      timer = setTimeout(resolve, rest);
    });
    clearTimeout(timer);
    this.#waiters.delete(wake);
  }

  #changed(): void {
    for (const wake of this.#waiters) wake();
    if ([...this.#nodes.values()].some((node) => node.state === "down")) this.#refresh();
  }

  /** Look names up again: at the start, and when a node is down, but not more often than every two seconds. */
  #refresh(): void {
    if (this.#closed || this.#lookup !== undefined || now() - this.#lookedUp < LOOKUP_PAUSE_MS) return;
    this.#lookedUp = now();
    this.#lookup = this.#lookUp().finally(() => {
      this.#lookup = undefined;
      this.#changed();
    });
  }

  async #lookUp(): Promise<void> {
    const found = new Map<string, ClientOptions>();
    const failures: string[] = [];
    await Promise.all(
      this.#settings.endpoints.map(async (endpoint) => {
        if (endpoint.kind === "unix") {
          found.set(`unix:${endpoint.path}`, {});
          return;
        }
        try {
          for (const { address, family } of await lookup(endpoint.host, { all: true })) {
            const name = family === 6 ? `ipv6:[${address}]:${endpoint.port}` : `ipv4:${address}:${endpoint.port}`;
            found.set(name, address === endpoint.host ? {} : authorityOf(endpoint.host, endpoint.port));
          }
        } catch (error) {
          failures.push(`\`${endpoint.host}\` cannot be looked up: ${(error as NodeJS.ErrnoException).code}`);
        }
      }),
    );
    this.#lookupFailure = failures.join(", ");
    if (this.#closed) return;
    for (const [address, options] of found) {
      if (this.#nodes.has(address)) continue;
      const { credentials, metadata, options: given } = this.#settings;
      const merged = { ...CHANNEL_OPTIONS, ...options, ...given };
      this.#nodes.set(address, new Node(address, credentials, merged, metadata, () => this.#changed()));
    }
    // What a failed lookup does not name may still be there.
    if (failures.length > 0) return;
    for (const [address, node] of this.#nodes) {
      if (found.has(address)) continue;
      this.#nodes.delete(address);
      node.close();
    }
  }
}

/** The name that TLS checks is the one that was looked up, not its address. */
function authorityOf(host: string, port: number): ClientOptions {
  return { "grpc.ssl_target_name_override": host, "grpc.default_authority": `${host}:${port}` };
}
