/**
 * What a plan needs of the whole world before it looks at any node: one pass over the rows, so that a node in sync costs a few
 * look-ups. Made anew for each plan; nothing here outlives it.
 */
import {
  type ActionRow,
  type ApprovedRow,
  type Fleet,
  type HoldRow,
  type LinkRow,
  type ObservationRow,
  type PressureRow,
  type ServiceKey,
  type ServiceRow,
  serviceKey,
  type Window,
  type WorldView,
} from '@lab/sdk';
import { activeMaintenance, type Maintenance } from './maintenance.ts';
import type { PlanArgs } from './plan.ts';
import { type WindowState, windowAt } from './windows.ts';

export const HOUR_MS = 3_600_000;

const OPEN_RANK: Readonly<Record<string, number>> = { running: 0, approved: 1, pending: 2 };

export interface PlanScope {
  readonly args: PlanArgs;
  readonly observations: ReadonlyMap<string, ObservationRow>;
  readonly silences: ReadonlyMap<string, LinkRow>;
  readonly services: ReadonlyMap<string, ServiceRow>;
  readonly approved: ReadonlyMap<string, ApprovedRow>;
  readonly pressures: ReadonlyMap<string, PressureRow>;
  readonly actions: ReadonlyMap<string, ActionRow>;
  readonly holds: ReadonlyMap<string, HoldRow>;
  /** Node -> keys of rows that no desired service has, sorted. */
  readonly strays: ReadonlyMap<string, readonly ServiceKey[]>;
  /** node/service (or its own id, for what concerns a node as a whole) -> what is pending, approved or running; the furthest first. */
  readonly open: ReadonlyMap<string, readonly ActionRow[]>;
  /** Node -> its actions that policy approved as heals lately. */
  readonly healed: ReadonlyMap<string, readonly ActionRow[]>;
  readonly maintenance: readonly Maintenance[];
  windowAt(windows: readonly Window[]): WindowState;
}

export function scopeOf(args: PlanArgs): PlanScope {
  const { fleet, world, now } = args;
  const strays = args.strays ?? straysOf(fleet, world);
  const actions = world.rows<ActionRow>('control', 'action');
  const open = new Map<string, ActionRow[]>();
  const healed = new Map<string, ActionRow[]>();
  for (const row of actions.values()) {
    if (OPEN_RANK[row.state] !== undefined) {
      const { node, service } = row.change;
      add(open, service === null ? row.id : subjectOf(node, service), row);
    }
    if (row.autoAt.length > 0 && within(row.autoAt.at(-1), now, HOUR_MS)) add(healed, row.change.node, row);
  }
  for (const rows of open.values()) {
    if (rows.length > 1) rows.sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1));
  }
  const windows = new Map<readonly Window[], WindowState>();
  return {
    args: { ...args, strays },
    observations: world.rows('health', 'observation'),
    silences: world.rows('health', 'link'),
    services: world.rows('health', 'service'),
    approved: world.rows('control', 'approved'),
    pressures: world.rows('health', 'pressure'),
    actions,
    holds: world.rows('control', 'hold'),
    strays,
    open,
    healed,
    maintenance: activeMaintenance(world, now),
    windowAt: (asked) => {
      const known = windows.get(asked) ?? windowAt(asked, now);
      windows.set(asked, known);
      return known;
    },
  };
}

/** Keys of services that have rows and are not desired, by node: what left Git, and what was never in it. */
export function straysOf(fleet: Fleet, world: WorldView): Map<string, readonly ServiceKey[]> {
  const found = new Map<string, Set<ServiceKey>>();
  const look = (key: string): void => {
    if (fleet.services.has(key as ServiceKey)) return;
    const slash = key.indexOf('/');
    if (slash <= 0) return;
    const node = key.slice(0, slash);
    const of = found.get(node) ?? new Set<ServiceKey>();
    found.set(node, of.add(key as ServiceKey));
  };
  for (const key of world.rows<ServiceRow>('health', 'service').keys()) look(key);
  for (const key of world.rows<ApprovedRow>('control', 'approved').keys()) look(key);
  return new Map([...found].map(([node, keys]) => [node, [...keys].sort()]));
}

/** What an action is about, as a key: a service, or a node as a whole. */
export function subjectOf(node: string, service: string | null): string {
  return service === null ? node : serviceKey(node, service);
}

/** True where the instant `at` lies in the last `spanMs`. */
export function within(at: string | undefined, now: number, spanMs: number): boolean {
  const age = now - Date.parse(at ?? '');
  return age >= 0 && age < spanMs;
}

function rank(row: ActionRow): number {
  return OPEN_RANK[row.state] ?? 9;
}

function add<T>(map: Map<string, T[]>, key: string, value: T): void {
  const of = map.get(key);
  if (of === undefined) map.set(key, [value]);
  else of.push(value);
}
