/**
 * What nodes report of their runs, turned into moves of actions.
 *
 * INVARIANTS: an action is completed only once the hub has folded the health event that the node names as its confirmation; what a
 * node says of another proposal than the open one moves nothing.
 */

import type { ActionStore, Who } from '@lab/kernel/actions/store';
import { type Clock, instant, type RunRow, type StatedAction, type WorldView } from '@lab/sdk';
import { unlessOvertaken } from './overtaken.ts';

const LAB: Who = { by: 'lab', via: 'lab' };

export interface RunsArgs {
  readonly store: ActionStore;
  readonly world: () => WorldView;
  readonly clock: Clock;
  /** Whether the health stream of that log is folded up to seq. */
  readonly healthFolded: (node: string, log: string, seq: number) => boolean;
  /** Who asked to cancel this proposal, if somebody did. */
  readonly cancelledBy: (action: StatedAction) => string | undefined;
}

export async function followRuns(args: RunsArgs): Promise<void> {
  const runs = args.world().rows<RunRow>('control', 'run');
  for (const action of args.store.open()) {
    const run = runs.get(action.id);
    if (run === undefined || run.ulid !== action.ulid || action.state === 'pending') continue;
    await unlessOvertaken(() => follow(args, action, run));
  }
}

async function follow(args: RunsArgs, action: StatedAction, run: RunRow): Promise<void> {
  const { store, clock } = args;
  const at = instant(clock.now());
  if (run.state === 'voided') {
    const by = args.cancelledBy(action);
    const outcome = {
      at,
      reason: by === undefined ? (run.reason ?? 'voided') : 'cancelled',
      ...(by === undefined ? {} : { by }),
    };
    // One that counted as running and is unused after all (the node's disk was replaced) has failed: the table has no way back.
    const move = by !== undefined && action.state === 'approved' ? 'cancel' : 'fail';
    await store.move(action.id, action.ulid, move, { outcome }, by === undefined ? LAB : { by, via: 'api' });
    return;
  }
  let state = action.state;
  if (state === 'approved' && run.run !== '') {
    await store.move(action.id, action.ulid, 'start', { run: run.run }, LAB);
    state = 'running';
  }
  if (run.state === 'failed') {
    const by = args.cancelledBy(action);
    const outcome = {
      at,
      reason: run.reason ?? 'failed',
      ...(by === undefined ? {} : { by }),
      ...(run.diagnosis === undefined ? {} : { diagnosis: run.diagnosis }),
    };
    await store.move(action.id, action.ulid, 'fail', { outcome }, LAB);
  }
  if (run.state === 'verified' && state === 'running' && args.healthFolded(run.node, run.log, run.healthSeq ?? 0)) {
    await store.move(action.id, action.ulid, 'complete', { outcome: { at, reason: 'confirmed' } }, LAB);
  }
}
