/**
 * Two stories with a crash at every durable act. The thin slice: a service is deployed by policy, dies, is proposed, approved by a person,
 * restarted and confirmed. The wider one: two services in order, a new revision that a person approves, a service that a person
 * stops and starts.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HoldRow } from '@lab/sdk';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TempFleet } from '../../kernel/testing/temp-fleet.ts';
import type { Life } from './bottle.ts';
import { crashEverywhere, type Story } from './enumerate.ts';
import { converged } from './promises.ts';

const ONE_NODE = 'sites: { home: {} }\nnodes:\n  piha: { site: home, runtime: process }\n';
const BRIDGE = 'services/bridge/service.yaml';
const bridgeOf = (revision: number): string =>
  `process: { command: [node, bridge.mjs], env: { REVISION: "${revision}" } }\n`;

let one: TempFleet;
let two: TempFleet;
beforeAll(async () => {
  one = await TempFleet.make({
    'inventory/topology.yaml': ONE_NODE,
    'inventory/policy.yaml': 'policies:\n  - { target: "*", change: auto, heal: ask }\n',
    'hosts/piha/services.yaml': 'services:\n  broker: { exposure: local-only }\n',
    [BRIDGE]: null,
    'services/bridge/docker-compose.yml': null,
    'services/bridge/bridge.mjs': null,
  });
  two = await TempFleet.make({
    'inventory/topology.yaml': ONE_NODE,
    'inventory/policy.yaml': 'policies: []\n',
    [BRIDGE]: bridgeOf(1),
  });
});
afterAll(async () => {
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
});

/** A person approves what is proposed until nothing is, and all is well or somebody holds it. */
function heals(life: Life): Promise<boolean> {
  return life.passUntil(() => {
    void life.approveAll();
    return converged(life) || held(life);
  });
}

function held(life: Life): boolean {
  return life.daemon.hub.parts.observer.world.rows<HoldRow>('control', 'hold').has('piha/broker');
}

/** Its first instance ends by itself, unseen by whoever reports: the next word of it is this event, or the next observation. */
async function dies(life: Life, service: string): Promise<void> {
  const instance = life.outside.machine('piha').services.get(service);
  if (instance === undefined) throw new Error(`${service} is not there to die`);
  instance.phase = 'exited';
  instance.said = true;
  const data = { instance: instance.instance, exitCode: 1, signal: null };
  await life.daemon.edges
    .get('piha')
    ?.parts.emit({ type: 'containers_not_running', source: 'process', service, data })
    .catch(() => {});
}

const thin: Story = {
  dir: () => one.dir,
  goOn: async (life) => {
    if (!(await heals(life))) return;
    if (life.outside.machine('piha').services.get('broker')?.instance === 'i1') await dies(life, 'broker');
    await heals(life);
  },
  ended: converged,
};

const wide: Story = {
  dir: () => two.dir,
  prepare: (outside) => writeFile(join(two.dir, BRIDGE), bridgeOf(outside.done.has('revised') ? 2 : 1)),
  goOn: async (life) => {
    const { outside } = life;
    if (!(await heals(life))) return;
    if (!outside.done.has('revised')) {
      outside.done.add('revised');
      await writeFile(join(two.dir, BRIDGE), bridgeOf(2));
      await life.ask((plane) => plane.plan());
    }
    if (!(await heals(life))) return;
    if (!outside.done.has('stopped')) {
      outside.done.add('stopped');
      await life.ask((plane) => plane.person('stop', 'piha', 'broker', 'a look inside', { who: 'tester', via: 'api' }));
    }
    if (
      !(await life.passUntil(
        () => life.idle() && (!held(life) || life.outside.machine('piha').services.get('broker')?.phase !== 'running'),
        600_000,
      ))
    )
      return;
    if (held(life))
      await life.ask((plane) => plane.person('start', 'piha', 'broker', 'seen', { who: 'tester', via: 'api' }));
    await heals(life);
  },
  ended: (life) =>
    converged(life) && life.outside.machine('piha').services.get('bridge')?.spec.definition.env.REVISION === '2',
};

it('the thin slice: a crash at every act and every step of the disk', { timeout: 600_000 }, async () => {
  const { acts, recoveries } = await crashEverywhere(thin);
  expect(acts, 'durable acts of the story').toBeGreaterThan(80);
  expect(recoveries).toBeGreaterThan(3 * acts);
});

it('the wider story: a crash at every fourth act and every step of it', { timeout: 600_000 }, async () => {
  const { acts, recoveries } = await crashEverywhere(wide, Number(process.env.LAB_CRASH_STRIDE ?? 4));
  expect(acts, 'durable acts of the story').toBeGreaterThan(200);
  expect(recoveries).toBeGreaterThan(acts / 2);
});
