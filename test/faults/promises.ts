/** The five promises of durability.md, as questions to what is left after a crash and a recovery. */
import { healthOf } from '@lab/kernel/observer/health';
import { type ApprovedRow, EVENT_CLASSES, type JournalEvent, type ServiceRow } from '@lab/sdk';
import { expect } from 'vitest';
import type { MemoryDisk } from '../../kernel/testing/memory-disk.ts';
import { journalOf, type Life, type Outside, ROOT } from './bottle.ts';

export async function keepsItsPromises(life: Life, disk: MemoryDisk, outside: Outside): Promise<void> {
  const live = life.daemon.hub.parts.observer.world;
  const { events, world } = await journalOf(disk.crash({ keep: 'synced' }), outside.clock);
  everyEventOnce(events, outside, await loggedOn(disk));
  noActionTwice(events, outside);
  expect(world.hash(), 'worldHash equals that of an undisturbed replay').toBe(live.hash());
  approvalsSurvive(events, outside);
}

/** 1. Each event whose append returned arrives exactly once in the journal. */
function everyEventOnce(events: readonly JournalEvent[], outside: Outside, logged: readonly string[]): void {
  const seen = new Map<string, number>();
  for (const { id } of events) seen.set(id, (seen.get(id) ?? 0) + 1);
  expect(
    [...seen].filter(([, times]) => times > 1),
    'events that are twice in the journal',
  ).toEqual([]);
  expect(
    [...new Set([...outside.said, ...logged])].filter((id) => !seen.has(id)),
    'events that are unaccounted for',
  ).toEqual([]);
}

/** Ids of the events in every node's own log: what was said before anybody could listen is here too. */
async function loggedOn(disk: MemoryDisk): Promise<string[]> {
  const ids: string[] = [];
  const roots = [ROOT, ...(await disk.list(`${ROOT}/nodes`)).map((node) => `${ROOT}/nodes/${node}`)];
  for (const root of roots) {
    for (const cls of EVENT_CLASSES) {
      const dir = `${root}/edge/log/${cls}`;
      for (const name of await disk.list(dir)) {
        const text = Buffer.from((await disk.read(`${dir}/${name}`)) ?? []).toString();
        for (const line of text.split('\n')) if (line !== '') ids.push((JSON.parse(line) as { id: string }).id);
      }
    }
  }
  return ids;
}

/** 2. No action runs twice, and nothing that lived was made anew. */
function noActionTwice(events: readonly JournalEvent[], outside: Outside): void {
  const runs = new Map<string, Set<string>>();
  for (const { type, data } of events) {
    if (type !== 'action_run_started') continue;
    const ulid = String(data.ulid);
    runs.set(ulid, (runs.get(ulid) ?? new Set()).add(String(data.run)));
  }
  expect(
    [...runs].filter(([, of]) => of.size > 1),
    'proposals that ran more than once',
  ).toEqual([]);
  const made = new Map<string, number>();
  for (const { run } of outside.made) made.set(run, (made.get(run) ?? 0) + 1);
  expect(
    [...made].filter(([, times]) => times > 1),
    'runs that made something more than once',
  ).toEqual([]);
  expect(
    outside.made.filter(({ alive }) => alive),
    'healthy instances that were replaced',
  ).toEqual([]);
}

/** 4. An acknowledged approval is there: its proposal is approved or further. */
function approvalsSurvive(events: readonly JournalEvent[], outside: Outside): void {
  const states = new Map<string, string>();
  for (const { type, data } of events)
    if (type.startsWith('action_') && typeof data.ulid === 'string') states.set(`${data.ulid} ${type}`, type);
  const lost = [...outside.approved].filter((ulid) => !states.has(`${ulid} action_approved`));
  expect(lost, 'acknowledged approvals that are lost').toEqual([]);
}

/** Nothing is open, and nothing that is desired is down. */
export function converged(life: Life): boolean {
  const { observer, fleet } = life.daemon.hub.parts;
  const rows = observer.world.rows<ServiceRow>('health', 'service');
  const approved = observer.world.rows<ApprovedRow>('control', 'approved');
  const well = [...fleet.fleet.services.values()].every(({ key, digest }) => {
    const row = rows.get(key);
    return (
      row !== undefined && row.digest === digest && approved.get(key)?.digest === digest && healthOf(row) === 'healthy'
    );
  });
  return well && life.idle();
}

/** What a person would want to know of a life that did not end well. */
export function accountOf(life: Life): string {
  const { observer, loop } = life.daemon.hub.parts;
  const world = observer.world;
  const rows = (cls: 'control' | 'health', kind: string): string =>
    [...world.rows<object>(cls, kind)].map(([key, row]) => `  ${kind} ${key} ${JSON.stringify(row)}`).join('\n');
  const machines = [...life.outside.machines].flatMap(([node, { services }]) =>
    [...services].map(([name, one]) => `  machine ${node}/${name} ${one.instance} ${one.phase} ${one.run}`),
  );
  const log = life.log.lines
    .slice(-20)
    .map(({ level, message, fields }) => `  ${level} ${message} ${JSON.stringify(fields)}`);
  return [
    rows('control', 'action'),
    rows('control', 'run'),
    rows('health', 'service'),
    ...machines,
    `  busy ${loop.busy}, waiting ${JSON.stringify(loop.planned.waiting)}, clock ${new Date(life.outside.clock.now()).toISOString()}`,
    ...log,
  ].join('\n');
}
