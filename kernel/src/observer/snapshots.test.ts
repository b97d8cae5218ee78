import { FakeClock, KeptLog } from '@lab/sdk/testing';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { MemoryDisk } from '../../testing/memory-disk.ts';
import { Quarantine } from './quarantine.ts';
import { type Snapshot, Snapshots } from './snapshots.ts';

const snapshot = (ord: number, journal = 'j'): Snapshot<Record<string, number>> => ({
  ord,
  receivedAt: '2026-01-01T00:00:00.000Z',
  journal,
  positions: [{ node: 'a', log: 'abcd', class: 'bulk', seq: ord, hash: null, dropped: [{ from: 1, to: 2 }] }],
  tables: { z: 1, a: ord },
});

function on(disk: MemoryDisk): Snapshots<Record<string, number>> {
  const log = new KeptLog();
  const quarantine = new Quarantine({ disk, dir: '/q', clock: new FakeClock(), log });
  return new Snapshots({ disk, dir: '/s', quarantine, log, tables: z.record(z.string(), z.number()) });
}

it('gives back the newest that is not past an ordinal, and the oldest', async () => {
  const snapshots = on(new MemoryDisk());
  expect(await snapshots.latest('j')).toBeUndefined();
  for (const ord of [5, 9, 100]) await snapshots.write(snapshot(ord));
  expect(await snapshots.latest('j')).toEqual(snapshot(100));
  expect(await snapshots.latest('j', 99)).toEqual(snapshot(9));
  expect(await snapshots.latest('j', 4)).toBeUndefined();
  expect(await snapshots.oldest()).toEqual(snapshot(5));
  await snapshots.keep(1);
  expect(await snapshots.ordinals()).toEqual([100]);
});

it('one of another journal is left alone', async () => {
  const snapshots = on(new MemoryDisk());
  await snapshots.write(snapshot(5));
  await snapshots.write(snapshot(9, 'other'));
  expect(await snapshots.latest('j')).toEqual(snapshot(5));
  expect(await snapshots.ordinals()).toEqual([5, 9]);
});

it('a damaged one is quarantined and the next older is used', async () => {
  const disk = new MemoryDisk();
  const snapshots = on(disk);
  const whole = async (ord: number): Promise<Uint8Array> => {
    await snapshots.write(snapshot(ord));
    return (await disk.read(`/s/${ord}.json.gz`)) ?? new Uint8Array();
  };
  const bytes = await whole(5);
  await whole(9);
  const damages: ((data: Uint8Array) => Uint8Array)[] = [
    (data) => data.slice(0, data.length >> 1),
    () => new Uint8Array(),
    () => Buffer.from('no gzip'),
    () => bytes,
    (data) => data.map((byte, index) => (index === data.length - 12 ? byte ^ 1 : byte)),
  ];
  for (const damage of damages) {
    await whole(9);
    disk.damage('/s/9.json.gz', damage);
    expect(await snapshots.latest('j')).toEqual(snapshot(5));
    expect(await snapshots.ordinals()).toEqual([5]);
  }
  expect((await disk.list('/q')).length).toBe(damages.length * 2);
});

it('is there whole or not at all after every step', async () => {
  const disk = new MemoryDisk();
  await on(disk).write(snapshot(5));
  const before = disk.ops.length;
  await on(disk).write(snapshot(9));
  for (let prefix = before; prefix <= disk.ops.length; prefix++) {
    const left = disk.at(prefix);
    expect([5, 9]).toContain((await on(left).latest('j'))?.ord);
    expect(await left.list('/q')).toEqual([]);
  }
});
