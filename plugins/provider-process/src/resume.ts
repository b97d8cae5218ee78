/**
 * What a record means at the start of a daemon, in the light of what lives. Pure; the Unit does what it says.
 *
 * INVARIANTS: what lives is adopted; nothing of an earlier boot lives; an intent without a process is undone where what it was to
 * replace still lives (nothing had begun), and is dead where nothing does.
 */
import type { MarkedProcess } from './proc.ts';
import type { ServiceRecord } from './records.ts';

export type Resumption =
  | { readonly is: 'living'; readonly record: ServiceRecord; readonly pid: number; readonly startTicks: number }
  | { readonly is: 'interrupted' }
  /** Ended while no daemon was there; `instances` may be known to the world as living. */
  | { readonly is: 'dead'; readonly instances: readonly string[] }
  /** It was no longer running when the last daemon looked. */
  | { readonly is: 'settled' };

interface Present {
  readonly bootId: string;
  /** What carries the marker of this service, oldest first. */
  readonly marked: readonly MarkedProcess[];
  readonly lives: (pid: number, startTicks: number) => boolean;
}

export function resumption(record: ServiceRecord, { bootId, marked, lives }: Present): Resumption {
  if (record.phase === 'halting') return halted(record, bootId, lives);
  if (record.phase !== 'running' && record.phase !== 'spawning') return { is: 'settled' };
  if (record.bootId !== bootId) return { is: 'interrupted' };
  const { pid, startTicks, previous } = record;
  if (pid !== undefined && startTicks !== undefined && lives(pid, startTicks))
    return { is: 'living', record, pid, startTicks };
  if (record.phase === 'running') return { is: 'dead', instances: [record.instance] };
  const found = marked.find((one) => one.marker.instance === record.instance);
  if (found !== undefined) return { is: 'living', record, pid: found.pid, startTicks: found.startTicks };
  if (previous?.pid !== undefined && previous.startTicks !== undefined) {
    const before = { pid: previous.pid, startTicks: previous.startTicks };
    if (lives(before.pid, before.startTicks))
      return { is: 'living', record: { ...previous, previous: null }, ...before };
  }
  const replaced = previous?.phase === 'running' ? [previous.instance] : [];
  return { is: 'dead', instances: [...replaced, record.instance] };
}

/** The last daemon was ending it when it was itself killed: that it ended is no fault, and it is kept. */
function halted(record: ServiceRecord, bootId: string, lives: Present['lives']): Resumption {
  const { pid, startTicks } = record;
  if (record.bootId !== bootId || pid === undefined || startTicks === undefined || !lives(pid, startTicks))
    return { is: 'interrupted' };
  return { is: 'living', record: { ...record, phase: 'running' }, pid, startTicks };
}
