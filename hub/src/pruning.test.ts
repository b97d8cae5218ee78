import type { Fact } from '@lab/sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { born, fleetOf, HubHouse } from '../testing/hub-house.ts';
import { ghosts } from './pruning.ts';

const ONLY_PIHA = {
  'inventory/topology.yaml': 'nodes: { piha: { runtime: process, roles: [hub, edge] } }\n',
  'hosts/vps/services.yaml': null,
};

describe('what left the inventory', () => {
  let house: HubHouse;

  const observed = (...names: readonly string[]): Fact => ({
    type: 'services_observed',
    source: 'process',
    data: {
      complete: true,
      services: names.map((name) => ({
        name,
        managed: true,
        digest: null,
        instance: 'i1',
        state: 'running',
        ports: {},
        sources: [],
      })),
    },
  });
  const prune = async (): Promise<number> => {
    const facts = ghosts(house.fleet, house.world);
    await house.own(facts);
    return facts.length;
  };
  const rows = (): string[] => [
    ...house.world.rows('control', 'node').keys(),
    ...house.world.rows('health', 'service').keys(),
    ...house.world.rows('control', 'approved').keys(),
    ...house.world.rows('health', 'observation').keys(),
  ];

  beforeEach(async () => {
    house = await HubHouse.open();
    await house.own([
      { type: 'node_joined', data: { node: 'piha' } },
      { type: 'node_joined', data: { node: 'vps' } },
    ]);
  });

  it('is nothing while the inventory has it', async () => {
    await house.says('piha', observed('broker', 'bridge'));
    await house.says('piha', observed('broker'));
    expect(await prune()).toBe(0);
  });

  it('stays while something of it runs, and goes when nothing does, in all classes, said once', async () => {
    await house.says('vps', observed('broker'));
    await house.deployed('vps', 'broker');
    house.fleet = await fleetOf(ONLY_PIHA);
    expect(await prune()).toBe(0);
    await house.says('vps', observed());
    expect(await prune()).toBe(3);
    expect(rows()).toEqual(['piha']);
    expect(await prune()).toBe(0);
  });

  it('of services goes once it was removed, and what is approved of it with it', async () => {
    await house.says('piha', born('old', 'i1'));
    await house.deployed('piha', 'old', 'e'.repeat(64));
    expect(await prune()).toBe(0);
    await house.says('piha', { type: 'service_removed', service: 'old', data: { instance: 'i1' } });
    expect(await prune()).toBe(3);
    expect(rows()).toEqual(['piha', 'vps']);
    expect(await prune()).toBe(0);
  });
});
