/** A decision service on a real socket whose answers the tests choose. */
import {
  create,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  status as Status,
} from "@grpc/grpc-js";
import type { AttributeType, MessageMap, SignedBundle } from "../dist/gen/pdp/v1/bundle_pb.js";
import {
  BundleService,
  type OfflineDecision,
  ReportDecisionsResponseSchema,
  type WatchBundleRequest,
  type WatchBundleResponse,
  WatchBundleResponseSchema,
} from "../dist/gen/pdp/v1/bundle_service_pb.js";
import {
  type BatchItem,
  BatchItemSchema,
  type DecideBatchRequest,
  DecideBatchResponseSchema,
  type DecideRequest,
  type DecideResponse,
  DecisionService,
  type FieldFallback,
  type GetMessageMapRequest,
  GetMessageMapResponseSchema,
  type ItemError,
} from "../dist/gen/pdp/v1/decision_service_pb.js";
import {
  type FallbackEvent,
  FallbackService,
  ReportFallbacksResponseSchema,
} from "../dist/gen/pdp/v1/fallback_service_pb.js";
import { type Json, replyOf } from "./support.js";

const HEALTH = "/grpc.health.v1.Health/Watch";

/** A failure as the server tells it: with google.rpc.Status in the trailing metadata. */
export class Refusal extends Error {
  readonly metadata = new Metadata();

  constructor(
    readonly code: Status,
    readonly details: string,
    reason = "",
    info: Record<string, string> = {},
    violations: Record<string, string> = {},
  ) {
    super(details);
    const any = (name: string, value: Uint8Array) =>
      new BinaryWriter().tag(1, 2).string(`type.googleapis.com/google.rpc.${name}`).tag(2, 2).bytes(value).finish();
    const pair = ([a, b]: [string, string]) => new BinaryWriter().tag(1, 2).string(a).tag(2, 2).string(b).finish();
    const errorInfo = new BinaryWriter().tag(1, 2).string(reason).tag(2, 2).string("jingxi.dev");
    for (const entry of Object.entries(info)) errorInfo.tag(3, 2).bytes(pair(entry));
    const bad = new BinaryWriter();
    for (const entry of Object.entries(violations)) bad.tag(1, 2).bytes(pair(entry));
    const writer = new BinaryWriter().tag(1, 0).int32(code).tag(2, 2).string(details);
    for (const detail of [any("ErrorInfo", errorInfo.finish()), any("BadRequest", bad.finish())]) {
      writer.tag(3, 2).bytes(detail);
    }
    this.metadata.set("grpc-status-details-bin", Buffer.from(writer.finish()));
  }
}

type Request = DecideRequest | DecideBatchRequest | GetMessageMapRequest;
export type Answer = DecideResponse | { readonly failed: string };

/** Records what it is asked and answers as told. */
export class Service {
  calls: [name: string, request: Request][] = [];
  metadata: Metadata[] = [];
  maps = new Map<string, MessageMap>();
  types: Record<string, AttributeType> = {};
  fallbacks: FieldFallback[] = [];
  passUntilNanos = 0n;
  alarm: readonly [events: number, seconds: number] = [0, 0];
  policyHash = "h1";
  events: FallbackEvent[] = [];
  recordedThrough = 0n;
  answer: (item: BatchItem) => Answer = (item) => replyOf(Object.fromEntries(item.fields.map((f) => [f, "unmask"])));
  /** Runs before each answer; what it throws is the answer, and while it waits there is none. */
  before: (name: string, request: Request | readonly FallbackEvent[]) => void | Promise<void> = () => undefined;
  /** The bundle in force, and what offline clients say that they have. */
  bundle: SignedBundle | undefined;
  known: [revision: bigint, hash: string][] = [];
  decisions: OfflineDecision[] = [];
  /** Runs after each report was taken. */
  reported: () => void = () => undefined;
  /** Raw bytes instead of an answer. */
  garbage: Buffer | undefined;
  #server: Server | undefined;
  #health: 0 | 1 | 2 = 1;
  #watchers = new Set<ServerWritableStream<Buffer, number>>();

  names(): string[] {
    return this.calls.map(([name]) => name);
  }

  requests<T extends Request>(name: string): T[] {
    return this.calls.filter(([called]) => called === name).map(([, request]) => request as T);
  }

  putMap(map: MessageMap): void {
    this.maps.set(JSON.stringify([map.application, map.name]), map);
  }

  /** Say over the health service that it serves (1) or does not (2). */
  set health(status: 1 | 2) {
    this.#health = status;
    for (const watcher of this.#watchers) watcher.write(status);
  }

  /** Serve on a port of the loopback, a free one unless given, and return it. */
  async serve(options: { port?: number; credentials?: ServerCredentials; health?: boolean } = {}): Promise<number> {
    const server = new Server();
    server.addService(
      {
        ...this.#handler(DecisionService.method.decide),
        ...this.#handler(DecisionService.method.decideBatch),
        ...this.#handler(DecisionService.method.getMessageMap),
        ...this.#handler(FallbackService.method.reportFallbacks),
        ...this.#handler(BundleService.method.reportDecisions),
        ...this.#handler(BundleService.method.watchBundle),
      },
      {
        Decide: this.#unary("Decide", (request: DecideRequest) => this.#decide(request)),
        DecideBatch: this.#unary("DecideBatch", (request: DecideBatchRequest) => this.#decideBatch(request)),
        WatchBundle: (stream: ServerWritableStream<WatchBundleRequest, WatchBundleResponse>) => this.#send(stream),
        ReportDecisions: (
          call: { request: { decisions: OfflineDecision[] } },
          callback: (error: null, reply: object) => void,
        ) => {
          this.decisions.push(...call.request.decisions);
          const recordedThrough = call.request.decisions.at(-1)?.sequence ?? 0n;
          callback(null, create(ReportDecisionsResponseSchema, { recordedThrough }));
        },
        GetMessageMap: this.#unary("GetMessageMap", (request: GetMessageMapRequest) => this.#map(request)),
        ReportFallbacks: (
          call: { request: { events: FallbackEvent[] } },
          callback: Parameters<handleUnaryCall<unknown, unknown>>[1],
        ) => {
          void this.#report(call.request.events).then((reply) => callback(null, reply), callback);
        },
      },
    );
    if (options.health !== false) {
      const definition = {
        path: HEALTH,
        requestStream: false,
        responseStream: true,
        requestSerialize: (data: Buffer) => data,
        requestDeserialize: (data: Buffer) => data,
        responseSerialize: (status: number) =>
          Buffer.from(new BinaryWriter().tag(1, WireType.Varint).int32(status).finish()),
        responseDeserialize: () => 0,
      };
      server.addService(
        { Watch: definition },
        {
          Watch: (stream: ServerWritableStream<Buffer, number>) => {
            this.#watchers.add(stream);
            stream.on("cancelled", () => this.#watchers.delete(stream));
            stream.write(this.#health);
          },
        },
      );
    }
    const credentials = options.credentials ?? ServerCredentials.createInsecure();
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${options.port ?? 0}`, credentials, (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    this.#server = server;
    return port;
  }

  /** Drop all connections and listen no more. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#watchers.clear();
  }

  /** Send the bundle in force in two parts, or say that the client has it; then stay silent. */
  #send(stream: ServerWritableStream<WatchBundleRequest, WatchBundleResponse>): void {
    const { knownRevision, knownHash } = stream.request;
    this.known.push([knownRevision, knownHash]);
    const { bundle: data, hash, revision, keyId, signature } = this.bundle as SignedBundle;
    const say = (part: Json) => stream.write(create(WatchBundleResponseSchema, { part }));
    if (hash === knownHash) {
      say({ case: "current", value: { revision, hash } });
      return;
    }
    say({ case: "header", value: { revision, hash, keyId, signature, size: BigInt(data.length) } });
    say({ case: "chunk", value: data.subarray(0, 1_000) });
    say({ case: "chunk", value: data.subarray(1_000) });
  }

  #handler(method: DescMethodUnary | DescMethodServerStreaming): Record<string, Json> {
    return {
      [method.name]: {
        path: `/${method.parent.typeName}/${method.name}`,
        requestStream: false,
        responseStream: method.methodKind === "server_streaming",
        requestSerialize: (message: MessageShape<typeof method.input>) => Buffer.from(toBinary(method.input, message)),
        requestDeserialize: (data: Buffer) => fromBinary(method.input, data),
        responseSerialize: (message: MessageShape<typeof method.output>) =>
          this.garbage ??
          Buffer.from(toBinary(method.output, create(method.output, { ...message, $typeName: undefined }))),
        responseDeserialize: (data: Buffer) => fromBinary(method.output, data),
      },
    };
  }

  #unary<I extends Request, O>(name: string, answer: (request: I) => O): handleUnaryCall<I, O> {
    return (call, callback) => {
      this.calls.push([name, call.request]);
      this.metadata.push(call.metadata);
      void (async () => {
        await this.before(name, call.request);
        return answer(call.request);
      })().then((reply) => callback(null, reply), callback);
    };
  }

  #decide(request: DecideRequest): DecideResponse {
    const { resource, message, fields, requestId } = request;
    const item = create(BatchItemSchema, { fields } as object);
    if (resource !== undefined) item.resource = resource;
    if (message !== undefined) item.message = message;
    return { ...(this.answer(item) as DecideResponse), requestId, policyHash: this.policyHash };
  }

  #decideBatch(request: DecideBatchRequest): object {
    const results = request.items.map((item) => {
      const answer = this.answer(item);
      if ("failed" in answer)
        return { result: { case: "error", value: { code: 3, message: answer.failed } as ItemError } };
      // As the service does: these stand once, beside the items.
      return { result: { case: "decision", value: { ...answer, $typeName: undefined, revision: 0n, policyHash: "" } } };
    });
    const { requestId } = request;
    return create(DecideBatchResponseSchema, {
      requestId,
      revision: 7n,
      policyHash: this.policyHash,
      results,
    } as object);
  }

  #map(request: GetMessageMapRequest): object {
    const found = this.maps.get(JSON.stringify([request.application, request.name]));
    if (found === undefined) {
      throw new Refusal(Status.NOT_FOUND, "no such message", "ERROR_REASON_UNKNOWN_MESSAGE", {}, { name: "unknown" });
    }
    return create(GetMessageMapResponseSchema, {
      messageMap: found,
      attributeTypes: this.types,
      revision: 7n,
      policyHash: this.policyHash,
      fallbacks: this.fallbacks,
      passUntilNanos: this.passUntilNanos,
      alarmEvents: this.alarm[0],
      alarmSeconds: this.alarm[1],
    });
  }

  /** Record events once, as the service does. */
  async #report(events: readonly FallbackEvent[]): Promise<object> {
    await this.before("ReportFallbacks", events);
    for (const event of events) {
      if (event.sequence <= this.recordedThrough) continue;
      if (event.sequence !== this.recordedThrough + 1n) {
        const expected = `${this.recordedThrough + 1n}`;
        throw new Refusal(Status.FAILED_PRECONDITION, "a gap", "ERROR_REASON_OUT_OF_SEQUENCE", { expected });
      }
      this.events.push(event);
      this.recordedThrough = event.sequence;
    }
    this.reported();
    return create(ReportFallbacksResponseSchema, { recordedThrough: this.recordedThrough });
  }
}
