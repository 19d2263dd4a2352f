/** Runs the real service as a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Why tests with the real service cannot run; undefined when they can. */
export const NO_SERVICE =
  process.env.JINGXI_SERVE === undefined ? "needs JINGXI_SERVE; run tests/clients/test_typescript.py" : undefined;

const PATIENCE_MS = 60_000;

/** A service on a free port of this machine. */
export class Serving {
  address = "";
  readonly #process: ChildProcess;
  #said = "";

  private constructor(
    readonly folder: string,
    options: readonly string[],
  ) {
    const [program, ...words] = JSON.parse(process.env.JINGXI_SERVE ?? "[]") as string[];
    if (program === undefined) throw new Error("there is no JINGXI_SERVE");
    const own = ["--listen", "127.0.0.1:0", "--ready-file", join(folder, "ready"), "--data", join(folder, "data")];
    const command = [...words, ...own, "--node", "n1", "--drain", "0", ...options];
    this.#process = spawn(program, command, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process.stderr?.on("data", (data) => {
      this.#said = (this.#said + data).slice(-4_000);
    });
  }

  /** Start it and resolve when it answers. */
  static async start(folder: string, ...options: string[]): Promise<Serving> {
    const serving = new Serving(folder, options);
    const out = serving.#process.stdout;
    if (out === null) throw new Error("no output");
    const ended = once(serving.#process, "exit").then(([code]) => {
      throw new Error(`the service ended with ${code}:\n${serving.#said}`);
    });
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error(`the service did not start:\n${serving.#said}`)), PATIENCE_MS).unref();
    });
    ended.catch(() => undefined);
    // The line on its output comes when the file is in place.
    await Promise.race([once(out, "data"), ended, late]);
    serving.address = JSON.parse(readFileSync(join(folder, "ready"), "utf8")).address;
    return serving;
  }

  /** Let it stand still with all its workers; until all do, another thread of one may go on to answer. */
  async pause(): Promise<void> {
    const pids = family(this.#process.pid);
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    while (!pids.every(standsStill)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Let it go on. */
  resume(): void {
    for (const pid of family(this.#process.pid)) process.kill(pid, "SIGCONT");
  }

  /** End it, gently or not. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, "exit");
    const workers = family(this.#process.pid);
    this.#process.kill(signal);
    await gone;
    if (signal !== "SIGKILL") return;
    for (const pid of workers) {
      try {
        process.kill(pid, signal);
      } catch {
        // It went with its parent.
      }
    }
  }
}

function standsStill(pid: number): boolean {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    // The name before the state may hold anything, also brackets.
    const states = threads.map((id) => readFileSync(`/proc/${pid}/task/${id}/stat`, "utf8").split(") ").at(-1)?.[0]);
    return states.every((state) => state === "T" || state === "Z");
  } catch {
    return false; // a thread has ended meanwhile
  }
}

/** A process and those that it started, and they. */
function family(pid: number | undefined): number[] {
  if (pid === undefined) return [];
  let children: number[] = [];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    // It is gone.
  }
  return [pid, ...children.flatMap(family)];
}
