/** Actions as people see them, with the live why. */
import type { ActionView, StatedAction } from '@lab/sdk';
import type { ViewInput } from './input.ts';

export function actionView(input: ViewInput, action: StatedAction): ActionView {
  return { ...action, why: input.why(action) ?? { ...action.why, ...waitsFor(action) } };
}

function waitsFor(action: StatedAction): { waitsFor?: string; nextTry?: string } {
  if (action.state === 'pending') return { waitsFor: 'approval' };
  if (action.state !== 'approved') return {};
  const opens = action.approval?.notBefore;
  return opens === undefined ? { waitsFor: 'its turn' } : { waitsFor: 'window', nextTry: opens };
}

export function actionViews(input: ViewInput, states?: readonly string[]): ActionView[] {
  return input.actions
    .filter(({ state }) => states === undefined || states.includes(state))
    .map((action) => actionView(input, action))
    .sort((a, b) => (a.createdAt === b.createdAt ? (a.id < b.id ? -1 : 1) : a.createdAt < b.createdAt ? -1 : 1));
}
