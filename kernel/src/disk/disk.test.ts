import { mkdtemp, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { diskConformance } from '../../testing/disk-conformance.ts';
import { MemoryDisk } from '../../testing/memory-disk.ts';
import { NodeDisk } from './node-disk.ts';

diskConformance('of this machine', async () => {
  const root = await mkdtemp(join(tmpdir(), 'lab-disk-'));
  return { disk: new NodeDisk(), root, end: () => rm(root, { recursive: true }) };
});

diskConformance('in memory', async () => {
  const disk = new MemoryDisk();
  await disk.makeDir('/root');
  return { disk, root: '/root', end: async () => undefined };
});

it('keeps permission bits and tells what is not a plain file', async () => {
  const root = await mkdtemp(join(tmpdir(), 'lab-disk-'));
  try {
    const disk = new NodeDisk();
    await disk.replace(join(root, 'secret'), 'x', { mode: 0o600 });
    expect((await stat(join(root, 'secret'))).mode & 0o777).toBe(0o600);
    await symlink(join(root, 'secret'), join(root, 'link'));
    expect(await disk.stat(join(root, 'link'))).toMatchObject({ special: true, size: 1 });
    expect(await disk.stat(join(root, 'secret'))).not.toHaveProperty('special');
  } finally {
    await rm(root, { recursive: true });
  }
});

const read = async (disk: MemoryDisk, path: string): Promise<string | undefined> => {
  const bytes = await disk.read(path);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
};

it('a replaced file is the old or the new one after every step, and the new one once it resolved', async () => {
  const disk = new MemoryDisk();
  await disk.replace('/d/f', 'old');
  const before = disk.ops.length;
  await disk.replace('/d/f', 'new');
  for (let prefix = before; prefix <= disk.ops.length; prefix++) {
    for (const keep of ['synced', 'all'] as const) {
      expect(['old', 'new']).toContain(await read(disk.at(prefix, { keep }), '/d/f'));
    }
  }
  expect(await read(disk.crash(), '/d/f')).toBe('new');
});

it('a moved file is at one of its two places after every step', async () => {
  const disk = new MemoryDisk();
  await disk.replace('/a/f', 'x');
  const before = disk.ops.length;
  await disk.move('/a/f', '/b/f');
  for (let prefix = before; prefix <= disk.ops.length; prefix++) {
    const left = disk.at(prefix);
    expect([await read(left, '/a/f'), await read(left, '/b/f')]).toContain('x');
  }
  expect([await read(disk.crash(), '/a/f'), await read(disk.crash(), '/b/f')]).toEqual([undefined, 'x']);
});

it('what a killed process made without syncing is durable once it is used again', async () => {
  const disk = new MemoryDisk();
  const file = await disk.append('/a/b/c/log');
  await file.append('1');
  await file.sync();
  for (let prefix = 0; prefix <= disk.ops.length; prefix++) {
    const revived = disk.at(prefix, { keep: 'all' });
    const again = await revived.append('/a/b/c/log');
    await again.append('2');
    await again.sync();
    expect((await read(revived.crash(), '/a/b/c/log'))?.endsWith('2')).toBe(true);
  }
});

it('drops what was not synced: content, and the name of a file in a folder that was not synced', async () => {
  const disk = new MemoryDisk();
  const file = await disk.append('/d/f');
  await file.append('synced');
  await file.sync();
  await file.append(' and not');
  expect(await read(disk, '/d/f')).toBe('synced and not');
  expect(await read(disk.crash(), '/d/f')).toBe('synced');
  expect(await read(disk.crash({ keep: 'all' }), '/d/f')).toBe('synced and not');
  expect(await read(disk.crash({ keep: 'all' }).crash(), '/d/f')).toBe('synced');
  const made = disk.ops.findIndex((step) => step.call === 'make' && !step.folder) + 1;
  expect(await disk.at(made).list('/d')).toEqual([]);
  expect(await disk.at(made + 1).list('/d')).toEqual(['f']);
});

it('an append that failed half-way is cut off, also when cutting it off failed first', async () => {
  for (const alsoCut of [false, true]) {
    const disk = new MemoryDisk();
    const file = await disk.append('/f');
    await file.append('one\n');
    disk.fail({ call: 'write', nth: 1, code: 'ENOSPC' });
    if (alsoCut) disk.fail({ call: 'truncate', nth: 1, code: 'EIO' });
    await expect(file.append('a long line\n')).rejects.toMatchObject({ code: 'disk', at: '/f' });
    expect(file.size).toBe(4);
    await file.append('two\n');
    expect(await read(disk, '/f')).toBe('one\ntwo\n');
  }
});
