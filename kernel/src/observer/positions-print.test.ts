import { expect, it } from 'vitest';
import { MemoryDisk } from '../../testing/memory-disk.ts';
import type { Position } from './positions.ts';
import { PositionPrints } from './positions-print.ts';

const position = (node: string, seq: number): Position => ({ node, log: 'abcd', class: 'bulk', seq, hash: null });

it('prints what moved, and knows what is missing', async () => {
  const disk = new MemoryDisk();
  const prints = new PositionPrints(disk, '/o');
  const positions = [position('a', 1), position('b', 2), position('../../x', 3)];
  expect(await prints.missing(positions)).toEqual(['a', 'b', '../../x']);
  await prints.print(positions);
  expect(await disk.list('/o')).toEqual([expect.stringMatching(/^_[0-9a-f]{32}\.json$/), 'a.json', 'b.json']);
  expect(await prints.missing(positions)).toEqual([]);
  const before = disk.ops.length;
  await prints.print(positions);
  expect(disk.ops.length).toBe(before);
  await prints.print([position('a', 1), position('b', 9), position('../../x', 3)]);
  expect(disk.ops.slice(before).filter(({ call }) => call === 'rename')).toHaveLength(1);
  expect(JSON.parse(Buffer.from((await disk.read('/o/b.json')) ?? []).toString())).toMatchObject({
    streams: [{ seq: 9 }],
  });
  await disk.remove('/o/a.json');
  expect(await prints.missing(positions)).toEqual(['a']);
});
