import { type LabEvent, sha256 } from '@lab/sdk';
import { describe, expect, it } from 'vitest';
import { collect, EventHouse } from '../../testing/event-house.ts';
import { MemoryDisk } from '../../testing/memory-disk.ts';

const felt = (n: number) => ({ type: 'felt', data: { n } });
const noted = (n: number) => ({ type: 'noted', data: { n } });

describe('append', () => {
  it('numbers each class without gaps, in the order of the calls, and says it after the sync', async () => {
    const house = new EventHouse();
    const disk = new MemoryDisk();
    const edge = await house.edge(disk);
    const heard: LabEvent[] = [];
    edge.onAppend((events) => heard.push(...events));
    const places = await Promise.all([
      edge.append(noted(1)),
      edge.append({ type: 'felt', service: 's', source: 'docker', data: { n: 2 } }),
      edge.append(noted(3)),
      edge.append({ type: 'shared', data: { n: 4 } }),
    ]);
    expect(places.map(({ id }) => id)).toEqual(['c1', 'h1', 'c2', 'c3'].map((place) => `${edge.log}.${place}`));
    expect(heard.map(({ class: cls, seq, data }) => [cls, seq, data.n]).sort()).toEqual([
      ['control', 1, 1],
      ['control', 2, 3],
      ['control', 3, 4],
      ['health', 1, 2],
    ]);
    const line = (await edge.read('health', 1, 1e6))[0] ?? '';
    expect(Object.keys(JSON.parse(line))).toEqual([
      ...['id', 'node', 'log', 'epoch', 'class', 'seq', 'type', 'at', 'source', 'service', 'severity', 'data'],
    ]);
    expect(heard).toContainEqual(JSON.parse(line));
    const control = heard.filter((event) => event.class === 'control');
    expect(await collect((await house.edge(disk.crash())).events('control'))).toEqual(control);
  });

  it('shares one sync among what comes at the same time', async () => {
    const disk = new MemoryDisk();
    const edge = await new EventHouse().edge(disk);
    const before = disk.ops.length;
    await Promise.all(Array.from({ length: 200 }, (_, n) => edge.append(noted(n))));
    expect(disk.ops.slice(before).filter((step) => step.call === 'sync').length).toBeLessThanOrEqual(3);
    expect(edge.tail('control').last).toBe(200);
  });

  it.each([
    ['an unknown type', { type: 'unheard', data: {} }, 'invalid'],
    ['data that its type does not allow', { type: 'noted', data: { n: 'x' } }, 'invalid'],
    ['what only the hub says', { type: 'decided', data: { n: 1 } }, 'not_allowed'],
    ['a name that is too long', { type: 'noted', service: 'x'.repeat(64), data: { n: 1 } }, 'invalid'],
    ['data that is no JSON', { type: 'counted', data: { big: 1n } }, 'invalid'],
    ['data that is no object', { type: 'counted', data: { toJSON: () => 'text' } }, 'invalid'],
    ['data that is too large', { type: 'counted', data: { text: 'x'.repeat(1_000_000) } }, 'too_large'],
  ])('refuses %s, and nothing else with it', async (_name, fact, code) => {
    const edge = await new EventHouse().edge(new MemoryDisk());
    const [first, bad, last] = await Promise.allSettled([
      edge.append(noted(1)),
      edge.append(fact),
      edge.append(noted(2)),
    ]);
    expect(bad).toMatchObject({ status: 'rejected', reason: { code } });
    expect([first, last].map((each) => each?.status === 'fulfilled' && each.value.seq)).toEqual([1, 2]);
  });

  it('on a full disk it is not said, and its seq is free', async () => {
    const house = new EventHouse();
    const disk = new MemoryDisk();
    const edge = await house.edge(disk);
    await edge.append(felt(1));
    const heard: LabEvent[] = [];
    edge.onAppend((events) => heard.push(...events));
    disk.capacityBytes = disk.usedBytes + 50;
    await expect(edge.append(felt(2))).rejects.toMatchObject({ code: 'disk' });
    expect(heard).toEqual([]);
    disk.capacityBytes = undefined;
    expect(await edge.append(felt(3))).toMatchObject({ seq: 2 });
    const events = await collect((await house.edge(disk.crash())).events('health'));
    expect(events.map(({ data }) => data.n)).toEqual([1, 3]);
  });

  it('on a full disk control still has room, and gets it again later', async () => {
    const house = new EventHouse();
    const disk = new MemoryDisk();
    const edge = await house.edge(disk);
    await edge.append(felt(0));
    for (let time = 1; time <= 2; time++) {
      disk.capacityBytes = disk.usedBytes + 50;
      await expect(edge.append(felt(time))).rejects.toMatchObject({ code: 'disk' });
      for (let n = 1; n <= 20; n++) await edge.append(noted(n));
      disk.capacityBytes = undefined;
      await edge.acked('control', edge.tail('control').last);
      expect((await disk.stat('/edge/log/reserve'))?.size).toBe(4_096);
    }
    expect((await house.edge(disk.crash())).tail('control').last).toBe(40);
  });
});

describe('identity', () => {
  it('keeps its id and counts its starts', async () => {
    const house = new EventHouse();
    const disk = new MemoryDisk();
    const first = await house.edge(disk);
    await first.append(noted(1));
    const second = await house.edge(disk.crash());
    expect([second.log, first.epoch, second.epoch]).toEqual([first.log, 1, 2]);
    expect(second.tail('control')).toEqual({ first: 1, last: 1, acked: 0, ackedHash: null });
  });

  it.each(['gone', 'garbage'])('is that of its lines when log.json is %s', async (state) => {
    const house = new EventHouse();
    const disk = new MemoryDisk();
    const first = await house.edge(disk);
    await first.append(noted(1));
    if (state === 'gone') await disk.remove('/edge/log/log.json');
    else disk.damage('/edge/log/log.json', () => Buffer.from('{'));
    const second = await house.edge(disk);
    expect([second.log, second.epoch, (await second.append(noted(2))).seq]).toEqual([first.log, 2, 2]);
  });

  it('is a new one on a disk that was replaced', async () => {
    const house = new EventHouse();
    expect((await house.edge(new MemoryDisk())).log).not.toBe((await house.edge(new MemoryDisk())).log);
  });
});

describe('what the hub acknowledged', () => {
  it('is known with the hash of its line, and again at the next start', async () => {
    const house = new EventHouse();
    const disk = new MemoryDisk();
    const edge = await house.edge(disk);
    for (let n = 1; n <= 3; n++) await edge.append(noted(n));
    await edge.acked('control', 2);
    const [line] = await edge.read('control', 2, 1);
    const tail = { first: 1, last: 3, acked: 2, ackedHash: sha256(line ?? '') };
    expect(edge.tail('control')).toEqual(tail);
    expect(await edge.hashAt('control', 2)).toBe(tail.ackedHash);
    await house.clock.advance(5_000);
    expect((await house.edge(disk.crash())).tail('control')).toEqual(tail);
    await edge.acked('control', 1);
    expect(edge.tail('control').acked).toBe(1);
    await expect(edge.acked('control', 4)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('goes first when the budget is full, and what is not acknowledged stays', async () => {
    const house = new EventHouse();
    const disk = new MemoryDisk();
    const edge = await house.edge(disk, { segmentBytes: 400, budgetBytes: 2_000 });
    for (let n = 1; n <= 30; n++) await edge.append(noted(n));
    expect(edge.tail('control').first).toBe(1);
    await edge.acked('control', 10);
    expect(edge.tail('control').first).toBeGreaterThan(1);
    expect(edge.tail('control').first).toBeLessThanOrEqual(11);
    await edge.acked('control', 30);
    const { first, last, ackedHash } = edge.tail('control');
    expect(first).toBeGreaterThan(15);
    expect([last, ackedHash]).toEqual([30, await edge.hashAt('control', 30)]);
    const again = await house.edge(disk.crash(), { segmentBytes: 400 });
    expect(again.tail('control')).toMatchObject({ first, last: 30 });
    expect((await again.append(noted(31))).seq).toBe(31);
  });
});

describe('a new log', () => {
  it('carries what was not acknowledged, from seq 1', async () => {
    const house = new EventHouse();
    const disk = new MemoryDisk();
    const edge = await house.edge(disk);
    const old = edge.log;
    for (let n = 1; n <= 4; n++) await edge.append(noted(n));
    await edge.append({ type: 'felt', data: { n: 5 } });
    await edge.acked('control', 2);
    const during = edge.append(noted(6));
    await edge.renew();
    const after = await edge.append(noted(7));
    await during;
    for (const log of [edge, await house.edge(disk.crash())]) {
      expect(log.log).not.toBe(old);
      const events = await collect(log.readAll());
      expect(events.map(({ id, data }) => [id, data.n])).toEqual(
        [
          ['c1', 3],
          ['c2', 4],
          ['c3', 6],
          ['c4', 7],
          ['h1', 5],
        ].map(([place, n]) => [`${log.log}.${place}`, n]),
      );
    }
    expect(after.seq).toBe(4);
  });

  it('is the old or the new one, whole, after every step', async () => {
    for (const unacked of [0, 3]) {
      const house = new EventHouse();
      const disk = new MemoryDisk();
      const edge = await house.edge(disk, { segmentBytes: 300 });
      for (let n = 1; n <= 6; n++) await edge.append(noted(n));
      await edge.acked('control', 6 - unacked);
      const old = edge.log;
      const before = disk.ops.length;
      await edge.renew();
      const renewed = edge.log;
      const seen = new Set<string>();
      for (let steps = before; steps <= disk.ops.length; steps++) {
        for (const keep of ['synced', 'all'] as const) {
          const left = await house.edge(disk.at(steps, { keep }));
          const numbers = (await collect(left.events('control'))).map(({ data }) => data.n);
          seen.add(left.log);
          expect([old, renewed]).toContain(left.log);
          expect(numbers).toEqual(left.log === old ? [1, 2, 3, 4, 5, 6] : [4, 5, 6].slice(3 - unacked));
          expect(left.tail('control').last).toBe(numbers.length);
        }
      }
      expect(seen.size).toBe(2);
      expect((await house.edge(disk.crash())).log).toBe(renewed);
    }
  });
});
