/** A grant: the hub's word to one node that it may do one approved action once. */
import { z } from 'zod';
import { changeSchema } from './action.ts';

export const grantSchema = z.strictObject({
  /** The proposal's ULID: single use is per proposal. */
  ulid: z.string(),
  node: z.string(),
  planHash: z.string(),
  /** The generation that was in force when it was made; a minimum, not an equality. */
  generation: z.int().min(0),
  notBefore: z.string().optional(),
  expiresAt: z.string(),
  /** The whole change, so that the node can check planHash and act without asking. */
  change: changeSchema,
  timeoutMs: z.int().positive(),
  verifyMs: z.int().positive(),
  by: z.string(),
});
export type Grant = z.infer<typeof grantSchema>;
