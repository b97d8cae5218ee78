/** What becomes of a fault: who heals, and what is said when it heals itself. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kill9, Machine } from './machine.ts';
import { BOLD, serviceYaml, smallFleet } from './small-fleet.ts';
import { until } from './until.ts';

let machine: Machine;

beforeAll(async () => {
  machine = await Machine.make({
    fleet: smallFleet({
      hosts: { barn: 'phoenix: {}, sheep: {}, dog: {}' },
      policies: [BOLD, '{ target: "service:dog", heal: auto }'],
      services: { phoenix: serviceYaml({ restart: 'always' }) },
    }),
  });
  await machine.up();
});
afterAll(() => machine.cleanup());

describe('a fault that is over before anybody said anything', () => {
  it('cancels its proposal with drift_resolved_auto where the restart policy of the service brought it back', async () => {
    const pid = await machine.pid('barn/phoenix');
    kill9(pid);
    const cancelled = await machine.action('container-restart-barn-phoenix', 'cancelled');
    expect(cancelled.outcome?.reason).toBe('drift_resolved_auto');
    await machine.healthy('barn/phoenix', pid);
    const types = machine.journal().filter(({ service }) => service === 'phoenix');
    expect(types.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['containers_not_running', 'action_proposed', 'service_recovered', 'action_cancelled']),
    );
    expect(machine.folder('pending')).toEqual([]);
  });

  it('cancels it also where the healthcheck says well again', async () => {
    const sick = join(machine.root, 'nodes/barn/data/sheep/sick');
    await writeFile(sick, '');
    const proposed = await machine.action('redeploy-barn-sheep', 'pending');
    expect(proposed).toMatchObject({ class: 'heal', why: { rule: 'unhealthy_service', cause: 'healthcheck_failed' } });
    const { stdout } = await machine.lab('status');
    expect(stdout).toMatch(/^1 thing needs you · 2 of 3 services healthy/);
    await rm(sick);
    const cancelled = await machine.action('redeploy-barn-sheep', 'cancelled');
    expect(cancelled).toMatchObject({ ulid: proposed.ulid, outcome: { reason: 'drift_resolved_auto' } });
    // Nothing was done to it.
    expect((await machine.service('barn/sheep')).instances[0]?.instance).toBeDefined();
    expect(machine.folder('completed').filter((name) => name.includes('sheep'))).toHaveLength(1);
  });
});

describe('heal: auto', () => {
  it('brings a killed service back without a person', async () => {
    const pid = await machine.pid('barn/dog');
    kill9(pid);
    await machine.healthy('barn/dog', pid);
    const healed = await machine.action('container-restart-barn-dog', 'completed');
    expect(healed).toMatchObject({ class: 'heal', approval: { by: 'policy', via: 'policy' } });
  });

  it('does so three times in an hour, and then asks, and says so', async () => {
    for (let time = 2; time <= 3; time++) {
      const pid = await machine.pid('barn/dog');
      kill9(pid);
      await machine.healthy('barn/dog', pid);
      await until(
        'it to be completed',
        () => machine.folder('completed').filter((name) => name.includes('restart-barn-dog')).length === time,
      );
    }
    kill9(await machine.pid('barn/dog'));
    const asked = await machine.action('container-restart-barn-dog', 'pending');
    expect(asked.why.text).toMatch(/healed 3 times by itself in an hour, so it asks/);
    expect(asked.risk).toBe('guarded');
    expect(asked.why.text).toMatch(/flapping: 4 proposals in 30 min/);
  });
});
