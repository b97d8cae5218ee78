import { expect, it } from 'vitest';
import { CrashingDisk } from './crashing-disk.ts';
import { MemoryDisk } from './memory-disk.ts';

async function work(disk: CrashingDisk): Promise<void> {
  await disk.replace('/a', '1');
  await disk.makeDir('/d');
  const file = await disk.append('/d/log');
  await file.append('line\n');
  await file.sync();
  await disk.move('/a', '/b');
  await disk.remove('/b');
}

it('counts what is durable, and dies before or after the n-th act, for good', async () => {
  const counted = new CrashingDisk(new MemoryDisk());
  await work(counted);
  expect(counted.acts.map((act) => act.split(' ')[0])).toEqual([
    'replace',
    'make',
    'open',
    'append',
    'sync',
    'move',
    'remove',
  ]);
  for (let at = 1; at <= counted.acts.length; at++) {
    const [before, after] = [new MemoryDisk(), new MemoryDisk()];
    let crashes = 0;
    for (const [inner, when] of [
      [before, 'before'],
      [after, 'after'],
    ] as const) {
      const disk = new CrashingDisk(inner, { at, when, crash: () => void crashes++ });
      await expect(work(disk)).rejects.toMatchObject({ code: 'disk' });
      await expect(disk.read('/a')).rejects.toMatchObject({ code: 'disk' });
      await expect(disk.list('/')).rejects.toMatchObject({ code: 'disk' });
      expect([disk.acts.length, disk.dead]).toEqual([at, true]);
    }
    expect(crashes).toBe(2);
    expect(after.ops.length).toBeGreaterThan(before.ops.length);
  }
});
