/**
 * The thin slice with a crash at every durable act: a service is deployed by policy, dies, is proposed, approved by a person, restarted
 * and confirmed. The power goes before each act, after it, and after every single step that it consists of on the disk.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MemoryDisk } from '../../kernel/testing/memory-disk.ts';
import { TempFleet } from '../../kernel/testing/temp-fleet.ts';
import { Life, Outside } from './bottle.ts';
import { accountOf, converged, keepsItsPromises } from './promises.ts';

let fleet: TempFleet;
beforeAll(async () => {
  fleet = await TempFleet.make({
    'inventory/topology.yaml': 'sites: { home: {} }\nnodes:\n  piha: { site: home, runtime: process }\n',
    'inventory/policy.yaml': 'policies:\n  - { target: "*", change: auto, heal: ask }\n',
    'hosts/piha/services.yaml': 'services:\n  broker: { exposure: local-only }\n',
    'services/bridge/service.yaml': null,
    'services/bridge/docker-compose.yml': null,
    'services/bridge/bridge.mjs': null,
  });
});
afterAll(() => fleet[Symbol.asyncDispose]());

/** The story, as far as this life gets. */
async function story(life: Life): Promise<void> {
  if (!(await heals(life))) return;
  const { outside } = life;
  const broker = outside.machine('piha').services.get('broker');
  if (broker?.instance === 'i1') await dies(life);
  await heals(life);
}

async function dies(life: Life): Promise<void> {
  const provider = life.daemon.edges.get('piha')?.parts.provider;
  const one = life.outside.machine('piha').services.get('broker');
  if (provider === undefined || one === undefined) throw new Error('nothing to kill');
  one.phase = 'exited';
  one.said = true;
  await life.daemon.edges
    .get('piha')
    ?.parts.emit({
      type: 'containers_not_running',
      source: 'process',
      service: 'broker',
      data: { instance: one.instance, exitCode: 1, signal: null },
    })
    .catch(() => {});
}

/** A person approves what is proposed until nothing is. */
async function heals(life: Life): Promise<boolean> {
  return life.passUntil(() => {
    void life.approveAll();
    return converged(life);
  });
}

async function lifeOf(at: number | undefined, when: 'before' | 'after') {
  const outside = new Outside();
  const disk = new MemoryDisk();
  const life = await Life.begin(outside, disk, fleet.dir, at === undefined ? {} : { at, when });
  if (!life.dead) await story(life);
  return { outside, disk, life };
}

/** A next life on what is left, until all is well; then the promises are asked for. */
async function recovers(outside: Outside, disk: MemoryDisk, what: string): Promise<void> {
  const life = await Life.begin(outside, disk, fleet.dir);
  await story(life);
  expect(converged(life), `converges after a crash ${what}\n${accountOf(life)}`).toBe(true);
  await keepsItsPromises(life, disk, outside).catch((cause: unknown) => {
    throw new Error(`${what}: ${String(cause)}\n${accountOf(life)}`);
  });
  await life.end();
}

it('undisturbed, the story ends well', async () => {
  const { outside, disk, life } = await lifeOf(undefined, 'before');
  expect(converged(life)).toBe(true);
  expect(outside.made).toHaveLength(2);
  await keepsItsPromises(life, disk, outside);
  await life.end();
});

it('the power goes before and after each durable act, and after every step of it', { timeout: 600_000 }, async () => {
  const whole = await lifeOf(undefined, 'before');
  const acts = whole.life.disk.acts.length;
  await whole.life.end();
  expect(acts, 'durable acts of the story').toBeGreaterThan(80);
  let cuts = 0;
  let steps = 0;
  for (let at = 1; at <= acts; at++) {
    const before = await lifeOf(at, 'before');
    if (!before.life.dead) break;
    const from = before.disk.ops.length;
    await recovers(
      before.outside.fork(),
      before.disk.crash({ keep: 'synced' }),
      `before act ${at} (${before.life.disk.acts.at(-1)})`,
    );
    const after = await lifeOf(at, 'after');
    const to = after.disk.ops.length;
    const what = `after act ${at} (${after.life.disk.acts.at(-1)})`;
    await recovers(after.outside.fork(), after.disk.crash({ keep: 'all' }), `${what}, everything kept`);
    for (let step = Math.min(from, to - 1) + 1; step <= to; step++) {
      await recovers(
        after.outside.fork(),
        after.disk.at(step, { keep: 'synced' }),
        `${what}, at step ${step} of the disk`,
      );
      steps += 1;
    }
    cuts += 2;
  }
  expect(cuts).toBeGreaterThan(160);
  expect(steps).toBeGreaterThan(cuts);
});
