/** An action: one proposed change, from its proposal to its end. Its folder is its state; the file holds what is here. */
import { z } from 'zod';
import { digestOf } from '../canonical.ts';

/** Every legal move of an action. What is not here is not allowed. */
export const MOVES = {
  pending: { approve: 'approved', reject: 'rejected', cancel: 'cancelled' },
  approved: { start: 'running', cancel: 'cancelled', fail: 'failed' },
  running: { complete: 'completed', fail: 'failed' },
  completed: {},
  failed: {},
  rejected: {},
  cancelled: {},
} as const satisfies Record<string, Record<string, string>>;

export type ActionState = keyof typeof MOVES;
export type Move = 'approve' | 'reject' | 'cancel' | 'start' | 'complete' | 'fail';
export const ACTION_STATES = Object.keys(MOVES) as ActionState[];
export const TERMINAL: ReadonlySet<ActionState> = new Set(['completed', 'failed', 'rejected', 'cancelled']);

/** Where `move` leads from `state`, or undefined where the table has no such move. */
export function moveTo(state: ActionState, move: Move): ActionState | undefined {
  return (MOVES[state] as Partial<Record<Move, ActionState>>)[move];
}

export const actionClassSchema = z.enum(['heal', 'change', 'remove', 'cleanup', 'person']);
export type ActionClass = z.infer<typeof actionClassSchema>;

export const riskSchema = z.enum(['low', 'guarded']);
export type Risk = z.infer<typeof riskSchema>;

/** One file that a change touches, for the preview. `diff` is unified, absent for binary content. */
export const fileChangeSchema = z.strictObject({
  path: z.string(),
  kind: z.enum(['add', 'change', 'remove']),
  diff: z.string().optional(),
});
export type FileChange = z.infer<typeof fileChangeSchema>;

export const whySchema = z.strictObject({
  /** The drift, such as `unhealthy_service`. */
  rule: z.string(),
  cause: z.string().optional(),
  /** One sentence for people. */
  text: z.string(),
  /** Ids of the events that it rests on. */
  evidence: z.array(z.string()),
  /** What it waits for: `approval`, `window`, `backoff`, `silent`, `maintenance` … */
  waitsFor: z.string().optional(),
  /** Instant. */
  nextTry: z.string().optional(),
});
export type Why = z.infer<typeof whySchema>;

/** What the planner wants done. `planHash` covers these members only, see `planHash`. */
export const changeSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,200}$/),
  /** `redeploy`, `container_restart`, `remove`, `disk_cleanup`, or a plugin's verb. */
  type: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/),
  /** The resource type that applies it. */
  resource: z.string(),
  node: z.string(),
  service: z.string().nullable(),
  class: actionClassSchema,
  from: z.string().nullable(),
  to: z.string().nullable(),
  parameters: z.record(z.string(), z.unknown()),
  risk: riskSchema,
  why: whySchema,
});
export type Change = z.infer<typeof changeSchema>;

/** SHA-256 of the canonical JSON of this one change and nothing else: an unrelated event never makes it stale. */
export function planHash(
  change: Pick<Change, 'type' | 'node' | 'service' | 'class' | 'from' | 'to' | 'parameters'>,
): string {
  const { type, node, service, class: cls, from, to, parameters } = change;
  return digestOf({ type, node, service, class: cls, from, to, parameters });
}

export const approvalSchema = z.strictObject({
  by: z.string(),
  /** `api`, `policy`, `file`, `command`. */
  via: z.string(),
  at: z.string(),
  note: z.string().optional(),
  /** Not before this instant: the opening of its window. */
  notBefore: z.string().optional(),
  /** If not started by then, it fails as expired. */
  expiresAt: z.string(),
});
export type Approval = z.infer<typeof approvalSchema>;

export const outcomeSchema = z.strictObject({
  at: z.string(),
  reason: z.string(),
  by: z.string().optional(),
  note: z.string().optional(),
  /** What was found when it failed. */
  diagnosis: z.string().optional(),
  /** A rejection silences its drift until then. */
  until: z.string().optional(),
});

/** The file of an action. `state` is its folder, and so is not in it. */
export const actionSchema = z.strictObject({
  ...changeSchema.shape,
  ulid: z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/),
  planHash: z.string(),
  createdAt: z.string(),
  approval: approvalSchema.optional(),
  run: z.string().optional(),
  outcome: outcomeSchema.optional(),
});
export type Action = z.infer<typeof actionSchema>;

export interface StatedAction extends Action {
  readonly state: ActionState;
}
