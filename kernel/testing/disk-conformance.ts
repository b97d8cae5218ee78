/** What every disk does, whatever it is made of: run by the real one and by the one in memory. */
import { LabError } from '@lab/sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Disk } from '../src/disk/disk.ts';

export interface DiskUnderTest {
  readonly disk: Disk;
  /** An absolute folder that is there. */
  readonly root: string;
  end(): Promise<void>;
}

export function diskConformance(name: string, begin: () => Promise<DiskUnderTest>): void {
  describe(`disk: ${name}`, () => {
    let under: DiskUnderTest;
    const at = (path: string): string => `${under.root}/${path}`;
    const text = async (path: string): Promise<string | undefined> => {
      const bytes = await under.disk.read(at(path));
      return bytes === undefined ? undefined : Buffer.from(bytes).toString();
    };

    beforeEach(async () => {
      under = await begin();
    });
    afterEach(() => under.end());

    it('reads nothing where nothing is', async () => {
      const { disk } = under;
      expect(await disk.read(at('a/b'))).toBeUndefined();
      expect(await disk.stat(at('a'))).toBeUndefined();
      expect(await disk.list(at('a'))).toEqual([]);
      for await (const piece of disk.stream(at('a'))) expect.fail(`a piece of ${piece.length} bytes`);
      await disk.remove(at('a'));
    });

    it('appends, makes the folders, and goes on where it was', async () => {
      const file = await under.disk.append(at('x/y/log'));
      await file.append('one\n');
      await file.append(Buffer.from('two\n'));
      expect(file.size).toBe(8);
      await file.sync();
      await file.close();
      const again = await under.disk.append(at('x/y/log'));
      expect(again.size).toBe(8);
      await again.append('three\n');
      await again.close();
      expect(await text('x/y/log')).toBe('one\ntwo\nthree\n');
    });

    it('streams from a byte on', async () => {
      await under.disk.replace(at('big'), Buffer.alloc(1_500_000, 'abc'));
      let size = 0;
      let first: string | undefined;
      for await (const piece of under.disk.stream(at('big'), 4)) {
        first ??= Buffer.from(piece.subarray(0, 3)).toString();
        size += piece.length;
      }
      expect([size, first]).toEqual([1_499_996, 'bca']);
    });

    it('reads up to a limit', async () => {
      await under.disk.replace(at('a'), '12345');
      expect((await under.disk.read(at('a'), 5))?.length).toBe(5);
      await expect(under.disk.read(at('a'), 4)).rejects.toMatchObject({ code: 'too_large', at: at('a') });
    });

    it('lists names in order and nothing that was written aside', async () => {
      for (const name of ['b', 'a', '.hidden', 'c']) await under.disk.replace(at(`d/${name}`), name);
      expect(await under.disk.list(at('d'))).toEqual(['.hidden', 'a', 'b', 'c']);
    });

    it('replaces whole, with a mode', async () => {
      await under.disk.replace(at('a'), 'long content');
      await under.disk.replace(at('a'), 'short', { mode: 0o600 });
      expect(await text('a')).toBe('short');
      expect(await under.disk.stat(at('a'))).toMatchObject({ size: 5, directory: false });
    });

    it('creates once: of two that come at the same time one wins', async () => {
      const both = await Promise.allSettled([under.disk.create(at('a'), '1'), under.disk.create(at('a'), '2')]);
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const lost = both.find((each) => each.status === 'rejected');
      expect(lost?.reason).toMatchObject({ code: 'conflict', at: at('a') });
      expect(await under.disk.list(under.root)).toEqual(['a']);
    });

    it('moves a file into a new folder, and overwrites nothing', async () => {
      await under.disk.replace(at('a'), '1');
      await under.disk.replace(at('b'), '2');
      await expect(under.disk.move(at('a'), at('b'))).rejects.toMatchObject({ code: 'conflict' });
      await under.disk.move(at('a'), at('new/folder/a'));
      expect([await text('a'), await text('b'), await text('new/folder/a')]).toEqual([undefined, '2', '1']);
      await expect(under.disk.move(at('a'), at('c'))).rejects.toMatchObject({ code: 'disk' });
    });

    it('moves a folder with what is in it, and overwrites nothing', async () => {
      await under.disk.replace(at('d/x/y'), '1');
      await under.disk.makeDir(at('e'));
      await expect(under.disk.move(at('d'), at('e'))).rejects.toMatchObject({ code: 'conflict' });
      await under.disk.move(at('d'), at('f'));
      expect([await text('f/x/y'), await under.disk.stat(at('d'))]).toEqual(['1', undefined]);
    });

    it('removes files and folders, and makes them again', async () => {
      await under.disk.replace(at('d/x/y'), '1');
      await under.disk.remove(at('d'));
      expect(await under.disk.stat(at('d'))).toBeUndefined();
      await under.disk.makeDir(at('d/x'));
      await under.disk.makeDir(at('d/x'));
      expect(await under.disk.stat(at('d/x'))).toMatchObject({ directory: true });
      await under.disk.replace(at('d/x/y'), '2');
      expect(await text('d/x/y')).toBe('2');
    });

    it('cuts a file, never lengthens it', async () => {
      await under.disk.replace(at('a'), '12345');
      await under.disk.truncate(at('a'), 2);
      expect(await text('a')).toBe('12');
      await expect(under.disk.truncate(at('a'), 10)).rejects.toMatchObject({ code: 'disk' });
      expect(await text('a')).toBe('12');
    });

    it('fails as LabError with the path', async () => {
      await under.disk.replace(at('file'), '1');
      const failures = [
        () => under.disk.append(at('file/below')),
        () => under.disk.truncate(at('none'), 0),
        () => under.disk.replace(at('file/below'), ''),
      ];
      for (const failure of failures) {
        const error: unknown = await failure().then(
          () => undefined,
          (cause: unknown) => cause,
        );
        expect(error).toBeInstanceOf(LabError);
        expect(error).toMatchObject({ code: 'disk', at: expect.stringContaining(under.root) });
      }
    });
  });
}
