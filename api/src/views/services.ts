/** A service as people see it: the join of what is desired, approved, and said of it. */

import { healthOf } from '@lab/kernel/observer/health';
import {
  type ApprovedRow,
  type Health,
  type HoldRow,
  healthIsPositive,
  instant,
  type LinkRow,
  type ObservationRow,
  type ServiceKey,
  type ServiceRow,
  type ServiceView,
  type SourceState,
} from '@lab/sdk';
import type { ViewInput } from './input.ts';

/** Desired services, and whatever else is known to be there, sorted by node and name. */
export function serviceViews(input: ViewInput): ServiceView[] {
  const keys = new Set<ServiceKey>(input.fleet.services.keys());
  for (const [key, row] of input.world.rows<ServiceRow>('health', 'service'))
    if (row.state !== 'removed') keys.add(key as ServiceKey);
  return [...keys].sort().map((key) => serviceView(input, key));
}

export function serviceView(input: ViewInput, key: ServiceKey): ServiceView {
  const [node = '', name = ''] = key.split('/');
  const desired = input.fleet.services.get(key);
  const row = input.world.rows<ServiceRow>('health', 'service').get(key);
  const hold = input.world.rows<HoldRow>('control', 'hold').get(key);
  const { health, was } = healthNow(input, key, row);
  return {
    node,
    name,
    health,
    ...(was === undefined ? {} : { was }),
    since: sinceOf(input, node, row, health),
    instances:
      row === undefined || row.instance === null
        ? []
        : [
            {
              ...(row.pid === undefined ? {} : { pid: row.pid }),
              ...(row.containerId === undefined ? {} : { containerId: row.containerId }),
              instance: row.instance,
              state: row.state,
            },
          ],
    ports: row?.ports ?? {},
    digest: {
      desired: desired === undefined || desired.observed ? null : desired.digest,
      approved: input.world.rows<ApprovedRow>('control', 'approved').get(key)?.digest ?? null,
      running: row === undefined || row.state === 'removed' ? null : row.digest,
    },
    monitor: desired?.monitor ?? true,
    observed: desired?.observed ?? false,
    desired: desired !== undefined,
    managed: row?.managed ?? false,
    exposure: desired?.exposure ?? null,
    wave: desired?.wave ?? null,
    sources: Object.fromEntries(Object.entries(row?.sources ?? {}).map(([source, said]) => [source, sourceView(said)])),
    ...(hold === undefined ? {} : { held: { by: hold.by, why: hold.why, since: hold.at } }),
  };
}

function sourceView(said: SourceState): ServiceView['sources'][string] {
  const { health, cause, detail, receivedAt, evidence } = said;
  return {
    health,
    ...(cause === undefined ? {} : { cause }),
    ...(detail === undefined ? {} : { detail }),
    since: receivedAt,
    evidence: [...evidence],
  };
}

function healthNow(
  input: ViewInput,
  key: ServiceKey,
  row: ServiceRow | undefined,
): { health: ServiceView['health']; was?: Health } {
  const node = key.slice(0, key.indexOf('/'));
  const known = row === undefined ? undefined : healthOf(row);
  const link = input.world.rows<LinkRow>('health', 'link').get(node);
  if (link?.silent === true) return known === undefined ? { health: 'unknown' } : { health: 'stale', was: known };
  if (known !== undefined) return { health: known };
  const observation = input.world.rows<ObservationRow>('health', 'observation').get(node);
  const seen = observation?.complete === true && observation.epoch === input.links(node).epoch;
  return { health: seen && input.fleet.services.get(key)?.observed === false ? 'missing' : 'unknown' };
}

function sinceOf(
  input: ViewInput,
  node: string,
  row: ServiceRow | undefined,
  health: ServiceView['health'],
): string | null {
  if (health === 'stale') {
    const heard = input.links(node).lastHeardAt;
    return heard === null ? (input.world.rows<LinkRow>('health', 'link').get(node)?.since ?? null) : instant(heard);
  }
  const said = Object.values(row?.sources ?? {}).filter((source) => source.health === health);
  return said.map((source) => source.receivedAt).sort()[0] ?? null;
}

/** Whether it counts as down where services are counted: monitored, not held, and not positive. */
export function isDown(service: ServiceView): boolean {
  if (!service.desired || !service.monitor || service.observed || service.held !== undefined) return false;
  return (
    !healthIsPositive(service.health as Health) &&
    service.health !== 'progressing' &&
    service.health !== 'unknown' &&
    service.health !== 'stale'
  );
}
