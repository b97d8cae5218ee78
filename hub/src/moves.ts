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

export function factOf({ action, move }: Pick<Moved, 'action' | 'move'>): Fact {
  const { node, id, ulid, service } = action;
  const about = { node, id, ulid };
  return { type: TYPES[move], ...(service === null ? {} : { service }), data: { ...about, ...DATA[move](action) } };
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
  cancelled: ['propose', 'cancel'],
};

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
    for (const move of PATH[action.state].slice(said)) if (carries(action, move)) facts.push(factOf({ action, move }));
  }
  return facts;
}

/** A failed action that never started has no run to tell of. */
function carries(action: StatedAction, move: Move | 'propose'): boolean {
  if (move === 'start') return action.run !== undefined;
  if (move === 'approve') return action.approval !== undefined;
  return true;
}
