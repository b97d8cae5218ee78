/** Any fleet, and any world that could stand beside it, also such as no journal would lead to. */
import {
  type ActionRow,
  type Fleet,
  type Health,
  instant,
  type LinkRow,
  type LinkView,
  type ObservationRow,
  type PressureRow,
  planHash,
  type ServiceRow,
  type SourceState,
  serviceKey,
} from '@lab/sdk';
import fc from 'fast-check';
import { actionId } from '../../kernel/src/supervisor/action-id.ts';
import { nodeResource } from '../../kernel/src/supervisor/node-resource.ts';
import type { PlanArgs } from '../../kernel/src/supervisor/plan.ts';
import { serviceResource } from '../../kernel/src/supervisor/service-resource.ts';
import { digest, type FleetSpec, fleetOf, SETTINGS, StatedWorld } from './fleet-builder.ts';

export const NOW = Date.parse('2026-07-01T12:00:00.000Z');
export const RESOURCES = [serviceResource(SETTINGS.timeoutMs), nodeResource(SETTINGS.timeoutMs)];

const NODES = ['alpha', 'beta', 'gamma'];
const SERVICES = ['broker', 'app', 'web'];
const STRAYS = ['old', 'foreign'];
const DIGESTS = ['v1', 'v2', 'v3'].map(digest);

const mode = fc.constantFrom('auto' as const, 'ask' as const, 'never' as const);
const windows = fc.constantFrom(
  [],
  [],
  [{ cron: '0 11 * * *', for: '2h', zone: 'UTC' }],
  [{ cron: '0 22 * * *', for: '2h', zone: 'UTC' }],
  [{ cron: 'never', for: 'x', zone: '?' }],
);
const policy = fc.record({ heal: mode, change: mode, remove: mode, cleanup: mode, windows });
const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined, freq: 3 });
/** Near now on both sides, long ago, or no time at all. */
const time = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -90, max: 20 }).map((minutes) => instant(NOW + minutes * 60_000)) },
  { weight: 1, arbitrary: fc.constantFrom('1970-01-01T00:00:00.000Z', '2099-01-01T00:00:00.000Z', 'soon', '') },
);

const serviceSpec = fc.record({
  digest: fc.constantFrom('v1', 'v2', 'v3'),
  monitor: fc.integer({ min: 0, max: 3 }).map((n) => n !== 0),
  observed: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
  wave: fc.integer({ min: 0, max: 2 }),
  policy,
});

const nodeSpec = fc.record({
  provider: fc.constantFrom('edge', 'edge', 'edge', 'ssh'),
  site: fc.constantFrom('home', 'cabin'),
  policy,
  services: fc.dictionary(fc.constantFrom(...SERVICES), serviceSpec, { maxKeys: 3, noNullPrototype: true }),
});

export const fleetSpec: fc.Arbitrary<FleetSpec> = fc.record({
  nodes: fc.dictionary(fc.constantFrom(...NODES), nodeSpec, { minKeys: 1, maxKeys: 3, noNullPrototype: true }),
});

const source: fc.Arbitrary<SourceState> = fc
  .record({
    health: fc.constantFrom<Health>('healthy', 'healthy', 'progressing', 'degraded', 'unhealthy'),
    cause: fc.constantFrom('containers_not_running', 'mqtt_unreachable', 'healthcheck_failed', 'service_unhealthy'),
    detail: maybe(fc.constantFrom('exited with status 1', 'timed out')),
    instance: fc.constantFrom('i1', 'i1', 'i0', null),
    at: time,
  })
  .map(({ health, cause, detail, instance: of, at }) => ({
    health,
    ...(health === 'unhealthy' ? { cause } : {}),
    ...(detail === undefined ? {} : { detail }),
    instance: of,
    evidence: [`e.${cause}`],
    since: at,
    receivedAt: at,
  }));

const serviceRow = (node: string, service: string): fc.Arbitrary<ServiceRow> =>
  fc
    .record({
      managed: fc.integer({ min: 0, max: 4 }).map((n) => n !== 0),
      digest: fc.constantFrom(...DIGESTS, null),
      instance: fc.constantFrom('i1', 'i1', null),
      state: fc.constantFrom<ServiceRow['state']>('running', 'running', 'exited', 'removed'),
      restarts: fc.nat(3),
      sources: fc.dictionary(fc.constantFrom('process', 'healthcheck', 'mqtt'), source, {
        maxKeys: 3,
        noNullPrototype: true,
      }),
    })
    .map((row) => ({ ...row, node, service, ports: {}, log: `${node}log`, seq: 1 }));

const actionRow = (type: string, node: string, service: string | null): fc.Arbitrary<ActionRow> =>
  fc
    .record({
      state: fc.constantFrom<ActionRow['state']>(
        'pending',
        'approved',
        'running',
        'completed',
        'failed',
        'rejected',
        'cancelled',
      ),
      cls: fc.constantFrom(
        'heal' as const,
        'change' as const,
        'remove' as const,
        'cleanup' as const,
        'person' as const,
      ),
      from: fc.constantFrom(...DIGESTS, null),
      to: fc.constantFrom(...DIGESTS, null),
      failures: fc.nat(4),
      failedAt: maybe(time),
      rejectedUntil: maybe(time),
      proposedAt: fc.array(time, { maxLength: 5 }),
      autoAt: fc.array(time, { maxLength: 5 }),
      createdAt: time,
    })
    .map(({ cls, from, to, failedAt, rejectedUntil, ...row }) => {
      const id = actionId(type, node, service);
      const change = {
        id,
        type,
        resource: service === null ? 'node' : 'service',
        node,
        service,
        class: cls,
        from,
        to,
        parameters: {},
        risk: 'guarded' as const,
        why: { rule: 'unhealthy_service', text: 'as it was', evidence: [] },
      };
      return {
        ...row,
        id,
        ulid: `u-${id}`,
        change,
        planHash: planHash(change),
        event: `e-${id}`,
        ...(failedAt === undefined ? {} : { failedAt }),
        ...(rejectedUntil === undefined ? {} : { rejectedUntil }),
      };
    });

const link: fc.Arbitrary<LinkView> = fc.record({
  connected: fc.boolean(),
  epoch: fc.constantFrom(1, 1, 1, 1, 2, null),
  caughtUp: fc.integer({ min: 0, max: 4 }).map((n) => n !== 0),
  lastHeardAt: fc.constantFrom(NOW, null),
});

const observation: fc.Arbitrary<ObservationRow> = fc.record({
  epoch: fc.constantFrom(1, 1, 1, 1, 0),
  complete: fc.integer({ min: 0, max: 5 }).map((n) => n !== 0),
  event: fc.constant('observed'),
  at: time,
});

const silence: fc.Arbitrary<LinkRow> = fc.record({ silent: fc.boolean(), since: time, event: fc.constant('quiet') });

const pressure = (node: string): fc.Arbitrary<PressureRow> =>
  fc.record({
    node: fc.constant(node),
    what: fc.constant('disk' as const),
    level: fc.constantFrom('high' as const, 'normal' as const),
    usedPercent: fc.integer({ min: 0, max: 100 }),
    event: fc.constant('pressure'),
    at: time,
    receivedAt: time,
  });

type Row = readonly [cls: 'control' | 'health', kind: string, key: string, row: fc.Arbitrary<unknown>];

/** Every row that could be there, each with what it may hold. */
function possibleRows(): readonly Row[] {
  const rows: Row[] = [];
  for (const node of [...NODES, 'gone']) {
    rows.push(['health', 'observation', node, observation], ['health', 'link', node, silence]);
    rows.push(['health', 'pressure', `${node}/disk`, pressure(node)]);
    rows.push(['control', 'action', actionId('disk_cleanup', node, null), actionRow('disk_cleanup', node, null)]);
    for (const service of [...SERVICES, ...STRAYS]) {
      const key = serviceKey(node, service);
      rows.push(['health', 'service', key, serviceRow(node, service)]);
      rows.push([
        'control',
        'approved',
        key,
        fc.record({ digest: fc.constantFrom(...DIGESTS), ulid: fc.constant('u'), at: time }),
      ]);
      rows.push([
        'control',
        'hold',
        key,
        fc.record({ by: fc.constant('anna'), why: fc.constant('painting'), at: time, event: fc.constant('held') }),
      ]);
      for (const type of ['redeploy', 'container_restart', 'remove', 'stop']) {
        rows.push(['control', 'action', actionId(type, node, service), actionRow(type, node, service)]);
      }
    }
  }
  const query = fc.constantFrom(
    '*',
    'node:alpha',
    'site=cabin',
    'service:app',
    'not node:beta',
    'group:none',
    'broken (',
  );
  for (const id of ['m1', 'm2']) {
    rows.push([
      'control',
      'maintenance',
      id,
      fc.record({
        id: fc.constant(id),
        query,
        until: time,
        reason: fc.constant('storm'),
        by: fc.constant('anna'),
        at: time,
      }),
    ]);
  }
  return rows;
}

const RARE: ReadonlySet<string> = new Set(['action', 'hold', 'maintenance', 'pressure', 'link']);

export const anyWorld: fc.Arbitrary<StatedWorld> = fc
  .tuple(
    ...possibleRows().map(([cls, kind, key, row]) =>
      fc
        .oneof(
          { weight: RARE.has(kind) ? 1 : 4, arbitrary: row },
          { weight: RARE.has(kind) ? 6 : 1, arbitrary: fc.constant(undefined) },
        )
        .map((value) => ({ cls, kind, key, value })),
    ),
  )
  .map((rows) => {
    const world = new StatedWorld();
    for (const { cls, kind, key, value } of rows) if (value !== undefined) world.set(cls, kind, key, value);
    return world;
  });

export interface Situation {
  readonly fleet: Fleet;
  readonly world: StatedWorld;
  readonly args: PlanArgs;
}

export const situation: fc.Arbitrary<Situation> = fc
  .record({
    spec: fleetSpec,
    world: anyWorld,
    links: fc.dictionary(fc.constantFrom(...NODES, 'gone'), link, { maxKeys: 4, noNullPrototype: true }),
    ssh: fc.boolean(),
  })
  .map(({ spec, world, links, ssh }) => {
    const fleet = fleetOf(spec);
    const providers = new Set(ssh ? ['ssh'] : []);
    return { fleet, world, args: argsOf(fleet, world, new Map(Object.entries(links)), { providers }) };
  });

export function argsOf(
  fleet: Fleet,
  world: StatedWorld,
  links: ReadonlyMap<string, LinkView>,
  more: Partial<PlanArgs> = {},
): PlanArgs {
  return { fleet, world, links, now: NOW, resources: RESOURCES, ...more };
}
