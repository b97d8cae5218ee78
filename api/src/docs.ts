/** Writes docs/http-api.md from the table of routes and the schemas of what they answer. `npm run docs` runs it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  actionViewSchema,
  appliedViewSchema,
  auditLineSchema,
  auditVerdictSchema,
  doctorViewSchema,
  eventViewSchema,
  fileChangeSchema,
  maintenanceSetSchema,
  maintenanceViewSchema,
  nodeViewSchema,
  outputViewSchema,
  pillarSchema,
  planViewSchema,
  pluginViewSchema,
  problemDocumentSchema,
  problemViewSchema,
  replayViewSchema,
  serviceViewSchema,
  showViewSchema,
  statusViewSchema,
  summaryViewSchema,
  targetViewSchema,
  waitingViewSchema,
  whySchema,
} from '@lab/sdk';
import type { Route } from './route.ts';
import { ROUTES } from './routes.ts';
import { type Named, shapeOf } from './shapes.ts';

export const PATH = join(import.meta.dirname, '../../docs/http-api.md');

/** Every shape with a name, and the sentence that says what it is. */
const SHAPES: Readonly<Record<string, readonly [Named[string], string]>> = {
  StatusView: [
    statusViewSchema,
    '`lab status`. `settling` says what `lab up` still waits for; `problems` are those of an edit that is not in force.',
  ],
  SummaryView: [summaryViewSchema, 'The fleet in a handful of numbers.'],
  NodeView: [
    nodeViewSchema,
    'A node by its four pillars. `no_provider`: the plugin that drives it is not installed. `unseen`: it never spoke.',
  ],
  Pillar: [pillarSchema, '`unknown` until something has reported it; `stale`: as it was when its node last spoke.'],
  ServiceView: [
    serviceViewSchema,
    '`was` is what was known before it went stale. `desired: false`: it runs and is not in Git. `sources`: what each source of health says, with the ids of its events.',
  ],
  ActionView: [
    actionViewSchema,
    'An action. `planHash` and `ulid` name what is approved. In its file under `actions/` the same members stand, without `state`, which is its folder.',
  ],
  Why: [
    whySchema,
    '`rule` is the drift, `evidence` ids of events, `waitsFor` such as `approval`, `window`, `backoff`, `silent`, `maintenance`.',
  ],
  WaitingView: [waitingViewSchema, 'What is not done, and why.'],
  ProblemView: [problemViewSchema, 'A problem of a file of the fleet; `at` is `file:line:column`.'],
  PlanView: [planViewSchema, '`lab plan`.'],
  FileChange: [fileChangeSchema, 'A file that a change touches; `diff` is unified, absent for binary content.'],
  AppliedView: [appliedViewSchema, 'Each item stands for itself; `reason` says why one was refused.'],
  ShowView: [
    showViewSchema,
    '`lab show`: everything about one thing. `through` says which line of Git set each value, and by which query, group or file.',
  ],
  TargetView: [targetViewSchema, 'What a target query stands for.'],
  EventView: [
    eventViewSchema,
    'A line of the journal. `ord` is its place in the one order of the hub; `at` is the clock of its sender.',
  ],
  ReplayView: [replayViewSchema, 'The world and the actions at an instant of receipt.'],
  PluginView: [pluginViewSchema, 'A plugin, and how it is.'],
  AuditLine: [auditLineSchema, 'A line of the audit; `prev` is the hash of the line before.'],
  AuditVerdict: [auditVerdictSchema, 'Whether the chain of the audit is whole.'],
  DoctorView: [doctorViewSchema, '`lab doctor`.'],
  MaintenanceView: [maintenanceViewSchema, 'A maintenance that is on.'],
  MaintenanceSet: [maintenanceSetSchema, 'What was set; `until` is null where it was ended.'],
  OutputView: [outputViewSchema, 'What a run has printed so far, oldest first.'],
  ProblemDocument: [
    problemDocumentSchema,
    'Every refusal (RFC 9457), as `application/problem+json`. `code` is one of [errors.md](errors.md); more members may come with some codes.',
  ],
};

const NAMED: Named = Object.fromEntries(Object.entries(SHAPES).map(([name, [schema]]) => [name, schema]));

export function httpApiText(): string {
  return `# HTTP API

<!-- Made by npm run docs from the table of routes and the schemas of what they answer. -->

Served on loopback, port 18180 (\`LAB_PORT\`). Every route but the open ones needs \`Authorization: Bearer TOKEN\`; the token is
in \`state/secure/token\` of the root. \`Host\` has to be a loopback name, and requests with \`Origin\` are refused. Bodies are
\`application/json\`, at most 1 MiB; a member or query parameter that a route does not name is an error, not a silence.

Every time is an instant in UTC (RFC 3339); there are no ages, so that \`ETag\` and \`If-None-Match\` (304) work on every GET that
answers JSON. Members may be added; those named here stay. \`Lab-Operator: user@host\` says who asks, for the audit.

\`\`\`
curl -H "Authorization: Bearer $(cat .lab/state/secure/token)" http://127.0.0.1:18180/summary
\`\`\`

## Routes

${ROUTES.map(routeText).join('\n')}
## Events as they come

\`GET /v1/events/stream\` sends server-sent events: \`event: event\`, \`id\` the ordinal, \`data\` an EventView on one line. After a
cut send the last id as \`Last-Event-ID\`: what came since follows first, nothing twice. Without one (and without \`after\`) it
begins with the next event. A comment comes every 15 s. \`event: problem\` carries a ProblemDocument, and the stream ends.

## Shapes

\`instant\` is a string such as \`"2026-11-21T14:02:11.000Z"\`; \`?\` marks what may be absent.

${Object.entries(SHAPES)
  .map(([name, [schema, what]]) => shapeText(name, schema, what))
  .join('\n')}`;
}

function routeText(route: Route): string {
  const lines = [
    `### ${route.method} ${route.path}`,
    '',
    `${route.summary}${route.role === 'open' ? ' Open: no token.' : ''}`,
    '',
  ];
  const input = (what: string, schema: Named[string] | undefined): void => {
    if (schema !== undefined) lines.push(`${what}:`, '', '```ts', shapeOf(schema, NAMED, 'input'), '```', '');
  };
  input('Query', route.query);
  input('Body', route.body);
  if (!('answer' in route)) lines.push(`Answers \`${route.type}\`.`, '');
  else {
    const shape = shapeOf(route.answer, NAMED, 'output');
    const own = Object.keys(NAMED).find((name) => NAMED[name] === route.answer);
    if (own !== undefined || !shape.includes('\n')) lines.push(`Answers \`${own ?? shape}\`.`, '');
    else lines.push('Answers:', '', '```ts', shape, '```', '');
  }
  return lines.join('\n');
}

function shapeText(name: string, schema: Named[string], what: string): string {
  return [`### ${name}`, '', what, '', '```ts', shapeOf(schema, NAMED, 'output', name), '```', ''].join('\n');
}

if (import.meta.main) writeFileSync(PATH, httpApiText());
