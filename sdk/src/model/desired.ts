/** What a node is told: its services and what it needs to keep them without asking again. */
import { z } from 'zod';
import { definitionSchema } from './bundle.ts';

export const desiredServiceSchema = z.strictObject({
  service: z.string(),
  digest: z.string(),
  monitor: z.boolean(),
  observed: z.boolean(),
  dependsOn: z.array(z.string()),
  wave: z.int(),
  held: z.boolean(),
  definition: definitionSchema,
  /** The extract of policy that concerns a node that is alone. */
  policy: z.strictObject({ heal: z.string(), autonomy: z.array(z.string()) }),
});

export const desiredDocSchema = z.strictObject({
  node: z.string(),
  /** Goes up by one whenever anything that the node is told changes. */
  generation: z.int().min(0),
  heartbeatMs: z.int().positive(),
  services: z.array(desiredServiceSchema),
});
export type DesiredDoc = z.infer<typeof desiredDocSchema>;
export type DesiredEntry = z.infer<typeof desiredServiceSchema>;

/** The approved digests of a node's services, as of what the hub had folded of that node's control stream. */
export const approvedDocSchema = z.strictObject({
  node: z.string(),
  /** The node's log and the seq of its control stream up to which the hub had folded when it wrote this. */
  log: z.string(),
  seq: z.int().min(0),
  approved: z.record(z.string(), z.string()),
});
export type ApprovedDoc = z.infer<typeof approvedDocSchema>;
