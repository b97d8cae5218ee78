import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NodeDisk } from '../disk/node-disk.ts';
import { Generations, next } from './generations.ts';

let root: string;
let path: string;
const disk = new NodeDisk();
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lab-generations-'));
  path = join(root, 'state/generations.json');
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('a counter goes up with each change, also back to what was before', () => {
  const first = next(undefined, 'a');
  expect(first).toEqual({ generation: 1, hash: 'a' });
  expect(next(first, 'a')).toBe(first);
  const second = next(first, 'b');
  expect(second).toEqual({ generation: 2, hash: 'b' });
  expect(next(second, 'a')).toEqual({ generation: 3, hash: 'a' });
});

test('counters are kept', async () => {
  const generations = await Generations.load(disk, path);
  expect([generations.get('piha'), generations.raise('piha', 'a'), generations.raise('piha', 'b')]).toEqual([0, 1, 2]);
  generations.raise('__proto__', 'x');
  await generations.save();
  const again = await Generations.load(disk, path);
  expect([again.raise('piha', 'b'), again.raise('piha', 'a')]).toEqual([2, 3]);
});

test('a node that has accepted more is not told less', async () => {
  const generations = await Generations.load(disk, path);
  expect(generations.raise('piha', 'a')).toBe(1);
  generations.atLeast('piha', 41);
  expect(generations.raise('piha', 'a')).toBe(41);
  generations.atLeast('piha', 7);
  expect(generations.raise('piha', 'a')).toBe(41);
  expect(generations.raise('piha', 'b')).toBe(42);
});

test('a folder where the file belongs is moved aside whole', async () => {
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'inside'), 'x');
  const generations = await Generations.load(disk, path);
  generations.raise('piha', 'a');
  await generations.save();
  const [folder = ''] = await readdir(join(root, 'quarantine'));
  expect(await readFile(join(root, 'quarantine', folder, 'inside'), 'utf8')).toBe('x');
});

test.each(['', '{', '{"nodes":{"piha":{"generation":-1,"hash":""}}}', '[]', '\u0000\u0001'])(
  'what cannot be read (%j) is moved aside with its reason',
  async (content) => {
    const generations = await Generations.load(disk, path);
    generations.raise('piha', 'a');
    await generations.save();
    await writeFile(path, content);
    const again = await Generations.load(disk, path);
    const [file = '', reason = ''] = await readdir(join(root, 'quarantine'));
    expect(await readFile(join(root, 'quarantine', file), 'utf8')).toBe(content);
    expect((await readFile(join(root, 'quarantine', reason), 'utf8')).length).toBeGreaterThan(3);
    again.atLeast('piha', 5);
    expect(again.raise('piha', 'a')).toBe(5);
  },
);

test('a save that failed is made up for by the next', async () => {
  class FlakyDisk extends NodeDisk {
    broken = true;
    override replace(...args: Parameters<NodeDisk['replace']>): Promise<void> {
      return this.broken ? Promise.reject(new Error('full')) : super.replace(...args);
    }
  }
  const flaky = new FlakyDisk();
  const generations = await Generations.load(flaky, path);
  generations.raise('piha', 'a');
  await expect(generations.save()).rejects.toThrow('full');
  flaky.broken = false;
  await generations.save();
  expect((await Generations.load(disk, path)).get('piha')).toBe(1);
});
