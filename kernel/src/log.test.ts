import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LabError } from '@lab/sdk';
import { FakeClock } from '@lab/sdk/testing';
import { describe, expect, it } from 'vitest';
import { jsonLog, readableLog } from './log.ts';

class Lines {
  readonly all: string[] = [];
  write(line: string): void {
    this.all.push(line);
  }
}

const clock = new FakeClock(Date.UTC(2026, 0, 2, 3, 4, 5));

describe('JSON lines', () => {
  it('carry level, instant, message and fields, bound ones too, and say what an error was', async () => {
    const sink = new Lines();
    const { log } = await jsonLog(sink, clock);
    log.with({ plugin: 'health.demo' }).warn('it broke', {
      n: 1,
      cause: new LabError('disk', 'no space', { at: '/x', hint: 'free some', cause: new Error('ENOSPC') }),
    });
    log.debug('not at this level');
    expect(sink.all).toHaveLength(1);
    expect(JSON.parse(sink.all[0] ?? '')).toMatchObject({
      level: 'warn',
      at: '2026-01-02T03:04:05.000Z',
      msg: 'it broke',
      plugin: 'health.demo',
      n: 1,
      cause: { code: 'disk', message: 'no space', at: '/x', hint: 'free some', cause: { message: 'ENOSPC' } },
    });
  });

  it('go to a file whose folder is made, are appended, and are all there after close', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'lab-log-'));
    try {
      const file = join(dir, 'logs', 'daemon.log');
      for (const n of [1, 2]) {
        const { log, close } = await jsonLog({ file }, clock, 'debug');
        log.debug(`line ${n}`);
        await close();
      }
      const lines = (await readFile(file, 'utf8')).trim().split('\n');
      expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['line 1', 'line 2']);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

describe('the readable form', () => {
  it('is one line each, with level, fields, and quotes where they are needed', () => {
    const sink = new Lines();
    const log = readableLog(sink, clock).with({ node: 'piha' });
    log.info('up', { port: 18180, path: '/a b' });
    log.error('two\nlines', { cause: new Error('so it is') });
    log.debug('not at this level');
    expect(sink.all).toEqual([
      '03:04:05 info  up  node=piha  port=18180  path="/a b"\n',
      '03:04:05 error two\\nlines  node=piha  cause="so it is"\n',
    ]);
  });

  it('survives what JSON does not hold', () => {
    const sink = new Lines();
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    readableLog(sink, clock).info('odd', { big: 1n, gone: undefined, circle });
    expect(sink.all).toEqual(['03:04:05 info  odd  big="1"  gone=undefined  circle="(circular)"\n']);
  });
});
