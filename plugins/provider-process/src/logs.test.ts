import { appendFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testRun } from '@lab/sdk/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench, until } from '../testing/bench.ts';
import { Lines } from './log-lines.ts';
import type { ProcessProvider } from './provider.ts';

let bench: Bench;
let provider: ProcessProvider;
const never = new AbortController().signal;
beforeEach(async () => {
  bench = await Bench.make();
  provider = await bench.started();
});
afterEach(() => bench.cleanup());

const dirOf = (service: string): string => join(bench.root, 'logs', service);

async function tail(service: string, count: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of provider.logs(service, { tail: count, follow: false, signal: never })) lines.push(line);
  return lines;
}

async function write(service: string, content: string | Uint8Array, age = 0): Promise<void> {
  await mkdir(dirOf(service), { recursive: true });
  await writeFile(join(dirOf(service), age === 0 ? `${service}.log` : `${service}.log.${age}`), content);
}

describe('the tail', () => {
  it('is empty where there is nothing', async () => {
    expect(await tail('web', 10)).toEqual([]);
    expect(await provider.diagnose('web')).toContain('never started');
  });

  it('goes on into older logs, and ends with a line that is not ended', async () => {
    await write('web', 'a\nb\n', 2);
    await write('web', 'c\n', 1);
    await write('web', 'd\ne');
    expect(await tail('web', 3)).toEqual(['c', 'd', 'e']);
    expect(await tail('web', 99)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await tail('web', 1)).toEqual(['e']);
  });

  it('of a large log is read from its end', async () => {
    const lines = Array.from({ length: 200_000 }, (_, number) => `line ${number}`);
    await write('web', `${lines.join('\n')}\n`);
    expect(await tail('web', 5_000)).toEqual(lines.slice(-5_000));
  });

  it('of binary garbage is text in lines of bounded length', async () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => (at * 7919) % 256);
    await write(
      'web',
      bytes.filter((byte) => byte !== 10),
    );
    const lines = await tail('web', 1_000);
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) {
      expect(line.length).toBeLessThanOrEqual(16 * 1024);
      expect([...line].some((one) => one < ' ' && one !== '\t' && one !== '\u001b')).toBe(false);
    }
    expect(JSON.parse(JSON.stringify(lines))).toEqual(lines);
    expect(await provider.diagnose('web')).toContain('lines of its log');
  });
});

describe('lines', () => {
  it('are the same however their bytes arrive', () => {
    const piece = fc.array(fc.oneof(fc.constant(10), fc.nat(255)), { maxLength: 60 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (all) => {
        const whole = new Lines();
        const parts = new Lines();
        const expected = [...whole.take(Uint8Array.from(all.flat())), ...whole.rest()];
        expect([...all.flatMap((bytes) => parts.take(Uint8Array.from(bytes))), ...parts.rest()]).toEqual(expected);
      }),
    );
  });

  it('longer than the bound come in pieces, nothing lost', () => {
    const lines = new Lines();
    const text = 'x'.repeat(40_000);
    const got = [...lines.take(Buffer.from(text)), ...lines.take(Buffer.from('y\nz\n')), ...lines.rest()];
    expect(got.slice(0, -1).join('')).toBe(`${text}y`);
    expect(got.at(-1)).toBe('z');
  });
});

describe('following', () => {
  it('gives each line once: the tail, what comes, across rotation and cutting', async () => {
    await write('web', 'one\ntwo\n');
    const ends = new AbortController();
    const got: string[] = [];
    const following = (async () => {
      for await (const line of provider.logs('web', { tail: 1, follow: true, signal: ends.signal })) got.push(line);
    })();
    await until(() => got.length === 1);
    await appendFile(join(dirOf('web'), 'web.log'), 'three\nfo');
    await until(() => got.includes('three'));
    await appendFile(join(dirOf('web'), 'web.log'), 'ur\n');
    await until(() => got.includes('four'));
    // Large enough to be put aside when the next instance starts.
    await appendFile(join(dirOf('web'), 'web.log'), `${'x'.repeat(5_000)}\n`);
    await provider.deploy(bench.sh('web', 'echo five; exec sleep 600'), testRun('r1'));
    await until(() => got.includes('five'));
    await writeFile(join(dirOf('web'), 'web.log'), '');
    await new Promise((resolve) => setTimeout(resolve, 250));
    await appendFile(join(dirOf('web'), 'web.log'), 'six\n');
    await until(() => got.includes('six'));
    ends.abort();
    await following;
    expect(got.map((line) => line.slice(0, 5))).toEqual(['two', 'three', 'four', 'xxxxx', 'five', 'six']);
  });

  it('begins before there is a log, and ends when told', async () => {
    const ends = new AbortController();
    const got: string[] = [];
    const following = (async () => {
      for await (const line of provider.logs('web', { tail: 5, follow: true, signal: ends.signal })) got.push(line);
    })();
    await provider.deploy(bench.sh('web', 'echo hello; exec sleep 600'), testRun('r1'));
    await until(() => got.length === 1);
    ends.abort();
    await following;
    expect(got).toEqual(['hello']);
  });
});

describe('rotation', () => {
  it('keeps a few older logs, youngest first', async () => {
    for (const round of [1, 2, 3, 4]) {
      await write('web', `round ${round}\n${'x'.repeat(5_000)}\n`);
      await provider.deploy(bench.sh('web', 'exec sleep 600'), testRun(`r${round}`));
    }
    expect(await readdir(dirOf('web'))).toEqual(['web.log', 'web.log.1', 'web.log.2']);
    expect(await readFile(join(dirOf('web'), 'web.log.1'), 'utf8')).toContain('round 4');
    expect(await readFile(join(dirOf('web'), 'web.log.2'), 'utf8')).toContain('round 3');
  });

  it('cuts a log that grows under its process, which goes on writing', async () => {
    const { LogFiles } = await import('./log-files.ts');
    const { RealClock } = await import('@lab/sdk/testing');
    const files = new LogFiles(join(bench.root, 'logs'), bench.config, new RealClock());
    const script = 'head -c 100000 /dev/zero | tr "\\0" x; echo; echo full; while :; do echo more; sleep 0.05; done';
    await provider.deploy(bench.sh('web', script), testRun('r1'));
    await until(async () => (await tail('web', 5)).includes('more'));
    await files.cap('web');
    const size = async () => (await stat(join(dirOf('web'), 'web.log'))).size;
    expect(await size()).toBeLessThan(1_000);
    expect((await stat(join(dirOf('web'), 'web.log.1'))).size).toBeLessThanOrEqual(bench.config.rotateBytes);
    const cut = await size();
    await until(async () => (await size()) > cut);
    expect(await tail('web', 99)).toContain('full');
  });
});

it('cleaning frees older logs of services that are gone, and nothing else', async () => {
  await provider.deploy(bench.sh('here', 'exec sleep 600'), testRun('r1'));
  await write('here', 'kept\n', 1);
  await write('gone', 'last words\n');
  await write('gone', '12345', 1);
  await write('deploy', 'kept\n');
  await writeFile(join(dirOf('deploy'), 'deploy_1.log'), 'kept\n');
  expect(await provider.cleanup(testRun('r2'))).toBe(5);
  expect(await readdir(dirOf('gone'))).toEqual(['gone.log']);
  expect(await readdir(dirOf('here'))).toEqual(['here.log', 'here.log.1']);
  expect(await readdir(dirOf('deploy'))).toEqual(['deploy.log', 'deploy_1.log']);
  expect(await provider.cleanup(testRun('r3'))).toBe(0);
});
