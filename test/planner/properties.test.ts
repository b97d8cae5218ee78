/** What holds for the planner in any world. */
import { type ActionRow, type HoldRow, instant, type LinkRow, type ObservationRow } from '@lab/sdk';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GATES } from '../../kernel/src/supervisor/gates.ts';
import { isOpen } from '../../kernel/src/supervisor/judge.ts';
import { type Plan, type PlannedChange, plan, planNode } from '../../kernel/src/supervisor/plan.ts';
import { scopeOf } from '../../kernel/src/supervisor/scope.ts';
import { settle } from '../../kernel/src/supervisor/settle.ts';
import { NOW, type Situation, situation } from './arbitraries.ts';
import { fleetOf } from './fleet-builder.ts';
import { apply } from './model.ts';

const RUNS = { numRuns: 600 };
/** Each property must have been about something: how often it was is counted. */
function holds(check: (at: Situation) => number): number {
  let cases = 0;
  fc.assert(
    fc.property(situation, (at) => {
      cases += check(at);
    }),
    RUNS,
  );
  return cases;
}

const openIn = ({ world }: Situation): ActionRow[] =>
  [...world.rows<ActionRow>('control', 'action').values()].filter(isOpen);

describe('plan', () => {
  it('plans nothing more once everything planned was applied, but the change that a heal went before', () => {
    const cases = holds(({ args, world }) => {
      const first = plan(args);
      const after = apply(world, first.changes, NOW);
      const second = plan({ ...args, world: after });
      const healed = new Set(
        first.changes.filter((made) => made.class === 'heal').map((made) => `${made.node}/${made.service}`),
      );
      for (const next of second.changes) {
        expect(next.class).toBe('change');
        expect(healed).toContain(`${next.node}/${next.service}`);
      }
      expect(plan({ ...args, world: apply(after, second.changes, NOW) }).changes).toEqual([]);
      return first.changes.length;
    });
    expect(cases).toBeGreaterThan(RUNS.numRuns / 4);
  });

  it('gives the same answer to the same question, in whatever order things were put into maps', () => {
    holds(({ args, world }) => {
      const answer = plan(args);
      expect(plan(args)).toEqual(answer);
      const { fleet } = args;
      const turned = {
        ...fleet,
        nodes: new Map([...fleet.nodes].reverse()),
        services: new Map([...fleet.services].reverse()),
        servicesOf: new Map([...fleet.servicesOf].reverse()),
      };
      const links = new Map([...args.links].reverse());
      expect(plan({ ...args, fleet: turned, links, world: world.reversed() })).toEqual(answer);
      return 1;
    });
  });

  it('never heals what is not monitored, silent, held, never seen, or not caught up', () => {
    const cases = holds(({ args, world, fleet }) => {
      const { changes } = plan(args);
      for (const { node, service, class: cls, type } of changes) {
        const link = args.links.get(node);
        const seen = world.rows<ObservationRow>('health', 'observation').get(node);
        expect(link?.caughtUp).toBe(true);
        expect(seen?.complete === true && seen.epoch === link?.epoch).toBe(true);
        expect(world.rows<LinkRow>('health', 'link').get(node)?.silent ?? false).toBe(false);
        const desired = service === null ? undefined : fleet.services.get(`${node}/${service}`);
        expect(desired?.observed ?? false).toBe(false);
        if (type !== 'remove' && service !== null) {
          expect(desired).toBeDefined();
          expect(world.rows<HoldRow>('control', 'hold').has(`${node}/${service}`)).toBe(false);
        }
        if (cls === 'heal') expect(desired?.monitor).toBe(true);
      }
      return changes.length;
    });
    expect(cases).toBeGreaterThan(RUNS.numRuns / 4);
  });

  it('has at most one change for a service, ids once, in the order of waves and then of names', () => {
    holds(({ args, fleet }) => {
      const { changes } = plan(args);
      expect(new Set(changes.map(({ id }) => id)).size).toBe(changes.length);
      const services = changes
        .filter(({ service }) => service !== null)
        .map(({ node, service }) => `${node}/${service}`);
      expect(new Set(services).size).toBe(services.length);
      const places = changes.map(({ node, service, id }) => {
        const wave = fleet.services.get(`${node}/${service ?? ''}`)?.wave ?? 99;
        return `${String(wave).padStart(2, '0')} ${node}/${service ?? ''} ${id}`;
      });
      expect(places).toEqual([...places].sort());
      return 1;
    });
  });

  it('says one thing at most for a node behind a gate, and nothing for a node with nothing on it', () => {
    holds(({ args }) => {
      const { changes, waiting } = plan(args);
      const gates = waiting.filter(({ service, why }) => service === null && GATES.has(why.waitsFor ?? ''));
      for (const { node } of gates) {
        expect(waiting.filter((entry) => entry.node === node)).toHaveLength(1);
        expect(changes.filter((change) => change.node === node)).toEqual([]);
      }
      return 1;
    });
    const idle = fleetOf({ nodes: { idle: {} } });
    const args = { fleet: idle, links: new Map(), now: NOW, resources: [] };
    fc.assert(
      fc.property(situation, ({ world }) => {
        expect(
          plan({ ...args, world }).waiting.filter(({ node, why }) => node === 'idle' && why.rule !== 'node_silent'),
        ).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  it('plans one node alone as it plans it among all', () => {
    holds(({ args }) => {
      const whole = plan(args);
      const of = (node: string, from: Plan): Plan => ({
        changes: from.changes.filter((change) => change.node === node),
        waiting: from.waiting.filter((entry) => entry.node === node),
      });
      const scope = scopeOf(args);
      for (const node of [...args.fleet.nodes.keys(), 'gone']) {
        expect(planNode(node, args)).toEqual(of(node, whole));
        expect(planNode(node, args, scope)).toEqual(of(node, whole));
      }
      return 1;
    });
  });

  it('touches nothing that it is given', () => {
    holds(({ args, world }) => {
      const before =
        JSON.stringify([...world.rows('control', 'action')]) + JSON.stringify([...world.rows('health', 'service')]);
      plan(args);
      expect(
        JSON.stringify([...world.rows('control', 'action')]) + JSON.stringify([...world.rows('health', 'service')]),
      ).toBe(before);
      return 1;
    });
  });
});

describe('settle', () => {
  it('cancels pending ones only, never one of a person, never behind a gate', () => {
    const cases = holds((at) => {
      const answer = plan(at.args);
      const open = openIn(at);
      const { cancel } = settle(open, answer, at.args);
      for (const { id, ulid, reason } of cancel) {
        const row = open.find((action) => action.id === id);
        expect(row).toMatchObject({ state: 'pending', ulid });
        expect(row?.change.class).not.toBe('person');
        if (reason === 'service_removed_from_desired_state') continue;
        const node = row?.change.node ?? '';
        expect(answer.waiting.some((entry) => entry.node === node && entry.service === null && entry.id === null)).toBe(
          false,
        );
      }
      return cancel.length;
    });
    expect(cases).toBeGreaterThan(20);
  });

  it('leaves at most one open action for a service, and then has nothing more to say', () => {
    const cases = holds((at) => {
      const single = onePerService(at);
      const answer = plan(single.args);
      const said = settle(openIn(single), answer, single.args);
      const after = single.world.copy();
      for (const { id } of said.cancel) after.rows('control', 'action').delete(id);
      for (const made of [...said.create, ...said.cancel.flatMap(({ recreate }) => recreate ?? [])]) {
        expect(isOpen(after.rows<ActionRow>('control', 'action').get(made.id) ?? { state: 'failed' })).toBe(false);
        const row = proposed(made, single.world.rows<ActionRow>('control', 'action').get(made.id));
        after.set<ActionRow>('control', 'action', made.id, row);
      }
      for (const id of said.resolved) {
        const row = after.rows<ActionRow>('control', 'action').get(id);
        if (row === undefined) continue;
        const { rejectedUntil: _until, failedAt: _at, ...rest } = row;
        after.set<ActionRow>('control', 'action', id, { ...rest, failures: 0 });
      }
      const open = [...after.rows<ActionRow>('control', 'action').values()].filter(isOpen);
      const services = open
        .filter(({ change }) => change.service !== null)
        .map(({ change }) => `${change.node}/${change.service}`);
      expect(new Set(services).size).toBe(services.length);
      const again = settle(open, plan({ ...single.args, world: after }), { ...single.args, world: after });
      expect(again).toEqual({ create: [], cancel: [], resolved: [] });
      return said.create.length;
    });
    expect(cases).toBeGreaterThan(RUNS.numRuns / 8);
  });
});

/** The row of a new proposal: what is remembered of earlier ones of its id stays, as in the fold. */
function proposed(made: PlannedChange, before: ActionRow | undefined): ActionRow {
  const { mode: _mode, planHash, notBefore: _notBefore, ...change } = made;
  const { failures = 0, failedAt, rejectedUntil, proposedAt = [], autoAt = [] } = before ?? {};
  const at = instant(NOW);
  return {
    id: made.id,
    ulid: 'new',
    change,
    planHash,
    state: 'pending',
    createdAt: at,
    failures,
    ...(failedAt === undefined ? {} : { failedAt, failedHash: before?.failedHash ?? before?.planHash ?? planHash }),
    ...(rejectedUntil === undefined
      ? {}
      : { rejectedUntil, rejectedHash: before?.rejectedHash ?? before?.planHash ?? planHash }),
    proposedAt: [...proposedAt, at],
    autoAt,
    event: 'e',
  };
}

/** The same situation, but with one open action for each service at most, as the queue has it. */
function onePerService(at: Situation): Situation {
  const world = at.world.copy();
  const actions = world.rows<ActionRow>('control', 'action');
  const seen = new Set<string>();
  for (const [id, row] of [...actions]) {
    const subject = row.change.service === null ? id : `${row.change.node}/${row.change.service}`;
    if (!isOpen(row)) continue;
    if (seen.has(subject)) actions.delete(id);
    seen.add(subject);
  }
  return { ...at, world, args: { ...at.args, world } };
}
