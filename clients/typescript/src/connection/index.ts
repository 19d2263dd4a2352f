/** From a client's options to its connection: TLS, token, addresses. */
import { readFileSync, statSync } from "node:fs";
import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageShape,
} from "@bufbuild/protobuf";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { ChannelCredentials, type ClientOptions, type Interceptor, Metadata } from "@grpc/grpc-js";
import { ConfigurationError } from "../errors.js";
import type { Method } from "./node.js";
import { Pool } from "./pool.js";
import { areLocal, endpointsOf } from "./target.js";

const TOKEN_LOOK_MS = 1_000;

/** TLS to the service; with `key` and `certificate` the client proves who it is, too (mutual TLS). All in PEM. */
export interface TlsOptions {
  /** The certificates to trust; the system's when absent. */
  readonly roots?: Uint8Array | string | undefined;
  readonly key?: Uint8Array | string | undefined;
  readonly certificate?: Uint8Array | string | undefined;
  /** The name in the service's certificate, where it is not the one of the target. */
  readonly serverName?: string | undefined;
}

/** How to reach the service. */
export interface ConnectionOptions {
  /** `pdp.bank.example:7070`, `ipv4:10.0.0.1:7070,10.0.0.2:7070`, `unix:/run/pdp.sock`, or a list of such. */
  readonly target: string | readonly string[];
  readonly tls?: TlsOptions | true | undefined;
  /** Credentials of gRPC's own, instead of `tls`. */
  readonly credentials?: ChannelCredentials | undefined;
  /** A file with the bearer token, read again when it changes. Only over TLS, to loopback or a Unix socket. */
  readonly tokenFile?: string | undefined;
  /** Allow plain text to another machine. */
  readonly insecure?: boolean | undefined;
  readonly interceptors?: readonly Interceptor[] | undefined;
  /** gRPC channel options, which win over the client's own. */
  readonly channelOptions?: ClientOptions | undefined;
}

/** Return a connection that is being made. Throws ConfigurationError. */
export function connect(options: ConnectionOptions): Pool {
  const endpoints = endpointsOf(options.target);
  const local = areLocal(endpoints);
  const secure = options.tls !== undefined || options.credentials !== undefined;
  if (!secure && !local && options.insecure !== true) {
    throw new ConfigurationError(
      `target \`${options.target}\` is not on this machine and there is no TLS; give \`tls\`, or \`insecure: true\` to ` +
        "send attributes in plain text",
    );
  }
  if (options.tokenFile !== undefined && !secure && !local) {
    throw new ConfigurationError("a token is sent over TLS or to this machine only; give `tls`");
  }
  const tls = options.tls === true ? {} : options.tls;
  const metadata = options.tokenFile === undefined ? () => new Metadata() : bearer(options.tokenFile);
  return new Pool({
    endpoints,
    credentials: options.credentials ?? (tls === undefined ? ChannelCredentials.createInsecure() : credentialsOf(tls)),
    options: {
      ...(tls?.serverName === undefined ? {} : { "grpc.ssl_target_name_override": tls.serverName }),
      ...(options.interceptors === undefined ? {} : { interceptors: [...options.interceptors] }),
      ...options.channelOptions,
    },
    metadata,
  });
}

/** Return a method of a service as the connection calls it. */
export function methodOf<I extends DescMessage, O extends DescMessage>(
  service: DescService,
  method: DescMethodUnary<I, O> | DescMethodServerStreaming<I, O>,
): Method<MessageShape<I>, MessageShape<O>> {
  return {
    name: method.name,
    path: `/${service.typeName}/${method.name}`,
    serialize: (request) => Buffer.from(toBinary(method.input, request)),
    deserialize: (reply) => fromBinary(method.output, reply),
  };
}

function credentialsOf(tls: TlsOptions): ChannelCredentials {
  const buffer = (data: Uint8Array | string | undefined) => (data === undefined ? null : Buffer.from(data));
  if ((tls.key === undefined) !== (tls.certificate === undefined)) {
    throw new ConfigurationError("`tls.key` and `tls.certificate` go together");
  }
  try {
    return ChannelCredentials.createSsl(buffer(tls.roots), buffer(tls.key), buffer(tls.certificate));
  } catch (error) {
    throw new ConfigurationError(`\`tls\` cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

/** Return the metadata of each call: the token that the file holds, looked at once a second. Throws ConfigurationError. */
function bearer(path: string): () => Metadata {
  let token = "";
  let version = "";
  let looked = Number.NEGATIVE_INFINITY;
  const read = () => {
    const { mtimeMs, ino, size } = statSync(path);
    const found = `${mtimeMs} ${ino} ${size}`;
    if (found === version) return;
    token = readFileSync(path, "utf8").trim();
    version = found;
  };
  try {
    read();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new ConfigurationError(`token file \`${path}\` cannot be read: ${code}`, { cause: error });
  }
  return () => {
    if (performance.now() - looked > TOKEN_LOOK_MS) {
      looked = performance.now();
      try {
        read();
      } catch {
        // Between two writes the file may be away; the token that is known is the best there is.
      }
    }
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${token}`);
    return metadata;
  };
}
