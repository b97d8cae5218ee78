/** What a crash may not do to events: recovered from every prefix of what a workload did to the disk. */
import { type EventClass, type Fact, type JournalEvent, sha256 } from '@lab/sdk';
import { describe, expect, it } from 'vitest';
import { collect, drain, EventHouse } from '../../testing/event-house.ts';
import { MemoryDisk } from '../../testing/memory-disk.ts';
import type { Keep } from '../../testing/memory-tree.ts';
import type { EdgeLog } from './edge-log.ts';
import type { Journal } from './journal.ts';

/** A resolved promise, and how many steps the disk had done by then. */
interface Promised<T> {
  readonly steps: number;
  readonly value: T;
}

const TYPES = ['noted', 'felt', 'counted'] as const;

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Appends, accepts, own events, a bad line, a new day and a new log, on one disk. */
async function workload(house: EventHouse, disk: MemoryDisk) {
  const said: Promised<number>[] = [];
  const decided: Promised<number>[] = [];
  const acked: Promised<{
    readonly log: string;
    readonly class: EventClass;
    readonly seq: number;
    readonly hash: string | null;
  }>[] = [];
  let n = 0;
  const edge = await house.edge(disk, { segmentBytes: 500 });
  const journal = await house.journal(disk, { segmentBytes: 900 });
  const say = async (fact: Omit<Fact, 'data'>): Promise<void> => {
    const value = ++n;
    await edge.append({ ...fact, data: { n: value } });
    said.push({ steps: disk.ops.length, value });
  };
  const decide = async (): Promise<void> => {
    const value = ++n;
    await journal.own([{ type: 'decided', data: { n: value } }]);
    decided.push({ steps: disk.ops.length, value });
  };
  const send = async (): Promise<void> => {
    await drain(edge, journal, 400);
    for (const cls of ['control', 'health', 'bulk'] as const) {
      const { acked: seq, ackedHash: hash } = edge.tail(cls);
      acked.push({ steps: disk.ops.length, value: { log: edge.log, class: cls, seq, hash } });
    }
  };
  for (let turn = 0; turn < 4; turn++) {
    await Promise.all(TYPES.flatMap((type) => [say({ type }), say({ type })]));
    await Promise.all([send(), decide(), decide()]);
    house.clock.jump(house.clock.now() + 10 * 3_600_000);
  }
  await journal.accept({ node: 'n2', log: 'another' }, { class: 'bulk', from: 1, lines: ['garbage', '{"id":1}'] });
  await say({ type: 'noted' });
  await say({ type: 'felt' });
  await edge.renew();
  await say({ type: 'noted' });
  await send();
  await edge.close();
  await journal.close();
  return { said, decided, acked };
}

async function recover(house: EventHouse, disk: MemoryDisk): Promise<{ edge: EdgeLog; journal: Journal }> {
  const edge = await house.edge(disk, { segmentBytes: 500 });
  const journal = await house.journal(disk, { segmentBytes: 900 });
  await drain(edge, journal, 400).catch(async (cause: unknown) => {
    if ((cause as { code?: string }).code !== 'refused') throw cause;
    await edge.renew();
    await drain(edge, journal, 400);
  });
  return { edge, journal };
}

function numbersOf(events: readonly JournalEvent[], type?: string): number[] {
  return events.filter((event) => type === undefined || event.type === type).map((event) => event.data.n as number);
}

async function check(
  disk: MemoryDisk,
  promised: Awaited<ReturnType<typeof workload>>,
  steps: number,
  about: string,
): Promise<void> {
  const house = new EventHouse('r1');
  house.clock.jump(Date.UTC(2026, 1, 1));
  const { edge, journal } = await recover(house, disk);
  const events = await collect(journal.read(1));
  const numbers = new Set(numbersOf(events));
  for (const { value, steps: at } of [...promised.said, ...promised.decided]) {
    if (at <= steps) expect(numbers.has(value), `${about}: event ${value} is lost`).toBe(true);
  }
  const places = events.map(({ node, log, class: cls, seq }) => `${node} ${log} ${cls} ${seq}`);
  expect(new Set(places).size, `${about}: a seq stands twice`).toBe(places.length);
  expect(events.map(({ ord }) => ord)).toEqual([...events.keys()].map((index) => index + 1));
  for (const { value, steps: at } of promised.acked) {
    const position = journal.position('n1', value.log, value.class);
    if (at <= steps && value.seq > 0)
      expect(position?.seq, `${about}: an acknowledgement is gone`).toBeGreaterThanOrEqual(value.seq);
    if (at <= steps && position?.seq === value.seq) expect(position.hash, about).toBe(value.hash);
  }
  for (const position of journal.positions()) {
    const last = events.findLast(
      (event) => event.log === position.log && event.class === position.class && event.node === position.node,
    );
    if (last === undefined || last.seq !== position.seq) expect(position.hash).toBeNull();
    else expect(position.hash).toBe(sha256((await journal.senderLine(last.ord)) ?? ''));
  }
  // What goes on from here stands on sound ground: the same again, after one more crash.
  const { seq } = await edge.append({ type: 'noted', data: { n: 1_000 } });
  await drain(edge, journal);
  const [own] = await journal.own([{ type: 'decided', data: { n: 1_001 } }]);
  const positions = journal.positions();
  const again = await recover(new EventHouse('r2'), disk.crash());
  expect(again.journal.positions(), `${about}: positions after a replay`).toEqual(positions);
  const after = await collect(again.journal.read(1));
  expect(after.slice(0, events.length)).toEqual(events);
  expect(numbersOf(after).slice(events.length).sort()).toEqual([1_000, 1_001]);
  expect(after.find((event) => event.data.n === 1_000)?.seq).toBe(seq);
  expect(after.find((event) => event.data.n === 1_001)).toEqual(own);
  expect((await again.edge.append({ type: 'noted', data: { n: 1 } })).seq).toBe(seq + 1);
}

describe('events survive a crash after every step of the disk', async () => {
  const disk = new MemoryDisk();
  const promised = await workload(new EventHouse(), disk);
  const total = disk.ops.length;

  it('with a workload that is worth it', () => {
    expect(total).toBeGreaterThan(200);
    expect([promised.said.length, promised.decided.length, promised.acked.length]).toEqual([27, 8, 15]);
  });

  it('of the machine: what was not synced is gone', async () => {
    for (let steps = 0; steps <= total; steps++) await check(disk.at(steps), promised, steps, `power cut at ${steps}`);
  });

  it('of the process: what it wrote is there', async () => {
    for (let steps = 0; steps <= total; steps++) {
      await check(disk.at(steps, { keep: 'all' }), promised, steps, `kill at ${steps}`);
    }
  });

  it('of the machine, with a random part of what was not synced', async () => {
    for (let steps = 0; steps <= total; steps++) {
      for (const seed of [1, 2]) {
        const keep: Keep = random(steps * 7919 + seed);
        await check(disk.at(steps, { keep }), promised, steps, `torn at ${steps}, seed ${seed}`);
      }
    }
  });
});
