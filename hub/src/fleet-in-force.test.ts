import { FleetSource } from '@lab/kernel/inventory/watch';
import { TempFleet } from '@lab/kernel/testing/temp-fleet';
import type { Fleet } from '@lab/sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { born, FILES, HubHouse } from '../testing/hub-house.ts';
import { BundleArchive } from './bundle-archive.ts';
import { brokenAtStart, FleetInForce } from './fleet-in-force.ts';

const POLICY = 'inventory/policy.yaml';

describe('the fleet in force', () => {
  let dir: TempFleet;
  let house: HubHouse;
  let inForce: FleetInForce;
  let heard: Fleet[];
  let refreshed: number;

  const begin = async (): Promise<FleetInForce> => {
    const source = new FleetSource({ dir: dir.dir, clock: house.clock });
    const { fleet } = await source.reload();
    if (fleet === undefined) throw new Error('the fleet of the test is broken');
    const begun = new FleetInForce(
      {
        source,
        world: () => house.world,
        clock: house.clock,
        log: house.log,
        archive: new BundleArchive(house.disk, '/hub/state/bundles', async () => {}),
        own: house.own,
        refresh: async () => void refreshed++,
        nudge: () => {},
      },
      fleet,
    );
    begun.onChange((next) => void heard.push(next));
    return begun;
  };
  const counts = async (): Promise<Record<string, number>> => {
    const said = await house.said('fleet_changed', 'aliases_changed', 'inventory_broken');
    return Object.fromEntries([...Map.groupBy(said, ({ type }) => type)].map(([type, all]) => [type, all.length]));
  };

  beforeEach(async () => {
    dir = await TempFleet.make(FILES);
    house = await HubHouse.open();
    heard = [];
    refreshed = 0;
    inForce = await begin();
    await inForce.establish();
  });
  afterEach(() => dir[Symbol.asyncDispose]());

  it('says its revision and its aliases once, also over starts', async () => {
    expect(await counts()).toEqual({ fleet_changed: 1, aliases_changed: 1 });
    expect(house.observer.nameOf('node-1')).toBe('piha');
    await (await begin()).establish();
    expect(await counts()).toEqual({ fleet_changed: 1, aliases_changed: 1 });
    expect(refreshed).toBe(2);
  });

  it('is the next one once that is read, said, kept and told', async () => {
    const before = inForce.fleet;
    await house.clock.advance(60_000);
    await dir.write({ 'services/broker/broker.mjs': 'another();\n' });
    await inForce.reload();
    expect(inForce.fleet).not.toBe(before);
    expect(inForce.at).toBe(house.clock.now());
    expect(heard.at(-1)).toBe(inForce.fleet);
    expect(await counts()).toMatchObject({ fleet_changed: 2 });
    const digest = inForce.fleet.services.get('piha/broker')?.digest ?? '';
    expect(await house.disk.list('/hub/state/bundles')).toContain(`${digest}.json`);
  });

  it('stays the last good one while an edit is broken, which is said once and shown until it is mended', async () => {
    const good = inForce.fleet;
    await dir.write({ [POLICY]: 'policies:\n  - { target: "*", change: sometimes }\n' });
    await inForce.reload();
    await inForce.reload();
    expect(inForce.fleet).toBe(good);
    expect(inForce.problems[0]).toMatchObject({ severity: 'error', at: expect.stringContaining(POLICY) });
    expect(await counts()).toMatchObject({ inventory_broken: 1, fleet_changed: 1 });
    await dir.write({ [POLICY]: 'policies:\n  - { target: "*", change: never }\n' });
    await inForce.reload();
    expect(inForce.problems).toEqual([]);
    expect(inForce.fleet.nodes.get('piha')?.policy.change).toBe('never');
    await dir.write({ [POLICY]: 'policies:\n  - { target: "*", change: sometimes }\n' });
    await inForce.reload();
    expect(await counts()).toMatchObject({ inventory_broken: 2 });
  });

  it('takes an alias back that it no longer has', async () => {
    await dir.write({
      'inventory/topology.yaml':
        'nodes: { piha: { runtime: process, roles: [hub, edge] }, vps: {}, saturn: { provider: ssh } }\n',
    });
    await inForce.reload();
    expect(house.observer.nameOf('node-1')).toBe('node-1');
  });

  it('forgets what left and is gone, once', async () => {
    await house.says('piha', born('old', 'i1'), { type: 'service_removed', service: 'old', data: { instance: 'i1' } });
    await inForce.prune();
    await inForce.prune();
    expect(house.world.rows('health', 'service').has('piha/old')).toBe(false);
    expect(await house.said('rows_pruned')).toHaveLength(3);
  });

  it('that cannot be read at the first start ends it with every problem', () => {
    const problem = { severity: 'error' as const, at: 'lab.yaml:1:1', message: 'no' };
    expect(brokenAtStart([problem, problem], '/fleet')).toMatchObject({
      code: 'inventory_invalid',
      message: 'the fleet in /fleet has 2 problems',
      data: { problems: [problem, problem] },
    });
  });
});
