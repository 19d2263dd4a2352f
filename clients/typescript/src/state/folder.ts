/** The folder in which a client keeps what must outlive it. */
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { StateFolderError } from "../errors.js";
import { type GetMessageMapResponse, GetMessageMapResponseSchema } from "../gen/pdp/v1/decision_service_pb.js";
import { lockFolder } from "./lock.js";
import { type LogBounds, RecordLog, syncFolder } from "./log.js";

/** One folder for one process, made with rights for its owner only. */
export class StateFolder {
  readonly clientId: string;
  readonly #unlock: () => void;
  readonly #logs: RecordLog[] = [];

  /** Open the folder, made when it is not there. Throws StateFolderError. */
  constructor(readonly path: string) {
    try {
      mkdirSync(join(path, "maps"), { recursive: true, mode: 0o700 });
      chmodSync(path, 0o700);
      this.#unlock = lockFolder(path);
    } catch (error) {
      if (error instanceof StateFolderError) throw error;
      throw unusable(path, error);
    }
    try {
      this.clientId = this.#readClientId();
    } catch (error) {
      this.#unlock();
      throw unusable(path, error);
    }
  }

  /** Open one of the folder's logs. Throws StateFolderError. */
  log(name: "fallbacks" | "decisions", bounds?: LogBounds): RecordLog {
    try {
      const log = new RecordLog(join(this.path, name), bounds);
      this.#logs.push(log);
      return log;
    } catch (error) {
      throw unusable(this.path, error);
    }
  }

  /** Return the map kept of a message; undefined when there is none that can be read. */
  map(application: string, name: string): GetMessageMapResponse | undefined {
    try {
      return fromBinary(GetMessageMapResponseSchema, readFileSync(this.#mapPath(application, name)));
    } catch {
      return undefined; // as good as none: without a map the client cannot know the fields and throws
    }
  }

  /** Keep a message's map. Throws what the file system throws. */
  keepMap(response: GetMessageMapResponse): void {
    const map = response.messageMap;
    const data = toBinary(GetMessageMapResponseSchema, response);
    putFile(this.#mapPath(map?.application ?? "", map?.name ?? ""), data);
  }

  /** Return the bundle kept; undefined when there is none. */
  bundle(): Uint8Array | undefined {
    try {
      return readFileSync(join(this.path, "bundle.pb"));
    } catch {
      return undefined;
    }
  }

  /** Keep a bundle. Throws what the file system throws. */
  keepBundle(data: Uint8Array): void {
    putFile(join(this.path, "bundle.pb"), data);
  }

  async close(): Promise<void> {
    for (const log of this.#logs) await log.close();
    this.#unlock();
  }

  #mapPath(application: string, name: string): string {
    return join(this.path, "maps", `${createHash("sha256").update(`${application}\0${name}`).digest("hex")}.pb`);
  }

  #readClientId(): string {
    const path = join(this.path, "client-id");
    let text = "";
    try {
      text = readFileSync(path, "latin1").trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    if (/^[0-9a-f]{32}$/.test(text)) return text;
    const made = randomBytes(16).toString("hex");
    putFile(path, Buffer.from(made));
    return made;
  }
}

/** Put a file in place at once, on the disk when this returns. */
function putFile(path: string, data: Uint8Array): void {
  const aside = `${path}.new`;
  const descriptor = openSync(aside, "w", 0o600);
  try {
    for (let at = 0; at < data.length; ) at += writeSync(descriptor, data, at);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(aside, path);
  syncFolder(dirname(path));
}

function unusable(path: string, error: unknown): StateFolderError {
  const code = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
  return new StateFolderError(`state folder \`${path}\` cannot be used: ${code}`, { cause: error });
}
