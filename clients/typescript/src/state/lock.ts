/**
 * Keeps a second process out of a folder.
 *
 * Node.js has no file locks of its own. Where there is the program `flock` (util-linux, busybox), it locks the file `lock`
 * through a descriptor that this process keeps open: the kernel drops the lock with the process, however it ends, and
 * other languages see it. Elsewhere the file `lock.owner` names the process that holds the folder by its number and the
 * time it began; one whose process is gone is taken over.
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { StateFolderError } from "../errors.js";

// What `flock` gets as its first descriptor after the three usual ones.
const PASSED = 3;

/** Lock a folder and return how to unlock it. Throws StateFolderError when another process, or this one, has it. */
export function lockFolder(folder: string, flock = "flock"): () => void {
  const descriptor = openSync(join(folder, "lock"), "a", 0o600);
  const { status, error } = spawnSync(flock, ["--nonblock", String(PASSED)], {
    stdio: ["ignore", "ignore", "ignore", descriptor],
  });
  if (error === undefined && status === 0) return () => closeSync(descriptor);
  closeSync(descriptor);
  if (error === undefined && status === 1) throw taken(folder);
  return lockByOwner(folder);
}

function taken(folder: string): StateFolderError {
  return new StateFolderError(`state folder \`${folder}\` is used by another client; give each client its own`);
}

function lockByOwner(folder: string): () => void {
  const path = join(folder, "lock.owner");
  const own = JSON.stringify(ownerOf(process.pid, randomBytes(8).toString("hex")));
  for (let tries = 0; tries < 3; tries++) {
    try {
      writeFileSync(path, own, { flag: "wx", mode: 0o600 });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const found = contentOf(path);
    if (found === undefined) continue;
    if (isAlive(found)) break;
    const aside = `${path}.${randomBytes(8).toString("hex")}`;
    try {
      renameSync(path, aside);
    } catch {
      continue; // somebody else takes it over
    }
    // Between reading and renaming somebody else may have taken it over: then what was renamed is theirs.
    if (contentOf(aside) !== found) {
      renameSync(aside, path);
      break;
    }
    rmSync(aside, { force: true });
  }
  throw taken(folder);
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** A process: its machine and when that was started, its number and when it was started, and what tells clients apart. */
function ownerOf(pid: number, nonce: string): Record<string, unknown> {
  const boot = contentOf("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
  return { host: hostname(), boot, pid, started: startOf(pid), nonce };
}

/** Return when a process was started, in ticks since the machine was; empty where the system does not tell. */
function startOf(pid: number): string {
  // The name in brackets may hold spaces; the start is the 20th word after it.
  return contentOf(`/proc/${pid}/stat`)?.split(")").at(-1)?.trim().split(" ")[19] ?? "";
}

function isAlive(content: string): boolean {
  let owner: Record<string, unknown>;
  try {
    owner = JSON.parse(content) as Record<string, unknown>;
  } catch {
    return false; // cut off while it was written: its process cannot have gone on
  }
  const pid = Number(owner.pid);
  const now = ownerOf(pid, "");
  if (owner.host !== now.host) return true; // on another machine, of which nothing can be known
  if (owner.boot !== now.boot) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return owner.started === now.started;
}
