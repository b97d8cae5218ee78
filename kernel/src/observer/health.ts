/**
 * The health of one service, from what its sources say of the instance that is there.
 *
 * It knows the row and nothing else: whether its node is silent (`stale`), or the row is not there at all (`missing`, where an
 * observation is complete), is for whoever asks.
 */
import { type Health, type ServiceRow, worstHealth } from '@lab/sdk';

/** What an instance without any source is: there, and nobody has judged it yet. */
const UNJUDGED: Health = 'progressing';

/** The worst over its live sources; one that exited is unhealthy whatever they say. */
export function healthOf(row: ServiceRow): Health {
  if (row.state === 'removed') return 'missing';
  if (row.state === 'exited') return 'unhealthy';
  return worstHealth(liveHealth(row)) ?? UNJUDGED;
}

/** A source that still speaks of an earlier instance says nothing about this one. */
export function isLive(row: ServiceRow, source: { readonly instance: string | null }): boolean {
  return source.instance === null || source.instance === row.instance;
}

function* liveHealth(row: ServiceRow): Generator<Health> {
  for (const source of Object.values(row.sources)) if (isLive(row, source)) yield source.health;
}
