/**
 * A log of numbered records on the disk, kept until the service has recorded them.
 *
 * A file is a sequence of frames: length of the payload (4 bytes, big-endian), its CRC-32 (4 bytes, big-endian), payload.
 * Its name is the number of its first record.
 *
 * INVARIANT: numbers have no gap. What is damaged, or could not be written, keeps its number and is given as a record
 * without a payload.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, truncateSync } from "node:fs";
import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "./crc.js";

const HEADER_BYTES = 8;

/** The bounds of a log, in bytes. */
export interface LogBounds {
  readonly file: number;
  readonly all: number;
}

/** What the contract says. */
export const BOUNDS: LogBounds = { file: 4 * 1_024 * 1_024, all: 64 * 1_024 * 1_024 };

/** A record by its number; without a payload when it was damaged. */
export interface LogRecord {
  readonly sequence: bigint;
  readonly payload: Uint8Array | null;
}

interface LogFile {
  readonly first: bigint;
  /** How many records it stands for, damaged ones included. */
  count: bigint;
  size: number;
}

/** A record on its way: its number, and the promise that it is on the disk. */
export interface Appended {
  readonly sequence: bigint;
  readonly written: Promise<void>;
}

interface Waiting {
  readonly sequence: bigint;
  readonly payload: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** A frame of a file; `payload` null from where it is damaged. */
interface Scan {
  readonly payloads: (Uint8Array | null)[];
  /** Where the last whole frame ends. */
  readonly end: number;
  readonly damaged: boolean;
}

/** Writes records with one fsync for all that wait at the same time. */
export class RecordLog {
  readonly #folder: string;
  readonly #bounds: LogBounds;
  #files: LogFile[] = [];
  #next = 1n;
  /** Up to here records are on the disk, or never will be. */
  #settled = 0n;
  #reported = 0n;
  #handle: FileHandle | undefined;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #closed = false;
  /** How many files were found damaged when the log was opened. */
  readonly damaged: number;

  /** Open a log in a folder, made when it is not there. Throws what the file system throws. */
  constructor(folder: string, bounds: LogBounds = BOUNDS) {
    this.#folder = folder;
    this.#bounds = bounds;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#reported = reportedIn(folder);
    this.damaged = this.#load();
  }

  /** How many records are there that the service has not recorded. */
  get unreported(): number {
    return Number(this.#settled - this.#reported);
  }

  /** How much of the room for all files is used, from 0 to 1. */
  get filled(): number {
    return this.#files.reduce((sum, file) => sum + file.size, 0) / this.#bounds.all;
  }

  /** Write a record, which `build` makes from its number. A record that is rejected has left nothing behind. */
  append(build: (sequence: bigint) => Uint8Array): Appended {
    const sequence = this.#next;
    if (this.#closed) return { sequence, written: Promise.reject(new Error("the log is closed")) };
    const payload = build(sequence);
    this.#next += 1n;
    const written = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ sequence, payload, resolve, reject });
    });
    this.#flushing ??= this.#flush();
    return { sequence, written };
  }

  /** Return the first unreported records, at most so many and, beyond the first, so many bytes. */
  async unreportedRecords(most: number, mostBytes: number): Promise<LogRecord[]> {
    const found: LogRecord[] = [];
    let bytes = 0;
    let sequence = this.#reported + 1n;
    while (found.length < most && sequence <= this.#settled) {
      const file = this.#files.find((f) => f.first <= sequence && sequence < f.first + f.count);
      if (file === undefined) {
        found.push({ sequence: sequence++, payload: null });
        continue;
      }
      // A file that was taken away holds nothing any more; what it held must not keep later records from being reported.
      const { payloads } = scan(await readFile(this.#path(file.first)).catch(() => Buffer.alloc(0)));
      for (; found.length < most && sequence < file.first + file.count; sequence++) {
        const payload = payloads[Number(sequence - file.first)] ?? null;
        bytes += payload?.length ?? 0;
        if (found.length > 0 && bytes > mostBytes) return found;
        found.push({ sequence, payload });
      }
    }
    return found;
  }

  /** Note that the service has recorded everything up to a number, or that it wants to go on after it. */
  async report(through: bigint): Promise<void> {
    const found = through < this.#settled ? through : this.#settled;
    if (found === this.#reported) return;
    const path = join(this.#folder, "reported");
    const handle = await open(`${path}.new`, "w", 0o600);
    try {
      await handle.writeFile(`${found}`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${path}.new`, path);
    syncFolder(this.#folder);
    this.#reported = found;
    for (const file of this.#files.filter((f) => f.first + f.count - 1n <= found)) {
      // A file that is written to goes when the next one has begun, or the log is closed.
      if (file === this.#files.at(-1) && this.#handle !== undefined) continue;
      await rm(this.#path(file.first), { force: true });
      this.#files = this.#files.filter((other) => other !== file);
    }
  }

  /** Go on with a greater number, as the service says that it has records up to it. */
  async skipTo(next: bigint): Promise<void> {
    await this.#flushing;
    if (next > this.#next) {
      this.#next = next;
      this.#settled = next - 1n;
      await this.#closeFile();
    }
    await this.report(next - 1n);
  }

  /** Write what waits and close. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#flushing;
    await this.#closeFile();
  }

  async #flush(): Promise<void> {
    // Whoever comes in this turn of the event loop shares the fsync.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const last = (batch.at(-1) as Waiting).sequence;
      try {
        await this.#write(batch);
        this.#settled = last;
        for (const waiting of batch) waiting.resolve();
      } catch (error) {
        this.#settled = last;
        for (const waiting of batch) waiting.reject(error as Error);
      }
    }
    this.#flushing = undefined;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const data = Buffer.concat(batch.map((waiting) => frame(waiting.payload)));
    const first = (batch[0] as Waiting).sequence;
    const current = this.#files.at(-1);
    // What could not be written since is no part of the file.
    if (current !== undefined && current.first + current.count !== first) await this.#closeFile();
    const used = this.#files.reduce((sum, file) => sum + file.size, 0);
    if (used + data.length > this.#bounds.all) throw new Error(`the log is full: ${this.#bounds.all} bytes`);
    if (this.#handle !== undefined && (current?.size ?? 0) >= this.#bounds.file) await this.#closeFile();
    if (this.#handle === undefined) {
      // A file of this name holds no whole record: its number is not used yet.
      this.#handle = await open(this.#path(first), "w", 0o600);
      this.#files.push({ first, count: 0n, size: 0 });
      syncFolder(this.#folder);
    }
    const file = this.#files.at(-1) as LogFile;
    try {
      for (let at = 0; at < data.length; ) {
        at += (await this.#handle.write(data, at, data.length - at, file.size + at)).bytesWritten;
      }
      await this.#handle.datasync();
    } catch (error) {
      await this.#undo(file);
      throw error;
    }
    file.size += data.length;
    file.count += BigInt(batch.length);
  }

  /** Take back what a failed write may have left; where even that fails, nothing more is written to the file. */
  async #undo(file: LogFile): Promise<void> {
    try {
      await this.#handle?.truncate(file.size);
    } catch {
      // Frames beyond the size that is known are read at the next start: their events happened.
    }
    if (file.count === 0n) {
      this.#files.pop();
      await rm(this.#path(file.first), { force: true }).catch(() => undefined);
    }
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close().catch(() => undefined);
  }

  async #closeFile(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  #path(first: bigint): string {
    return join(this.#folder, `${first.toString().padStart(8, "0")}.log`);
  }

  /** Read what is there; a torn last frame is cut off. Return how many files are damaged. */
  #load(): number {
    const names = readdirSync(this.#folder).filter((name) => /^[0-9]{8,19}\.log$/.test(name));
    const firsts = names.map((name) => BigInt(name.slice(0, -4))).sort((a, b) => (a < b ? -1 : 1));
    let damaged = 0;
    for (const [i, first] of firsts.entries()) {
      const path = this.#path(first);
      const data = readFileSync(path);
      const found = scan(data);
      const following = firsts[i + 1];
      if (found.damaged) damaged += 1;
      else if (found.end < data.length) {
        if (following === undefined) truncateAndSync(path, found.end);
        else damaged += 1;
      }
      const count = following === undefined ? BigInt(found.payloads.length) : following - first;
      if (count > 0n)
        this.#files.push({ first, count, size: Math.min(data.length, following ? data.length : found.end) });
    }
    const last = this.#files.at(-1);
    const after = last === undefined ? 1n : last.first + last.count;
    this.#next = after > this.#reported ? after : this.#reported + 1n;
    this.#settled = this.#next - 1n;
    return damaged;
  }
}

function frame(payload: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(payload.length, 0);
  header.writeUInt32BE(crc32(payload), 4);
  return Buffer.concat([header, payload]);
}

/**
 * Read a file's frames. From the first damaged one on nothing is trusted but the lengths, which tell how many records
 * there were at least.
 */
function scan(data: Buffer): Scan {
  const payloads: (Uint8Array | null)[] = [];
  let at = 0;
  let damaged = false;
  while (at + HEADER_BYTES <= data.length) {
    const length = data.readUInt32BE(at);
    const end = at + HEADER_BYTES + length;
    if (end > data.length) break;
    const payload = data.subarray(at + HEADER_BYTES, end);
    damaged ||= crc32(payload) !== data.readUInt32BE(at + 4);
    payloads.push(damaged ? null : payload);
    at = end;
  }
  return { payloads, end: at, damaged };
}

function reportedIn(folder: string): bigint {
  try {
    const text = readFileSync(join(folder, "reported"), "utf8").trim();
    return /^[0-9]{1,19}$/.test(text) ? BigInt(text) : 0n;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0n;
    throw error;
  }
}

function truncateAndSync(path: string, size: number): void {
  truncateSync(path, size);
  syncFolder(path);
}

/** Write a folder's entries, or a file, to the disk. */
export function syncFolder(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
