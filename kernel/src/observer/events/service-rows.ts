/**
 * The row of a service, and how what is said of it changes it: one source's word, a new instance, an observation, its end.
 *
 * A positive clears only its own source's negative. A new instance starts with nothing but what its own sources have yet to say,
 * so the negatives of the old one are gone with it.
 */
import { type Health, type JournalEvent, type RowTable, type ServiceRow, type SourceState, serviceKey } from '@lab/sdk';

const EVIDENCE_KEPT = 8;

export interface Born {
  readonly instance: string;
  readonly digest: string | null;
  readonly pid?: number;
  readonly containerId?: string;
  readonly run?: string;
  readonly ports?: Record<string, number>;
  readonly sources: readonly string[];
}

export interface Observed extends Omit<Born, 'instance'> {
  readonly name: string;
  readonly managed: boolean;
  readonly instance: string | null;
  readonly state: 'running' | 'exited';
}

export function sourceState(
  event: JournalEvent,
  health: Health,
  of: string | null,
  before?: SourceState,
  detail?: string,
): SourceState {
  const cause = health === 'unhealthy' || health === 'degraded' ? event.type : undefined;
  const goesOn = before !== undefined && before.health === health && before.cause === cause && before.instance === of;
  return {
    health,
    ...(cause === undefined ? {} : { cause }),
    ...(detail === undefined ? {} : { detail }),
    instance: of,
    evidence: goesOn ? [...before.evidence, event.id].slice(-EVIDENCE_KEPT) : [event.id],
    since: goesOn ? before.since : event.at,
    receivedAt: goesOn ? before.receivedAt : event.receivedAt,
  };
}

export function bornRow(
  event: JournalEvent,
  node: string,
  service: string,
  data: Born,
  restarts: number,
  own: Health,
): ServiceRow {
  const sources: Record<string, SourceState> = {};
  for (const source of data.sources)
    sources[source] = sourceState(event, source === event.source ? own : 'progressing', data.instance);
  return {
    node,
    service,
    managed: true,
    digest: data.digest,
    instance: data.instance,
    ...(data.pid === undefined ? {} : { pid: data.pid }),
    ...(data.containerId === undefined ? {} : { containerId: data.containerId }),
    state: 'running',
    ...(data.run === undefined ? {} : { run: data.run }),
    restarts,
    ports: data.ports ?? {},
    sources,
    log: event.log,
    seq: event.seq,
  };
}

export function observe(table: RowTable<ServiceRow>, event: JournalEvent, node: string, seen: Observed): void {
  const key = serviceKey(node, seen.name);
  const before = table.get(key);
  const same =
    before !== undefined && before.instance === seen.instance && seen.instance !== null && before.state !== 'removed';
  const sources: Record<string, SourceState> = {};
  for (const source of seen.sources) {
    const known = same ? before.sources[source] : undefined;
    sources[source] = known ?? sourceState(event, 'progressing', seen.instance);
  }
  const own = event.source ?? 'observed';
  if (seen.state === 'exited') {
    const known = same ? before.sources[own] : undefined;
    const said: JournalEvent = { ...event, type: 'containers_not_running' };
    sources[own] =
      known?.cause === said.type ? known : sourceState(said, 'unhealthy', seen.instance, known, 'is not running');
  }
  table.set(key, {
    node,
    service: seen.name,
    managed: seen.managed,
    digest: seen.digest,
    instance: seen.instance,
    ...(seen.pid === undefined ? {} : { pid: seen.pid }),
    ...(seen.containerId === undefined ? {} : { containerId: seen.containerId }),
    state: seen.state,
    ...(seen.run === undefined ? {} : { run: seen.run }),
    restarts: same ? before.restarts : 0,
    ports: seen.ports ?? {},
    sources,
    log: event.log,
    seq: event.seq,
  });
}

/** What is not there any more: ours is gone (`missing` where it is desired), another's is forgotten. */
export function gone(table: RowTable<ServiceRow>, key: string, row: ServiceRow, event: JournalEvent): void {
  if (!row.managed) {
    table.delete(key);
    return;
  }
  const { pid: _pid, containerId: _containerId, run: _run, ...rest } = row;
  table.set(key, {
    ...rest,
    state: 'removed',
    instance: null,
    digest: null,
    sources: {},
    log: event.log,
    seq: event.seq,
  });
}
