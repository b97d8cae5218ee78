import { FakeClock, KeptLog } from '@lab/sdk/testing';
import { expect, it } from 'vitest';
import { MemoryDisk } from '../../testing/memory-disk.ts';
import { Quarantine, type QuarantineOptions } from './quarantine.ts';

function on(disk: MemoryDisk, more: Partial<QuarantineOptions> = {}): Quarantine {
  return new Quarantine({ disk, dir: '/q', clock: new FakeClock(), log: new KeptLog(), ...more });
}

const text = async (disk: MemoryDisk, path: string): Promise<string> =>
  Buffer.from((await disk.read(path)) ?? []).toString();

it('keeps bytes or a file, with the reason beside it', async () => {
  const disk = new MemoryDisk();
  const quarantine = on(disk);
  const put = (await quarantine.put('a.json', 'bad', 'no JSON')) ?? '';
  await disk.replace('/x/b.json', 'worse');
  const taken = (await quarantine.take('/x/b.json', 'too old')) ?? '';
  expect(put).toMatch(/^\/q\/2026-01-01T00-00-00-000Z-\d+-a\.json$/);
  expect([await text(disk, put), await text(disk, `${put}.reason`)]).toEqual(['bad', 'no JSON\n']);
  expect([await text(disk, taken), await text(disk, `${taken}.reason`)]).toEqual(['worse', 'too old\n']);
  expect(await disk.list('/x')).toEqual([]);
});

it('makes no path out of a name', async () => {
  const disk = new MemoryDisk();
  for (const name of ['../../etc/passwd', '..', '', '/abs', 'a\0b', 'x'.repeat(300)]) {
    expect(await on(disk).put(name, 'x', 'y')).toMatch(/^\/q\/[^/]{1,150}$/);
  }
  expect(await disk.list('/')).toEqual(['q']);
  expect(await disk.list('/q')).toHaveLength(12);
});

it('is bounded in files and in bytes, the oldest go', async () => {
  const disk = new MemoryDisk();
  const few = on(disk, { maxFiles: 3 });
  for (let n = 0; n < 10; n++) await few.put(`${n}`, 'x', 'y');
  expect((await disk.list('/q')).map((name) => name.at(-1))).toEqual(['7', 'n', '8', 'n', '9', 'n']);
  const small = on(disk, { maxBytes: 5_000 });
  for (let n = 0; n < 10; n++) await small.put(`${n}`, 'x'.repeat(2_000), 'y');
  expect(await disk.list('/q')).toHaveLength(4);
  expect((await text(disk, (await on(disk).put('large', Buffer.alloc(3_000_000, 'x'), 'y')) ?? '')).length).toBe(
    1024 * 1024,
  );
});

it('never throws: a full disk, a file that is gone', async () => {
  const disk = new MemoryDisk();
  const quarantine = on(disk);
  expect(await quarantine.take('/none', 'gone')).toBeUndefined();
  disk.capacityBytes = 0;
  expect(await quarantine.put('a', 'x', 'y')).toBeUndefined();
  disk.capacityBytes = undefined;
  expect(await quarantine.put('a', 'x', 'y')).toBeDefined();
});
