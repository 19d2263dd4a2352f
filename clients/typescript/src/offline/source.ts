/** Where bundles come from: nodes that send every new one, or a file that is looked at. */
import { open, stat } from "node:fs/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import type { ClientReadableStream } from "@grpc/grpc-js";
import { methodOf } from "../connection/index.js";
import { now, type Pool } from "../connection/pool.js";
import { SignedBundleSchema } from "../gen/pdp/v1/bundle_pb.js";
import {
  type BundleHeader,
  BundleService,
  type WatchBundleRequest,
  WatchBundleRequestSchema,
  type WatchBundleResponse,
} from "../gen/pdp/v1/bundle_service_pb.js";
import { MAX_BUNDLE } from "./bundle.js";

const LOOK_MS = 5_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const CONNECT_MS = 10_000;
// The service sends something every 20 s at least.
const SILENCE_MS = 60_000;
// What a SignedBundle holds besides the bundle.
const AROUND_BUNDLE = 4_096;
const WATCH = methodOf(BundleService, BundleService.method.watchBundle);

/** What a source tells. */
export interface Listener {
  /** The revision and hash in use; undefined for none. */
  inUse(): { readonly revision: bigint; readonly hash: string } | undefined;
  /** A bundle has come: a serialized SignedBundle. */
  came(data: Uint8Array): void;
  /** The bundle in use is the one in force. */
  confirmed(): void;
  /** No bundle can be had now; told once for each new reason. */
  failed(why: string): void;
}

/** Something that brings bundles until it is stopped. */
export interface Source {
  stop(): void;
}

/** Look at a file every five seconds. */
export function followFile(path: string, listener: Listener, periodMs = LOOK_MS): Source {
  let seen = "";
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async () => {
    try {
      const { mtimeMs, size, ino } = await stat(path);
      const found = `${mtimeMs} ${size} ${ino}`;
      if (size > MAX_BUNDLE + AROUND_BUNDLE) throw new Error(`it has more than ${MAX_BUNDLE} bytes`);
      if (found !== seen) {
        const handle = await open(path, "r");
        const data = await handle.readFile().finally(() => handle.close());
        if (!stopped) listener.came(data);
        seen = found;
      } else if (!stopped) {
        listener.confirmed();
      }
    } catch (error) {
      if (!stopped) listener.failed(`file \`${path}\`: ${(error as Error).message}`);
    }
    if (stopped) return;
    timer = setTimeout(look, periodMs);
    timer.unref();
  };
  void look();
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** Be sent every new bundle by a node, by another one when that ends. */
export function followNodes(pool: Pool, listener: Listener): Source {
  let stopped = false;
  let stream: ClientReadableStream<WatchBundleResponse> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let pause = FIRST_PAUSE_MS;
  const watch = async () => {
    try {
      const known = listener.inUse();
      const request: WatchBundleRequest = create(WatchBundleRequestSchema, {
        knownRevision: known?.revision ?? 0n,
        knownHash: known?.hash ?? "",
      });
      stream = await pool.stream(WATCH, request, now() + CONNECT_MS);
      await received(stream, listener, () => {
        pause = FIRST_PAUSE_MS;
      });
    } catch (error) {
      if (!stopped) listener.failed((error as Error).message);
    }
    if (stopped) return;
    timer = setTimeout(watch, pause);
    timer.unref();
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  };
  void watch();
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      stream?.cancel();
    },
  };
}

/** Take what a stream brings until it ends. */
function received(
  stream: ClientReadableStream<WatchBundleResponse>,
  listener: Listener,
  alive: () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let header: BundleHeader | undefined;
    let chunks: Uint8Array[] = [];
    let size = 0;
    const silence = setTimeout(() => stream.cancel(), SILENCE_MS);
    silence.unref();
    const end = (error?: Error) => {
      clearTimeout(silence);
      if (error === undefined) resolve();
      else reject(error);
    };
    stream.on("data", ({ part }: WatchBundleResponse) => {
      silence.refresh();
      alive();
      if (part.case === "current") return listener.confirmed();
      if (part.case === "header") {
        header = part.value;
        chunks = [];
        size = 0;
      }
      if (part.case === "chunk") {
        chunks.push(part.value);
        size += part.value.length;
      }
      if (header === undefined) return;
      if (header.size > BigInt(MAX_BUNDLE) || size > Number(header.size)) {
        stream.cancel();
        return end(new Error("the bundle is larger than it may be, or than it was said to be"));
      }
      if (size !== Number(header.size)) return;
      const { hash, revision, keyId, signature } = header;
      header = undefined;
      const signed = create(SignedBundleSchema, { bundle: Buffer.concat(chunks), hash, revision, keyId, signature });
      listener.came(toBinary(SignedBundleSchema, signed));
    });
    stream.on("error", end);
    stream.on("end", () => end());
  });
}
