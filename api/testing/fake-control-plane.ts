/**
 * A control plane in memory: the fleet of fixtures.ts with actions that really move by their table, so that what talks to the
 * API can be tested without a hub. Nothing runs: a test says what happens with `move`, `push` and the fields.
 */
import {
  ACTION_STATES,
  type ActionState,
  type ActionView,
  type AuditLine,
  type EventView,
  LabError,
  type Move,
  moveTo,
  type NodeView,
  type PlanView,
  type ServiceView,
  type ShowView,
  type StatusView,
} from '@lab/sdk';
import type { ApproveRequest, Caller, ControlPlane, EventQuery } from '../src/control-plane.ts';
import { matches } from '../src/event-stream.ts';
import { actionView, ago, eventView, plan, status } from './fixtures.ts';

export class FakeControlPlane implements ControlPlane {
  fleet: StatusView = status();
  planned: PlanView = plan();
  journal: EventView[] = [eventView(1), eventView(2, { type: 'service_recovered', severity: 'info' })];
  /** Lines of any log and of any run. */
  lines: string[] = ['one', 'two'];
  isReady = true;
  readonly calls: { readonly what: string; readonly with: unknown; readonly who: string }[] = [];
  /** Called after an approval: a test lets things happen. */
  onApproved: (action: ActionView) => void = () => undefined;
  readonly #actions = new Map<string, ActionView>();
  readonly #listeners = new Set<() => void>();

  constructor() {
    for (const action of this.fleet.pending) this.put(action);
  }

  put(action: ActionView): void {
    this.#actions.set(action.id, action);
  }

  /** One move of the table; `conflict` where it has none. */
  move(id: string, move: Move, over: Partial<ActionView> = {}): ActionView {
    const action = this.#find(id);
    const state = moveTo(action.state, move);
    if (state === undefined) throw new LabError('conflict', `${id} is ${action.state} already`, { at: id });
    const moved = { ...action, ...over, state };
    this.put(moved);
    return moved;
  }

  push(event: EventView): void {
    this.journal.push(event);
    for (const tell of this.#listeners) tell();
  }

  async status(): Promise<StatusView> {
    const all = [...this.#actions.values()];
    const counts = Object.fromEntries(
      ACTION_STATES.map((state) => [state, all.filter((action) => action.state === state).length]),
    ) as StatusView['actions'];
    return { ...this.fleet, actions: counts, pending: all.filter((action) => action.state === 'pending') };
  }

  async nodes(target?: string): Promise<NodeView[]> {
    return this.fleet.nodes.filter((node) => target === undefined || target === `node:${node.name}`);
  }

  async services(target?: string): Promise<ServiceView[]> {
    return this.fleet.services.filter((service) => target === undefined || target === `service:${service.name}`);
  }

  async actions(states?: readonly ActionState[]): Promise<ActionView[]> {
    return [...this.#actions.values()].filter((action) => states === undefined || states.includes(action.state));
  }

  async show(name: string): Promise<ShowView> {
    const through = [
      { what: 'policy.change', value: 'ask', at: 'inventory/policy.yaml:3', by: 'site=home' },
      { what: 'labels.role', value: 'ui', at: 'inventory/topology.yaml:4', by: 'node piha' },
    ];
    const events = this.journal.slice(0, 2);
    const node = this.fleet.nodes.find((one) => one.name === name);
    if (node !== undefined) {
      const services = this.fleet.services.filter((one) => one.node === name);
      return { kind: 'node', name, node, services, through, events };
    }
    const service = this.fleet.services.find((one) => `${one.node}/${one.name}` === name);
    if (service !== undefined) return { kind: 'service', name, service, through, events };
    const action = this.#find(name);
    const files = this.planned.items.find((item) => item.action.id === action.id)?.files ?? [];
    return { kind: 'action', name, action, files, through: [], events };
  }

  async plan(): Promise<PlanView> {
    const items = this.planned.items.map((item) => ({
      ...item,
      action: this.#actions.get(item.action.id) ?? item.action,
    }));
    return { ...this.planned, items: items.filter((item) => item.action.state === 'pending') };
  }

  async approve(id: string, request: ApproveRequest, caller: Caller): Promise<ActionView> {
    this.calls.push({ what: `approve ${id}`, with: request, who: caller.who });
    const action = this.#find(id);
    const fresh = request.yes === true || (request.hash !== undefined && action.planHash.startsWith(request.hash));
    if (!fresh || (request.ulid !== undefined && request.ulid !== action.ulid)) {
      throw new LabError('stale', 'this approval is stale', {
        at: id,
        hint: `see it: lab show ${id}`,
        data: { planHash: action.planHash, ulid: action.ulid },
      });
    }
    const approved = this.move(id, 'approve', {
      approval: {
        by: caller.who,
        via: caller.via,
        at: ago(0),
        expiresAt: ago(-86_400),
        ...(request.note === undefined ? {} : { note: request.note }),
      },
    });
    this.onApproved(approved);
    return approved;
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
        refused.push({ id, reason: cause instanceof LabError ? cause.code : 'internal' });
      }
    }
    return { approved, refused };
  }

  async reject(
    id: string,
    request: { readonly reason: string; readonly forMs?: number },
    caller: Caller,
  ): Promise<ActionView> {
    this.calls.push({ what: `reject ${id}`, with: request, who: caller.who });
    return this.move(id, 'reject', {
      outcome: { at: ago(0), reason: request.reason, by: caller.who, until: ago(-86_400) },
    });
  }

  async cancel(id: string, request: { readonly reason: string }, caller: Caller): Promise<ActionView> {
    this.calls.push({ what: `cancel ${id}`, with: request, who: caller.who });
    return this.move(id, 'cancel', { outcome: { at: ago(0), reason: request.reason, by: caller.who } });
  }

  async person(
    verb: 'stop' | 'start' | 'restart',
    node: string,
    service: string,
    reason: string,
    caller: Caller,
  ): Promise<ActionView> {
    this.calls.push({ what: `${verb} ${node}/${service}`, with: { reason }, who: caller.who });
    if (!this.fleet.services.some((one) => one.node === node && one.name === service))
      throw notFound(`${node}/${service}`);
    const action = actionView(`${verb}-${node}-${service}`, {
      ulid: '01KAG0000000000000000000C3',
      type: verb,
      node,
      service,
      class: 'person',
      state: 'approved',
    });
    this.put(action);
    this.onApproved(action);
    return action;
  }

  async maintenance(
    request: { readonly query: string; readonly forMs: number; readonly reason: string } | { readonly off: string },
    caller: Caller,
  ): Promise<{ id: string; until: string | null; nodes: string[] }> {
    this.calls.push({ what: 'maintenance', with: request, who: caller.who });
    return 'off' in request
      ? { id: request.off, until: null, nodes: ['piha'] }
      : { id: 'm1', until: ago(-request.forMs / 1000), nodes: ['piha'] };
  }

  async maintenances(): Promise<{ id: string; query: string; until: string; reason: string; by: string }[]> {
    return [{ id: 'm1', query: 'site=home', until: ago(-7200), reason: 'new switch', by: 'ada@saturn' }];
  }

  async targets(query: string): ReturnType<ControlPlane['targets']> {
    if (query.includes('(')) throw new LabError('target_invalid', 'column 1: ( is not closed', { at: 'column 1' });
    return {
      query,
      nodes: ['piha'],
      services: ['piha/agent-system'],
      affectedBy: [{ what: 'policy site=home', at: 'inventory/policy.yaml:3' }],
    };
  }

  async events(query: EventQuery): Promise<EventView[]> {
    return this.journal.filter((event) => event.ord > (query.after ?? 0) && matches(event, query)).slice(-query.limit);
  }

  async follow(after: number, each: (event: EventView) => Promise<void> | void, signal: AbortSignal): Promise<void> {
    let last = after;
    while (!signal.aborted) {
      const event = this.journal.find((one) => one.ord > last);
      if (event === undefined) {
        await this.#change(signal);
        continue;
      }
      await each(event);
      last = event.ord;
    }
  }

  head(): number {
    return this.journal.at(-1)?.ord ?? 0;
  }

  async replay(until: string): ReturnType<ControlPlane['replay']> {
    return {
      until,
      ord: 2,
      worldHash: 'd'.repeat(64),
      nodes: [{ name: 'piha', silent: false }],
      services: this.fleet.services.slice(0, 2),
      actions: [
        { id: 'redeploy-piha-agent-system', ulid: '01KAG0000000000000000000A1', state: 'pending', createdAt: ago(240) },
      ],
    };
  }

  async plugins(): ReturnType<ControlPlane['plugins']> {
    return [
      {
        id: 'provider.process',
        node: 'piha',
        kind: 'provider',
        state: 'degraded',
        reason: 'start missed its deadline',
        since: ago(30),
        restarts: 2,
        nextTry: ago(-60),
        capabilities: ['process.spawn'],
      },
    ];
  }

  async audit(limit: number): Promise<AuditLine[]> {
    const line: AuditLine = {
      n: 1,
      at: ago(240),
      who: 'ada@saturn',
      via: 'api',
      what: 'approve',
      on: 'redeploy-piha-agent-system',
      prev: '0'.repeat(64),
    };
    return [line].slice(0, limit);
  }

  auditProblem: string | undefined;

  async auditVerify(): Promise<{ ok: boolean; lines: number; problem?: string }> {
    return this.auditProblem === undefined
      ? { ok: true, lines: 1 }
      : { ok: false, lines: 1, problem: this.auditProblem };
  }

  async doctor(): ReturnType<ControlPlane['doctor']> {
    return {
      checks: [
        { what: 'journal', state: 'ok', text: '2 events' },
        { what: 'disk', state: 'warn', text: '91 % used', hint: 'free some space under the root' },
      ],
      settings: [{ name: 'heartbeat.lan', value: '10 s', from: 'default' }],
    };
  }

  async *logs(
    node: string,
    service: string,
    options: { readonly tail: number; readonly follow: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<string> {
    if (!this.fleet.services.some((one) => one.node === node && one.name === service))
      throw notFound(`${node}/${service}`);
    yield* this.lines.slice(-options.tail);
    for (let at = this.lines.length; options.follow && !signal.aborted; ) {
      await this.#change(signal);
      yield* this.lines.slice(at);
      at = this.lines.length;
    }
  }

  /** A line of the log that followers get. */
  print(line: string): void {
    this.lines.push(line);
    for (const tell of this.#listeners) tell();
  }

  async metrics(): Promise<string> {
    return '# TYPE lab_nodes gauge\nlab_nodes 6\n';
  }

  async output(): Promise<string[]> {
    return this.lines;
  }

  async ready(): Promise<{ ready: boolean; reason?: string }> {
    return this.isReady ? { ready: true } : { ready: false, reason: 'reads its journal' };
  }

  /** Followers that are there: a test sees that none was left. */
  get followers(): number {
    return this.#listeners.size;
  }

  #find(name: string): ActionView {
    const [id = '', ulid] = name.split('@');
    const action = this.#actions.get(id);
    if (action === undefined || (ulid !== undefined && action.ulid !== ulid)) throw notFound(name);
    return action;
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const tell = (): void => {
        this.#listeners.delete(tell);
        signal.removeEventListener('abort', tell);
        resolve();
      };
      this.#listeners.add(tell);
      signal.addEventListener('abort', tell, { once: true });
      if (signal.aborted) tell();
    });
  }
}

function notFound(name: string): LabError {
  return new LabError('not_found', `there is no ${name}`, { at: name, hint: 'lab services lists what there is' });
}
