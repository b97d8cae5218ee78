/**
 * The stated model of `apply`: a world in which each change does what it says and nothing else happens. `plan(apply(plan)) = []` is
 * said of it.
 */
import { type ActionRow, type ApprovedRow, instant, type PressureRow, type ServiceRow, serviceKey } from '@lab/sdk';
import { isOpen } from '../../kernel/src/supervisor/judge.ts';
import type { PlannedChange } from '../../kernel/src/supervisor/plan.ts';
import { runningRow, type StatedWorld } from './fleet-builder.ts';

/** The world after these changes were approved, made and confirmed. */
export function apply(world: StatedWorld, changes: readonly PlannedChange[], now: number): StatedWorld {
  const after = world.copy();
  for (const change of changes) {
    const effect = EFFECTS[change.type];
    if (effect === undefined) throw new Error(`the model does not know what ${change.type} does`);
    effect(after, change, now);
    completed(after, change, now);
  }
  return after;
}

type Effect = (world: StatedWorld, change: PlannedChange, now: number) => void;

const EFFECTS: Readonly<Record<string, Effect>> = {
  redeploy: (world, change, now) => {
    const { node, service, to } = change;
    if (service === null || to === null) throw new Error('a redeploy has a service and a digest');
    const key = serviceKey(node, service);
    world.set<ServiceRow>('health', 'service', key, runningRow(node, service, to, instant(now), `r${world.ord}`));
    if (change.class === 'change') {
      world.set<ApprovedRow>('control', 'approved', key, { digest: to, ulid: 'u', at: instant(now) });
    }
  },
  container_restart: (world, change, now) => {
    const { node, service } = change;
    if (service === null) throw new Error('a restart has a service');
    const key = serviceKey(node, service);
    const runs = world.rows<ServiceRow>('health', 'service').get(key)?.digest ?? change.to;
    if (runs === null) throw new Error('nothing is known to restart');
    world.set<ServiceRow>('health', 'service', key, runningRow(node, service, runs, instant(now), `r${world.ord}`));
  },
  remove: (world, change) => {
    if (change.service === null) throw new Error('a removal has a service');
    const key = serviceKey(change.node, change.service);
    const row = world.rows<ServiceRow>('health', 'service').get(key);
    if (row !== undefined) {
      world.set<ServiceRow>('health', 'service', key, {
        ...row,
        state: 'removed',
        instance: null,
        digest: null,
        sources: {},
      });
    }
    world.rows('control', 'approved').delete(key);
  },
  disk_cleanup: (world, { node }) => {
    const row = world.rows<PressureRow>('health', 'pressure').get(`${node}/disk`);
    if (row !== undefined)
      world.set('health', 'pressure', `${node}/disk`, { ...row, level: 'normal', usedPercent: 50 });
  },
};

function completed(world: StatedWorld, planned: PlannedChange, now: number): void {
  const { mode, planHash, notBefore: _notBefore, ...change } = planned;
  const before = world.rows<ActionRow>('control', 'action').get(change.id);
  const at = instant(now);
  const byPolicy = mode === 'auto' && change.class === 'heal';
  world.set<ActionRow>('control', 'action', change.id, {
    id: change.id,
    ulid: before?.ulid ?? `ulid-${world.ord}`,
    change,
    planHash,
    state: 'completed',
    createdAt: before?.createdAt ?? at,
    endedAt: at,
    failures: 0,
    proposedAt: [...(before?.proposedAt ?? []), ...(before !== undefined && isOpen(before) ? [] : [at])].slice(-16),
    autoAt: [...(before?.autoAt ?? []), ...(byPolicy ? [at] : [])].slice(-16),
    event: `e${world.ord}`,
  });
}
