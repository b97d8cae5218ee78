/** What becomes of an edit: previewed, asked for, deployed, failed, broken, undone, removed. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PlanView, ServiceView } from '@lab/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Launched } from './launched.ts';
import { alive, kill9, Machine } from './machine.ts';
import { ASK, hostYaml, serviceYaml, smallFleet } from './small-fleet.ts';
import { until } from './until.ts';

let machine: Machine;
let up: Launched;

beforeAll(async () => {
  machine = await Machine.make({
    fleet: smallFleet({
      hosts: { hut: 'front: {}, back: {}', barn: 'well: {}, door: {}' },
      policies: [ASK],
      thresholds: 'verify: 4s, backoff: { first: 2s, max: 10s }',
    }),
  });
  up = await machine.up();
});
afterAll(() => machine.cleanup());

describe('a policy that asks for everything', () => {
  it('is ready with nothing done, and says what waits and how to approve it', async () => {
    expect(machine.living().size).toBe(0);
    await up.said('▲ redeploy-hut-front: ');
    await up.said('  all of them: lab plan, then lab apply');
    expect(machine.folder('pending')).toHaveLength(4);
  });

  it('does not approve what was not shown', async () => {
    // What lab up has said counts as shown to its user.
    await rm(join(machine.root, `state/seen-${process.getuid?.() ?? 0}.json`));
    const { code, stderr } = await machine.lab('apply');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: nothing of this was shown to you yet\n {2}see it first: lab plan/);
  });

  it('lab plan, then lab apply: all of it runs', async () => {
    const plan = await machine.lab('plan');
    expect(plan.stdout).toMatch(/^0 to change, 4 to add, 0 to remove/m);
    const { code, stdout } = await machine.lab('apply');
    expect(stdout).toBe('4 completed\n');
    expect(code).toBe(0);
    for (const name of ['hut/front', 'hut/back', 'barn/well', 'barn/door']) await machine.healthy(name);
    expect((await machine.lab('status')).stdout).toMatch(/^all is well · 4 of 4 services healthy/);
  });
});

describe('a change', () => {
  it('is pending with its exact diff in lab plan, and moves the approved digest only when it is done', async () => {
    const before = await machine.service('hut/front');
    await machine.write('services/front/service.yaml', serviceYaml({ env: ' GREETING: hi ' }));
    const { stdout } = await machine.lab('plan');
    expect(stdout).toMatch(/~ redeploy front +[0-9a-f]{7} → [0-9a-f]{7}/);
    expect(stdout).toMatch(/^ {6}\+env\.GREETING: hi$/m);
    expect(stdout).toMatch(/1 to change, 0 to add, 0 to remove/);
    const asked = await machine.service('hut/front');
    expect(asked.digest.approved).toBe(before.digest.approved);
    expect(asked.digest.desired).not.toBe(before.digest.desired);
    expect(asked.instances).toEqual(before.instances);
    expect((await machine.lab('approve redeploy-hut-front --wait')).code).toBe(0);
    const after = await machine.healthy('hut/front', before.instances[0]?.pid);
    expect(after.digest).toEqual({
      desired: asked.digest.desired,
      approved: asked.digest.desired,
      running: asked.digest.desired,
    });
    expect(await (await fetch(`http://127.0.0.1:${after.ports.http}/`)).text()).toBe('hi');
  });

  it('that moved on since it was seen is refused as stale', async () => {
    await machine.write('services/front/service.yaml', serviceYaml({ env: ' GREETING: one ' }));
    const seen = (await machine.json<PlanView>('plan')).items[0]?.action;
    await machine.write('services/front/service.yaml', serviceYaml({ env: ' GREETING: two ' }));
    await until('the change to be another', async () => {
      const [now] = (await machine.status()).pending;
      return now !== undefined && now.planHash !== seen?.planHash;
    });
    const { code, stderr } = await machine.lab(`approve redeploy-hut-front --hash ${seen?.planHash.slice(0, 7)}`);
    expect(code).toBe(5);
    expect(stderr).toMatch(/^error: this approval is stale\n {2}you saw .*; since \d+ s ago the change is /);
    const superseded = await machine.action('redeploy-hut-front', 'cancelled');
    expect(superseded.outcome?.reason).toBe('superseded');
  });

  it('that Git takes back is cancelled by itself', async () => {
    await machine.write('services/front/service.yaml', serviceYaml({ env: ' GREETING: hi ' }));
    await until('nothing to be pending', () => machine.folder('pending').length === 0);
  });
});

describe('a rejected action', () => {
  it('is silent until --for has passed, and says so', async () => {
    await machine.write('services/back/service.yaml', serviceYaml({ env: ' GREETING: late ' }));
    await machine.action('redeploy-hut-back', 'pending');
    const { code, stdout } = await machine.lab([
      ...'reject redeploy-hut-back --for 3s --reason'.split(' '),
      'after the holidays',
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/rejected/);
    await machine.lab('plan');
    const { waiting } = await machine.status();
    expect(waiting.map(({ why }) => why)).toMatchObject([{ waitsFor: 'rejection' }]);
    expect(waiting[0]?.why.text).toMatch(/rejected \(after the holidays\), silent until /);
    expect(machine.folder('pending')).toEqual([]);
    await machine.action('redeploy-hut-back', 'pending');
    await machine.write('services/back/service.yaml', serviceYaml());
    await until('it to be taken back', () => machine.folder('pending').length === 0);
  });
});

describe('a revision that cannot run', () => {
  let digest: ServiceView['digest'];

  it('fails with what its log said, and leaves the approved digest where it was', async () => {
    ({ digest } = await machine.service('barn/well'));
    await machine.write('services/well/service.yaml', serviceYaml({ env: ' CRASH: "1" ' }));
    await machine.lab('plan');
    const { code, stderr } = await machine.lab('approve redeploy-barn-well --wait');
    expect(code).toBe(1);
    expect(stderr).toMatch(/■ redeploy-barn-well failed: /);
    expect(stderr).toMatch(/cannot read the configuration/);
    const failed = await machine.action('redeploy-barn-well', 'failed');
    expect(failed.outcome?.diagnosis).toMatch(/exited with status 1/);
    expect((await machine.service('barn/well')).digest.approved).toBe(digest.approved);
  });

  it('is not tried again before its backoff is over; until then the approved one is offered', async () => {
    const heal = await machine.action('redeploy-barn-well', 'pending');
    expect(heal).toMatchObject({ class: 'heal', to: digest.approved });
    const { waiting } = await machine.status();
    const [change] = waiting.filter(({ why }) => why.rule === 'outdated_service');
    expect(change?.why).toMatchObject({
      waitsFor: 'backoff',
      text: expect.stringMatching(/failed once.*, tried again /),
    });
  });

  it('is proposed again then, with the count of failures', async () => {
    const again = await until('the change', async () =>
      (await machine.status()).pending.find(({ service, class: cls }) => service === 'well' && cls === 'change'),
    );
    expect(again.why.text).toMatch(/failed once before/);
  });

  it('is healed back to the approved digest once Git is', async () => {
    await machine.write('services/well/service.yaml', serviceYaml());
    const heal = await until('the heal', async () =>
      (await machine.status()).pending.find((action) => action.service === 'well' && action.class === 'heal'),
    );
    expect((await machine.lab(`approve ${heal.id} --yes --wait`)).code).toBe(0);
    await machine.healthy('barn/well');
  });
});

describe('a broken edit', () => {
  const PLACE = 'hosts/barn/services.yaml:1:21';

  it('leaves the last good fleet in force, is shown everywhere, and ends nothing', async () => {
    const pid = machine.daemonPid();
    const { revision } = await machine.status();
    await machine.write('hosts/barn/services.yaml', hostYaml('well: { exposure: lan }, door: {}'));
    await up.said(`${PLACE}  unknown exposure "lan"`);
    await up.said(/1 problem in the last edit; revision \S+ stays in force/);
    const status = await machine.lab('status');
    expect(status.code).toBe(0);
    expect(status.stdout).toMatch(/hosts\/barn\/services\.yaml:1:\d+ {2}unknown exposure "lan"/);
    const plan = await machine.lab('plan');
    expect(plan.stdout).toMatch(/unknown exposure "lan"/);
    expect((await machine.status()).revision).toBe(revision);
    expect(machine.daemonPid()).toBe(pid);
    expect(machine.journal().filter(({ type }) => type === 'inventory_broken')).toHaveLength(1);
  });

  it('does not keep a fault from being seen and healed', async () => {
    const pid = await machine.pid('barn/door');
    kill9(pid);
    await machine.action('container-restart-barn-door', 'pending');
    expect((await machine.lab('approve container-restart-barn-door --yes --wait')).code).toBe(0);
    await machine.healthy('barn/door', pid);
  });

  it('is over when it is fixed', async () => {
    await machine.write('hosts/barn/services.yaml', hostYaml('well: {}, door: {}'));
    await until('no problems', async () => (await machine.status()).problems.length === 0);
    expect((await machine.lab('status')).stdout).toMatch(/^all is well/);
  });
});

describe('a service that left Git', () => {
  it('is to be removed, and asks; once approved it is stopped and no ghost of it is left', async () => {
    const pid = await machine.pid('barn/door');
    await machine.write('hosts/barn/services.yaml', hostYaml('well: {}'));
    const proposed = await machine.action('remove-barn-door', 'pending');
    expect(proposed).toMatchObject({ class: 'remove', to: null, why: { rule: 'orphaned_service' } });
    expect(alive(pid)).toBe(true);
    expect((await machine.lab('plan')).stdout).toMatch(/- remove door/);
    expect((await machine.lab('apply')).code).toBe(0);
    expect(alive(pid)).toBe(false);
    await until('its row to go', async () => (await machine.status()).services.every(({ name }) => name !== 'door'));
    expect((await machine.lab('show barn/door')).code).toBe(3);
    expect((await machine.lab('status')).stdout).toMatch(/^all is well · 3 of 3 services healthy/);
  });

  it('asks also under remove: auto where everything leaves the node', async () => {
    const pid = await machine.pid('barn/well');
    await machine.write('inventory/policy.yaml', 'policies: [{ target: "*", change: ask, heal: ask, remove: auto }]\n');
    await rm(join(machine.repo, 'hosts/barn/services.yaml'));
    const proposed = await machine.action('remove-barn-well', 'pending');
    expect(proposed.why.text).toMatch(/this takes everything from barn, so it asks/);
    expect(alive(pid)).toBe(true);
  });

  it('whose node left Git with it is still shown, and can be removed', async () => {
    const topology = await machine.read('inventory/topology.yaml');
    await machine.write('inventory/topology.yaml', topology.replace(/^ {2}barn:.*\n/m, ''));
    const { stdout } = await machine.lab('status');
    expect(stdout).toMatch(/barn/);
    const pid = machine.living().get('barn/well') ?? 0;
    expect((await machine.lab('approve remove-barn-well --yes --wait')).code).toBe(0);
    expect(alive(pid)).toBe(false);
  });
});
