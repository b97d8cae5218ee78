/**
 * A story told to the planner: a fleet, what happens to it, and what the planner makes of it, written down as prose.
 *
 * The queue is kept here as the hub keeps it: what `settle` says is done, what policy approves is approved, and a change that is
 * carried out does what the model says.
 */
import { type ActionRow, type ApprovedRow, type Fleet, instant, type ServiceRow, serviceKey } from '@lab/sdk';
import { nodeResource } from '../../kernel/src/supervisor/node-resource.ts';
import { type PlanArgs, type PlannedChange, plan, type Waiting } from '../../kernel/src/supervisor/plan.ts';
import { serviceResource } from '../../kernel/src/supervisor/service-resource.ts';
import { settle } from '../../kernel/src/supervisor/settle.ts';
import { EPOCH, type FleetSpec, fleetOf, observedRow, runningRow, SETTINGS, StatedWorld } from './fleet-builder.ts';
import { apply } from './model.ts';

const RESOURCES = [serviceResource(SETTINGS.timeoutMs), nodeResource(SETTINGS.timeoutMs)];
const MINUTE = 60_000;

export class Story {
  readonly #lines: string[] = [];
  #fleet: Fleet;
  #world = new StatedWorld();
  #now = Date.parse('2026-07-01T12:00:00.000Z');
  #links = new Map<
    string,
    { connected: boolean; epoch: number | null; caughtUp: boolean; lastHeardAt: number | null }
  >();
  #ulids = 0;

  constructor(title: string, fleet: FleetSpec) {
    this.#lines.push(title, '='.repeat(title.length));
    this.#fleet = fleetOf(fleet);
  }

  get text(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  get at(): string {
    return instant(this.#now);
  }

  get world(): StatedWorld {
    return this.#world;
  }

  /** What happens, in words, and in rows. */
  when(what: string, happens: () => void = () => {}): this {
    this.#lines.push('', `${this.at.slice(11, 16)}  ${what}`);
    happens();
    return this.#plan();
  }

  after(minutes: number, what: string, happens?: () => void): this {
    this.#now += minutes * MINUTE;
    return this.when(what, happens);
  }

  git(fleet: FleetSpec): void {
    this.#fleet = fleetOf(fleet);
  }

  joins(node: string, epoch = EPOCH): void {
    this.#links.set(node, { connected: true, epoch, caughtUp: true, lastHeardAt: this.#now });
  }

  catchesUp(node: string, caughtUp: boolean): void {
    this.#links.set(node, { connected: true, epoch: EPOCH, caughtUp, lastHeardAt: this.#now });
  }

  observes(node: string, epoch = EPOCH): void {
    this.#world.set('health', 'observation', node, observedRow(node, this.at, epoch));
  }

  silent(node: string, silent: boolean): void {
    this.#links.set(node, { connected: !silent, epoch: EPOCH, caughtUp: true, lastHeardAt: this.#now });
    this.#world.set('health', 'link', node, { silent, since: this.at, event: `${node}.${silent ? 'silent' : 'back'}` });
  }

  /** Services that run what is desired of them, approved. */
  settled(...keys: readonly string[]): this {
    for (const key of keys) {
      const service = [...this.#fleet.services.values()].find((one) => one.key === key);
      if (service === undefined) throw new Error(`${key} is not desired`);
      this.joins(service.node);
      this.observes(service.node);
      this.#world.set('health', 'service', key, runningRow(service.node, service.name, service.digest, this.at));
      this.#world.set<ApprovedRow>('control', 'approved', key, { digest: service.digest, ulid: 'u0', at: this.at });
    }
    return this;
  }

  dies(node: string, service: string, detail = 'exited with status 1'): void {
    this.#negative(node, service, 'process', 'containers_not_running', detail, 'exited');
  }

  fails(node: string, service: string, source: string, cause: string, detail: string): void {
    this.#negative(node, service, source, cause, detail, 'running');
  }

  recovers(node: string, service: string): void {
    const key = serviceKey(node, service);
    const runs = this.#world.rows<ServiceRow>('health', 'service').get(key)?.digest ?? '';
    this.#world.set('health', 'service', key, runningRow(node, service, runs, this.at, `i${this.#world.ord}`));
  }

  /** A person, or the executor, does something with an action. */
  move(id: string, to: ActionRow['state'], more: Partial<ActionRow> = {}): void {
    const row = this.#world.rows<ActionRow>('control', 'action').get(id);
    if (row === undefined) throw new Error(`there is no action ${id}`);
    this.#world.set('control', 'action', id, { ...row, state: to, ...more });
  }

  reject(id: string, reason: string, hours: number): void {
    this.move(id, 'rejected', { reason, rejectedUntil: instant(this.#now + hours * 60 * MINUTE) });
  }

  fail(id: string, reason: string): void {
    const failures = this.#world.rows<ActionRow>('control', 'action').get(id)?.failures ?? 0;
    this.move(id, 'failed', { reason, failures: failures + 1, failedAt: this.at });
  }

  /** Approved by a person, made, and confirmed. */
  carryOut(id: string): void {
    const planned = plan(this.#args()).changes.find((change) => change.id === id);
    if (planned === undefined) throw new Error(`${id} is not planned`);
    this.#world = apply(this.#world, [{ ...planned, mode: 'ask' }], this.#now);
  }

  #negative(
    node: string,
    service: string,
    source: string,
    cause: string,
    detail: string,
    state: ServiceRow['state'],
  ): void {
    const key = serviceKey(node, service);
    const row = this.#world.rows<ServiceRow>('health', 'service').get(key);
    if (row === undefined) throw new Error(`${key} is not there`);
    const said = {
      health: 'unhealthy',
      cause,
      detail,
      instance: row.instance,
      since: this.at,
      receivedAt: this.at,
    } as const;
    const sources = { ...row.sources, [source]: { ...said, evidence: [`${node}.h${this.#world.ord}`] } };
    this.#world.set<ServiceRow>('health', 'service', key, { ...row, state, sources });
  }

  #args(): PlanArgs {
    return { fleet: this.#fleet, world: this.#world, links: this.#links, now: this.#now, resources: RESOURCES };
  }

  /** One turn of the loop. */
  #plan(): this {
    const args = this.#args();
    const planned = plan(args);
    const actions = this.#world.rows<ActionRow>('control', 'action');
    const { create, cancel, resolved } = settle([...actions.values()], planned, args);
    const said: string[] = [];
    for (const { id, reason, recreate } of cancel) {
      this.move(id, 'cancelled', { reason });
      said.push(`cancelled  ${id}: ${reason}`);
      if (recreate !== undefined) this.#propose(recreate, said);
    }
    for (const change of create) this.#propose(change, said);
    for (const change of planned.changes) {
      if (change.mode !== 'auto' || actions.get(change.id)?.state !== 'pending') continue;
      const autoAt = [...(actions.get(change.id)?.autoAt ?? []), ...(change.class === 'heal' ? [this.at] : [])];
      this.move(change.id, 'approved', { autoAt });
      said.push(`approved   ${change.id}, by policy`);
    }
    for (const id of resolved) {
      const { rejectedUntil: _until, failedAt: _at, ...row } = actions.get(id) ?? never(id);
      this.#world.set('control', 'action', id, { ...row, failures: 0 });
      said.push(`forgotten  ${id}: its drift is over`);
    }
    for (const change of planned.changes) {
      if (!said.some((line) => line.includes(` ${change.id}`)))
        said.push(`stays      ${change.id}: ${change.why.text}`);
    }
    for (const entry of planned.waiting) said.push(waitingText(entry));
    this.#lines.push(...(said.length === 0 ? ['       nothing to do'] : said.map((line) => `       ${line}`)));
    return this;
  }

  #propose(planned: PlannedChange, said: string[]): void {
    const { mode, planHash, notBefore, ...change } = planned;
    const before = this.#world.rows<ActionRow>('control', 'action').get(change.id);
    this.#world.set<ActionRow>('control', 'action', change.id, {
      id: change.id,
      ulid: `u${++this.#ulids}`,
      change,
      planHash,
      state: 'pending',
      createdAt: this.at,
      failures: before?.failures ?? 0,
      ...(before?.failedAt === undefined ? {} : { failedAt: before.failedAt }),
      proposedAt: [...(before?.proposedAt ?? []), this.at],
      autoAt: before?.autoAt ?? [],
      event: `p${this.#ulids}`,
    });
    const { from, to } = change;
    const digests = from === to ? '' : ` ${from?.slice(0, 4) ?? 'nothing'} → ${to?.slice(0, 4) ?? 'nothing'}`;
    const when = notBefore === undefined ? '' : `, not before ${notBefore.slice(11, 16)}`;
    said.push(
      `proposed   ${change.id} (${change.class}${digests}, ${change.risk}, ${mode}${when}): ${change.why.text}`,
    );
  }
}

function waitingText({ node, service, id, why }: Waiting): string {
  const what = id ?? (service === null ? node : `${node}/${service}`);
  const next = why.nextTry === undefined ? '' : `, next ${why.nextTry.slice(11, 16)}`;
  return `waits      ${what} [${why.rule}${why.waitsFor === undefined ? '' : `, for ${why.waitsFor}`}${next}]: ${why.text}`;
}

function never(id: string): never {
  throw new Error(`there is no action ${id}`);
}
