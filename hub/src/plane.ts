/** The control plane as the API serves it: the hub's parts behind one port. It computes nothing that a view or a command does not. */
import type { ApproveRequest, Caller, ControlPlane, EventQuery } from '@lab/api/control-plane';
import { actionView, actionViews } from '@lab/api/views/actions';
import type { ViewInput } from '@lab/api/views/input';
import { metricsText } from '@lab/api/views/metrics';
import { nodeViews } from '@lab/api/views/nodes';
import { type BundleOf, planView } from '@lab/api/views/plan';
import { serviceViews } from '@lab/api/views/services';
import { showView } from '@lab/api/views/show';
import { statusView } from '@lab/api/views/status';
import type { Audit } from '@lab/kernel/actions/audit';
import type { OutputRow } from '@lab/kernel/observer/events/actions';
import type { World } from '@lab/kernel/observer/world';
import {
  type ActionState,
  type ActionView,
  type AuditLine,
  type DoctorView,
  type EventView,
  LabError,
  type LinkRow,
  type MaintenanceRow,
  type NodeView,
  type PlanView,
  type PluginView,
  type ReplayView,
  type ServiceKey,
  type ServiceView,
  type ShowView,
  type StatedAction,
  type StatusView,
  serviceKey,
  type TargetView,
} from '@lab/sdk';
import type { Commands, PersonVerb } from './commands.ts';
import type { EventReader } from './event-reader.ts';

const SHOWN_EVENTS = 20;

/** What a query selects of the fleet in force. */
export interface Targets {
  /** Throws `target_invalid`. */
  select(query: string): { readonly nodes: ReadonlySet<string>; readonly services: ReadonlySet<ServiceKey> };
  affectedBy(query: string): TargetView['affectedBy'];
}

export interface PlaneParts {
  readonly input: () => ViewInput;
  readonly commands: Commands;
  readonly events: EventReader;
  readonly head: () => number;
  readonly audit: Audit;
  readonly targets: Targets;
  readonly bundleOf: BundleOf;
  /** Reads the inventory again and takes a turn of the loop. */
  readonly reload: () => Promise<void>;
  readonly replay: (until: string) => Promise<World>;
  readonly plugins: () => PluginView[];
  readonly doctor: () => Promise<DoctorView>;
  readonly logs: ControlPlane['logs'];
  readonly ready: () => Promise<{ ready: boolean; reason?: string }>;
}

export class Plane implements ControlPlane {
  readonly #parts: PlaneParts;

  constructor(parts: PlaneParts) {
    this.#parts = parts;
  }

  async status(): Promise<StatusView> {
    return statusView(this.#parts.input());
  }

  async nodes(target?: string): Promise<NodeView[]> {
    const input = this.#parts.input();
    const all = nodeViews(input, serviceViews(input));
    if (target === undefined) return all;
    const { nodes } = this.#parts.targets.select(target);
    return all.filter(({ name }) => nodes.has(name));
  }

  async services(target?: string): Promise<ServiceView[]> {
    const all = serviceViews(this.#parts.input());
    if (target === undefined) return all;
    const { services } = this.#parts.targets.select(target);
    return all.filter(({ node, name }) => services.has(serviceKey(node, name)));
  }

  async actions(states?: readonly ActionState[]): Promise<ActionView[]> {
    return actionViews(this.#parts.input(), states);
  }

  async show(name: string): Promise<ShowView> {
    const { input, bundleOf, events } = this.#parts;
    return showView(input(), name, bundleOf, ({ ids: _ids, ...about }) =>
      events.newest({ ...about, limit: SHOWN_EVENTS }),
    );
  }

  async plan(target?: string): Promise<PlanView> {
    const { reload, targets, input, bundleOf } = this.#parts;
    await reload();
    if (target === undefined) return planView(input(), bundleOf);
    const { nodes, services } = targets.select(target);
    return planView(input(), bundleOf, ({ node, service }) =>
      service === null ? nodes.has(node) : services.has(serviceKey(node, service)),
    );
  }

  async approve(id: string, request: ApproveRequest, caller: Caller): Promise<ActionView> {
    return this.#view(await this.#parts.commands.approve(id, request, caller));
  }

  async apply(
    items: readonly { readonly id: string; readonly ulid: string; readonly hash: string }[],
    note: string | undefined,
    caller: Caller,
  ): Promise<{ approved: ActionView[]; refused: { id: string; reason: string }[] }> {
    const approved: ActionView[] = [];
    const refused: { id: string; reason: string }[] = [];
    for (const { id, ulid, hash } of items) {
      try {
        approved.push(await this.approve(id, { ulid, hash, ...(note === undefined ? {} : { note }) }, caller));
      } catch (cause) {
        if (!(cause instanceof LabError)) throw cause;
        refused.push({ id, reason: cause.message });
      }
    }
    return { approved, refused };
  }

  async reject(
    id: string,
    request: { readonly reason: string; readonly forMs?: number },
    caller: Caller,
  ): Promise<ActionView> {
    return this.#view(await this.#parts.commands.reject(id, request, caller));
  }

  async cancel(id: string, request: { readonly reason: string }, caller: Caller): Promise<ActionView> {
    return this.#view(await this.#parts.commands.cancel(id, request, caller));
  }

  async person(verb: PersonVerb, node: string, service: string, reason: string, caller: Caller): Promise<ActionView> {
    return this.#view(await this.#parts.commands.person(verb, node, service, reason, caller));
  }

  async maintenance(
    request: { readonly query: string; readonly forMs: number; readonly reason: string } | { readonly off: string },
    caller: Caller,
  ): Promise<{ id: string; until: string | null; nodes: string[] }> {
    const { commands, targets } = this.#parts;
    if ('off' in request) {
      const ending = (await this.maintenances()).filter(
        ({ id, query }) => request.off === '*' || id === request.off || query === request.off,
      );
      if (ending.length === 0)
        throw new LabError('not_found', `no maintenance ${request.off} is on`, {
          at: request.off,
          hint: 'see what is on: lab maintenance list',
        });
      await commands.endMaintenance(
        ending.map(({ id }) => id),
        caller,
      );
      return { id: ending[0]?.id ?? '', until: null, nodes: [] };
    }
    const { nodes } = targets.select(request.query);
    const set = await commands.maintenance(request, caller);
    return { ...set, nodes: [...nodes] };
  }

  async maintenances(): Promise<{ id: string; query: string; until: string; reason: string; by: string }[]> {
    const { world, now } = this.#parts.input();
    const rows = [...world.rows<MaintenanceRow>('control', 'maintenance').values()];
    return rows
      .filter(({ until }) => Date.parse(until) > now)
      .map(({ id, query, until, reason, by }) => ({ id, query, until, reason, by }));
  }

  async targets(query: string): Promise<TargetView> {
    const { nodes, services } = this.#parts.targets.select(query);
    return {
      query,
      nodes: [...nodes].sort(),
      services: [...services].sort(),
      affectedBy: this.#parts.targets.affectedBy(query),
    };
  }

  events(query: EventQuery): Promise<EventView[]> {
    return this.#parts.events.newest(query);
  }

  follow(after: number, each: (event: EventView) => Promise<void> | void, signal: AbortSignal): Promise<void> {
    return this.#parts.events.follow(after, each, signal);
  }

  head(): number {
    return this.#parts.head();
  }

  async replay(until: string): Promise<ReplayView> {
    const world = await this.#parts.replay(until);
    const input: ViewInput = { ...this.#parts.input(), world };
    const links = world.rows<LinkRow>('health', 'link');
    const actions = world.rows<{ id: string; ulid: string; state: string; createdAt: string }>('control', 'action');
    return {
      until,
      ord: world.ord,
      worldHash: world.hash(),
      nodes: [...world.rows('control', 'node').keys()]
        .sort()
        .map((name) => ({ name, silent: links.get(name)?.silent === true })),
      services: serviceViews(input),
      actions: [...actions.values()].map(({ id, ulid, state, createdAt }) => ({ id, ulid, state, createdAt })),
    };
  }

  async plugins(): Promise<PluginView[]> {
    return this.#parts.plugins();
  }

  audit(limit: number): Promise<AuditLine[]> {
    return this.#parts.audit.tail(limit);
  }

  auditVerify(): Promise<{ ok: boolean; lines: number; problem?: string }> {
    return this.#parts.audit.verify();
  }

  doctor(): Promise<DoctorView> {
    return this.#parts.doctor();
  }

  logs(
    node: string,
    service: string,
    options: { readonly tail: number; readonly follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<string> {
    return this.#parts.logs(node, service, options, signal);
  }

  async metrics(): Promise<string> {
    return metricsText(await this.status(), this.head());
  }

  async output(ulid: string): Promise<string[]> {
    for (const row of this.#parts.input().world.rows<OutputRow>('bulk', 'output').values())
      if (row.ulid === ulid) return [...row.lines];
    return [];
  }

  ready(): Promise<{ ready: boolean; reason?: string }> {
    return this.#parts.ready();
  }

  #view(action: StatedAction): ActionView {
    return actionView(this.#parts.input(), action);
  }
}
