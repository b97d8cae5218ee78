import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testRun } from '@lab/sdk/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Bench, until } from '../testing/bench.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.make();
});
afterEach(() => bench.cleanup());

const logOf = (service: string) => readFile(join(bench.root, `logs/${service}/${service}.log`), 'utf8').catch(() => '');
const says = (service: string, text: string) => until(async () => (await logOf(service)).includes(text));

it('sends the stop signal of the definition and waits for the service to tidy up', async () => {
  const provider = await bench.started();
  const script = "trap 'sleep 0.2; echo bye; exit 0' INT; echo ready; while :; do sleep 0.02; done";
  await provider.deploy(bench.sh('web', script, { stopSignal: 'SIGINT' }), testRun('r1'));
  await says('web', 'ready');
  await provider.halt(['web'], testRun('r2'), 'daemon');
  expect(await logOf('web')).toContain('bye');
  expect(await bench.pids()).toEqual([]);
});

it('kills what ignores the signal, once its time is over and not before', async () => {
  const provider = await bench.started();
  const script = "trap '' TERM; echo ready; while :; do sleep 0.02; done";
  await provider.deploy(bench.sh('web', script, { stopTimeout: 0.4 }), testRun('r1'));
  await says('web', 'ready');
  const began = performance.now();
  await provider.halt(['web'], testRun('r2'), 'daemon');
  expect(performance.now() - began).toBeGreaterThanOrEqual(390);
  expect(performance.now() - began).toBeLessThan(3_000);
  expect(await bench.pids()).toEqual([]);
});

it('ends grandchildren with their group, those too that outlived the main process or left its session', async () => {
  const provider = await bench.started();
  const script = 'sleep 600 & (trap "" TERM; exec sleep 601) & setsid sleep 602 & echo ready; wait';
  await provider.deploy(bench.sh('web', script, { stopTimeout: 0.3 }), testRun('r1'));
  await says('web', 'ready');
  await until(async () => (await bench.pids('web')).length === 4);
  await provider.halt(['web'], testRun('r2'), 'daemon');
  expect(await bench.pids()).toEqual([]);

  await provider.deploy(bench.sh('web', 'sleep 603 & echo $$; exit 3'), testRun('r3'));
  await bench.facts.until((fact) => fact.type === 'containers_not_running');
  expect(await bench.pids('web')).toHaveLength(1);
  await provider.deploy(bench.sh('web', 'exec sleep 604'), testRun('r4'));
  expect(await bench.pids('web')).toHaveLength(1);
  expect(await provider.preimage('web')).not.toBeNull();
  await provider.remove('web', testRun('r5'));
  expect(await bench.pids()).toEqual([]);
});

it('stops waiting when its run is cancelled, and then the end is news again', async () => {
  const provider = await bench.started();
  const script = "trap 'sleep 0.3; exit 7' TERM; echo ready; while :; do sleep 0.02; done";
  const { instance } = await provider.deploy(bench.sh('web', script, { stopTimeout: 30 }), testRun('r1'));
  await says('web', 'ready');
  const ends = new AbortController();
  const replaced = provider.deploy(bench.sh('web', 'exec sleep 600'), testRun('r2', ends.signal));
  setTimeout(() => ends.abort(), 50);
  await expect(replaced).rejects.toMatchObject({ code: 'cancelled' });
  expect(await provider.trace('web', 'r2')).toEqual({ state: 'none' });
  const ended = await bench.facts.until((fact) => fact.type === 'containers_not_running');
  expect(ended.data).toEqual({ instance, exitCode: 7, signal: null });
  expect(await provider.observe()).toMatchObject([{ instance, state: 'exited' }]);
});

it('halts in the given order, one after another, and goes on past one that fails', async () => {
  const provider = await bench.started();
  const script = (name: string) =>
    `trap 'echo ${name} >> order; exit 0' TERM; echo ready; while :; do sleep 0.02; done`;
  for (const name of ['a', 'b', 'c']) {
    await provider.deploy(bench.sh(name, script(name)), testRun(`r-${name}`));
    await says(name, 'ready');
  }
  await provider.halt(['c', 'a', 'b'], testRun('r2'), 'daemon');
  expect(await readFile(join(bench.root, 'order'), 'utf8')).toBe('c\na\nb\n');
});

it('gives a service what it is told, its marker, and nothing else of the daemon', async () => {
  process.env.LAB_TEST_SECRET = 'not for you';
  try {
    const provider = await bench.started();
    const spec = bench.sh('web', 'env; pwd; ./tool; echo ready; exec sleep 600', { env: { A: 'own', B: 'own' } });
    await writeFile(join(bench.root, 'tool'), '#!/bin/sh\necho from the bundle\n', { mode: 0o755 });
    await provider.deploy({ ...spec, env: { B: 'fleet', PORT_HTTP: '8123' } }, testRun('r1'));
    await says('web', 'ready');
    const text = await logOf('web');
    expect(text).toContain('from the bundle');
    expect(text).not.toContain('not for you');
    for (const line of ['A=own', 'B=fleet', 'PORT_HTTP=8123', 'LAB_SERVICE=web', `LAB_ROOT=${bench.root}`, bench.root])
      expect(text.split('\n')).toContain(line);
    const names = text.split('\n').flatMap((line) => /^([A-Za-z_]+)=/.exec(line)?.[1] ?? []);
    const allowed =
      /^(PATH|HOME|LANG|TZ|USER|TMPDIR|PWD|OLDPWD|SHLVL|_|A|B|PORT_HTTP|LAB_(ROOT|NODE|SERVICE|INSTANCE|DIGEST|RUN))$/;
    expect(names.filter((name) => !allowed.test(name))).toEqual([]);
  } finally {
    delete process.env.LAB_TEST_SECRET;
  }
});

it.each([
  ['a program that is not there', ['no-such-program'], /installed/],
  ['a file that is not in the bundle', ['./no-such-file'], /installed|spelled/],
  ['a file that cannot be executed', ['./plain'], /chmod/],
])('says what to do about %s', async (_, command, hint) => {
  const provider = await bench.started();
  await bench.store.replace(join(bench.root, 'plain'), 'text');
  const failed = provider.deploy(bench.spec('web', { command }), testRun('r1'));
  await expect(failed).rejects.toMatchObject({
    code: 'plugin_failed',
    at: 'piha/web',
    hint: expect.stringMatching(hint),
  });
  expect(await provider.observe()).toEqual([]);
  expect(await provider.diagnose('web')).toContain('cannot start');
});

it('says so when the folder of the bundle is gone', async () => {
  const provider = await bench.started();
  const spec = { ...bench.sh('web', 'exec sleep 600'), bundleDir: join(bench.root, 'gone') };
  await expect(provider.deploy(spec, testRun('r1'))).rejects.toMatchObject({ hint: expect.stringContaining('bundle') });
});
