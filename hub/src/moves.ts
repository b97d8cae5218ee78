/**
 * Moves of actions, told to the journal: the folder is the state, the event is how the fold and `lab replay` learn of it.
 *
 * INVARIANTS: a move is on disk before its event; where a crash came between, `reconcile` says at the next start what was not said.
 */

import type { ActionStore, Moved } from '@lab/kernel/actions/store';
import {
  type Action,
  type ActionRow,
  type ActionState,
  type Fact,
  type Move,
  type StatedAction,
  TERMINAL,
  type WorldView,
} from '@lab/sdk';

/**
 * The facts of one move, to be said together: a person's stop holds the service, a start releases it, with the approval and not after
 * it. A stop that never came to run lets go of what it held.
 */
export function factsOf({ action, move }: Pick<Moved, 'action' | 'move'>): Fact[] {
  const { node, id, ulid, service, type, approval } = action;
  const of = service === null ? {} : { service };
  const moved: Fact = { type: TYPES[move], ...of, data: { node, id, ulid, ...DATA[move](action) } };
  if (action.class !== 'person' || approval === undefined) return [moved];
  const { by, note = action.why.text } = approval;
  if (move === 'approve' && type === 'service_start')
    return [moved, { type: 'service_released', ...of, data: { node, by } }];
  if (type !== 'service_stop') return [moved];
  if (move === 'approve') return [moved, { type: 'service_held', ...of, data: { node, by, why: note, ulid } }];
  const unused = move === 'cancel' || (move === 'fail' && action.run === undefined);
  if (!unused) return [moved];
  return [moved, { type: 'service_released', ...of, data: { node, by: action.outcome?.by ?? 'lab', ulid } }];
}

const TYPES: Readonly<Record<Move | 'propose', string>> = {
  propose: 'action_proposed',
  approve: 'action_approved',
  reject: 'action_rejected',
  cancel: 'action_cancelled',
  start: 'action_started',
  complete: 'action_completed',
  fail: 'action_failed',
};

const DATA: Readonly<Record<Move | 'propose', (action: Action) => Record<string, unknown>>> = {
  propose: (action) => {
    const { id, type, resource, node, service, class: cls, from, to, parameters, risk, why } = action;
    return {
      change: { id, type, resource, node, service, class: cls, from, to, parameters, risk, why },
      planHash: action.planHash,
    };
  },
  approve: ({ approval }) => ({ approval }),
  reject: ({ outcome }) => ({
    by: outcome?.by ?? 'unknown',
    reason: outcome?.reason ?? '',
    until: outcome?.until ?? outcome?.at ?? '',
  }),
  cancel: ({ outcome }) => ({
    ...(outcome?.by === undefined ? {} : { by: outcome.by }),
    reason: outcome?.reason ?? '',
  }),
  start: ({ run }) => ({ run: run ?? '' }),
  complete: () => ({}),
  fail: ({ outcome }) => ({
    reason: outcome?.reason ?? '',
    ...(outcome?.diagnosis === undefined ? {} : { diagnosis: outcome.diagnosis }),
  }),
};

/** The moves that lead to a state, in order. */
const PATH: Readonly<Record<ActionState, readonly (Move | 'propose')[]>> = {
  pending: ['propose'],
  approved: ['propose', 'approve'],
  running: ['propose', 'approve', 'start'],
  completed: ['propose', 'approve', 'start', 'complete'],
  failed: ['propose', 'approve', 'start', 'fail'],
  rejected: ['propose', 'reject'],
  cancelled: ['propose', 'approve', 'cancel'],
};

/** Of a person's command that a crash cut off before its approval nobody heard that it was taken: it is not left to stand in the way. */
export async function cancelUnspoken(store: ActionStore, at: string): Promise<void> {
  for (const { id, ulid, class: cls, state } of store.open()) {
    if (cls !== 'person' || state !== 'pending' || store.placed(id)) continue;
    await store.move(id, ulid, 'cancel', { outcome: { at, reason: 'interrupted' } }, { by: 'lab', via: 'start' });
  }
}

/** Facts for what the folders know and the journal does not, oldest proposal first. */
export function reconcile(store: ActionStore, world: WorldView): Fact[] {
  const rows = world.rows<ActionRow>('control', 'action');
  const facts: Fact[] = [];
  for (const action of store.list().reverse()) {
    const row = rows.get(action.id);
    if (row !== undefined && row.ulid > action.ulid) continue;
    const known = row?.ulid === action.ulid ? row.state : undefined;
    if (known === action.state || (known !== undefined && TERMINAL.has(known))) continue;
    const said = known === undefined ? 0 : PATH[known].length;
    for (const move of PATH[action.state].slice(said))
      if (carries(action, move)) facts.push(...factsOf({ action, move }));
  }
  return facts;
}

/** A failed action that never started has no run to tell of, a cancelled one that nobody approved no approval. */
function carries(action: StatedAction, move: Move | 'propose'): boolean {
  if (move === 'start') return action.run !== undefined;
  if (move === 'approve') return action.approval !== undefined;
  return true;
}
