/**
 * Events of the class `health`, and how they change the row of a service.
 *
 * A positive clears only its own source's negative. A new instance starts with nothing but what its own sources have yet to say,
 * so the negatives of the old one are gone with it. What an event says of an instance that is no longer there is ignored.
 */
import {
  type EventType,
  type Health,
  type JournalEvent,
  type LinkRow,
  type ObservationRow,
  type PressureRow,
  type RowTable,
  type ServiceRow,
  type SourceState,
  serviceKey,
} from '@lab/sdk';
import { z } from 'zod';

const EVIDENCE_KEPT = 8;
const instance = z.string().min(1).max(120);
const ports = z.record(z.string(), z.int());
const born = {
  instance,
  digest: z.string().nullable(),
  pid: z.int().optional(),
  containerId: z.string().optional(),
  run: z.string().optional(),
  ports: ports.default({}),
  sources: z.array(z.string()).max(16),
};

interface Born {
  readonly instance: string;
  readonly digest: string | null;
  readonly pid?: number;
  readonly containerId?: string;
  readonly run?: string;
  readonly ports?: Record<string, number>;
  readonly sources: readonly string[];
}

interface Observed extends Omit<Born, 'instance'> {
  readonly name: string;
  readonly managed: boolean;
  readonly instance: string | null;
  readonly state: 'running' | 'exited';
}

function state(
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

function bornRow(
  event: JournalEvent,
  node: string,
  service: string,
  data: Born,
  restarts: number,
  own: Health,
): ServiceRow {
  const sources: Record<string, SourceState> = {};
  for (const source of data.sources)
    sources[source] = state(event, source === event.source ? own : 'progressing', data.instance);
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

/** A type whose event says how one source sees the present instance. */
function says(
  type: string,
  health: Health,
  severity: EventType['severity'],
  fields: z.ZodRawShape,
  detailOf: (data: Record<string, unknown>) => string | undefined = () => undefined,
): EventType {
  return {
    type,
    class: 'health',
    origin: 'any',
    severity,
    data: z.strictObject({ instance: instance.optional(), run: z.string().optional(), ...fields }),
    fold: (rows, event, node) => {
      const service = event.service;
      if (service === undefined) return;
      const table = rows.of<ServiceRow>('service');
      const row = table.get(serviceKey(node, service));
      if (row === undefined) return;
      const about = event.data.instance;
      if (typeof about === 'string' && about !== row.instance) return;
      const source = event.source ?? event.type;
      table.set(serviceKey(node, service), {
        ...row,
        state: type === 'containers_not_running' ? 'exited' : row.state,
        sources: {
          ...row.sources,
          [source]: state(event, health, row.instance, row.sources[source], detailOf(event.data)),
        },
        log: event.log,
        seq: event.seq,
      });
    },
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function ended(data: Record<string, unknown>): string {
  if (typeof data.signal === 'string') return `ended by ${data.signal}`;
  return typeof data.exitCode === 'number' ? `exited with status ${data.exitCode}` : 'is not running';
}

function observe(table: RowTable<ServiceRow>, event: JournalEvent, node: string, seen: Observed): void {
  const key = serviceKey(node, seen.name);
  const before = table.get(key);
  const same =
    before !== undefined && before.instance === seen.instance && seen.instance !== null && before.state !== 'removed';
  const sources: Record<string, SourceState> = {};
  for (const source of seen.sources) {
    const known = same ? before.sources[source] : undefined;
    sources[source] = known ?? state(event, 'progressing', seen.instance);
  }
  const own = event.source ?? 'observed';
  if (seen.state === 'exited') {
    const known = same ? before.sources[own] : undefined;
    const said: JournalEvent = { ...event, type: 'containers_not_running' };
    sources[own] =
      known?.cause === said.type ? known : state(said, 'unhealthy', seen.instance, known, 'is not running');
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
function gone(table: RowTable<ServiceRow>, key: string, row: ServiceRow, event: JournalEvent): void {
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

const servicesObserved: EventType = {
  type: 'services_observed',
  class: 'health',
  origin: 'node',
  severity: 'info',
  data: z.strictObject({
    complete: z.boolean(),
    services: z
      .array(
        z.strictObject({
          ...born,
          name: z.string().min(1).max(63),
          instance: instance.nullable(),
          managed: z.boolean(),
          state: z.enum(['running', 'exited']),
        }),
      )
      .max(10_000),
  }),
  fold: (rows, event, node) => {
    const table = rows.of<ServiceRow>('service');
    const services = event.data.services as readonly Observed[];
    for (const seen of services) observe(table, event, node, seen);
    if (event.data.complete === true) {
      const names = new Set(services.map((seen) => seen.name));
      const prefix = `${node}/`;
      const left = [...table.entries()].filter(
        ([key, row]) => key.startsWith(prefix) && row.state !== 'removed' && !names.has(row.service),
      );
      for (const [key, row] of left) gone(table, key, row, event);
    }
    rows
      .of<ObservationRow>('observation')
      .set(node, { epoch: event.epoch, complete: event.data.complete === true, event: event.id, at: event.at });
  },
};

const bornEvents: EventType[] = [
  {
    type: 'service_progressing',
    class: 'health',
    origin: 'node',
    severity: 'info',
    data: z.strictObject(born),
    fold: (rows, event, node) => {
      if (event.service === undefined) return;
      rows
        .of<ServiceRow>('service')
        .set(
          serviceKey(node, event.service),
          bornRow(event, node, event.service, event.data as unknown as Born, 0, 'progressing'),
        );
    },
  },
  {
    type: 'service_recovered',
    class: 'health',
    origin: 'node',
    severity: 'info',
    data: z.strictObject({ ...born, previous: instance.nullable(), restarts: z.int().min(0) }),
    fold: (rows, event, node) => {
      if (event.service === undefined) return;
      rows
        .of<ServiceRow>('service')
        .set(
          serviceKey(node, event.service),
          bornRow(event, node, event.service, event.data as unknown as Born, event.data.restarts as number, 'healthy'),
        );
    },
  },
  {
    type: 'service_removed',
    class: 'health',
    origin: 'node',
    severity: 'info',
    data: z.strictObject({ instance: instance.nullable() }),
    fold: (rows, event, node) => {
      if (event.service === undefined) return;
      const table = rows.of<ServiceRow>('service');
      const key = serviceKey(node, event.service);
      const row = table.get(key);
      if (row !== undefined) gone(table, key, row, event);
    },
  },
];

function pressure(type: 'disk_pressure' | 'memory_pressure', what: PressureRow['what']): EventType {
  return {
    type,
    class: 'health',
    origin: 'node',
    severity: 'warning',
    data: z.strictObject({ level: z.enum(['high', 'normal']), usedPercent: z.number().min(0).max(100) }),
    fold: (rows, event, node) => {
      rows.of<PressureRow>('pressure').set(`${node}/${what}`, {
        node,
        what,
        level: event.data.level as PressureRow['level'],
        usedPercent: event.data.usedPercent as number,
        event: event.id,
        at: event.at,
        receivedAt: event.receivedAt,
      });
    },
  };
}

function heard(type: 'node_silent' | 'node_back', silent: boolean): EventType {
  return {
    type,
    class: 'health',
    origin: 'hub',
    severity: silent ? 'warning' : 'info',
    data: z.strictObject({ node: z.string(), lastWordAt: z.string().nullable().optional() }),
    fold: (rows, event, node) => rows.of<LinkRow>('link').set(node, { silent, since: event.at, event: event.id }),
  };
}

export const HEALTH_EVENTS: readonly EventType[] = [
  servicesObserved,
  ...bornEvents,
  says('service_healthy', 'healthy', 'info', {}),
  says('service_unhealthy', 'unhealthy', 'error', { reason: z.string().optional() }, (data) => text(data.reason)),
  says(
    'containers_not_running',
    'unhealthy',
    'error',
    { exitCode: z.int().nullable().optional(), signal: z.string().nullable().optional() },
    ended,
  ),
  says(
    'mqtt_unreachable',
    'unhealthy',
    'error',
    { reason: z.string().optional() },
    (data) => text(data.reason) ?? 'does not answer on MQTT',
  ),
  says(
    'healthcheck_failed',
    'unhealthy',
    'error',
    { output: z.string().optional(), failures: z.int().optional() },
    (data) => text(data.output),
  ),
  says('service_degraded', 'degraded', 'warning', { reason: z.string().optional() }, (data) => text(data.reason)),
  heard('node_silent', true),
  heard('node_back', false),
  pressure('disk_pressure', 'disk'),
  pressure('memory_pressure', 'memory'),
  {
    type: 'address_changed',
    class: 'health',
    origin: 'node',
    severity: 'info',
    data: z.strictObject({ from: z.string().nullable(), to: z.string() }),
  },
];
