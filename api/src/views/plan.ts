/** The plan as people read it: every open proposal with its exact preview, and what waits. */
import { type Bundle, instant, type PlanView, type StatedAction, type WaitingView } from '@lab/sdk';
import { actionView } from './actions.ts';
import type { ViewInput } from './input.ts';
import { previewOf } from './preview.ts';

export type BundleOf = (digest: string | null) => Promise<Bundle | undefined>;

export async function planView(
  input: ViewInput,
  bundleOf: BundleOf,
  wanted: (about: Pick<WaitingView, 'node' | 'service' | 'id'>) => boolean = () => true,
): Promise<PlanView> {
  const open = input.actions.filter(
    (action) =>
      (action.state === 'pending' || action.state === 'approved' || action.state === 'running') && wanted(action),
  );
  const items = [];
  for (const action of open)
    items.push({
      action: actionView(input, action),
      files: previewOf(await bundleOf(action.from), await bundleOf(action.to)),
    });
  const count = (is: (action: StatedAction) => boolean): number => open.filter(is).length;
  const waiting = input.waiting.filter(wanted);
  return {
    revision: input.fleet.revision,
    at: instant(input.now),
    items,
    waiting,
    summary: {
      change: count((action) => action.class === 'change' && action.from !== null),
      add: count((action) => action.class === 'change' && action.from === null),
      remove: count((action) => action.class === 'remove'),
      heal: count((action) => action.class === 'heal'),
      waits: waiting.length,
    },
    problems: [...input.problems],
  };
}
