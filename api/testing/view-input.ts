/** What views are computed from, put together by hand: a real fleet, and a world that says what a test puts there. */
import { loadFleet } from '@lab/kernel/inventory/load';
import { World } from '@lab/kernel/observer/world';
import { TempFleet } from '@lab/kernel/testing/temp-fleet';
import {
  type ActionState,
  type ApprovedRow,
  type Fleet,
  type LinkRow,
  type LinkView,
  type NodeRow,
  type ObservationRow,
  planHash,
  type ServiceKey,
  type ServiceRow,
  type SourceState,
  type StatedAction,
} from '@lab/sdk';
import type { ViewInput } from '../src/views/input.ts';
import { ago, NOW } from './fixtures.ts';

/** piha runs broker and bridge, vps a broker that is only observed; saturn has another provider. */
export async function viewFleet(): Promise<Fleet> {
  await using dir = await TempFleet.make({
    'inventory/topology.yaml': `sites: { home: {} }
nodes:
  piha: { site: home, runtime: process, roles: [hub, edge] }
  vps: { link: vps, runtime: process }
  saturn: { provider: ssh }
`,
    'hosts/vps/services.yaml': 'services: { broker: { observed: true }, bridge: { monitor: false } }\n',
  });
  const { fleet } = await loadFleet(dir.dir);
  if (fleet === undefined) throw new Error('the fleet of the test has problems');
  return fleet;
}

export class ViewWorld {
  readonly world = new World();
  readonly fleet: Fleet;
  readonly links = new Map<string, LinkView>();
  readonly actions: StatedAction[] = [];

  constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  /** Both nodes are there, have said everything, and run what is desired and approved. */
  static async well(): Promise<ViewWorld> {
    const made = new ViewWorld(await viewFleet());
    for (const node of ['piha', 'vps']) made.spoke(node);
    for (const [key, { observed, node }] of made.fleet.services) if (!observed && node !== 'saturn') made.runs(key);
    return made;
  }

  input(more: Partial<ViewInput> = {}): ViewInput {
    return {
      fleet: this.fleet,
      fleetAt: NOW,
      world: this.world,
      links: (node) => this.links.get(node) ?? { connected: false, epoch: null, caughtUp: false, lastHeardAt: null },
      generation: () => 7,
      actions: this.actions,
      counts: Object.fromEntries(
        [...Map.groupBy(this.actions, ({ state }) => state)].map(([state, all]) => [state, all.length]),
      ),
      why: () => undefined,
      waiting: [],
      auto: new Set(),
      busy: false,
      problems: [],
      matchesNode: (query, node) => query === node,
      now: NOW,
      ...more,
    };
  }

  spoke(node: string): void {
    this.links.set(node, { connected: true, epoch: 1, caughtUp: true, lastHeardAt: NOW - 2_000 });
    this.set<NodeRow>('control', 'node', node, { joinedAt: ago(60), event: 'e' });
    this.set<ObservationRow>('health', 'observation', node, { epoch: 1, complete: true, event: 'e', at: ago(60) });
  }

  silent(node: string): void {
    this.links.set(node, { connected: false, epoch: 1, caughtUp: false, lastHeardAt: NOW - 60_000 });
    this.set<LinkRow>('health', 'link', node, { silent: true, since: ago(30), event: 'e' });
  }

  runs(key: ServiceKey, over: Partial<ServiceRow> = {}, source: Partial<SourceState> = {}): void {
    const digest = this.fleet.services.get(key)?.digest ?? 'e'.repeat(64);
    const [node = '', service = ''] = key.split('/');
    const said = { health: 'healthy', instance: 'i1', evidence: ['e1'], since: ago(60), receivedAt: ago(59) } as const;
    this.set<ServiceRow>('health', 'service', key, {
      node,
      service,
      managed: true,
      digest,
      instance: 'i1',
      pid: 42,
      state: 'running',
      restarts: 0,
      ports: {},
      sources: { process: { ...said, ...source } },
      log: 'log1',
      seq: 1,
      ...over,
    });
    this.set<ApprovedRow>('control', 'approved', key, { digest, ulid: 'u', at: ago(60) });
  }

  set<T>(cls: 'control' | 'health', kind: string, key: string, row: T): void {
    this.world.writer(cls).of<T>(kind).set(key, row);
    this.world.ord++;
  }

  action(state: ActionState, more: Partial<StatedAction> = {}): StatedAction {
    const change = {
      id: 'redeploy-piha-broker',
      type: 'redeploy',
      resource: 'service',
      node: 'piha',
      service: 'broker',
      class: 'change' as const,
      from: null,
      to: this.fleet.services.get('piha/broker')?.digest ?? null,
      parameters: {},
      risk: 'guarded' as const,
      why: { rule: 'missing_service', text: 'it was never deployed', evidence: ['e1'] },
      ...more,
    };
    const ulid = `01KAG${this.actions.length.toString().padStart(21, '0')}`;
    const action = {
      ...change,
      ulid,
      planHash: planHash(change),
      createdAt: ago(10 - this.actions.length),
      ...more,
      state,
    };
    this.actions.push(action);
    return action;
  }
}
