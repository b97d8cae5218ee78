/**
 * One daemon on a runtime root: the file `daemon.lock` names the process that holds it.
 *
 * INVARIANTS: the file appears whole (written aside, then linked, which fails where one exists); a holder is a pid with its start
 * time and the boot it lives in, so neither a dead pid nor one that another process has now holds anything; of several
 * starters one wins. A stale or unreadable file is removed by at most one process at a time: whoever wants to writes
 * a claim, then looks for other claims, and withdraws where there is a living one. Two that look after writing cannot both miss the other.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError, systemCode } from '@lab/sdk/errors';

const NAME = 'daemon.lock';
const CLAIM = `${NAME}.claim.`;
const TRIES = 50;

export interface Held {
  release(): Promise<void>;
}

/** Rejects with `root_held` that names the pid. */
export async function holdRoot(root: string): Promise<Held> {
  await mkdir(root, { recursive: true });
  const lock = join(root, NAME);
  const own = await identity(process.pid);
  const aside = join(root, `${NAME}.${process.pid}.${unique()}`);
  await writeFile(aside, own, { flag: 'wx' });
  try {
    for (let tries = 0; tries < TRIES; tries++) {
      if (await linked(aside, lock)) return { release: () => released(lock, own) };
      const pid = await holder(root);
      if (pid !== undefined) throw held(root, pid);
      if (!(await cleared(root, aside))) await pause();
    }
    throw new LabError('root_held', `${root} is being taken by several daemons at once`, {
      at: root,
      hint: 'try again',
    });
  } finally {
    await rm(aside, { force: true });
  }
}

/** The pid of the daemon that holds the root now. */
export async function holder(root: string): Promise<number | undefined> {
  const text = await readOrUndefined(join(root, NAME));
  return text === undefined ? undefined : livingPid(text);
}

/** Removes a lock that nobody living holds. False where another process is at it. */
async function cleared(root: string, aside: string): Promise<boolean> {
  const claim = join(root, `${CLAIM}${process.pid}.${unique()}`);
  await link(aside, claim);
  try {
    for (const name of await readdir(root)) {
      const other = join(root, name);
      if (!name.startsWith(CLAIM) || other === claim) continue;
      const text = await readOrUndefined(other);
      if (text === undefined) continue;
      if ((await livingPid(text)) !== undefined) return false;
      await rm(other, { force: true });
    }
    // Nobody else removes now, and nobody can put a new one where this one is.
    if ((await holder(root)) === undefined) await rm(join(root, NAME), { force: true, recursive: true });
    return true;
  } finally {
    await rm(claim, { force: true });
  }
}

async function released(lock: string, own: string): Promise<void> {
  if ((await readOrUndefined(lock)) === own) await rm(lock, { force: true });
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (cause) {
    if (systemCode(cause) === 'EEXIST') return false;
    throw new LabError('disk', `cannot make ${to}`, { at: to, cause });
  }
}

function held(root: string, pid: number): LabError {
  return new LabError('root_held', `the daemon with pid ${pid} holds ${root}`, {
    at: root,
    hint: `stop it (Ctrl-C where it runs, or kill ${pid}), or give another LAB_ROOT`,
    data: { pid },
  });
}

/** `{pid, start, boot}`: start in clock ticks since boot, as the kernel has it. */
async function identity(pid: number): Promise<string> {
  return `${JSON.stringify({ pid, start: await startTicks(pid), boot: await bootId() })}\n`;
}

async function livingPid(text: string): Promise<number | undefined> {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof said !== 'object' || said === null || !('pid' in said) || typeof said.pid !== 'number') return undefined;
  // A dead one has no start time, whatever the file says.
  return (await startTicks(said.pid)) !== null && (await identity(said.pid)) === text ? said.pid : undefined;
}

/** Null for a process that is not there or only waits to be reaped. */
async function startTicks(pid: number): Promise<number | null> {
  const stat = await readOrUndefined(`/proc/${pid}/stat`);
  if (stat === undefined) return null;
  // The name in parentheses may hold anything; what follows it begins with the state, field 3; the start time is field 22.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? null : Number(fields[19]);
}

async function bootId(): Promise<string> {
  return ((await readOrUndefined('/proc/sys/kernel/random/boot_id')) ?? '').trim();
}

async function readOrUndefined(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}

function unique(): string {
  return randomBytes(6).toString('hex');
}

/** Some milliseconds, other ones each time, so that two who withdrew do not meet again. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2 + (randomBytes(1)[0] ?? 0) / 10));
}
