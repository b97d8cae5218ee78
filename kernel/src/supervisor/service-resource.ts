/**
 * The resource type `service`: what has drifted among the services of a node, as in the table of drifts.
 *
 * INVARIANTS: a service in sync costs three look-ups and makes nothing. Heals go to the approved digest only; a change goes from the
 * approved digest (null at first) to the desired one. What is observed only is never touched, what is not monitored never healed.
 * Held services, policy and history are not its business: the loop knows them.
 */
import {
  type ApprovedRow,
  type DesiredService,
  type Drift,
  type ObservationRow,
  type PlanInput,
  type ResourceType,
  type ServiceKey,
  type ServiceRow,
  type Settings,
  type SourceState,
  short,
  type Verb,
} from '@lab/sdk';
import { healthOf, isLive } from '../observer/health.ts';
import { actionId } from './action-id.ts';
import { straysOf } from './scope.ts';
import { timeText } from './time-text.ts';

const NONE: readonly Drift[] = [];
/** Causes that a new life of the same instance cures, the most urgent first. */
const RESTART_CAUSES = ['containers_not_running', 'mqtt_unreachable'];

export function serviceResource(timeoutMs: Settings['timeoutMs']): ResourceType {
  const verb = (type: string, ms: number): Verb => ({
    timeoutMs: ms,
    id: (node, service) => actionId(type, node, service),
  });
  return {
    id: 'service',
    verbs: {
      redeploy: verb('redeploy', timeoutMs.redeploy),
      container_restart: verb('container_restart', timeoutMs.restart),
      remove: verb('remove', timeoutMs.restart),
      stop: verb('stop', timeoutMs.restart),
      start: verb('start', timeoutMs.restart),
      restart: verb('restart', timeoutMs.restart),
    },
    drifts: serviceDrifts,
  };
}

function serviceDrifts(node: string, input: PlanInput): readonly Drift[] {
  const { fleet, world } = input;
  const rows = world.rows<ServiceRow>('health', 'service');
  const approved = world.rows<ApprovedRow>('control', 'approved');
  let found: Drift[] | undefined;
  for (const key of fleet.servicesOf.get(node) ?? []) {
    const service = fleet.services.get(key);
    if (service === undefined || service.observed) continue;
    const row = rows.get(key);
    const digest = approved.get(key)?.digest;
    if (row !== undefined && digest === service.digest && inSync(service, row)) continue;
    found ??= [];
    driftsOf(service, row, digest ?? null, input, found);
  }
  const strays = (input.strays ?? straysOf(fleet, world)).get(node);
  if (strays !== undefined) {
    found ??= [];
    for (const key of strays) strayDrifts(node, key, rows.get(key), approved.get(key)?.digest ?? null, input, found);
  }
  return found ?? NONE;
}

/** The fast answer where the desired digest is the approved one. */
function inSync(service: DesiredService, row: ServiceRow): boolean {
  if (!service.monitor) return row.managed;
  if (row.state !== 'running' || !row.managed || (row.digest !== service.digest && row.digest !== null)) return false;
  for (const name in row.sources) if (row.sources[name]?.health === 'unhealthy') return false;
  return true;
}

function driftsOf(
  service: DesiredService,
  row: ServiceRow | undefined,
  approved: string | null,
  input: PlanInput,
  found: Drift[],
): void {
  const there = row !== undefined && row.state !== 'removed';
  const drift = draft(service.node, service.name, 'redeploy');
  if (there && !row.managed && approved === null) {
    const text = `${service.name} runs there and is not ours: adopt it, or stop it so that it can be deployed`;
    found.push({ ...drift, rule: 'unmanaged_service', text, evidence: observed(service.node, input), verb: null });
    return;
  }
  if (service.monitor && approved !== null) healDrifts(service, there ? row : undefined, approved, input, found);
  if (approved === service.digest) return;
  const to = { class: 'change', from: approved, to: service.digest } as const;
  if (!there && approved === null) {
    const text = `${service.name} was never deployed`;
    found.push({ ...drift, ...to, rule: 'missing_service', text, evidence: observed(service.node, input) });
  } else {
    const text =
      approved === null
        ? `${service.name} runs without an approved digest; ${short(service.digest)} is desired`
        : `${service.name} ${short(approved)} → ${short(service.digest)}`;
    found.push({ ...drift, ...to, rule: 'outdated_service', text });
  }
}

/** What is wrong with an approved service, each drift towards its approved digest. */
function healDrifts(
  service: DesiredService,
  row: ServiceRow | undefined,
  approved: string,
  input: PlanInput,
  found: Drift[],
): void {
  const { node, name } = service;
  const heal = { ...draft(node, name, 'redeploy'), class: 'heal', from: approved, to: approved } as const;
  if (row === undefined) {
    const gone = `${name} is gone from ${node}`;
    found.push({ ...heal, rule: 'missing_service', text: gone, evidence: observed(node, input) });
    return;
  }
  const runsApproved = row.digest === approved || row.digest === null;
  for (const { cause, source } of causesOf(row)) {
    const text = unhealthyText(service, cause, source, input.now);
    const said = { rule: 'unhealthy_service', cause, text, evidence: source?.evidence ?? [] };
    // Another digest than the approved one is not worth a second life.
    const restart = runsApproved && RESTART_CAUSES.includes(cause);
    found.push(restart ? { ...heal, ...said, verb: 'container_restart', risk: 'low' } : { ...heal, ...said });
  }
  if (!runsApproved && row.digest !== service.digest) {
    const text = `${name} runs ${short(row.digest)}, which nobody approved; ${short(approved)} is approved`;
    found.push({
      ...heal,
      rule: 'outdated_service',
      cause: 'unapproved_digest',
      text,
      evidence: observed(node, input),
    });
  }
}

interface Cause {
  readonly cause: string;
  readonly source?: SourceState;
}

/** Each cause once, those that a restart cures first, then by the name of the source. */
function causesOf(row: ServiceRow): readonly Cause[] {
  if (healthOf(row) !== 'unhealthy') return [];
  const causes = new Map<string, Cause>();
  for (const name of Object.keys(row.sources).sort()) {
    const source = row.sources[name];
    if (source?.health !== 'unhealthy' || !isLive(row, source)) continue;
    const cause = source.cause ?? 'service_unhealthy';
    if (!causes.has(cause)) causes.set(cause, { cause, source });
  }
  if (row.state === 'exited' && !causes.has('containers_not_running')) {
    causes.set('containers_not_running', { cause: 'containers_not_running' });
  }
  return [...causes.values()].sort((a, b) => urgency(a.cause) - urgency(b.cause));
}

function urgency(cause: string): number {
  const at = RESTART_CAUSES.indexOf(cause);
  return at < 0 ? RESTART_CAUSES.length : at;
}

/** `mosquitto exited with status 1 at 14:02 UTC, no restart policy`. */
function unhealthyText(service: DesiredService, cause: string, source: SourceState | undefined, now: number): string {
  const at = source === undefined ? '' : ` at ${timeText(source.receivedAt, now)}`;
  if (cause === 'containers_not_running') {
    const policy = service.definition.process?.restart;
    const restart = policy === undefined ? '' : policy === 'no' ? ', no restart policy' : `, restart policy ${policy}`;
    return `${service.name} ${source?.detail ?? 'is not running'}${at}${restart}`;
  }
  if (cause === 'mqtt_unreachable') {
    return `${service.name} ${source?.detail ?? 'does not answer on MQTT'}, since ${timeText(source?.receivedAt, now)}`;
  }
  const what = cause === 'healthcheck_failed' ? 'fails its healthcheck' : 'is unhealthy';
  const detail = source?.detail === undefined ? '' : `: ${source.detail.split('\n', 1)[0]?.slice(0, 200)}`;
  return `${service.name} ${what} since ${timeText(source?.receivedAt, now)}${detail}`;
}

/** What is there and not in Git: ours to be removed, or another's to be shown. */
function strayDrifts(
  node: string,
  key: ServiceKey,
  row: ServiceRow | undefined,
  approved: string | null,
  input: PlanInput,
  found: Drift[],
): void {
  const service = key.slice(node.length + 1);
  const there = row !== undefined && row.state !== 'removed';
  const seen = { ...draft(node, service, 'remove'), evidence: observed(node, input) };
  if (there && !row.managed) {
    const text = `${service} runs on ${node} and was never managed: lab adopt ${node}/${service}`;
    found.push({ ...seen, rule: 'unmanaged_service', text, verb: null });
  } else if (there || approved !== null) {
    const from = approved ?? row?.digest ?? null;
    const text = `${service} left Git${there ? ' and is still there' : ''}; its data stays`;
    found.push({ ...seen, rule: 'orphaned_service', text, class: 'remove', from, to: null });
  }
}

function draft(node: string, service: string, verb: string): Omit<Drift, 'rule' | 'text'> {
  return { node, service, verb, class: 'change', from: null, to: null, parameters: {}, risk: 'guarded', evidence: [] };
}

function observed(node: string, input: PlanInput): readonly string[] {
  const row = input.world.rows<ObservationRow>('health', 'observation').get(node);
  return row === undefined ? [] : [row.event];
}
