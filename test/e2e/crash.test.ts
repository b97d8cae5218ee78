/** The daemon and its parent killed at any time: services do not notice, and whoever comes next takes them over. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Launched } from './launched.ts';
import { alive, kill9, Machine } from './machine.ts';
import { ASK, BOLD, smallFleet } from './small-fleet.ts';
import { until } from './until.ts';

const COW = 'barn/cow';
const RESTART = 'container-restart-barn-cow';
const SERVICES = ['barn/cow', 'barn/hen', 'hut/stove'];

let machine: Machine;
let up: Launched;

beforeAll(async () => {
  machine = await Machine.make({
    fleet: smallFleet({ hosts: { hut: 'stove: {}', barn: 'cow: {}, hen: {}' }, policies: [BOLD] }),
  });
  up = await machine.up();
});
afterAll(() => machine.cleanup());

async function settled(): Promise<void> {
  await until('everything to be settled', async () => (await machine.status()).settled);
}

/** The parent starts the next one by itself. */
async function nextDaemon(before: number): Promise<number> {
  return until('the next daemon', () => {
    const pid = machine.daemonPid();
    return pid !== before && alive(pid) ? pid : undefined;
  });
}

describe('kill -9 of the daemon', () => {
  it('it is started again and adopts what lives: same processes, no action, and everybody is told', async () => {
    const living = machine.living();
    expect([...living.keys()].toSorted()).toEqual(SERVICES);
    const head = machine.journal().at(-1)?.ord ?? 0;
    const pid = machine.daemonPid();
    kill9(pid);
    await nextDaemon(pid);
    await settled();
    expect(await up.said('the daemon died (SIGKILL)')).toMatch(/services run on, it is started again in 1 s/);
    expect(machine.living()).toEqual(living);
    const since = machine.journal().filter(({ ord }) => ord > head);
    expect(since.filter(({ type }) => type.startsWith('action_'))).toEqual([]);
    const started = since.filter(({ type }) => type === 'node_started');
    expect(started.map(({ data }) => data)).toMatchObject([{ kept: [] }, { kept: [] }]);
    expect(started.flatMap(({ data }) => data.adopted).toSorted()).toEqual(['cow', 'hen', 'stove']);
    for (const name of SERVICES) expect(await machine.pid(name)).toBe(living.get(name));
  });

  it('a service that died meanwhile is noticed by the next one, and the others are left alone', async () => {
    const living = machine.living();
    const pid = machine.daemonPid();
    kill9(pid);
    kill9(living.get(COW) ?? 0);
    await nextDaemon(pid);
    const action = await machine.action(RESTART, 'pending');
    expect(action.why.cause).toBe('containers_not_running');
    expect((await machine.lab(`approve ${RESTART} --yes --wait`)).code).toBe(0);
    await machine.healthy(COW, living.get(COW));
    expect(machine.living().get('barn/hen')).toBe(living.get('barn/hen'));
  });

  it('an approval that was acknowledged survives it', async () => {
    const dead = await machine.pid(COW);
    kill9(dead);
    const { ulid } = await machine.action(RESTART, 'pending');
    expect((await machine.lab(`approve ${RESTART} --yes`)).code).toBe(0);
    const pid = machine.daemonPid();
    kill9(pid);
    await nextDaemon(pid);
    await machine.healthy(COW, dead);
    const ended = await until('the action to end', async () => {
      const action = await machine.action(RESTART, 'completed', 'failed');
      return action.ulid === ulid ? action : undefined;
    });
    const starts = machine.journal().filter(({ type, data }) => type === 'action_run_started' && data.ulid === ulid);
    expect(starts).toHaveLength(1);
    expect(ended.approval?.by).toMatch(/^anna@/);
  });
});

describe('kill -9 of the launcher', () => {
  it('the daemon ends, services live on, and the next lab up adopts them', async () => {
    await settled();
    const living = machine.living();
    expect(living.size).toBe(3);
    const pid = machine.daemonPid();
    await up.kill9();
    await until('the daemon to end', () => !alive(pid));
    expect(machine.living()).toEqual(living);
    expect((await machine.lab('status')).code).toBe(8);
    const head = machine.journal().at(-1)?.ord ?? 0;
    up = await machine.up();
    expect(machine.living()).toEqual(living);
    const since = machine.journal().filter(({ ord }) => ord > head);
    expect(since.filter(({ type }) => type.startsWith('action_'))).toEqual([]);
    expect((await machine.status()).pending).toEqual([]);
  });

  it('a second Ctrl-C leaves services running, and the next lab up adopts them', async () => {
    const living = machine.living();
    await machine.write('inventory/policy.yaml', `policies: [${ASK}]\n`);
    const hurried = up.interrupt();
    await up.said('once more to leave services running');
    process.kill(up.pid, 'SIGINT');
    expect((await hurried).code).toBe(1);
    const left = machine.living();
    for (const [name, pid] of left) expect(living.get(name)).toBe(pid);
    up = await machine.up();
    for (const name of SERVICES) await machine.healthy(name);
    for (const [name, pid] of left) expect(await machine.pid(name)).toBe(pid);
  });
});
