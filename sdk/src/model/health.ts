/** Health of a service, worst last. `stale` and `missing` are derived by whoever knows silence and observation. */
import { z } from 'zod';

export const HEALTH_ORDER = ['healthy', 'progressing', 'stale', 'missing', 'degraded', 'unhealthy'] as const;

export const healthSchema = z.enum(HEALTH_ORDER);
export type Health = z.infer<typeof healthSchema>;

const RANK = new Map<string, number>(HEALTH_ORDER.map((health, rank) => [health, rank]));

/** The worst of them; undefined for none. */
export function worstHealth(all: Iterable<Health>): Health | undefined {
  let worst: Health | undefined;
  for (const health of all) {
    if (worst === undefined || (RANK.get(health) ?? 0) > (RANK.get(worst) ?? 0)) worst = health;
  }
  return worst;
}

export function healthIsPositive(health: Health): boolean {
  return health === 'healthy';
}
