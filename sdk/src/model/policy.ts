/** What a person wrote about who decides: for each class of action, and when. */
import { z } from 'zod';

export const modeSchema = z.enum(['auto', 'ask', 'never']);
export type Mode = z.infer<typeof modeSchema>;

export const windowSchema = z.strictObject({
  /** Five fields; the window opens at each of its instants. */
  cron: z.string(),
  /** How long it stays open: `90s`, `30m`, `3h`, `2d`. */
  for: z.string(),
  /** IANA name. */
  zone: z.string().default('UTC'),
});
export type Window = z.infer<typeof windowSchema>;

/** Actions of class heal under `auto`, at most, in one hour; past it the policy is `ask`. */
export const limitsSchema = z.strictObject({ service: z.int().min(0).optional(), node: z.int().min(0).optional() });

/** The policy in force for one service or node, each key with the place that set it. */
export interface EffectivePolicy {
  readonly heal: Mode;
  readonly change: Mode;
  readonly remove: Mode;
  readonly cleanup: Mode;
  /** When change, remove and cleanup may run; always where there are none. A heal does not wait for a window. */
  readonly windows: readonly Window[];
  readonly healPerHour: { readonly service: number; readonly node: number };
  /** Verbs that an edge may do by itself when it is alone. */
  readonly autonomy: readonly string[];
  /** Key -> `file:line` of the entry that won, or `default`. */
  readonly through: Readonly<Record<string, string>>;
}
