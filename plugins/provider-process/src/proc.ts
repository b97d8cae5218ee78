/**
 * What the kernel says of processes, under /proc (proc(5)).
 *
 * INVARIANTS: a process is known by pid and start time, for a pid is used again; a zombie is dead; what cannot be read is not
 * ours. Nothing here signals anything.
 */
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

export interface ProcessStat {
  readonly pid: number;
  readonly state: string;
  readonly session: number;
  /** Clock ticks between boot and its start. */
  readonly startTicks: number;
}

/** The environment that every child carries: enough to know whose it is, and to write its record again. */
export interface Marker {
  readonly root: string;
  readonly node: string;
  readonly service: string;
  readonly instance: string;
  readonly digest: string;
  readonly run: string;
}

const MARKER_NAMES = {
  root: 'LAB_ROOT',
  node: 'LAB_NODE',
  service: 'LAB_SERVICE',
  instance: 'LAB_INSTANCE',
  digest: 'LAB_DIGEST',
  run: 'LAB_RUN',
} as const satisfies Record<keyof Marker, string>;

export interface MarkedProcess extends ProcessStat {
  readonly marker: Marker;
}

/** Linux has had 100 ticks a second in user space on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
const READ_AT_ONCE = 16;

export function markerEnv(marker: Marker): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [member, name] of Object.entries(MARKER_NAMES)) env[name] = marker[member as keyof Marker];
  return env;
}

export function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(pid, readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** The name of the program, in parentheses, may hold anything, parentheses too: what counts begins after the last one. */
export function parseStat(pid: number, text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const startTicks = Number(fields[19]);
  const session = Number(fields[3]);
  const state = fields[0] ?? '';
  return state.length === 1 && Number.isSafeInteger(startTicks) && Number.isSafeInteger(session)
    ? { pid, state, session, startTicks }
    : undefined;
}

export function isDead(stat: ProcessStat): boolean {
  return stat.state === 'Z' || stat.state === 'X';
}

/** Whether that very process lives: the same pid with another start time is another process. */
export function lives(pid: number, startTicks: number): boolean {
  const stat = readStat(pid);
  return stat !== undefined && stat.startTicks === startTicks && !isDead(stat);
}

/** How long ago a process began. */
export function ageMs(startTicks: number): number {
  const uptimeSeconds = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]);
  return Math.max(0, uptimeSeconds * 1000 - (startTicks * 1000) / TICKS_PER_SECOND);
}

/** Every living process that carries the marker of this root and node, oldest first. */
export async function markedProcesses(root: string, node: string): Promise<MarkedProcess[]> {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => Number.isSafeInteger(pid) && pid > 0);
  const found: MarkedProcess[] = [];
  const next = pids.values();
  const read = async (): Promise<void> => {
    for (const pid of next) {
      const marker = await readMarker(pid);
      if (marker?.root !== root || marker.node !== node) continue;
      const stat = readStat(pid);
      if (stat !== undefined && !isDead(stat)) found.push({ ...stat, marker });
    }
  };
  await Promise.all(Array.from({ length: READ_AT_ONCE }, read));
  return found.sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
}

/** Every living process of a session. */
export async function sessionProcesses(session: number): Promise<ProcessStat[]> {
  const found: ProcessStat[] = [];
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    const stat = Number.isSafeInteger(pid) && pid > 0 ? readStat(pid) : undefined;
    if (stat !== undefined && stat.session === session && !isDead(stat)) found.push(stat);
  }
  return found;
}

async function readMarker(pid: number): Promise<Marker | undefined> {
  let environ: string;
  try {
    environ = await readFile(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return undefined;
  }
  if (!environ.includes('LAB_INSTANCE=')) return undefined;
  const env = new Map<string, string>();
  for (const pair of environ.split('\0')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.startsWith('LAB_')) env.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  const { root, node, service, instance, digest, run } = MARKER_NAMES;
  const all = [root, node, service, instance, digest, run].map((name) => env.get(name));
  const [ofRoot, ofNode, ofService, ofInstance, ofDigest, ofRun] = all;
  if (ofRoot === undefined || ofNode === undefined || ofService === undefined) return undefined;
  if (ofInstance === undefined || ofDigest === undefined || ofRun === undefined) return undefined;
  return { root: ofRoot, node: ofNode, service: ofService, instance: ofInstance, digest: ofDigest, run: ofRun };
}
