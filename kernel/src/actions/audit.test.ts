import { FakeClock, KeptLog } from '@lab/sdk/testing';
import { describe, expect, it } from 'vitest';
import { MemoryDisk } from '../../testing/memory-disk.ts';
import { Audit } from './audit.ts';

const JANUARY = '/root/audit/2026-01.jsonl';
const FEBRUARY = '/root/audit/2026-02.jsonl';
const ANCHOR = '/root/state/audit-anchor.json';

function portsOn(disk: MemoryDisk, clock = new FakeClock()) {
  return { disk, dir: '/root/audit', anchor: ANCHOR, clock, log: new KeptLog() };
}

const entry = (on: string) => ({ who: 'paul@saturn', via: 'api', what: 'approve', on });

async function withLines(count: number): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const audit = await Audit.open(portsOn(disk));
  for (let n = 1; n <= count; n++) await audit.append(entry(`action-${n}`));
  await audit.close();
  return disk;
}

async function linesOf(disk: MemoryDisk, path: string): Promise<string[]> {
  const text = Buffer.from((await disk.read(path)) ?? []).toString('utf8');
  return text.split('\n').filter((line) => line !== '');
}

const write = (disk: MemoryDisk, path: string, lines: readonly string[]) =>
  disk.replace(path, lines.map((line) => `${line}\n`).join(''));

describe('the audit', () => {
  it('chains its lines and finds nothing wrong with them', async () => {
    const disk = await withLines(5);
    const audit = await Audit.open(portsOn(disk));
    expect(await audit.verify()).toEqual({ ok: true, lines: 5 });
    expect((await audit.tail(2)).map((line) => line.on)).toEqual(['action-4', 'action-5']);
    expect(await audit.tail(0)).toEqual([]);
  });

  it('commits what waits together', async () => {
    const disk = new MemoryDisk();
    const audit = await Audit.open(portsOn(disk));
    const before = disk.ops.filter((op) => op.call === 'sync').length;
    const lines = await Promise.all(Array.from({ length: 50 }, (_, n) => audit.append(entry(`action-${n}`))));
    expect(lines.map((line) => line.n)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
    // The first goes alone, the other 49 together; each group syncs its lines and its anchor.
    expect(disk.ops.filter((op) => op.call === 'sync').length - before).toBeLessThanOrEqual(4);
    expect(await audit.verify()).toEqual({ ok: true, lines: 50 });
  });

  it('goes on in the next month, and never back', async () => {
    const disk = new MemoryDisk();
    const clock = new FakeClock(Date.UTC(2026, 0, 31, 23));
    const audit = await Audit.open(portsOn(disk, clock));
    await audit.append(entry('a'));
    clock.jump(Date.UTC(2026, 1, 1));
    await audit.append(entry('b'));
    clock.jump(0);
    await audit.append(entry('c'));
    await audit.close();
    expect(await disk.list('/root/audit')).toEqual(['2026-01.jsonl', '2026-02.jsonl']);
    const again = await Audit.open(portsOn(disk, clock));
    await again.append(entry('d'));
    expect(await again.verify()).toEqual({ ok: true, lines: 4 });
    expect((await again.tail(3)).map((line) => line.on)).toEqual(['b', 'c', 'd']);
  });

  const damages: Record<string, [(lines: string[]) => string[], string]> = {
    'a changed line': [
      (lines) => lines.with(1, lines[1]?.replace('paul', 'evil') ?? ''),
      '2026-01.jsonl:3 does not continue',
    ],
    'a changed last line': [(lines) => lines.with(4, lines[4]?.replace('paul', 'evil') ?? ''), 'line 5 was changed'],
    'a removed line': [(lines) => lines.toSpliced(2, 1), '2026-01.jsonl:3 is line 4: 1 before it are gone'],
    'a doubled line': [(lines) => lines.toSpliced(2, 0, lines[1] ?? ''), 'is line 2 where line 3 belongs'],
    'garbage in a line': [(lines) => lines.with(2, '\u0000\u0001 no json'), '2026-01.jsonl:3 cannot be read'],
    'a line of megabytes': [(lines) => lines.with(2, 'x'.repeat(3_000_000)), '2026-01.jsonl:3 cannot be read'],
    'a cut tail': [(lines) => lines.slice(0, 3), 'the tail is cut: line 5 was written, the last one is 3'],
    'an empty file': [() => [], 'the tail is cut: line 5 was written, the last one is 0'],
  };
  for (const [what, [damage, problem]] of Object.entries(damages)) {
    it(`finds ${what} while it runs`, async () => {
      const disk = await withLines(5);
      const audit = await Audit.open(portsOn(disk));
      await write(disk, JANUARY, damage(await linesOf(disk, JANUARY)));
      const verdict = await audit.verify();
      expect(verdict.ok).toBe(false);
      expect(verdict.problem).toContain(problem);
    });

    it(`finds ${what} also after restarts and further lines`, async () => {
      const disk = await withLines(5);
      await write(disk, JANUARY, damage(await linesOf(disk, JANUARY)));
      for (let start = 0; start < 2; start++) {
        const audit = await Audit.open(portsOn(disk));
        await audit.append(entry('later'));
        expect((await audit.verify()).ok).toBe(false);
        await audit.close();
      }
    });
  }

  it('finds a swapped file and a removed one', async () => {
    const disk = new MemoryDisk();
    const clock = new FakeClock(Date.UTC(2026, 0, 31));
    const audit = await Audit.open(portsOn(disk, clock));
    await audit.append(entry('a'));
    clock.jump(Date.UTC(2026, 1, 2));
    await audit.append(entry('b'));
    const [january, february] = [await linesOf(disk, JANUARY), await linesOf(disk, FEBRUARY)];
    await write(disk, JANUARY, february);
    await write(disk, FEBRUARY, january);
    expect((await audit.verify()).problem).toContain('2026-01.jsonl:1 is line 2');
    await write(disk, JANUARY, january);
    await disk.remove(FEBRUARY);
    expect((await audit.verify()).problem).toContain('the tail is cut');
  });

  it('takes in whole lines that had no anchor yet, cuts off a torn one, and says so', async () => {
    const disk = await withLines(3);
    const anchor = await disk.read(ANCHOR);
    const first = await Audit.open(portsOn(disk));
    await first.append(entry('late'));
    await first.close();
    await disk.replace(ANCHOR, anchor ?? '');
    const file = await disk.append(JANUARY);
    await file.append('{"n":5,"at":"20');
    await file.close();
    const ports = portsOn(disk);
    const audit = await Audit.open(ports);
    expect(ports.log.lines.map((line) => line.message).join()).toContain(
      '1 lines written by the last start had no anchor',
    );
    await audit.append(entry('next'));
    expect(await audit.verify()).toEqual({ ok: true, lines: 5 });
  });

  it('says for ever that its anchor was taken away', async () => {
    const disk = await withLines(3);
    await disk.remove(ANCHOR);
    const audit = await Audit.open(portsOn(disk));
    await audit.append(entry('next'));
    expect((await audit.verify()).problem).toContain('there was no anchor for 3 lines');
  });

  it('leaves nothing of a line that could not be synced, and goes on', async () => {
    const disk = new MemoryDisk();
    const audit = await Audit.open(portsOn(disk));
    await audit.append(entry('a'));
    disk.fail({ call: 'write', code: 'ENOSPC', nth: 1 });
    await expect(audit.append(entry('lost'))).rejects.toMatchObject({ code: 'disk' });
    disk.fail({ call: 'sync', code: 'EIO', nth: 1 });
    await expect(audit.append(entry('lost'))).rejects.toMatchObject({ code: 'disk' });
    await audit.append(entry('b'));
    expect((await audit.tail(9)).map((line) => line.on)).toEqual(['a', 'b']);
    expect(await audit.verify()).toEqual({ ok: true, lines: 2 });
  });
});
