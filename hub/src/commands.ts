/**
 * What people ask of the hub: approve, reject, cancel, stop, start, restart, maintenance. Each command is a move of an action or an
 * event of the hub's; each is audited under the name of who asked.
 */

import type { ApproveRequest, Caller } from '@lab/api/control-plane';
import { checkApproval, makeApproval } from '@lab/kernel/actions/approve';
import type { Audit } from '@lab/kernel/actions/audit';
import type { Hand } from '@lab/kernel/actions/by-hand';
import type { ActionStore, Who } from '@lab/kernel/actions/store';
import type { PlannedChange } from '@lab/kernel/supervisor/plan';
import {
  type ApprovedRow,
  type Change,
  type Clock,
  type Fact,
  type Fleet,
  type HoldRow,
  instant,
  LabError,
  type ServiceKey,
  type ServiceRow,
  type StatedAction,
  serviceKey,
  type WorldView,
} from '@lab/sdk';

export interface CommandArgs {
  readonly store: ActionStore;
  readonly audit: Audit;
  readonly fleet: () => Fleet;
  readonly world: () => WorldView;
  readonly clock: Clock;
  /** The change that the planner wants now under this id. */
  readonly planned: (id: string) => PlannedChange | undefined;
  readonly own: (facts: readonly Fact[]) => Promise<unknown>;
  /** What nodes are told changed (a hold). */
  readonly refresh: () => Promise<void>;
  readonly nudge: () => void;
  readonly ulid: () => string;
  /** True where no node can have the grant of this proposal, nor gets it from now on. */
  readonly withdraw: (ulid: string) => boolean;
}

export type PersonVerb = 'stop' | 'start' | 'restart';

export class Commands {
  readonly #args: CommandArgs;

  constructor(args: CommandArgs) {
    this.#args = args;
  }

  async approve(id: string, request: ApproveRequest, caller: Caller): Promise<StatedAction> {
    const { store, clock, fleet, planned } = this.#args;
    const earlier = store.list().filter((action) => action.id === id);
    const action = store.get(id) ?? earlier[0];
    if (action === undefined) throw notFound(id);
    const current = planned(id);
    checkApproval(action, request, current, { now: clock.now(), earlier });
    const opens = request.now === true || current?.notBefore === undefined ? undefined : Date.parse(current.notBefore);
    const who = whoOf(caller, request.note);
    const approved = await store.move(
      id,
      action.ulid,
      'approve',
      { approval: makeApproval(who, clock.now(), opens, fleet().settings) },
      who,
    );
    this.#args.nudge();
    return approved;
  }

  /** What a person did with `mv` or `rm` among the files: the same as through the API. */
  async byHand({ action, move, reason }: Hand): Promise<void> {
    const caller: Caller = { who: 'file', via: 'file' };
    if (move === 'approve') await this.approve(action.id, { ulid: action.ulid, hash: action.planHash }, caller);
    else if (move === 'reject') await this.reject(action.id, { reason }, caller);
    else await this.cancel(action.id, { reason }, caller);
  }

  async reject(
    id: string,
    request: { readonly reason: string; readonly forMs?: number },
    caller: Caller,
  ): Promise<StatedAction> {
    const { store, clock, fleet } = this.#args;
    const action = this.#open(id);
    const until = instant(clock.now() + (request.forMs ?? fleet().settings.rejectionMs));
    const outcome = { at: instant(clock.now()), reason: request.reason, by: caller.who, until };
    const rejected = await store.move(id, action.ulid, 'reject', { outcome }, whoOf(caller, request.reason));
    this.#args.nudge();
    return rejected;
  }

  /**
   * One whose grant no node can have is cancelled now. Of one that was handed out the node is asked, which confirms that the grant is
   * unused, or stops the run; the answer comes as an event.
   */
  async cancel(id: string, request: { readonly reason: string }, caller: Caller): Promise<StatedAction> {
    const { store, clock, audit, own, withdraw } = this.#args;
    const action = this.#open(id);
    const who = whoOf(caller, request.reason);
    if (action.state === 'pending' || (action.state === 'approved' && withdraw(action.ulid))) {
      const cancelled = await store.move(
        id,
        action.ulid,
        'cancel',
        { outcome: { at: instant(clock.now()), reason: request.reason, by: caller.who } },
        who,
        action.state,
      );
      this.#args.nudge();
      return cancelled;
    }
    await audit.append({
      who: who.by,
      via: who.via,
      what: 'cancel_requested',
      on: id,
      ulid: action.ulid,
      planHash: action.planHash,
      note: request.reason,
    });
    await own([
      {
        type: 'action_cancelling',
        ...(action.service === null ? {} : { service: action.service }),
        data: { node: action.node, id, ulid: action.ulid, by: caller.who },
      },
    ]);
    this.#args.nudge();
    return store.get(id) ?? action;
  }

  /** An action made and approved by the person who asks; a stop holds the service, a start releases it. */
  async person(verb: PersonVerb, node: string, service: string, reason: string, caller: Caller): Promise<StatedAction> {
    const { store, clock, fleet, refresh } = this.#args;
    const key = serviceKey(node, service);
    const change = this.#personChange(verb, key, node, service, reason, caller);
    const who = whoOf(caller, reason);
    await this.#giveWay(key, who);
    const proposed = await store.propose(change, who, { alone: true });
    const approved = await store.move(
      change.id,
      proposed.ulid,
      'approve',
      { approval: makeApproval(who, clock.now(), undefined, fleet().settings) },
      who,
    );
    await refresh();
    this.#args.nudge();
    return approved;
  }

  async maintenance(
    request: { readonly query: string; readonly forMs: number; readonly reason: string },
    caller: Caller,
  ): Promise<{ id: string; until: string }> {
    const { clock, audit, own, ulid } = this.#args;
    const id = ulid();
    const until = instant(clock.now() + request.forMs);
    await audit.append({
      who: caller.who,
      via: caller.via,
      what: 'maintenance_on',
      on: request.query,
      note: request.reason,
    });
    await own([
      { type: 'maintenance_set', data: { id, query: request.query, until, reason: request.reason, by: caller.who } },
    ]);
    this.#args.nudge();
    return { id, until };
  }

  async endMaintenance(ids: readonly string[], caller: Caller): Promise<void> {
    const { audit, own } = this.#args;
    for (const id of ids) await audit.append({ who: caller.who, via: caller.via, what: 'maintenance_off', on: id });
    await own(ids.map((id) => ({ type: 'maintenance_ended', data: { id, by: caller.who } })));
    this.#args.nudge();
  }

  #open(id: string): StatedAction {
    const action = this.#args.store.get(id);
    if (action !== undefined) return action;
    const ended = this.#args.store.list().find((past) => past.id === id);
    if (ended === undefined) throw notFound(id);
    throw new LabError('conflict', `${id} has ended: it is ${ended.state}`, { at: id, hint: `see it: lab show ${id}` });
  }

  #personChange(
    verb: PersonVerb,
    key: ServiceKey,
    node: string,
    service: string,
    reason: string,
    caller: Caller,
  ): Change {
    const { fleet, world } = this.#args;
    const desired = fleet().services.get(key);
    const row = world().rows<ServiceRow>('health', 'service').get(key);
    if (desired === undefined && row === undefined)
      throw new LabError('not_found', `there is no service ${key}`, {
        at: key,
        hint: 'see what there is: lab services',
      });
    if (desired?.observed === true)
      throw new LabError(
        'not_allowed',
        `${key} is only observed, never ${verb === 'stop' ? 'stopped' : `${verb}ed`} by lab`,
        { at: key },
      );
    if (fleet().nodes.get(node)?.provider !== 'edge')
      throw new LabError('unreachable', `no provider drives ${node}`, { at: node, hint: 'see lab plugins' });
    const approved = world().rows<ApprovedRow>('control', 'approved').get(key)?.digest ?? null;
    if (verb !== 'stop' && approved === null)
      throw new LabError('conflict', `${key} was never deployed, so there is nothing approved to ${verb}`, {
        at: key,
        hint: 'see lab plan, then lab apply',
      });
    const held = world().rows<HoldRow>('control', 'hold').has(key);
    if (verb === 'start' && row?.state === 'running' && !held)
      throw new LabError('conflict', `${key} runs already`, { at: key, hint: `a new life of it: lab restart ${key}` });
    const running = row?.digest ?? null;
    return {
      id: `${verb}-${node}-${service}`,
      type: `service_${verb}`,
      resource: 'service',
      node,
      service,
      class: 'person',
      from: running,
      to: verb === 'stop' ? null : approved,
      parameters: {},
      risk: 'low',
      why: {
        rule: 'person',
        text: reason === '' ? `${caller.who} asked for it` : `${caller.who} asked for it: ${reason}`,
        evidence: [],
      },
    };
  }

  /** A person's word goes before a proposal; an approved or running one must end first. */
  async #giveWay(key: ServiceKey, who: Who): Promise<void> {
    const { store, clock } = this.#args;
    for (const action of store.open()) {
      if (action.service === null || serviceKey(action.node, action.service) !== key) continue;
      if (action.state !== 'pending') {
        throw new LabError('conflict', `${action.id} is ${action.state} for ${key}`, {
          at: key,
          hint: `wait for it, or lab cancel ${action.id}`,
        });
      }
      await store.move(
        action.id,
        action.ulid,
        'cancel',
        { outcome: { at: instant(clock.now()), reason: 'superseded', by: who.by } },
        who,
        'pending',
      );
    }
  }
}

function whoOf(caller: Caller, note: string | undefined): Who {
  return { by: caller.who, via: caller.via, ...(note === undefined || note === '' ? {} : { note }) };
}

function notFound(id: string): LabError {
  return new LabError('not_found', `there is no action ${id}`, { at: id, hint: 'see what there is: lab actions' });
}
