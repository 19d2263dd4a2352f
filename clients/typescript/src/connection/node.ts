/** One address of the service: its channel, and what its health service says about it. */
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  type ClientOptions,
  type ClientReadableStream,
  connectivityState,
  type Metadata,
  type ServiceError,
  status as Status,
  type StatusObject,
} from "@grpc/grpc-js";

const WATCH = "/grpc.health.v1.Health/Watch";
const SERVING = 1;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;

/**
 * `usable`: connected, and its health service says that it serves or is not there. `waiting`: it may soon be. `down`: it
 * cannot be reached, or says that it does not serve.
 */
export type NodeState = "usable" | "waiting" | "down";

/** A method by its path, with how its messages are written and read. */
export interface Method<I, O> {
  readonly name: string;
  readonly path: string;
  readonly serialize: (request: I) => Buffer;
  readonly deserialize: (reply: Buffer) => O;
}

/** A connection to one address. `changed` is called whenever its state may have changed. */
export class Node {
  readonly #client: Client;
  readonly #metadata: () => Metadata;
  readonly #changed: () => void;
  #state: NodeState = "waiting";
  #stream: ClientReadableStream<number> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wait = FIRST_WAIT_MS;
  #closed = false;

  constructor(
    readonly address: string,
    credentials: ChannelCredentials,
    options: ClientOptions,
    metadata: () => Metadata,
    changed: () => void,
  ) {
    this.#client = new Client(address, credentials, options);
    this.#metadata = metadata;
    this.#changed = changed;
    this.#follow();
  }

  get state(): NodeState {
    return this.#state;
  }

  /** Call a method; the promise is rejected with a ServiceError. */
  call<I, O>(method: Method<I, O>, request: I, options: CallOptions): Promise<O> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<I, O>(
        method.path,
        method.serialize,
        method.deserialize,
        request,
        this.#metadata(),
        options,
        (error, reply) => (error !== null ? reject(error) : resolve(reply as O)),
      );
    });
  }

  /** Call a method that answers with a stream. */
  stream<I, O>(method: Method<I, O>, request: I): ClientReadableStream<O> {
    return this.#client.makeServerStreamRequest(
      method.path,
      method.serialize,
      method.deserialize,
      request,
      this.#metadata(),
    );
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#stream?.cancel();
    this.#client.close();
  }

  /** Follow the channel's state, and connect whenever it rests. */
  #follow(): void {
    if (this.#closed) return;
    const channel = this.#client.getChannel();
    const now = channel.getConnectivityState(true);
    if (now === connectivityState.READY) this.#watch();
    else {
      this.#stream?.cancel();
      this.#stream = undefined;
      // One that failed stays down while it is tried again, so that calls need not wait for it.
      if (now === connectivityState.TRANSIENT_FAILURE) this.#become("down");
      else if (this.#state !== "down") this.#become("waiting");
    }
    channel.watchConnectivityState(now, Number.POSITIVE_INFINITY, () => this.#follow());
  }

  /** Ask the health service, which answers at once and whenever its answer changes. */
  #watch(): void {
    if (this.#closed || this.#stream !== undefined) return;
    if (this.#state === "usable") this.#become("waiting");
    const stream = this.#client.makeServerStreamRequest<undefined, number>(
      WATCH,
      () => Buffer.alloc(0),
      servingStatus,
      undefined,
      this.#metadata(),
    );
    this.#stream = stream;
    const isCurrent = () => this.#stream === stream && !this.#closed;
    stream.on("data", (status: number) => {
      if (!isCurrent()) return;
      this.#wait = FIRST_WAIT_MS;
      this.#become(status === SERVING ? "usable" : "down");
    });
    stream.on("error", (error: ServiceError) => {
      if (!isCurrent()) return;
      // A server without the health service is healthy when it can be reached (gRPC proposal A17).
      if (error.code === Status.UNIMPLEMENTED) this.#become("usable");
      else this.#watchAgain();
    });
    stream.on("status", ({ code }: StatusObject) => {
      if (isCurrent() && code === Status.OK) this.#watchAgain();
    });
  }

  #watchAgain(): void {
    this.#stream = undefined;
    this.#become("down");
    this.#timer = setTimeout(() => {
      if (this.#client.getChannel().getConnectivityState(false) === connectivityState.READY) this.#watch();
    }, this.#wait);
    this.#timer.unref();
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
  }

  #become(state: NodeState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#changed();
  }
}

/** Return the `status` of a grpc.health.v1.HealthCheckResponse; 0 when it has none. */
function servingStatus(data: Buffer): number {
  const reader = new BinaryReader(data);
  let found = 0;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.Varint) found = reader.int32();
    else reader.skip(wireType, field);
  }
  return found;
}
