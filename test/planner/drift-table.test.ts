/** The table of drifts, row by row; and what becomes of the queue, reason by reason. */
import { type ActionRow, type Drift, planHash, type ResourceType, type ServiceRow, type SourceState } from '@lab/sdk';
import { describe, expect, it } from 'vitest';
import { actionId } from '../../kernel/src/supervisor/action-id.ts';
import { type PlanArgs, plan } from '../../kernel/src/supervisor/plan.ts';
import { settle } from '../../kernel/src/supervisor/settle.ts';
import { argsOf, NOW } from './arbitraries.ts';
import {
  digest,
  fleetOf,
  nodeOf,
  observedRow,
  runningRow,
  type ServiceSpec,
  StatedWorld,
  upLink,
} from './fleet-builder.ts';

const AT = '2026-07-01T11:00:00.000Z';
const KEY = 'cabin/mosquitto';

interface Given {
  readonly desired?: ServiceSpec | null;
  readonly approved?: string | null;
  readonly row?: Partial<ServiceRow> | null;
  readonly actions?: readonly ActionRow[];
}

function given(
  { desired = {}, approved = 'v1', row = {}, actions = [] }: Given,
  more: Partial<PlanArgs> = {},
): PlanArgs {
  const fleet = fleetOf({ nodes: { cabin: { services: desired === null ? {} : { mosquitto: desired } } } });
  const world = new StatedWorld().set('health', 'observation', 'cabin', observedRow('cabin', AT));
  if (approved !== null) world.set('control', 'approved', KEY, { digest: digest(approved), ulid: 'u', at: AT });
  if (row !== null)
    world.set('health', 'service', KEY, { ...runningRow('cabin', 'mosquitto', digest('v1'), AT), ...row });
  for (const action of actions) world.set('control', 'action', action.id, action);
  return argsOf(fleet, world, new Map([['cabin', upLink(NOW)]]), more);
}

function bad(cause: string): SourceState {
  return { health: 'unhealthy', cause, instance: 'i1', evidence: [cause], since: AT, receivedAt: AT };
}

const sources = (...causes: readonly string[]): Partial<ServiceRow> => ({
  sources: Object.fromEntries(causes.map((cause, at) => [`source${at}`, bad(cause)])),
});

/** `type class rule/cause risk from→to` of each change, and the rules of what waits. */
function said(args: PlanArgs): string[] {
  const { changes, waiting } = plan(args);
  const word = (of: string | null): string => (of === null ? '–' : Buffer.from(of.slice(0, 4), 'hex').toString());
  return [
    ...changes.map(
      (made) =>
        `${made.type} ${made.class} ${made.why.rule}/${made.why.cause ?? ''} ${made.risk} ${word(made.from)}→${word(made.to)}`,
    ),
    ...waiting.map(({ why }) => `waits ${why.rule}`),
  ];
}

describe('the table of drifts', () => {
  it.each<[string, Given, string[]]>([
    ['in sync', {}, []],
    ['never deployed', { approved: null, row: null }, ['redeploy change missing_service/ guarded –→v1']],
    ['gone', { row: null }, ['redeploy heal missing_service/ guarded v1→v1']],
    [
      'removed on somebody else’s word',
      { row: { state: 'removed', instance: null, digest: null } },
      ['redeploy heal missing_service/ guarded v1→v1'],
    ],
    [
      'exited',
      { row: { state: 'exited' } },
      ['container_restart heal unhealthy_service/containers_not_running low v1→v1'],
    ],
    [
      'not on MQTT',
      { row: sources('mqtt_unreachable') },
      ['container_restart heal unhealthy_service/mqtt_unreachable low v1→v1'],
    ],
    [
      'fails its healthcheck',
      { row: sources('healthcheck_failed') },
      ['redeploy heal unhealthy_service/healthcheck_failed guarded v1→v1'],
    ],
    [
      'several causes: exited first',
      { row: { state: 'exited', ...sources('healthcheck_failed', 'mqtt_unreachable') } },
      ['container_restart heal unhealthy_service/containers_not_running low v1→v1'],
    ],
    [
      'several causes: then MQTT',
      { row: sources('healthcheck_failed', 'mqtt_unreachable') },
      ['container_restart heal unhealthy_service/mqtt_unreachable low v1→v1'],
    ],
    [
      'degraded is shown, no drift',
      { row: { sources: { process: { ...bad('service_degraded'), health: 'degraded' } } } },
      [],
    ],
    ['Git moved on', { desired: { digest: 'v2' } }, ['redeploy change outdated_service/ guarded v1→v2']],
    [
      'runs what is desired and was not approved',
      { desired: { digest: 'v2' }, row: { digest: digest('v2') } },
      ['redeploy change outdated_service/ guarded v1→v2'],
    ],
    [
      'runs what is neither',
      { row: { digest: digest('v9') } },
      ['redeploy heal outdated_service/unapproved_digest guarded v1→v1'],
    ],
    [
      'a failed change left another digest that exited: no second life for it',
      { row: { digest: digest('v9'), state: 'exited' } },
      ['redeploy heal unhealthy_service/containers_not_running guarded v1→v1'],
    ],
    [
      'ours, unhealthy, and never approved: a change',
      { approved: null, row: { state: 'exited' } },
      ['redeploy change outdated_service/ guarded –→v1'],
    ],
    ['left Git', { desired: null }, ['remove remove orphaned_service/ guarded v1→–']],
    ['left Git, nothing runs any more', { desired: null, row: null }, ['remove remove orphaned_service/ guarded v1→–']],
    ['left Git and removed', { desired: null, approved: null, row: { state: 'removed' } }, []],
    ['never ours', { desired: null, approved: null, row: { managed: false } }, ['waits unmanaged_service']],
    [
      'desired, and something that is not ours runs there',
      { approved: null, row: { managed: false } },
      ['waits unmanaged_service'],
    ],
    ['not monitored: dead is no drift', { desired: { monitor: false }, row: { state: 'exited' } }, []],
    ['not monitored: gone is no drift', { desired: { monitor: false }, row: null }, []],
    [
      'not monitored: a change is',
      { desired: { monitor: false, digest: 'v2' }, row: { state: 'exited' } },
      ['redeploy change outdated_service/ guarded v1→v2'],
    ],
    [
      'not monitored: a first deployment is',
      { desired: { monitor: false }, approved: null, row: null },
      ['redeploy change missing_service/ guarded –→v1'],
    ],
    [
      'observed only',
      { desired: { observed: true, digest: 'v2' }, approved: null, row: { managed: false, state: 'exited' } },
      [],
    ],
  ])('%s', (_name, at, expected) => {
    expect(said(given(at))).toEqual(expected);
  });

  it('gives every change its evidence and an id that the same drift always has', () => {
    const [made] = plan(given({ row: { state: 'exited', ...sources('containers_not_running') } })).changes;
    expect(made).toMatchObject({
      id: 'container-restart-cabin-mosquitto',
      why: { evidence: ['containers_not_running'] },
    });
    expect(made?.planHash).toBe(made === undefined ? '' : planHash(made));
  });
});

describe('nodes that left the inventory', () => {
  it('are planned, and always ask, where they are still known', () => {
    const args = given({ desired: null });
    const gone = { ...args.fleet, nodes: new Map() };
    const retired = new Map([['cabin', nodeOf('cabin', { policy: { remove: 'auto' } })]]);
    expect(plan({ ...args, fleet: gone, retired }).changes).toMatchObject([{ type: 'remove', mode: 'ask' }]);
  });

  it('are said where they are not', () => {
    const args = given({ desired: null });
    const { changes, waiting } = plan({ ...args, fleet: { ...args.fleet, nodes: new Map() } });
    expect(changes).toEqual([]);
    expect(waiting).toMatchObject([{ node: 'cabin', service: null, why: { rule: 'node_left' } }]);
  });
});

describe('other resource types', () => {
  const dns = (drift: Partial<Drift>): ResourceType => ({
    id: 'dns-record',
    verbs: { dns_update: { timeoutMs: 1, id: (node, service) => actionId('dns_update', node, service) } },
    drifts: (node) => {
      const about = {
        rule: 'dns_record',
        text: 'old address',
        evidence: [],
        node,
        service: 'mosquitto',
        verb: 'dns_update',
      };
      return [{ ...about, class: 'change', from: 'a', to: 'b', parameters: { ttl: 60 }, risk: 'low', ...drift }];
    },
  });

  it('go through the same policy and queue', () => {
    const args = given({});
    const { changes } = plan({ ...args, resources: [...args.resources, dns({})] });
    expect(changes).toMatchObject([
      { id: 'dns-update-cabin-mosquitto', resource: 'dns-record', mode: 'ask', parameters: { ttl: 60 } },
    ]);
  });

  it('come after what is due already for the same service', () => {
    const args = given({ desired: { digest: 'v2' } });
    const { changes, waiting } = plan({ ...args, resources: [...args.resources, dns({})] });
    expect(changes).toMatchObject([{ id: 'redeploy-cabin-mosquitto' }]);
    expect(waiting).toMatchObject([{ id: 'dns-update-cabin-mosquitto', why: { waitsFor: 'action' } }]);
  });

  it('may name a verb that they do not have: said, and nothing else is disturbed', () => {
    const args = given({ row: { state: 'exited' } });
    const { changes, waiting } = plan({ ...args, resources: [...args.resources, dns({ verb: 'conjure' })] });
    expect(changes).toHaveLength(1);
    expect(waiting).toMatchObject([
      { id: null, why: { text: 'old address; dns-record does not know how to conjure' } },
    ]);
  });
});

describe('settle', () => {
  const pending = (over: Partial<ActionRow['change']> = {}, state: ActionRow['state'] = 'pending'): ActionRow => {
    const about = {
      type: 'container_restart',
      resource: 'service',
      node: 'cabin',
      service: 'mosquitto',
      class: 'heal' as const,
    };
    const digests = { from: digest('v1'), to: digest('v1'), parameters: {}, risk: 'low' as const };
    const change = { ...about, ...digests, why: { rule: 'r', text: 't', evidence: [] }, ...over };
    const id = actionId(change.type, change.node, change.service);
    const row = { id, ulid: 'U', change: { ...change, id }, planHash: planHash(change), state, createdAt: AT };
    return { ...row, failures: 0, proposedAt: [AT], autoAt: [], event: 'e' };
  };
  const settled = (at: Given, action: ActionRow) => {
    const args = given({ ...at, actions: [action] });
    return settle([action], plan(args), args);
  };
  const cancelled = (at: Given, action: ActionRow): string | undefined => settled(at, action).cancel[0]?.reason;

  it('cancels with the reason that holds', () => {
    expect(cancelled({}, pending())).toBe('drift_resolved_auto');
    expect(cancelled({ desired: null }, pending())).toBe('service_removed_from_desired_state');
    expect(cancelled({ desired: { monitor: false }, row: { state: 'exited' } }, pending())).toBe(
      'service_removed_from_desired_state',
    );
    expect(cancelled({ desired: { policy: { heal: 'never' } }, row: { state: 'exited' } }, pending())).toBe(
      'superseded',
    );
    expect(cancelled({}, pending({ type: 'remove', class: 'remove', to: null }))).toBe('drift_resolved_auto');
  });

  it('keeps what still holds, and makes nothing twice', () => {
    expect(settled({ row: { state: 'exited' } }, pending())).toEqual({ create: [], cancel: [], resolved: [] });
  });

  it('makes a change anew that is no longer the same', () => {
    const old = pending({ type: 'redeploy', class: 'change', to: digest('v2') });
    const { create, cancel } = settled({ desired: { digest: 'v3' } }, old);
    expect(create).toEqual([]);
    expect(cancel).toMatchObject([{ id: old.id, ulid: 'U', reason: 'superseded', recreate: { to: digest('v3') } }]);
  });

  it.each(['approved', 'running'] as const)(
    'never touches one that is %s, and makes no second one beside it',
    (state) => {
      expect(settled({}, pending({}, state))).toEqual({ create: [], cancel: [], resolved: [] });
      expect(settled({ desired: { digest: 'v2' } }, pending({}, state))).toEqual({
        create: [],
        cancel: [],
        resolved: [],
      });
    },
  );

  it('never cancels one of a person, and plans nothing while it is open', () => {
    const stop = pending({ type: 'stop', class: 'person' });
    expect(settled({}, stop).cancel).toEqual([]);
    expect(settled({ row: { state: 'exited' } }, stop)).toEqual({ create: [], cancel: [], resolved: [] });
  });

  it('forgets failures and rejections only once the drift is over and the node can be seen', () => {
    const failed: ActionRow = { ...pending({}, 'failed'), failures: 2, failedAt: AT };
    expect(settled({}, failed).resolved).toEqual([failed.id]);
    expect(settled({ row: { state: 'exited' } }, failed).resolved).toEqual([]);
    const args = given({ actions: [failed] }, { links: new Map() });
    expect(settle([failed], plan(args), args).resolved).toEqual([]);
  });
});
