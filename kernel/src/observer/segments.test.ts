import { FakeClock, KeptLog } from '@lab/sdk/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { collect } from '../../testing/event-house.ts';
import { MemoryDisk } from '../../testing/memory-disk.ts';
import { Quarantine } from './quarantine.ts';
import { MAX_LINE_BYTES } from './segment-lines.ts';
import type { LineForm } from './segment-tail.ts';
import { SegmentLog, type SegmentOptions } from './segments.ts';

const form: LineForm = {
  numberOf: (line) => (/^\{"n":(\d+),/.test(line) ? Number.parseInt(line.slice(5), 10) : undefined),
  isWhole: (line, number) => {
    try {
      return (JSON.parse(line) as { n?: number }).n === number;
    } catch {
      return false;
    }
  },
};
const lineOf = (n: number, text = 'a line'): string => JSON.stringify({ n, text });
const linesOf = (from: number, to: number, text?: string): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => lineOf(from + index, text));

const log = new KeptLog();

function open(disk: MemoryDisk, more: Partial<SegmentOptions> = {}): Promise<SegmentLog> {
  const quarantine = new Quarantine({ disk, dir: '/q', clock: new FakeClock(), log });
  return SegmentLog.open({ disk, log, quarantine, folders: ['/s'], form, ...more });
}

async function numbers(segments: SegmentLog, from = 1): Promise<number[]> {
  return (await collect(segments.scan(from))).map(({ number }) => number);
}

describe('writing', () => {
  it('begins a segment when the last one is full, or in another folder', async () => {
    const disk = new MemoryDisk();
    const segments = await open(disk, { segmentBytes: 90 });
    for (let n = 1; n <= 9; n++) await segments.write([lineOf(n)], n < 7 ? '/s' : '/t');
    expect(await disk.list('/s')).toEqual(['1.jsonl', '5.jsonl']);
    expect(await disk.list('/t')).toEqual(['7.jsonl']);
    expect(await numbers(segments)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const again = await open(disk.crash(), { folders: ['/s', '/t'] });
    expect([again.first, again.last]).toEqual([1, 9]);
    await again.write([lineOf(10)]);
    expect(await numbers(again, 6)).toEqual([6, 7, 8, 9, 10]);
    expect(await again.line(8)).toBe(lineOf(8));
    expect(await again.dropOldest()).toBe(true);
    expect(again.first).toBe(5);
  });

  it.each(['write', 'sync', 'make'] as const)('a %s that fails is cut off, and the next one goes on', async (call) => {
    for (const keep of ['synced', 'all'] as const) {
      const disk = new MemoryDisk();
      const segments = await open(disk, { segmentBytes: 60 });
      await segments.write(linesOf(1, 3));
      disk.fail({ call, nth: 1, code: 'ENOSPC' });
      await expect(segments.write(linesOf(4, 5, 'another'))).rejects.toMatchObject({ code: 'disk' });
      expect(segments.last).toBe(3);
      expect(await numbers(await open(disk.crash({ keep })))).toEqual([1, 2, 3]);
      await segments.write([lineOf(4)]);
      const again = await open(disk.crash({ keep }));
      expect((await collect(again.scan(4))).map(({ line }) => line)).toEqual([lineOf(4)]);
    }
  });

  it('a full disk refuses, and goes on once there is room', async () => {
    const disk = new MemoryDisk();
    const segments = await open(disk);
    await segments.write(linesOf(1, 3));
    disk.capacityBytes = disk.usedBytes + 10;
    for (let turn = 0; turn < 3; turn++) {
      await expect(segments.write([lineOf(4)])).rejects.toMatchObject({ code: 'disk', hint: /full/ });
    }
    disk.capacityBytes = undefined;
    await segments.write([lineOf(4)]);
    expect(await numbers(await open(disk.crash()))).toEqual([1, 2, 3, 4]);
  });
});

describe('opening', () => {
  it('cuts a last line that is torn at any byte, keeps it in quarantine, and says its number again', async () => {
    const disk = new MemoryDisk();
    await (await open(disk)).write(linesOf(1, 4));
    const whole = (await disk.read('/s/1.jsonl')) ?? new Uint8Array();
    const last = lineOf(4).length + 1;
    for (let cut = 1; cut <= last; cut++) {
      const torn = disk.crash();
      torn.damage('/s/1.jsonl', (data) => data.slice(0, whole.length - cut));
      const segments = await open(torn);
      expect(segments.last).toBe(3);
      expect((await torn.list('/q')).length).toBe(cut === last ? 0 : 2);
      await segments.write([lineOf(4, 'anew')]);
      expect((await collect((await open(torn.crash())).scan(4)))[0]?.line).toBe(lineOf(4, 'anew'));
    }
  });

  it('cuts zeros and whole lines that are no JSON at the end', async () => {
    for (const tail of ['\0\0\0\0', '{"n":4,"te\n', 'garbage\n\n\nmore\n', '{"n":4,\n{"n":5', '\xff\xfe\n']) {
      const disk = new MemoryDisk();
      await (await open(disk)).write(linesOf(1, 3));
      disk.damage('/s/1.jsonl', (data) => Buffer.concat([data, Buffer.from(tail, 'latin1')]));
      const segments = await open(disk);
      expect([segments.last, await numbers(segments)]).toEqual([3, [1, 2, 3]]);
    }
  });

  it('opens what has no whole line at all, and what is larger than one look at its end', async () => {
    const disk = new MemoryDisk();
    await (await open(disk)).write(linesOf(1, 3));
    const garbage = Buffer.alloc(3_000_000, 'x');
    disk.damage('/s/1.jsonl', (data) => Buffer.concat([data, garbage]));
    expect((await open(disk)).last).toBe(3);
    disk.damage('/s/1.jsonl', () => garbage);
    const segments = await open(disk);
    expect([segments.first, segments.last]).toEqual([1, 0]);
  });

  it('where lines stand at the end again that stood before, gives out no number a second time', async () => {
    for (const again of [[2], [2, 3], [5], [1, 2, 3, 4]]) {
      const disk = new MemoryDisk();
      await (await open(disk)).write(linesOf(1, 5));
      disk.damage('/s/1.jsonl', (data) =>
        Buffer.concat([data, Buffer.from(again.map((n) => `${lineOf(n)}\n`).join(''))]),
      );
      const segments = await open(disk);
      expect(segments.last).toBe(5);
      await segments.write([lineOf(6, 'new')]);
      const lines = await collect(segments.scan(1));
      expect(lines.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(lines.at(-1)?.line).toBe(lineOf(6, 'new'));
    }
  });

  it('leaves other files alone', async () => {
    const disk = new MemoryDisk();
    await (await open(disk)).write(linesOf(1, 3));
    for (const name of ['0.jsonl', '7.jsonl.bak', 'notes', '99999999999999999999.jsonl']) {
      await disk.replace(`/s/${name}`, 'x');
    }
    await disk.makeDir('/s/9.jsonl');
    expect((await open(disk)).last).toBe(3);
  });

  it('with groups, cuts at the first hole of the last write only', async () => {
    const grouped: LineForm = { ...form, groupOf: (line) => (JSON.parse(line) as { text: string }).text };
    const disk = new MemoryDisk();
    const segments = await open(disk, { form: grouped });
    await segments.write(linesOf(1, 4, 'first'));
    await segments.write(linesOf(5, 9, 'last'));
    const damaged = async (...bad: number[]): Promise<number[]> => {
      const copy = disk.crash();
      copy.damage('/s/1.jsonl', (data) => {
        const lines = Buffer.from(data).toString().split('\n');
        return Buffer.from(
          lines.map((line, index) => (bad.includes(index + 1) ? '\0'.repeat(line.length) : line)).join('\n'),
        );
      });
      return numbers(await open(copy, { form: grouped }));
    };
    expect(await damaged(7)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await damaged(6, 8)).toEqual([1, 2, 3, 4, 5]);
    expect(await damaged(5)).toEqual([1, 2, 3, 4]);
    expect(await damaged(9)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await damaged(2)).toEqual([1, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe('reading', () => {
  it('begins anywhere, across segments and marks', async () => {
    const disk = new MemoryDisk();
    const segments = await open(disk, { segmentBytes: 300_000 });
    for (let n = 1; n <= 900; n += 30) await segments.write(linesOf(n, n + 29, 'x'.repeat(1000)));
    for (const log of [segments, await open(disk.crash())]) {
      for (const from of [1, 2, 299, 300, 301, 640, 900, 901]) {
        expect(await numbers(log, from)).toEqual(Array.from({ length: 901 - from }, (_, index) => from + index));
      }
      for (let from = 1; from <= 900; ) {
        const lines = await log.read(from, 10_000);
        expect(lines[0]).toBe(lineOf(from, 'x'.repeat(1000)));
        expect(lines.length).toBe(Math.min(9, 901 - from));
        from += lines.length;
      }
    }
  });

  it('a line that is too long is passed over without being held', async () => {
    const disk = new MemoryDisk();
    await (await open(disk)).write(linesOf(1, 3));
    const long = Buffer.concat([Buffer.alloc(MAX_LINE_BYTES * 3, 'x'), Buffer.from('\n')]);
    disk.damage('/s/1.jsonl', (data) => Buffer.concat([data.subarray(0, 48), long, data.subarray(48)]));
    const segments = await open(disk);
    expect([segments.last, await numbers(segments)]).toEqual([3, [1, 2, 3]]);
  });

  it('without a gap: in the place of what is damaged stands what is left of it', async () => {
    const disk = new MemoryDisk();
    await (await open(disk)).write(linesOf(1, 8));
    disk.damage('/s/1.jsonl', (data) => {
      const lines = Buffer.from(data).toString().split('\n');
      lines[1] = 'garbage';
      lines.splice(4, 2, 'two in one');
      return Buffer.from(lines.join('\n'));
    });
    const expected = [lineOf(1), 'garbage', lineOf(3), lineOf(4), 'two in one', '{"lost":6}', lineOf(7), lineOf(8)];
    const segments = await open(disk);
    expect(await segments.read(1, 1e6)).toEqual(expected);
    for (let from = 2; from <= 8; from++) {
      const lines = await segments.read(from, 1e6);
      expect([from, lines.length]).toEqual([from, 9 - from]);
      expect(lines.slice(-2)).toEqual(expected.slice(from === 8 ? -1 : -2));
    }
  });

  it('a damaged number takes no other line with it', async () => {
    for (const [from, to] of [
      ['"n":4', '"n":9'],
      ['"n":4', '"n":2'],
      ['"n":4', '"n":5'],
      ['"n":4', '"x":4'],
    ] as const) {
      const disk = new MemoryDisk();
      await (await open(disk)).write(linesOf(1, 8));
      disk.damage('/s/1.jsonl', (data) => Buffer.from(Buffer.from(data).toString().replace(from, to)));
      expect(await numbers(await open(disk))).toEqual([1, 2, 3, 5, 6, 7, 8]);
    }
  });

  it('any damage in the middle loses the lines that it hits and no other, and never throws', async () => {
    const disk = new MemoryDisk();
    const segments = await open(disk, { segmentBytes: 2_000 });
    for (let n = 1; n <= 100; n += 10) await segments.write(linesOf(n, n + 9));
    const names = await disk.list('/s');
    await fc.assert(
      fc.asyncProperty(
        fc.nat(names.length - 2),
        fc.nat(1_999),
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.integer({ min: 0, max: 60 }),
        async (which, start, bytes, replaced) => {
          const copy = disk.crash();
          const path = `/s/${names[which]}`;
          const before = Buffer.from((await copy.read(path)) ?? []);
          const at = Math.min(start, before.length - 1);
          const after = Buffer.concat([before.subarray(0, at), bytes, before.subarray(at + replaced)]);
          copy.damage(path, () => after);
          const found = await collect((await open(copy)).scan(1));
          const untouched = new Set<string>();
          let offset = 0;
          for (const line of before.toString().split('\n')) {
            const end = offset + line.length + 1;
            if (line !== '' && (end < at || offset > at + replaced)) untouched.add(line);
            offset = end;
          }
          const kept = new Set(found.map(({ line }) => line));
          for (const line of untouched) expect(kept).toContain(line);
          for (const name of names.filter((_, index) => index !== which)) {
            for (const line of Buffer.from((await disk.read(`/s/${name}`)) ?? [])
              .toString()
              .trim()
              .split('\n')) {
              expect(kept).toContain(line);
            }
          }
          expect(found.map(({ number }) => number)).toEqual(
            [...new Set(found.map(({ number }) => number))].sort((a, b) => a - b),
          );
        },
      ),
      { numRuns: 150 },
    );
  });
});
