/**
 * The table of routes: the one place that says which there are, who may ask, what goes in and what comes out. The application
 * is built from it, and so is its description. A row calls one method of the plane; deciding anything is not its job.
 */
import {
  ACTION_STATES,
  type ActionState,
  actionViewSchema,
  appliedViewSchema,
  auditLineSchema,
  auditVerdictSchema,
  doctorViewSchema,
  EVENT_CLASSES,
  eventViewSchema,
  healthzSchema,
  maintenanceSetSchema,
  maintenanceViewSchema,
  nameSchema,
  nodeViewSchema,
  outputViewSchema,
  planViewSchema,
  pluginViewSchema,
  readyzSchema,
  replayViewSchema,
  serviceViewSchema,
  showViewSchema,
  statusViewSchema,
  summaryViewSchema,
  targetViewSchema,
} from '@lab/sdk';
import { z } from 'zod';
import { eventStream } from './event-stream.ts';
import { logStream } from './log-stream.ts';
import { json, type Route, raw } from './route.ts';
import { summaryOf } from './summary.ts';

const text = z.string().min(1).max(500);
const note = z.string().max(1_000);
const query = z.string().min(1).max(2_000);
const hash = z.string().regex(/^[0-9a-f]{7,64}$/, 'a hash is 7 to 64 hexadecimal digits');
const ulid = z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/, 'a ULID has 26 characters');
const actionId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,200}(?:@[0-9A-HJKMNP-TV-Z]{26})?$/, 'an action is id or id@ulid');
const durationMs = z
  .int()
  .positive()
  .max(366 * 86_400_000);
const number = z.coerce.number().int().min(0);
const instant = z.iso.datetime();
const flag = z.enum(['true', 'false', '1', '0']).transform((value) => value === 'true' || value === '1');

const targetQuery = z.strictObject({ target: query.exactOptional() });
const onService = z.strictObject({ node: nameSchema, service: nameSchema });
const onAction = z.strictObject({ id: actionId });
const eventFilter = {
  node: nameSchema.exactOptional(),
  service: nameSchema.exactOptional(),
  type: z.string().max(64).exactOptional(),
  class: z.enum(EVENT_CLASSES).exactOptional(),
};
const states = z
  .string()
  .transform((value) => value.split(','))
  .pipe(z.array(z.enum(ACTION_STATES as [ActionState, ...ActionState[]])));

const person = (verb: 'stop' | 'start' | 'restart', summary: string): Route =>
  json({
    method: 'POST',
    path: `/v1/services/:node/:service/${verb}`,
    role: 'operator',
    summary,
    params: onService,
    body: z.strictObject({ reason: note.default('') }),
    answer: actionViewSchema,
    handle: ({ plane, params, body, caller }) => plane.person(verb, params.node, params.service, body.reason, caller),
  });

export const ROUTES: readonly Route[] = [
  json({
    method: 'GET',
    path: '/healthz',
    role: 'open',
    summary: 'The process answers.',
    answer: healthzSchema,
    handle: async ({ version }) => ({ status: 'ok' as const, version }),
  }),
  json({
    method: 'GET',
    path: '/readyz',
    role: 'open',
    summary: 'It has read its journal and may be asked; 503 with the reason until then.',
    answer: readyzSchema,
    handle: ({ plane }) => plane.ready(),
    status: ({ ready }) => (ready ? 200 : 503),
  }),
  json({
    method: 'GET',
    path: '/summary',
    role: 'viewer',
    summary: 'The fleet in a handful of numbers.',
    answer: summaryViewSchema,
    handle: async ({ plane, version }) => summaryOf(await plane.status(), version),
  }),
  raw({
    method: 'GET',
    path: '/metrics',
    role: 'viewer',
    summary: 'Prometheus text format.',
    type: 'text/plain',
    respond: async ({ plane }) =>
      new Response(await plane.metrics(), { headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' } }),
  }),
  json({
    method: 'GET',
    path: '/v1/status',
    role: 'viewer',
    summary: 'Everything at a glance: nodes, services, what waits and for whom.',
    answer: statusViewSchema,
    handle: ({ plane }) => plane.status(),
  }),
  json({
    method: 'GET',
    path: '/v1/nodes',
    role: 'viewer',
    summary: 'The nodes, or those of a target query.',
    query: targetQuery,
    answer: z.array(nodeViewSchema),
    handle: ({ plane, query }) => plane.nodes(query.target),
  }),
  json({
    method: 'GET',
    path: '/v1/services',
    role: 'viewer',
    summary: 'The services, or those of a target query.',
    query: targetQuery,
    answer: z.array(serviceViewSchema),
    handle: ({ plane, query }) => plane.services(query.target),
  }),
  person('stop', 'Stop a service and hold it.'),
  person('start', 'Start a service that is held.'),
  person('restart', 'Restart a service.'),
  json({
    method: 'GET',
    path: '/v1/actions',
    role: 'viewer',
    summary: 'The actions; `state` is a list with commas.',
    query: z.strictObject({ state: states.exactOptional() }),
    answer: z.array(actionViewSchema),
    handle: ({ plane, query }) => plane.actions(query.state),
  }),
  json({
    method: 'POST',
    path: '/v1/actions/:id/approve',
    role: 'operator',
    summary: 'Approve one action, as it was seen (`hash`, `ulid`) or as it is (`yes`).',
    params: onAction,
    body: z
      .strictObject({
        hash: hash.exactOptional(),
        ulid: ulid.exactOptional(),
        yes: z.boolean().exactOptional(),
        note: note.exactOptional(),
        now: z.boolean().exactOptional(),
      })
      .refine((body) => body.hash !== undefined || body.yes === true, 'name what was seen with hash, or say yes'),
    answer: actionViewSchema,
    handle: ({ plane, params, body, caller }) => plane.approve(params.id, body, caller),
  }),
  json({
    method: 'POST',
    path: '/v1/actions/:id/reject',
    role: 'operator',
    summary: 'Reject a pending action; its drift is silent for a while.',
    params: onAction,
    body: z.strictObject({ reason: text, forMs: durationMs.exactOptional() }),
    answer: actionViewSchema,
    handle: ({ plane, params, body, caller }) => plane.reject(params.id, body, caller),
  }),
  json({
    method: 'POST',
    path: '/v1/actions/:id/cancel',
    role: 'operator',
    summary: 'Cancel an action that has not ended.',
    params: onAction,
    body: z.strictObject({ reason: text }),
    answer: actionViewSchema,
    handle: ({ plane, params, body, caller }) => plane.cancel(params.id, body, caller),
  }),
  json({
    method: 'POST',
    path: '/v1/plan',
    role: 'viewer',
    summary: 'Read the inventory again and plan: what would change, and what waits.',
    body: z.strictObject({ target: query.exactOptional() }),
    answer: planViewSchema,
    handle: ({ plane, body }) => plane.plan(body.target),
  }),
  json({
    method: 'POST',
    path: '/v1/apply',
    role: 'operator',
    summary: 'Approve exactly these actions, each as it was seen.',
    body: z.strictObject({
      items: z.array(z.strictObject({ id: actionId, ulid, hash })).max(5_000),
      note: note.exactOptional(),
    }),
    answer: appliedViewSchema,
    handle: ({ plane, body, caller }) => plane.apply(body.items, body.note, caller),
  }),
  json({
    method: 'GET',
    path: '/v1/show',
    role: 'viewer',
    summary: 'Everything about a node, a service (`node/service`) or an action, and through what it came.',
    query: z.strictObject({ name: text }),
    answer: showViewSchema,
    handle: ({ plane, query }) => plane.show(query.name),
  }),
  json({
    method: 'GET',
    path: '/v1/targets',
    role: 'viewer',
    summary: 'What a target query stands for.',
    query: z.strictObject({ query }),
    answer: targetViewSchema,
    handle: ({ plane, query }) => plane.targets(query.query),
  }),
  json({
    method: 'GET',
    path: '/v1/maintenance',
    role: 'viewer',
    summary: 'The maintenance that is on.',
    answer: z.array(maintenanceViewSchema),
    handle: ({ plane }) => plane.maintenances(),
  }),
  json({
    method: 'POST',
    path: '/v1/maintenance',
    role: 'operator',
    summary: 'Keep the proposals of a target waiting for a while.',
    body: z.strictObject({ query, forMs: durationMs, reason: text }),
    answer: maintenanceSetSchema,
    handle: ({ plane, body, caller }) => plane.maintenance(body, caller),
  }),
  json({
    method: 'DELETE',
    path: '/v1/maintenance/:id',
    role: 'operator',
    summary: 'End a maintenance.',
    params: z.strictObject({ id: text }),
    answer: maintenanceSetSchema,
    handle: ({ plane, params, caller }) => plane.maintenance({ off: params.id }, caller),
  }),
  json({
    method: 'GET',
    path: '/v1/events',
    role: 'viewer',
    summary: 'The newest events of the journal, oldest first.',
    query: z.strictObject({
      ...eventFilter,
      after: number.exactOptional(),
      since: instant.exactOptional(),
      limit: number.max(10_000).default(100),
    }),
    answer: z.array(eventViewSchema),
    handle: async ({ plane, query }) => {
      const events = await plane.events(query);
      const since = query.since === undefined ? undefined : Date.parse(query.since);
      return since === undefined ? events : events.filter((event) => Date.parse(event.receivedAt) >= since);
    },
  }),
  raw({
    method: 'GET',
    path: '/v1/events/stream',
    role: 'viewer',
    summary: 'Events as they come; resumes after `Last-Event-ID` (or `after`).',
    query: z.strictObject({ ...eventFilter, after: number.exactOptional() }),
    type: 'text/event-stream',
    respond: async (call) => {
      const last = call.context.req.header('last-event-id');
      return eventStream(
        call,
        last !== undefined && /^\d{1,15}$/.test(last) ? Number(last) : call.query.after,
        call.query,
      );
    },
  }),
  json({
    method: 'GET',
    path: '/v1/replay',
    role: 'viewer',
    summary: 'The world and the actions as they were at an instant.',
    query: z.strictObject({ until: instant }),
    answer: replayViewSchema,
    handle: ({ plane, query }) => plane.replay(query.until),
  }),
  json({
    method: 'GET',
    path: '/v1/plugins',
    role: 'viewer',
    summary: 'The plugins, and how they are.',
    answer: z.array(pluginViewSchema),
    handle: ({ plane }) => plane.plugins(),
  }),
  json({
    method: 'GET',
    path: '/v1/audit',
    role: 'viewer',
    summary: 'The newest lines of the audit, oldest first.',
    query: z.strictObject({ limit: number.max(10_000).default(100) }),
    answer: z.array(auditLineSchema),
    handle: ({ plane, query }) => plane.audit(query.limit),
  }),
  json({
    method: 'GET',
    path: '/v1/audit/verify',
    role: 'viewer',
    summary: 'Check the chain of the audit against its anchor.',
    answer: auditVerdictSchema,
    handle: ({ plane }) => plane.auditVerify(),
  }),
  json({
    method: 'GET',
    path: '/v1/doctor',
    role: 'viewer',
    summary: 'What the hub finds when it looks at itself, and every setting in force.',
    answer: doctorViewSchema,
    handle: ({ plane }) => plane.doctor(),
  }),
  raw({
    method: 'GET',
    path: '/v1/logs/:node/:service',
    role: 'viewer',
    summary: 'The log of a service: its last lines, and what follows.',
    params: onService,
    query: z.strictObject({ tail: number.max(100_000).default(100), follow: flag.default(false) }),
    type: 'text/plain',
    respond: (call) => logStream(call, call.params, call.query),
  }),
  json({
    method: 'GET',
    path: '/v1/runs/:ulid/output',
    role: 'viewer',
    summary: 'What the run of an action has printed so far.',
    params: z.strictObject({ ulid }),
    answer: outputViewSchema,
    handle: async ({ plane, params }) => ({ lines: await plane.output(params.ulid) }),
  }),
];
