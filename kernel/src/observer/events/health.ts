/**
 * Events of the class `health`, and how they change the row of a service.
 *
 * What an event says of an instance that is no longer there is ignored; service-rows.ts has the rest of the rules.
 */
import {
  type EventType,
  type Health,
  type LinkRow,
  type ObservationRow,
  type PressureRow,
  type ServiceRow,
  serviceKey,
} from '@lab/sdk';
import { z } from 'zod';
import { type Born, bornRow, gone, type Observed, observe, sourceState } from './service-rows.ts';

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
          [source]: sourceState(event, health, row.instance, row.sources[source], detailOf(event.data)),
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
