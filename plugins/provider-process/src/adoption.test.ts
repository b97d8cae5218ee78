import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { testRun } from '@lab/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench, until } from '../testing/bench.ts';
import { readStat } from './proc.ts';

const HOST = new URL('../testing/host.ts', import.meta.url).pathname;

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.make();
});
afterEach(() => bench.cleanup());

const recordOf = async (service: string) =>
  JSON.parse(await readFile(join(bench.stateDir, `${service}.json`), 'utf8')) as Record<string, unknown>;

describe('a daemon that was killed', () => {
  /** Runs `script` under a daemon of its own process, and kills that. */
  async function killedHost(script: string): Promise<{ pid: number; instance: string }> {
    const host = spawn(process.execPath, [HOST, bench.root, script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(host, 'exit');
    for await (const line of createInterface({ input: host.stdout })) {
      const told = JSON.parse(line) as { type: string; pid: number; instance: string };
      if (told.type !== 'deployed') continue;
      host.kill('SIGKILL');
      await exited;
      return told;
    }
    throw new Error('the host ended before it deployed');
  }

  it('leaves its service running and writing, and the next one adopts it with pid and instance', async () => {
    const { pid, instance } = await killedHost('i=0; while :; do i=$((i+1)); echo line $i; sleep 0.05; done');
    const written = async () => (await readFile(join(bench.root, 'logs/web/web.log'), 'utf8')).length;
    const atDeath = await written();
    await until(async () => (await written()) > atDeath);
    const provider = await bench.started();
    expect(await provider.observe()).toMatchObject([{ service: 'web', state: 'running', pid, instance, run: 'r1' }]);
    expect(await provider.trace('web', 'r1')).toEqual({ state: 'done', instance });
    await bench.facts.until((fact) => fact.type === 'service_healthy' && fact.data.instance === instance);
    process.kill(pid, 'SIGKILL');
    const ended = await bench.facts.until((fact) => fact.type === 'containers_not_running', 1_000);
    expect(ended).toMatchObject({ source: 'process', data: { instance, exitCode: null, signal: null } });
  });

  it('finds what ended while it was away', async () => {
    const { pid, instance } = await killedHost('sleep 600');
    process.kill(pid, 'SIGKILL');
    await until(async () => (await bench.pids()).includes(pid) === false);
    const provider = await bench.started();
    await bench.facts.until((fact) => fact.type === 'containers_not_running' && fact.data.instance === instance);
    expect(await provider.observe()).toMatchObject([{ state: 'exited', instance }]);
    expect(await recordOf('web')).toMatchObject({ phase: 'exited' });
  });

  it('stops what it adopted', async () => {
    const { pid } = await killedHost('sleep 600 & wait');
    const provider = await bench.started();
    await provider.halt(['web'], testRun('r2'), 'daemon');
    expect(await bench.pids()).toEqual([]);
    expect(readStat(pid)?.state ?? 'Z').toBe('Z');
  });
});

describe('a crash at each write of a deployment', () => {
  const points = [0, 1, 2].flatMap((write) => [false, true].map((written) => ({ write, written })));

  it.each(points)('write $write, on disk: $written: nothing is lost, nothing runs twice', async (point) => {
    const first = await bench.started();
    const old = await first.deploy(bench.sh('web', 'exec sleep 600'), testRun('r1'));
    await bench.facts.until((fact) => fact.type === 'service_healthy');
    await first.stop();

    const dying = bench.provider();
    await dying.start(new AbortController().signal);
    expect(await recordOf('web')).toMatchObject({ phase: 'running', instance: old.instance });
    // Adopting the old one was write 0.
    bench.dieAt = { write: point.write + 1, written: point.written };
    void dying.deploy(bench.sh('web', 'exec sleep 601'), testRun('r2'));
    await bench.died.promise;

    const next = await bench.started();
    expect(await bench.pids('web')).toHaveLength(1);
    const living = await next.preimage('web');
    const [seen] = await next.observe();
    expect(seen).toMatchObject({ state: 'running', pid: (await bench.pids('web'))[0] });
    const trace = await next.trace('web', 'r2');
    if (point.write === 0) {
      expect(living).toBe(old.instance);
      expect(trace).toEqual({ state: 'none' });
    } else {
      expect(living).not.toBe(old.instance);
      expect(trace).toEqual({ state: 'done', instance: living });
      await bench.facts.until((fact) => fact.type === 'service_progressing' && fact.data.instance === living);
    }
    await bench.facts.until((fact) => fact.type === 'service_healthy' && fact.data.instance === living);
    expect(bench.facts.types('web')).not.toContain('containers_not_running');
  });

  it('an intent whose process ended too is unknown, and said to be down', async () => {
    const dying = await bench.started();
    bench.dieAt = { write: 1, written: false };
    void dying.deploy(bench.sh('web', 'exec sleep 600'), testRun('r1'));
    await bench.died.promise;
    expect(await recordOf('web')).toMatchObject({ phase: 'spawning', made: false });
    const { instance } = (await recordOf('web')) as { instance: string };
    await bench.killAll();
    const next = await bench.started();
    expect(await next.trace('web', 'r1')).toEqual({ state: 'unknown' });
    expect(await next.observe()).toMatchObject([{ state: 'exited', instance }]);
    await bench.facts.until((fact) => fact.type === 'containers_not_running' && fact.data.instance === instance);
  });

  it('an intent that a power cut left is interrupted, and its run unknown', async () => {
    const dying = await bench.started();
    bench.dieAt = { write: 1, written: false };
    void dying.deploy(bench.sh('web', 'exec sleep 600'), testRun('r1'));
    await bench.died.promise;
    await bench.killAll();
    bench.bootId = 'boot-2';
    const next = await bench.started();
    expect(await next.trace('web', 'r1')).toEqual({ state: 'unknown' });
    expect(await next.observe()).toMatchObject([{ state: 'interrupted' }]);
    expect(bench.facts.types('web')).not.toContain('containers_not_running');
  });
});

describe('a record that cannot be read', () => {
  it.each([
    ['binary', Buffer.from([0, 255, 254, 1, 2, 3]).toString('latin1')],
    ['cut off', '{"v":1,"service":"web","inst'],
    ['of another service', '{"v":1}'],
    ['empty', ''],
  ])('(%s) is moved aside, and what lives is adopted', async (_, content) => {
    const first = await bench.started();
    const { instance } = await first.deploy(bench.sh('web', 'exec sleep 600'), testRun('r1'));
    await first.deploy(bench.sh('other', 'exec sleep 600'), testRun('r2'));
    const [pid] = await bench.pids('web');
    await first.stop();
    await writeFile(join(bench.stateDir, 'web.json'), content);

    const next = await bench.started();
    expect(await next.observe()).toMatchObject([
      { service: 'other', state: 'running' },
      { service: 'web', state: 'running', pid, instance, digest: 'd'.repeat(64), run: 'r1' },
    ]);
    expect(await bench.store.list(bench.stateDir)).toContain('web.json.corrupt');
    expect(bench.log.lines.map((line) => line.message)).toContain('a record could not be read and was moved aside');
    expect(await recordOf('web')).toMatchObject({ phase: 'running', pid, instance });
    await next.remove('web', testRun('r3'));
    expect(await bench.pids('web')).toEqual([]);
  });

  it('with nothing living is gone without harm', async () => {
    await bench.store.replace(join(bench.stateDir, 'web.json'), 'garbage');
    const provider = await bench.started();
    expect(await provider.observe()).toEqual([]);
  });

  it('leaves alone what carries the marker of another root', async () => {
    const other = await Bench.make();
    try {
      const theirs = await other.started();
      await theirs.deploy(other.sh('web', 'exec sleep 600'), testRun('r1'));
      const ours = await bench.started();
      expect(await ours.observe()).toEqual([]);
      await ours.remove('web', testRun('r2'));
      expect(await other.pids('web')).toHaveLength(1);
    } finally {
      await other.cleanup();
    }
  });
});

it('counts a zombie as dead', async () => {
  const first = await bench.started();
  await first.deploy(bench.sh('web', 'exec sleep 600'), testRun('r1'));
  const record = await recordOf('web');
  await first.halt(['web'], testRun('r2'), 'daemon');
  await first.stop();
  // Its parent never asks how it ended: `exec` replaces the shell that would have.
  const script = 'setsid sleep 600 & echo $!; exec sleep 600';
  const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
    const pid = Number(line);
    const { startTicks } = readStat(pid) ?? {};
    const left = { ...record, pid, startTicks, phase: 'running', announced: true };
    await bench.store.replace(join(bench.stateDir, 'web.json'), JSON.stringify(left));
    const next = await bench.started();
    expect(await next.observe()).toMatchObject([{ state: 'running', pid }]);
    process.kill(pid, 'SIGKILL');
    await bench.facts.until((fact) => fact.type === 'containers_not_running', 1_000);
    expect(readStat(pid)?.state).toBe('Z');
  } finally {
    parent.kill('SIGKILL');
  }
});
