/**
 * The one loop on the hub: plan, settle the queue, follow the runs, hand out grants. It decides nothing itself: choices are the
 * planner's, moves are the action store's.
 *
 * INVARIANTS: one turn at a time; a turn that fails disturbs nothing and is taken again; what a turn did not finish, the next one
 * finds again from fleet, world and folders.
 */

import { makeApproval } from '@lab/kernel/actions/approve';
import type { ActionStore, Who } from '@lab/kernel/actions/store';
import { dispatch } from '@lab/kernel/executor/dispatch';
import { makeGrant } from '@lab/kernel/executor/grant';
import type { Work } from '@lab/kernel/link/link';
import { type Plan, type PlanArgs, type PlannedChange, plan } from '@lab/kernel/supervisor/plan';
import { settle } from '@lab/kernel/supervisor/settle';
import {
  type Clock,
  type Fact,
  type Fleet,
  instant,
  LabError,
  type LinkView,
  type Log,
  messageOf,
  type ProblemView,
  type ResourceType,
  type StatedAction,
  type Timer,
  type WorldView,
} from '@lab/sdk';
import { unlessOvertaken } from './overtaken.ts';
import { followRuns, type RunsArgs } from './runs.ts';

const POLICY: Who = { by: 'policy', via: 'policy' };
const LAB: Who = { by: 'lab', via: 'lab' };
/** A burst of events is planned once. */
const GATHER_MS = 15;
/** Windows open and backoffs end without any event. */
const TICK_MS = 1_000;
/** What else only time brings is found at least so often. */
const AGAIN_MS = 10_000;

export interface LoopArgs {
  readonly fleet: () => Fleet;
  readonly world: () => WorldView;
  readonly links: () => ReadonlyMap<string, LinkView>;
  /** Those that are there now: a plugin's come and go with it. */
  readonly resources: () => readonly ResourceType[];
  readonly store: ActionStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly own: (facts: readonly Fact[]) => Promise<unknown>;
  readonly healthFolded: RunsArgs['healthFolded'];
  readonly cancelledBy: RunsArgs['cancelledBy'];
  readonly generation: (node: string) => number;
  readonly reachable: (node: string) => boolean;
  readonly setWork: (work: ReadonlyMap<string, Work>, open: ReadonlySet<string>) => void;
  /** Looked at once a tick: files moved by hand, silent nodes, the inbox. */
  readonly chores: readonly (() => Promise<unknown>)[];
}

const NOTHING: Plan = { changes: [], waiting: [] };

export class ControlLoop {
  readonly #args: LoopArgs;
  #plan: Plan = NOTHING;
  #plannedAt = Number.NEGATIVE_INFINITY;
  #queuing: ReadonlyMap<string, { waitsFor: string; nextTry?: string }> = new Map();
  #turn: Promise<void> | undefined;
  #again = false;
  #gather: Timer | undefined;
  #tick: Timer | undefined;
  #closed = false;
  #trouble: ProblemView | undefined;

  constructor(args: LoopArgs) {
    this.#args = args;
  }

  /** What the last turn planned. */
  get planned(): Plan {
    return this.#plan;
  }

  /** What an approved action waits for, beyond its turn. */
  get queuing(): ReadonlyMap<string, { waitsFor: string; nextTry?: string }> {
    return this.#queuing;
  }

  /** Why the last turn came to nothing, such as a full disk. Until a turn succeeds, nothing new is proposed. */
  get trouble(): ProblemView | undefined {
    return this.#trouble;
  }

  /** True while there is something that no turn has looked at yet. */
  get busy(): boolean {
    return this.#turn !== undefined || this.#gather !== undefined;
  }

  start(): void {
    this.#tick = this.#args.clock.every(TICK_MS, () => {
      void this.#chores().then(() => (this.#isDue() ? this.turn() : undefined));
    });
    this.nudge();
  }

  /** Something changed: plan soon. */
  nudge(): void {
    if (this.#closed) return;
    if (this.#turn !== undefined) {
      this.#again = true;
      return;
    }
    this.#gather ??= this.#args.clock.after(GATHER_MS, () => {
      this.#gather = undefined;
      void this.turn();
    });
  }

  /** One whole turn now; resolves when it is done, and never rejects. */
  async turn(): Promise<void> {
    while (this.#turn !== undefined) await this.#turn;
    const taken = this.#take().then(() => {
      this.#trouble = undefined;
    });
    this.#turn = taken.catch((cause: unknown) => {
      this.#trouble = troubleFrom(cause);
      this.#args.log.error('a turn of the loop failed; it is taken again', {
        reason: messageOf(cause),
        stack: cause instanceof Error ? (cause.stack ?? '') : '',
      });
    });
    await this.#turn;
    this.#turn = undefined;
    if (this.#again) {
      this.#again = false;
      this.nudge();
    }
  }

  /** Whether time alone may have changed the plan: something was to be tried by now, something is open, or it was long ago. */
  #isDue(): boolean {
    const { clock, store } = this.#args;
    if (this.#closed || this.#turn !== undefined) return false;
    if (clock.monotonic() - this.#plannedAt >= AGAIN_MS || store.open().length > 0) return true;
    const now = instant(clock.now());
    return this.#plan.waiting.some(({ why }) => why.nextTry !== undefined && why.nextTry <= now);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#tick?.cancel();
    this.#gather?.cancel();
    this.#gather = undefined;
    await this.#turn;
  }

  async #take(): Promise<void> {
    await followRuns(this.#args);
    const { fleet, world, links, resources, clock, store } = this.#args;
    const args: PlanArgs = { fleet: fleet(), world: world(), links: links(), resources: resources(), now: clock.now() };
    this.#plannedAt = clock.monotonic();
    this.#plan = plan(args);
    await this.#settle(args);
    await this.#approveByPolicy();
    await this.#dispatch(args, store);
  }

  async #settle(args: PlanArgs): Promise<void> {
    const { store, clock, own } = this.#args;
    const { create, cancel, resolved } = settle(this.#judged(args), this.#plan, args);
    for (const { id, ulid, reason, recreate } of cancel) {
      const outcome = { at: instant(clock.now()), reason };
      const cancelled = await unlessOvertaken(() => store.move(id, ulid, 'cancel', { outcome }, LAB, 'pending'));
      if (cancelled !== undefined && recreate !== undefined) await this.#propose(recreate);
    }
    for (const change of create) await this.#propose(change);
    const byNode = Map.groupBy(resolved, (id) => this.#nodeOf(id));
    if (byNode.size > 0) await own([...byNode].map(([node, ids]) => ({ type: 'drift_resolved', data: { node, ids } })));
  }

  /** What a type that is not there now proposed is left alone: that nothing drifts is not its word. */
  #judged({ resources }: PlanArgs): StatedAction[] {
    const there = new Set(resources.map(({ id }) => id));
    return this.#args.store.open().filter(({ resource }) => there.has(resource));
  }

  async #propose(planned: PlannedChange): Promise<void> {
    const { mode: _mode, planHash: _hash, notBefore: _notBefore, ...change } = planned;
    await unlessOvertaken(() => this.#args.store.propose(change, LAB, { alone: true }));
  }

  /** A pending proposal whose policy says `auto` now, and whose change is still the planned one. */
  async #approveByPolicy(): Promise<void> {
    const { store, clock, fleet } = this.#args;
    for (const change of this.#plan.changes) {
      const action = store.get(change.id);
      if (change.mode !== 'auto' || action?.state !== 'pending' || action.planHash !== change.planHash) continue;
      const opens = change.notBefore === undefined ? undefined : Date.parse(change.notBefore);
      const approval = makeApproval(POLICY, clock.now(), opens, fleet().settings);
      await unlessOvertaken(() => store.move(action.id, action.ulid, 'approve', { approval }, POLICY));
    }
  }

  async #dispatch(args: PlanArgs, store: ActionStore): Promise<void> {
    const { clock, cancelledBy, generation, reachable, setWork } = this.#args;
    const open = store.open();
    const queue = dispatch({
      approved: open.filter(({ state }) => state === 'approved'),
      running: open.filter(({ state }) => state === 'running'),
      fleet: args.fleet,
      now: args.now,
      reachable,
    });
    for (const action of queue.expire) {
      // A cancellation that its node never confirmed has succeeded: nobody can use that grant any more.
      const by = cancelledBy(action);
      const outcome = { at: instant(clock.now()), reason: 'expired', ...(by === undefined ? {} : { by }) };
      const move = by === undefined ? 'fail' : 'cancel';
      await unlessOvertaken(() => store.move(action.id, action.ulid, move, { outcome }, LAB));
    }
    this.#queuing = new Map(queue.waiting.map(({ id, ...waits }) => [id, waits]));
    const work = new Map<string, { grants: Work['grants'][number][]; cancelled: Work['cancelled'][number][] }>();
    const of = (node: string) => {
      const has = work.get(node) ?? { grants: [], cancelled: [] };
      work.set(node, has);
      return has;
    };
    for (const action of open) {
      const by = cancelledBy(action);
      if (by !== undefined && (action.state === 'approved' || action.state === 'running'))
        of(action.node).cancelled.push({ ulid: action.ulid, by, id: action.id });
    }
    for (const action of queue.start)
      if (cancelledBy(action) === undefined)
        of(action.node).grants.push(makeGrant(action, generation(action.node), args.fleet));
    setWork(work, new Set(open.map(({ ulid }) => ulid)));
  }

  async #chores(): Promise<void> {
    for (const chore of this.#args.chores) {
      await chore().catch((cause: unknown) =>
        this.#args.log.error('a chore failed; it is done again', { reason: messageOf(cause) }),
      );
    }
  }

  #nodeOf(id: string): string {
    const row = this.#args.world().rows<{ readonly change: StatedAction }>('control', 'action').get(id);
    return row?.change.node ?? '';
  }
}

function troubleFrom(cause: unknown): ProblemView {
  const hint = cause instanceof LabError && cause.hint !== undefined ? ` (${cause.hint})` : '';
  return {
    at: 'hub',
    message: `nothing is proposed for now: ${messageOf(cause)}${hint}`,
    severity: 'warning',
  };
}
