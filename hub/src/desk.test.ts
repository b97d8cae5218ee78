import { Generations } from '@lab/kernel/inventory/generations';
import type { Work } from '@lab/kernel/link/link';
import type { MemoryDisk } from '@lab/kernel/testing/memory-disk';
import { type Fleet, planHash } from '@lab/sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { ANNA, fleetOf, HubHouse, redeploy } from '../testing/hub-house.ts';
import { Desk } from './desk.ts';

const GENERATIONS = '/hub/state/generations.json';

describe('the desk', () => {
  let house: HubHouse;
  let desk: Desk;
  let hints: string[];
  let onHint: (node: string) => void;

  const sender = { raw: 'piha', log: 'somelog' };
  const open = async (disk: MemoryDisk): Promise<Desk> =>
    new Desk({
      fleet: () => house.fleet,
      world: () => house.world,
      generations: await Generations.load(disk, GENERATIONS),
      controlSeq: (raw, log) => house.journal.position(raw, log, 'control')?.seq ?? 0,
      hint: (node) => {
        hints.push(node);
        onHint(node);
      },
      bundle: () => undefined,
      onHello: async () => {},
    });

  beforeEach(async () => {
    house = await HubHouse.open();
    hints = [];
    onHint = () => {};
    desk = await open(house.disk);
    await desk.refresh();
    hints = [];
  });

  it('counts a generation up when, and only when, what the node is told changes', async () => {
    const before = desk.generation('piha');
    await desk.refresh();
    expect(desk.generation('piha')).toBe(before);
    await house.own([{ type: 'service_held', service: 'broker', data: { node: 'piha', by: 'anna', why: 'test' } }]);
    await desk.refresh();
    expect(desk.told('piha', sender).desired.services.find(({ service }) => service === 'broker')?.held).toBe(true);
    expect(desk.generation('piha')).toBe(before + 1);
    await house.own([{ type: 'service_released', service: 'broker', data: { node: 'piha', by: 'anna' } }]);
    await desk.refresh();
    expect(desk.generation('piha')).toBe(before + 2);
    expect(hints).toEqual(['piha', 'piha']);
    expect(desk.generation('vps')).toBe(1);
  });

  it('has a generation on disk before a node hears of it', async () => {
    let found: Promise<Generations> | undefined;
    onHint = () => {
      found = Generations.load(house.disk.crash(), GENERATIONS);
    };
    await house.own([{ type: 'service_held', service: 'broker', data: { node: 'piha', by: 'anna', why: 'test' } }]);
    await desk.refresh();
    expect((await found)?.get('piha')).toBe(desk.generation('piha'));
  });

  it('gives the same number for the same content in its next life', async () => {
    const { generation } = desk.told('piha', sender).desired;
    const next = await open(house.disk.crash());
    await next.refresh();
    expect(next.generation('piha')).toBe(generation);
  });

  it('raises a generation above what a node has accepted, with the same content', async () => {
    const { services } = desk.told('piha', sender).desired;
    await desk.raiseGeneration('piha', 41);
    expect(desk.told('piha', sender).desired).toMatchObject({ generation: 42, services });
  });

  it('knows nodes by their older names, and gives no others a desk', () => {
    expect(desk.nameOf('node-1')).toBe('piha');
    expect(desk.nameOf('vps')).toBe('vps');
    expect(desk.nameOf('saturn')).toBeUndefined();
    expect(desk.nameOf('stranger')).toBeUndefined();
  });

  it('forgets nodes that left the fleet', async () => {
    house.fleet = await withoutVps();
    await desk.refresh();
    expect(desk.generation('vps')).toBe(0);
    expect(desk.nameOf('vps')).toBeUndefined();
  });

  describe('approved digests', () => {
    it('are those of completed changes, of this node alone', async () => {
      await house.deployed('piha', 'broker');
      await house.deployed('vps', 'broker', 'f'.repeat(64));
      expect(desk.told('piha', sender).approved.approved).toEqual({ broker: house.digest('piha', 'broker') });
    });

    it('count what the node has verified as soon as the hub has read it, and say how far it read', async () => {
      const to = house.digest('piha', 'broker');
      const { id, ulid } = await house.approve(await house.store.propose(redeploy('piha', 'broker', to), ANNA));
      const verified = {
        type: 'action_run_verified',
        service: 'broker',
        data: { id, ulid, run: 'run1', instance: 'i1', healthSeq: 1, class: 'change', service: 'broker', to },
      };
      expect(desk.told('piha', sender).approved).toMatchObject({ seq: 0, approved: {} });
      await house.says('piha', verified);
      const { log } = await house.node('piha');
      expect(desk.told('piha', { raw: 'piha', log }).approved).toEqual({
        node: 'piha',
        log,
        seq: 1,
        approved: { broker: to },
      });
    });

    it('do not count what a node says of a proposal that is over', async () => {
      const to = house.digest('piha', 'broker');
      const action = await house.store.propose(redeploy('piha', 'broker', to), ANNA);
      await house.store.move(action.id, action.ulid, 'cancel', { outcome: { at: '', reason: 'superseded' } }, ANNA);
      await house.says('piha', {
        type: 'action_run_verified',
        service: 'broker',
        data: {
          id: action.id,
          ulid: action.ulid,
          run: 'run1',
          instance: 'i1',
          healthSeq: 1,
          class: 'change',
          service: 'broker',
          to,
        },
      });
      expect(desk.told('piha', sender).approved.approved).toEqual({});
    });

    it('are told of what left Git too, while it is still there', async () => {
      await house.says('piha', {
        type: 'services_observed',
        source: 'process',
        data: {
          complete: true,
          services: [
            {
              name: 'old',
              managed: true,
              digest: 'e'.repeat(64),
              instance: 'i1',
              state: 'running',
              ports: {},
              sources: [],
            },
          ],
        },
      });
      await house.deployed('piha', 'old', 'e'.repeat(64));
      expect(desk.told('piha', sender).approved.approved).toEqual({ old: 'e'.repeat(64) });
    });
  });

  describe('work', () => {
    const work = (ulid: string): Work => {
      const change = redeploy('piha', 'broker', 'a'.repeat(64));
      const grant = {
        ulid,
        node: 'piha',
        planHash: planHash(change),
        generation: 1,
        expiresAt: '',
        change,
        timeoutMs: 1,
        verifyMs: 1,
        by: 'anna',
      };
      return { grants: [grant], cancelled: [] };
    };

    it('has a new version, and a hint, when it is other work', () => {
      desk.setWork(new Map([['piha', work('u1')]]));
      desk.setWork(new Map([['piha', work('u1')]]));
      expect(desk.workVersion('piha')).toBe(1);
      desk.setWork(new Map([['piha', work('u2')]]));
      desk.setWork(new Map());
      desk.setWork(new Map());
      expect(desk.workVersion('piha')).toBe(3);
      expect(desk.work('piha')).toEqual({ grants: [], cancelled: [] });
      expect(hints).toEqual(['piha', 'piha', 'piha']);
    });

    it('of one node is nothing to another', () => {
      desk.setWork(new Map([['piha', work('u1')]]));
      expect(desk.work('vps').grants).toEqual([]);
      expect(desk.workVersion('vps')).toBe(0);
    });
  });
});

function withoutVps(): Promise<Fleet> {
  return fleetOf({
    'inventory/topology.yaml': 'nodes: { piha: { runtime: process, roles: [hub, edge] } }\n',
    'hosts/vps/services.yaml': null,
  });
}
