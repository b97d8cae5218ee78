/** Why a move is refused, in words that say what the action is and by whom. */
import { type ActionState, LabError, type Move, type StatedAction, TERMINAL } from '@lab/sdk';
import type { Patch } from './store.ts';

/** By these an approval and an ending are known from what a person's hand moved. */
export function mustCarry(id: string, state: ActionState, patch: Patch): void {
  if (state === 'approved' && patch.approval === undefined) {
    throw new LabError('invalid', `${id} cannot be approved without an approval`, { at: id });
  }
  if (TERMINAL.has(state) && patch.outcome === undefined) {
    throw new LabError('invalid', `${id} cannot be ${state} without an outcome`, { at: id });
  }
}

export function alreadyThere(action: StatedAction): LabError {
  return new LabError('conflict', `${action.id} is there already: ${saysItIs(action)}`, {
    at: action.id,
    hint: `see it: lab show ${action.id}`,
  });
}

export function notFrom(action: StatedAction, move: Move): LabError {
  return new LabError('conflict', `cannot ${move} ${action.id}: ${saysItIs(action)}`, {
    at: action.id,
    hint: `see it: lab show ${action.id}`,
    data: { state: action.state },
  });
}

/** `it is approved, by paul@saturn at 2026-01-01T10:00:00.000Z` */
export function saysItIs(action: StatedAction): string {
  const { outcome, approval } = action;
  if (outcome !== undefined) {
    return `it is ${action.state}${outcome.by === undefined ? '' : ` by ${outcome.by}`} since ${outcome.at} (${outcome.reason})`;
  }
  if (action.state === 'running') return `it is running${action.run === undefined ? '' : ` as ${action.run}`}`;
  if (approval !== undefined) return `it is approved, by ${approval.by} at ${approval.at}`;
  return `it is ${action.state} since ${action.createdAt}`;
}
