/**
 * A new kind of drift needs no change of the kernel: a plugin brings an event type, a resource type and an applier, and its drift goes
 * round the same loop as a service's: observed, proposed with its why, approved, granted, applied on the node, confirmed, resolved.
 */
import {
  CLOCK,
  definePlugin,
  EMIT,
  type EventType,
  type Plugin,
  type ResourceApplier,
  type ResourceType,
} from '@lab/sdk';
import { FakeHealthSource } from '@lab/sdk/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { MemoryDisk } from '../kernel/testing/memory-disk.ts';
import { TempFleet } from '../kernel/testing/temp-fleet.ts';
import { Life, Outside } from './faults/bottle.ts';

const DESIRED = 'blue';

const seen: EventType = {
  type: 'lamp_seen',
  class: 'health',
  origin: 'node',
  severity: 'info',
  data: z.strictObject({ colour: z.string() }),
  fold: (rows, event, node) =>
    rows
      .of<{ colour: string; event: string }>('lamp')
      .set(node, { colour: String(event.data.colour), event: event.id }),
};

const lamp: ResourceType = {
  id: 'lamp',
  verbs: { paint: { timeoutMs: 60_000, id: (node) => `paint-${node}` } },
  *drifts(node, { world }) {
    const row = world.rows<{ colour: string; event: string }>('health', 'lamp').get(node);
    if (row === undefined || row.colour === DESIRED) return;
    yield {
      rule: 'lamp_colour',
      text: `the lamp is ${row.colour}`,
      evidence: [row.event],
      node,
      service: null,
      verb: 'paint',
      class: 'heal',
      from: row.colour,
      to: DESIRED,
      parameters: {},
      risk: 'low',
    };
  },
};

/** The lamp itself, and how often it was painted. */
class Lamp {
  colour = 'red';
  painted = 0;
}

function lampPlugin(thing: Lamp): Plugin {
  return definePlugin({
    id: 'health.lamp',
    kind: 'health',
    sdk: 1,
    roles: ['hub', 'edge'],
    config: z.strictObject({}),
    needs: { clock: CLOCK, emit: EMIT },
    capabilities: ['lamp'],
    events: [seen],
    setup: ({ services }) => {
      const applier: ResourceApplier = {
        id: 'lamp',
        preimage: async () => thing.colour,
        apply: async (change) => {
          thing.colour = String(change.to);
          thing.painted += 1;
          await services.emit({ type: 'lamp_seen', data: { colour: thing.colour } });
          return { instance: null, verify: 'none' };
        },
        trace: async () => ({ state: 'none' }),
        diagnose: async () => '',
      };
      return Object.assign(new FakeHealthSource(services.emit, 'lamp'), { resources: [lamp], appliers: [applier] });
    },
  });
}

let fleet: TempFleet;
beforeAll(async () => {
  fleet = await TempFleet.make({
    'inventory/policy.yaml': 'policies:\n  - { target: "*", change: auto, heal: ask }\n',
  });
});
afterAll(() => fleet[Symbol.asyncDispose]());

it('goes round the loop of the kernel', async () => {
  const thing = new Lamp();
  const life = await Life.begin(new Outside(), new MemoryDisk(), fleet.dir, {}, [lampPlugin(thing)]);
  const { plane } = life.daemon.hub;
  const actions = () => life.daemon.hub.parts.observer.world.rows<{ state: string }>('control', 'action');
  await life.daemon.edges.get('piha')?.parts.emit({ type: 'lamp_seen', data: { colour: 'red' } });
  expect(await life.passUntil(() => actions().get('paint-piha')?.state === 'pending')).toBe(true);
  const [proposed] = (await plane.actions(['pending'])).filter(({ id }) => id === 'paint-piha');
  expect(proposed?.why).toMatchObject({ rule: 'lamp_colour', text: 'the lamp is red', waitsFor: 'approval' });
  await life.approveAll();
  expect(await life.passUntil(() => actions().get('paint-piha')?.state === 'completed')).toBe(true);
  expect([thing.colour, thing.painted]).toEqual(['blue', 1]);
  await life.passUntil(() => false, 30_000);
  expect(thing.painted, 'painted once').toBe(1);
  expect((await plane.plugins()).filter(({ id }) => id === 'health.lamp').map(({ state }) => state)).toEqual([
    'running',
    'running',
    'running',
  ]);
  await life.end();
});
