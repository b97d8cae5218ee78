import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDisk } from '@lab/kernel/testing/memory-disk';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ownRoot } from './root-owner.ts';

const PATH = '/root/state/fleet.json';
let dir: string;
const of = (name: string): string => join(dir, name);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lab-owner-'));
  for (const name of ['one', 'two']) await mkdir(join(dir, name, 'inventory'), { recursive: true });
});
afterEach(() => rm(dir, { recursive: true }));

function own(disk: MemoryDisk, name: string): Promise<void> {
  return ownRoot(disk, { path: PATH, root: '/root', repo: of(name) }, (bad) => disk.remove(bad));
}

it('a root belongs to the fleet that began it, and no other gets it', async () => {
  const disk = new MemoryDisk();
  await own(disk, 'one');
  await own(disk, 'one');
  await expect(own(disk, 'two')).rejects.toMatchObject({
    code: 'conflict',
    message: `/root belongs to the fleet in ${of('one')}, not to ${of('two')}`,
  });
  await own(disk, 'one');
});

it('a fleet that moved keeps its root', async () => {
  const disk = new MemoryDisk();
  await own(disk, 'one');
  await rename(of('one'), of('three'));
  await own(disk, 'three');
  await expect(own(disk, 'two')).rejects.toMatchObject({ code: 'conflict' });
});

it('a record that cannot be read is begun anew', async () => {
  const disk = new MemoryDisk();
  await disk.replace(PATH, '{');
  await own(disk, 'two');
  await expect(own(disk, 'one')).rejects.toMatchObject({ code: 'conflict' });
});
