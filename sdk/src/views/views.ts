/**
 * What the HTTP API and `lab -o json` give out. Every time is an instant (RFC 3339); ages are for people and computed where
 * they are shown. Members that scripts may rely on are those named here; more may come.
 */
import { z } from 'zod';
import { ACTION_STATES, type ActionState, actionSchema, fileChangeSchema, whySchema } from '../model/action.ts';
import { healthSchema } from '../model/health.ts';

const instantSchema = z.iso.datetime();
export const pillarSchema = z.strictObject({
  /** `unknown` until something has reported it. */
  state: z.enum(['ok', 'wait', 'bad', 'stale', 'unknown']),
  /** `in sync`, `1 behind`, `1 of 2 down`. */
  text: z.string(),
});
export type Pillar = z.infer<typeof pillarSchema>;

export const nodeViewSchema = z.strictObject({
  name: z.string(),
  roles: z.array(z.enum(['hub', 'edge'])),
  site: z.string().nullable(),
  address: z.string().nullable(),
  arch: z.string().nullable(),
  link: z.string(),
  provider: z.string(),
  runtime: z.string(),
  labels: z.record(z.string(), z.string()),
  /** `no_provider`: the plugin that drives it is not installed. `unseen`: it never spoke. */
  state: z.enum(['connected', 'silent', 'unseen', 'no_provider']),
  lastWordAt: instantSchema.nullable(),
  generation: z.int(),
  services: z.int(),
  sync: pillarSchema,
  config: pillarSchema,
  health: pillarSchema,
  identity: pillarSchema,
  maintenance: z.strictObject({ until: instantSchema, reason: z.string(), by: z.string() }).optional(),
});
export type NodeView = z.infer<typeof nodeViewSchema>;

export const serviceViewSchema = z.strictObject({
  node: z.string(),
  name: z.string(),
  /** `unknown` until something has reported it. */
  health: z.union([healthSchema, z.literal('unknown')]),
  /** What was known before it went stale. */
  was: healthSchema.optional(),
  since: instantSchema.nullable(),
  instances: z.array(
    z.strictObject({
      pid: z.int().optional(),
      containerId: z.string().optional(),
      instance: z.string(),
      state: z.string(),
    }),
  ),
  ports: z.record(z.string(), z.int()),
  digest: z.strictObject({
    desired: z.string().nullable(),
    approved: z.string().nullable(),
    running: z.string().nullable(),
  }),
  monitor: z.boolean(),
  observed: z.boolean(),
  /** True: in Git. False: it runs there and is not (orphaned, or unmanaged). */
  desired: z.boolean(),
  managed: z.boolean(),
  exposure: z.string().nullable(),
  wave: z.int().nullable(),
  /** What each source says. */
  sources: z.record(
    z.string(),
    z.strictObject({
      health: healthSchema,
      cause: z.string().optional(),
      detail: z.string().optional(),
      since: instantSchema,
      evidence: z.array(z.string()),
    }),
  ),
  held: z.strictObject({ by: z.string(), why: z.string(), since: instantSchema }).optional(),
});
export type ServiceView = z.infer<typeof serviceViewSchema>;

export const actionViewSchema = z.strictObject({
  ...actionSchema.shape,
  state: z.enum(ACTION_STATES as [ActionState, ...ActionState[]]),
  /** The live why: the stored one with what it waits for now. */
  why: whySchema,
});
export type ActionView = z.infer<typeof actionViewSchema>;

/** What is not done, and why. */
export const waitingViewSchema = z.strictObject({
  node: z.string(),
  service: z.string().nullable(),
  id: z.string().nullable(),
  why: whySchema,
});
export type WaitingView = z.infer<typeof waitingViewSchema>;

export const problemViewSchema = z.strictObject({
  at: z.string(),
  message: z.string(),
  excerpt: z.string().optional(),
  severity: z.enum(['error', 'warning']),
});
export type ProblemView = z.infer<typeof problemViewSchema>;

export const statusViewSchema = z.strictObject({
  revision: z.string(),
  revisionAt: instantSchema,
  worldHash: z.string(),
  at: instantSchema,
  /** `up` has nothing left to wait for, see spec 16. */
  settled: z.boolean(),
  /** What it still waits for, where it is not settled. */
  settling: z.array(z.string()),
  nodes: z.array(nodeViewSchema),
  services: z.array(serviceViewSchema),
  actions: z.record(z.enum(ACTION_STATES as [ActionState, ...ActionState[]]), z.int()),
  pending: z.array(actionViewSchema),
  waiting: z.array(waitingViewSchema),
  /** Problems of an edit that is not in force; empty while Git and the running fleet agree. */
  problems: z.array(problemViewSchema),
});
export type StatusView = z.infer<typeof statusViewSchema>;

export const planItemSchema = z.strictObject({
  action: actionViewSchema,
  files: z.array(fileChangeSchema),
});
export const planViewSchema = z.strictObject({
  revision: z.string(),
  at: instantSchema,
  items: z.array(planItemSchema),
  waiting: z.array(waitingViewSchema),
  summary: z.strictObject({ change: z.int(), add: z.int(), remove: z.int(), heal: z.int(), waits: z.int() }),
  problems: z.array(problemViewSchema),
});
export type PlanView = z.infer<typeof planViewSchema>;

export const eventViewSchema = z.strictObject({
  ord: z.int(),
  receivedAt: instantSchema,
  id: z.string(),
  node: z.string(),
  log: z.string(),
  epoch: z.int(),
  class: z.string(),
  seq: z.int(),
  type: z.string(),
  at: instantSchema,
  source: z.string().optional(),
  service: z.string().optional(),
  severity: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type EventView = z.infer<typeof eventViewSchema>;

export const pluginViewSchema = z.strictObject({
  id: z.string(),
  node: z.string(),
  kind: z.string(),
  state: z.enum(['starting', 'running', 'degraded', 'disabled', 'stopped']),
  reason: z.string().optional(),
  since: instantSchema,
  restarts: z.int(),
  nextTry: instantSchema.optional(),
  capabilities: z.array(z.string()),
});
export type PluginView = z.infer<typeof pluginViewSchema>;

export const auditLineSchema = z.strictObject({
  n: z.int(),
  at: instantSchema,
  who: z.string(),
  via: z.string(),
  what: z.string(),
  /** The action, node or thing it was done to. */
  on: z.string(),
  ulid: z.string().optional(),
  planHash: z.string().optional(),
  note: z.string().optional(),
  /** Hash of the line before. */
  prev: z.string(),
});
export type AuditLine = z.infer<typeof auditLineSchema>;

export const targetViewSchema = z.strictObject({
  query: z.string(),
  nodes: z.array(z.string()),
  services: z.array(z.string()),
  /** What of the inventory applies to any of them: attachments, policies, groups. */
  affectedBy: z.array(z.strictObject({ what: z.string(), at: z.string() })),
});
export type TargetView = z.infer<typeof targetViewSchema>;

/** `lab show`: everything about one thing, and through which label it came. */
export const showViewSchema = z.strictObject({
  kind: z.enum(['node', 'service', 'action']),
  name: z.string(),
  node: nodeViewSchema.optional(),
  service: serviceViewSchema.optional(),
  action: actionViewSchema.optional(),
  files: z.array(fileChangeSchema).optional(),
  services: z.array(serviceViewSchema).optional(),
  through: z.array(z.strictObject({ what: z.string(), value: z.string(), at: z.string(), by: z.string() })),
  events: z.array(eventViewSchema),
});
export type ShowView = z.infer<typeof showViewSchema>;

export const doctorViewSchema = z.strictObject({
  checks: z.array(
    z.strictObject({
      what: z.string(),
      state: z.enum(['ok', 'warn', 'bad']),
      text: z.string(),
      hint: z.string().optional(),
    }),
  ),
  /** Every number that has a default: its value in force, and where that came from. */
  settings: z.array(z.strictObject({ name: z.string(), value: z.string(), from: z.string() })),
});
export type DoctorView = z.infer<typeof doctorViewSchema>;

export const replayViewSchema = z.strictObject({
  until: instantSchema,
  ord: z.int(),
  worldHash: z.string(),
  nodes: z.array(z.strictObject({ name: z.string(), silent: z.boolean() })),
  services: z.array(serviceViewSchema),
  actions: z.array(z.strictObject({ id: z.string(), ulid: z.string(), state: z.string(), createdAt: instantSchema })),
});
export type ReplayView = z.infer<typeof replayViewSchema>;

/** RFC 9457. `code` is of the table in errors.ts. */
export const problemDocumentSchema = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  at: z.string().optional(),
  hint: z.string().optional(),
});
export type ProblemDocument = z.infer<typeof problemDocumentSchema>;
