/** The small answers of the HTTP API: what a command got done, and what a probe is told. The large ones are in views.ts. */
import { z } from 'zod';
import { actionViewSchema } from './views.ts';

const instantSchema = z.iso.datetime();

/** `/healthz`: the process answers. */
export const healthzSchema = z.strictObject({ status: z.literal('ok'), version: z.string() });
export type Healthz = z.infer<typeof healthzSchema>;

/** `/readyz`: 200 where `ready`, else 503. */
export const readyzSchema = z.strictObject({ ready: z.boolean(), reason: z.string().optional() });
export type Readyz = z.infer<typeof readyzSchema>;

/** `/summary`: the state of the fleet in a handful of numbers, for other tools. */
export const summaryViewSchema = z.strictObject({
  at: instantSchema,
  version: z.string(),
  revision: z.string(),
  worldHash: z.string(),
  settled: z.boolean(),
  /** Pending actions: what a person has to decide. */
  needsYou: z.int(),
  nodes: z.strictObject({ total: z.int(), connected: z.int(), silent: z.int() }),
  /** Of those that Git wants and lab deploys and monitors. */
  services: z.strictObject({ total: z.int(), healthy: z.int() }),
  actions: z.strictObject({ pending: z.int(), approved: z.int(), running: z.int(), failed: z.int() }),
  /** Of an edit that is not in force. */
  problems: z.int(),
});
export type SummaryView = z.infer<typeof summaryViewSchema>;

/** `POST /v1/apply`: each item stands for itself. */
export const appliedViewSchema = z.strictObject({
  approved: z.array(actionViewSchema),
  refused: z.array(z.strictObject({ id: z.string(), reason: z.string() })),
});
export type AppliedView = z.infer<typeof appliedViewSchema>;

export const maintenanceSetSchema = z.strictObject({
  id: z.string(),
  /** Null: it was taken away. */
  until: instantSchema.nullable(),
  nodes: z.array(z.string()),
});
export type MaintenanceSet = z.infer<typeof maintenanceSetSchema>;

export const maintenanceViewSchema = z.strictObject({
  id: z.string(),
  query: z.string(),
  until: instantSchema,
  reason: z.string(),
  by: z.string(),
});
export type MaintenanceView = z.infer<typeof maintenanceViewSchema>;

export const auditVerdictSchema = z.strictObject({ ok: z.boolean(), lines: z.int(), problem: z.string().optional() });
export type AuditVerdict = z.infer<typeof auditVerdictSchema>;

/** Output of a run so far, oldest first. */
export const outputViewSchema = z.strictObject({ lines: z.array(z.string()) });
export type OutputView = z.infer<typeof outputViewSchema>;
