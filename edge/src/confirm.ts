/**
 * Whether the world confirms a run: health is positive, from the instance that the run made, later in the stream than its start.
 * Judged on the node's own fold, so that it needs no hub.
 */

import { healthOf } from '@lab/kernel/observer/health';
import { type Change, type Clock, healthIsPositive, type ServiceRow, serviceKey } from '@lab/sdk';
import type { LocalWorld } from './local-world.ts';

export type Confirmation = { readonly healthSeq: number } | { readonly reason: string };

export function confirmOn(world: LocalWorld, clock: Clock, node: string) {
  return (change: Change, instance: string | null, timeoutMs: number, signal: AbortSignal): Promise<Confirmation> =>
    new Promise((resolve) => {
      const key = serviceKey(node, change.service ?? '');
      const finish = (confirmation: Confirmation): void => {
        timer.cancel();
        stop();
        signal.removeEventListener('abort', cancelled);
        resolve(confirmation);
      };
      const cancelled = (): void => finish({ reason: 'cancelled' });
      const look = (): void => {
        const row = world.view.rows<ServiceRow>('health', 'service').get(key);
        if (
          row !== undefined &&
          row.instance === instance &&
          row.state === 'running' &&
          healthIsPositive(healthOf(row))
        )
          finish({ healthSeq: row.seq });
        // What was made has ended: nothing that comes after it can confirm this run.
        else if (row !== undefined && row.instance === instance && row.state !== 'running')
          finish({ reason: unconfirmed(row, instance) });
      };
      const timer = clock.after(timeoutMs, () =>
        finish({ reason: unconfirmed(world.view.rows<ServiceRow>('health', 'service').get(key), instance) }),
      );
      const stop = world.onFolded(look);
      signal.addEventListener('abort', cancelled, { once: true });
      if (signal.aborted) cancelled();
      else look();
    });
}

function unconfirmed(row: ServiceRow | undefined, instance: string | null): string {
  if (row === undefined) return 'unverified: nothing was heard of it';
  if (row.instance !== instance) return 'unverified: another instance took its place';
  const bad = Object.entries(row.sources).find(([, said]) => !healthIsPositive(said.health));
  return bad === undefined
    ? 'unverified'
    : `unverified: ${bad[0]} says ${bad[1].health}${bad[1].detail === undefined ? '' : `, ${bad[1].detail}`}`;
}
