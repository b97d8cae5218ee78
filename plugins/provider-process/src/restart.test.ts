import { testRun } from '@lab/sdk/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Bench, until } from '../testing/bench.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.make({ stableMs: 1_200 });
});
afterEach(() => bench.cleanup());

it('starts again what the policy says, in a new life of the same run', async () => {
  const provider = await bench.started();
  const spec = bench.spec('web', { command: ['sleep', '600'], ports: { http: 8080 }, restart: 'always' });
  const { instance } = await provider.deploy(spec, testRun('r1'));
  for (const pid of await bench.pids('web')) process.kill(pid, 'SIGKILL');
  const back = await bench.facts.until((fact) => fact.type === 'service_recovered');
  expect(bench.facts.types('web')).toEqual(['service_progressing', 'containers_not_running', 'service_recovered']);
  const next = await provider.preimage('web');
  const [pid] = await bench.pids('web');
  expect(back).toMatchObject({
    source: 'process',
    data: {
      instance: next,
      previous: instance,
      run: 'r1',
      restarts: 1,
      pid,
      ports: { http: 8080 },
      sources: ['process'],
      digest: spec.digest,
    },
  });
  expect(next).not.toBe(instance);
  expect(await provider.trace('web', 'r1')).toEqual({ state: 'done', instance: next });
});

it.each([
  ['no', 'exit 1', false],
  ['on-failure', 'exit 0', false],
  ['on-failure', 'exit 1', true],
  ['always', 'exit 0', true],
] as const)('policy %s after "%s": again is %s', async (restart, script, again) => {
  const provider = await bench.started();
  // The second life stays, so that one restart is all there can be.
  await provider.deploy(
    bench.sh('web', `[ -e again ] && exec sleep 600; touch again; ${script}`, { restart }),
    testRun('r1'),
  );
  await bench.facts.until((fact) => fact.type === 'containers_not_running');
  if (again) await bench.facts.until((fact) => fact.type === 'service_recovered');
  else await new Promise((resolve) => setTimeout(resolve, 250));
  expect(bench.facts.types('web').includes('service_recovered')).toBe(again);
});

it('says a crash loop once, tries ever more rarely, and says when it is over', async () => {
  const provider = await bench.started();
  const script = '[ -e stay ] && exec sleep 600; echo started >> lives; exit 9';
  await provider.deploy(bench.sh('web', script, { restart: 'on-failure' }), testRun('r1'));
  const degraded = await bench.facts.until((fact) => fact.type === 'service_degraded');
  expect(degraded.data.reason).toContain('3 times within a minute');
  expect(degraded.data.reason).toContain('status 9');
  const said = bench.facts.all.length;
  const recovered = bench.facts.all.filter((fact) => fact.type === 'service_recovered');
  expect(recovered).toHaveLength(3);
  expect(degraded.data.instance).toBe(recovered.at(-1)?.data.instance);
  const lives = async () =>
    new TextDecoder().decode(await bench.store.read(`${bench.root}/lives`)).split('\n').length - 1;
  await until(async () => (await lives()) >= 5);
  expect(bench.facts.all).toHaveLength(said);
  await bench.store.replace(`${bench.root}/stay`, '');
  const back = await bench.facts.until((fact) => fact.type === 'service_recovered', 10_000, said);
  expect(back.data).toMatchObject({ instance: await provider.preimage('web'), previous: degraded.data.instance });
  expect(bench.facts.all).toHaveLength(said + 1);
});

it('is not started again once it was stopped, also while it waits for its turn', async () => {
  const provider = await bench.started();
  await provider.deploy(bench.sh('web', 'exit 1', { restart: 'always' }), testRun('r1'));
  await bench.facts.until((fact) => fact.type === 'containers_not_running');
  await provider.halt(['web'], testRun('r2'), 'person');
  const said = bench.facts.all.length;
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(await bench.pids('web')).toEqual([]);
  expect(bench.facts.all).toHaveLength(said);
  expect(await provider.observe()).toMatchObject([{ state: 'exited' }]);
});

it('with a healthcheck, running is said at once and healthy by its own source only', async () => {
  const provider = await bench.started();
  const healthcheck = { tcp: { port: 'http' } };
  const spec = bench.spec('web', { command: ['sleep', '600'], ports: { http: 1 }, healthcheck });
  await provider.deploy(spec, testRun('r1'));
  expect(bench.facts.all.map(({ type, source }) => [type, source])).toEqual([
    ['service_progressing', 'process'],
    ['service_healthy', 'process'],
  ]);
  expect(bench.facts.all[0]?.data.sources).toEqual(['process', 'healthcheck']);
});

it('says later what the disk refused, in its order', async () => {
  const provider = await bench.started();
  bench.facts.refuse = new Error('no space');
  const { instance } = await provider.deploy(bench.sh('web', 'exit 4'), testRun('r1'));
  await until(async () => (await provider.observe())[0]?.state === 'exited');
  expect(bench.facts.all).toEqual([]);
  bench.facts.refuse = undefined;
  await bench.facts.until((fact) => fact.type === 'containers_not_running');
  expect(bench.facts.types('web')).toEqual(['service_progressing', 'containers_not_running']);
  expect(bench.facts.all[1]?.data).toEqual({ instance, exitCode: 4, signal: null });
});

it('leaves what ran untouched where the intent cannot be written', async () => {
  const provider = await bench.started();
  const { instance } = await provider.deploy(bench.sh('web', 'exec sleep 600'), testRun('r1'));
  const pids = await bench.pids('web');
  bench.store.refuse = new Error('no space');
  await expect(provider.deploy(bench.sh('web', 'exec sleep 601'), testRun('r2'))).rejects.toThrow('no space');
  bench.store.refuse = undefined;
  expect(await bench.pids('web')).toEqual(pids);
  expect(await provider.preimage('web')).toBe(instance);
  expect(await provider.trace('web', 'r2')).toEqual({ state: 'none' });
  expect(await provider.observe()).toMatchObject([{ instance, state: 'running' }]);
});
