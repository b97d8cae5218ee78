/**
 * The resource type `node`: what drifts on a machine itself. A full disk is cleaned up: leftovers only, never volumes or data; once for
 * each time that it becomes full, because a second look at the same leftovers frees nothing.
 */
import type { ActionRow, Drift, PlanInput, PressureRow, ResourceType, Settings } from '@lab/sdk';
import { actionId } from './action-id.ts';

const NONE: readonly Drift[] = [];

export function nodeResource(timeoutMs: Settings['timeoutMs']): ResourceType {
  return {
    id: 'node',
    verbs: { disk_cleanup: { timeoutMs: timeoutMs.cleanup, id: (node) => actionId('disk_cleanup', node, null) } },
    drifts: nodeDrifts,
  };
}

function nodeDrifts(node: string, input: PlanInput): readonly Drift[] {
  const rows = input.world.rows<PressureRow>('health', 'pressure');
  const row = rows.size === 0 ? undefined : rows.get(`${node}/disk`);
  if (row?.level !== 'high') return NONE;
  const full = `the disk of ${node} is ${Math.round(row.usedPercent)} % full`;
  const last = input.world.rows<ActionRow>('control', 'action').get(actionId('disk_cleanup', node, null));
  const cleaned = last?.state === 'completed' && last.change.why.evidence.includes(row.event);
  const text = cleaned
    ? `${full}, also after cleaning up: what is left is data, and a person’s to remove`
    : `${full}; leftovers are removed, data is not touched`;
  const about = { node, service: null, verb: 'disk_cleanup', class: 'cleanup', from: null, to: null } as const;
  return [
    {
      ...about,
      verb: cleaned ? null : about.verb,
      rule: 'disk_pressure',
      text,
      evidence: [row.event],
      parameters: {},
      risk: 'guarded',
    },
  ];
}
