import type { WriteOptions } from '@lab/kernel/disk/disk';
import { MemoryDisk } from '@lab/kernel/testing/memory-disk';
import { describe, expect, it } from 'vitest';
import { apiToken } from './token.ts';

const PATH = '/hub/state/secure/token';

describe('the token of the API', () => {
  it('is made once, and is the same after a power cut', async () => {
    const disk = new MemoryDisk();
    const token = await apiToken(disk, PATH);
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(await apiToken(disk.crash(), PATH)).toBe(token);
  });

  it('is another on another machine', async () => {
    expect(await apiToken(new MemoryDisk(), PATH)).not.toBe(await apiToken(new MemoryDisk(), PATH));
  });

  it.each(['', 'short', 'with spaces in it and long enough to be one', 'x'.repeat(5_000)])(
    'is made anew where it was spoilt: %#',
    async (spoilt) => {
      const disk = new MemoryDisk();
      await disk.replace(PATH, spoilt);
      const token = await apiToken(disk, PATH);
      expect(token).not.toBe(spoilt);
      expect(await apiToken(disk, PATH)).toBe(token);
    },
  );

  it('is for its owner alone to read', async () => {
    const written: (WriteOptions | undefined)[] = [];
    const disk = new MemoryDisk();
    const replace = disk.replace.bind(disk);
    disk.replace = (path, data, options) => {
      written.push(options);
      return replace(path, data, options);
    };
    await apiToken(disk, PATH);
    expect(written).toEqual([{ mode: 0o600 }]);
  });
});
