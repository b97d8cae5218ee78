/**
 * Ends a service: the stop signal to the whole group, as Ctrl-C or a service manager would send it, a time to comply, SIGKILL.
 *
 * INVARIANTS: only a process that carries our marker, or sits in the session of a leader that is known to live, is signalled;
 * each is looked at again (pid and start time) right before. Resolved means that nothing of the service lives.
 */
import { type Clock, delay, LabError } from '@lab/sdk';
import type { Life } from './life.ts';
import { lives, type MarkedProcess, type ProcessStat, sessionProcesses } from './proc.ts';

const CHECK_MS = 20;
const SCAN_MS = 100;
/** After SIGKILL only a process that hangs in the system itself stays. */
const KILLED_WITHIN_MS = 5_000;

export interface StopOrder {
  readonly service: string;
  /** Undefined where its main process ended already. */
  readonly life: Life | undefined;
  readonly stopSignal: NodeJS.Signals;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** The processes that carry the marker of this service. */
  readonly marked: () => Promise<readonly MarkedProcess[]>;
}

export async function stopService(order: StopOrder, clock: Clock): Promise<void> {
  const { life } = order;
  const leader = life?.living === true && lives(life.pid, life.startTicks) ? life : undefined;
  const known: ProcessStat[] = [...(await order.marked())];
  if (leader !== undefined) known.push(...(await sessionProcesses(leader.pid)));
  if (leader === undefined && known.length === 0) return;
  if (leader === undefined) for (const one of known) send(one, order.stopSignal);
  else sendGroup(leader, order.stopSignal);
  if (await emptied(order, known, order.timeoutMs, clock)) return;
  if (leader !== undefined) sendGroup(leader, 'SIGKILL');
  for (const one of await remaining(order, known)) send(one, 'SIGKILL');
  if (await emptied(order, known, KILLED_WITHIN_MS, clock, 'SIGKILL')) return;
  throw new LabError('timeout', `${order.service}: its processes did not end after SIGKILL`, {
    at: order.service,
    hint: 'look for a process in state D (ps), usually a disk or network file system that hangs',
  });
}

/** Waits until nothing is left; with `again`, signals what appears meanwhile. */
async function emptied(
  order: StopOrder,
  known: readonly ProcessStat[],
  withinMs: number,
  clock: Clock,
  again?: NodeJS.Signals,
): Promise<boolean> {
  const end = clock.monotonic() + withinMs;
  for (let scanAt = 0; ; ) {
    order.life?.check();
    if (order.life?.living !== true && !known.some(({ pid, startTicks }) => lives(pid, startTicks))) {
      // The children that came after the first look are found by a scan, which is dear and therefore rarer.
      if (clock.monotonic() >= scanAt) {
        const left = await remaining(order, known);
        if (left.length === 0) return true;
        if (again !== undefined) for (const one of left) send(one, again);
        scanAt = clock.monotonic() + SCAN_MS;
      }
    }
    if (clock.monotonic() >= end) return false;
    try {
      await delay(clock, CHECK_MS, order.signal);
    } catch (cause) {
      throw new LabError('cancelled', `${order.service}: stopping it was cancelled`, { at: order.service, cause });
    }
  }
}

async function remaining(order: StopOrder, known: readonly ProcessStat[]): Promise<ProcessStat[]> {
  return [...known.filter(({ pid, startTicks }) => lives(pid, startTicks)), ...(await order.marked())];
}

function send(to: ProcessStat, signal: NodeJS.Signals): void {
  if (lives(to.pid, to.startTicks)) kill(to.pid, signal);
}

function sendGroup(leader: Life, signal: NodeJS.Signals): void {
  if (lives(leader.pid, leader.startTicks)) kill(-leader.pid, signal);
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in between, which is what is wanted; one that we may not signal shows as still living.
  }
}
