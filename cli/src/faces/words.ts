/** The words and shapes that every page of the terminal shares. */
import type { ActionView, Pillar, StatusView } from '@lab/sdk/views/views';
import type { Tone } from '../terminal/style.ts';
import type { Cell, Drawing } from '../terminal/table.ts';
import { age, clockTime, duration } from '../terminal/when.ts';

export interface Face extends Drawing {
  readonly nowMs: number;
}

const SHAPES: Record<Pillar['state'], { shape: string; tone: Tone }> = {
  ok: { shape: '●', tone: 'ok' },
  wait: { shape: '▲', tone: 'wait' },
  bad: { shape: '■', tone: 'bad' },
  stale: { shape: '◌', tone: 'stale' },
  unknown: { shape: '◌', tone: 'stale' },
};

export function shaped(state: Pillar['state'], text: string): Cell {
  const { shape, tone } = SHAPES[state];
  return { text: `${shape} ${text}`, tone };
}

const HEALTH: Record<string, Pillar['state']> = {
  healthy: 'ok',
  progressing: 'wait',
  stale: 'stale',
  missing: 'bad',
  degraded: 'bad',
  unhealthy: 'bad',
};

export function healthState(health: string): Pillar['state'] {
  return HEALTH[health] ?? 'unknown';
}

const ACTION_STATES: Record<string, Pillar['state']> = {
  pending: 'wait',
  approved: 'wait',
  running: 'wait',
  completed: 'ok',
  failed: 'bad',
};

export function actionState(state: string): Pillar['state'] {
  return ACTION_STATES[state] ?? 'stale';
}

/** `1 node`, `2 nodes`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** A digest or hash as people see it: its first seven characters. */
export function short(digest: string | null | undefined): string {
  return digest ? digest.slice(0, 7) : '–';
}

/** A Git commit, or `files-` with a hash, cut to what people compare. */
export function revisionText(revision: string): string {
  return revision.replace(/[0-9a-f]{8,}/g, (hash) => hash.slice(0, 7));
}

export function fromTo(action: Pick<ActionView, 'from' | 'to'>): string {
  return `${short(action.from)} → ${short(action.to)}`;
}

/** When a change may run or is tried again, where that is not at once. */
export function whenText({ waitsFor, nextTry }: ActionView['why'], nowMs: number): string {
  if (nextTry === undefined || Date.parse(nextTry) <= nowMs) return '';
  if (waitsFor === 'backoff') return `tried again in ${duration(Date.parse(nextTry) - nowMs)}`;
  const time = clockTime(nextTry, nowMs);
  return waitsFor === 'maintenance' || waitsFor === 'rejection' ? `until ${time}` : `window opens ${time}`;
}

const WAITED_FOR: Record<string, string> = {
  approval: 'you',
  'catching-up': 'its old events',
  inventory: 'Git',
  observation: 'its first word',
  policy: 'its policy',
  provider: 'its plugin',
  silent: 'its next word',
  start: 'lab start',
  unreachable: 'its next word',
};

/** What it waits for, in two words. */
export function waitsText(why: ActionView['why'], nowMs: number): string {
  const { waitsFor = 'approval' } = why;
  const when = whenText(why, nowMs);
  const what = WAITED_FOR[waitsFor] ?? waitsFor.replaceAll('_', ' ');
  return when === '' ? what : waitsFor === 'window' ? when : `${what}, ${when}`;
}

/** A line of next commands. */
export function hints({ style }: Drawing, ...commands: string[]): string {
  return `${style('soft', commands.join('   '))}\n`;
}

/** The sentence that every page about the whole fleet begins with. */
export function revisionAge(status: Pick<StatusView, 'revision' | 'revisionAt'>, nowMs: number): string {
  return `revision ${revisionText(status.revision)}, ${age(status.revisionAt, nowMs)}`;
}
