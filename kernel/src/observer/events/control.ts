/** Events of the class `control` that are not about actions: nodes, the fleet, holds, maintenance, what was set aside. */
import {
  type ActionRow,
  EVENT_CLASSES,
  type EventType,
  type FleetRow,
  type HoldRow,
  type MaintenanceRow,
  type NodeRow,
  type RowTable,
  serviceKey,
  TERMINAL,
} from '@lab/sdk';
import { z } from 'zod';
import type { AliasRow } from '../fold.ts';

const node = z.string();
const range = { class: z.enum(EVENT_CLASSES), from: z.int(), to: z.int() };

function rename(table: RowTable<{ readonly node?: string }>, from: string, to: string): void {
  for (const [key, row] of [...table.entries()]) {
    const moves = key === from || key.startsWith(`${from}/`);
    if (!moves && row.node !== from) continue;
    const target = moves ? `${to}${key.slice(from.length)}` : key;
    if (moves) table.delete(key);
    if (!moves || table.get(target) === undefined) table.set(target, row.node === from ? { ...row, node: to } : row);
  }
}

const fleetEvents: EventType[] = [
  {
    type: 'fleet_changed',
    class: 'control',
    origin: 'hub',
    severity: 'info',
    data: z.strictObject({ revision: z.string(), nodes: z.int(), services: z.int() }),
    fold: (rows, event) =>
      rows.of<FleetRow>('fleet').set('fleet', { revision: event.data.revision as string, at: event.at }),
  },
  {
    type: 'inventory_broken',
    class: 'control',
    origin: 'hub',
    severity: 'error',
    data: z.strictObject({ problems: z.int(), first: z.string() }),
  },
  {
    type: 'aliases_changed',
    class: 'control',
    origin: 'hub',
    severity: 'info',
    data: z.strictObject({ aliases: z.record(z.string(), z.string()) }),
    fold: (rows, event) => {
      const table = rows.of<AliasRow>('alias');
      const aliases = event.data.aliases as Record<string, string>;
      for (const [old] of [...table.entries()]) if (!(old in aliases)) table.delete(old);
      for (const [old, name] of Object.entries(aliases)) table.set(old, { node: name });
    },
  },
  {
    // Once in each class. What was known under the old name is known under the new one; actions that ended are of the old name.
    type: 'node_renamed',
    class: 'shared',
    origin: 'hub',
    severity: 'info',
    data: z.strictObject({ node, from: z.string() }),
    fold: (rows, event, name) => {
      const from = event.data.from as string;
      const table = rows.of<ActionRow>('action');
      for (const [id, row] of [...table.entries()])
        if (row.change.node === from && TERMINAL.has(row.state)) table.delete(id);
      for (const kind of rows.kinds()) if (kind !== 'alias') rename(rows.of(kind), from, name);
    },
  },
  {
    // Said once in each class, because an event reaches the rows of its own class only.
    type: 'rows_pruned',
    class: 'shared',
    origin: 'hub',
    severity: 'info',
    data: z.strictObject({ node, service: z.string().optional() }),
    fold: (rows, event, name) => {
      const service = event.service ?? event.data.service;
      const keys = typeof service === 'string' ? serviceKey(name, service) : undefined;
      for (const kind of rows.kinds()) {
        if (kind === 'alias') continue;
        const table = rows.of<unknown>(kind);
        if (keys !== undefined) table.delete(keys);
        else
          for (const [key] of [...table.entries()]) if (key === name || key.startsWith(`${name}/`)) table.delete(key);
      }
      for (const kind of ['action', 'run', 'output']) {
        const table = rows.of<Partial<ActionRow> & { readonly node?: string; readonly service?: string | null }>(kind);
        for (const [key, row] of [...table.entries()]) {
          const of = row.change ?? row;
          if (of.node === name && (service === undefined || of.service === service)) table.delete(key);
        }
      }
    },
  },
];

const nodeEvents: EventType[] = [
  {
    type: 'node_joined',
    class: 'control',
    origin: 'hub',
    severity: 'info',
    data: z.strictObject({ node }),
    fold: (rows, event, name) => {
      const table = rows.of<NodeRow>('node');
      if (table.get(name) === undefined) table.set(name, { joinedAt: event.at, event: event.id });
    },
  },
  {
    type: 'node_started',
    class: 'control',
    origin: 'node',
    severity: 'info',
    data: z.strictObject({ bootId: z.string(), kept: z.array(z.string()), adopted: z.array(z.string()) }),
  },
  {
    type: 'keeping_failed',
    class: 'control',
    origin: 'node',
    severity: 'error',
    data: z.strictObject({ reason: z.string() }),
  },
  {
    type: 'plugin_changed',
    class: 'control',
    origin: 'any',
    severity: 'warning',
    data: z.strictObject({ plugin: z.string(), state: z.string(), reason: z.string().optional() }),
  },
  {
    type: 'generation_refused',
    class: 'control',
    origin: 'node',
    severity: 'warning',
    data: z.strictObject({ accepted: z.int(), offered: z.int(), reason: z.string() }),
  },
];

const personEvents: EventType[] = [
  {
    type: 'service_held',
    class: 'control',
    origin: 'hub',
    severity: 'info',
    data: z.strictObject({ node, by: z.string(), why: z.string(), ulid: z.string().optional() }),
    fold: (rows, event, name) => {
      if (event.service === undefined) return;
      const table = rows.of<HoldRow>('hold');
      const key = serviceKey(name, event.service);
      const { by, why, ulid } = event.data as { by: string; why: string; ulid?: string };
      // Who stopped it first holds it.
      if (table.get(key) !== undefined) return;
      table.set(key, { by, why, at: event.at, event: event.id, ...(ulid === undefined ? {} : { ulid }) });
    },
  },
  {
    type: 'service_released',
    class: 'control',
    origin: 'hub',
    severity: 'info',
    data: z.strictObject({ node, by: z.string(), ulid: z.string().optional() }),
    fold: (rows, event, name) => {
      if (event.service === undefined) return;
      const table = rows.of<HoldRow>('hold');
      const key = serviceKey(name, event.service);
      // A stop that came to nothing lets go of its own hold only.
      if (event.data.ulid === undefined || table.get(key)?.ulid === event.data.ulid) table.delete(key);
    },
  },
  {
    type: 'maintenance_set',
    class: 'control',
    origin: 'hub',
    severity: 'info',
    data: z.strictObject({ id: z.string(), query: z.string(), until: z.string(), reason: z.string(), by: z.string() }),
    fold: (rows, event) => {
      const { id, query, until, reason, by } = event.data as {
        id: string;
        query: string;
        until: string;
        reason: string;
        by: string;
      };
      rows.of<MaintenanceRow>('maintenance').set(id, { id, query, until, reason, by, at: event.at });
    },
  },
  {
    type: 'maintenance_ended',
    class: 'control',
    origin: 'hub',
    severity: 'info',
    data: z.strictObject({ id: z.string(), by: z.string() }),
    fold: (rows, event) => rows.of<MaintenanceRow>('maintenance').delete(event.data.id as string),
  },
];

const setAsideEvents: EventType[] = [
  {
    type: 'events_quarantined',
    class: 'control',
    origin: 'hub',
    severity: 'warning',
    data: z.strictObject({ node, log: z.string(), ...range, reason: z.string() }),
  },
  {
    type: 'events_dropped',
    class: 'control',
    origin: 'node',
    severity: 'warning',
    data: z.strictObject({ ...range, count: z.int() }),
  },
  {
    type: 'file_quarantined',
    class: 'control',
    origin: 'any',
    severity: 'warning',
    data: z.strictObject({ name: z.string(), reason: z.string() }),
  },
];

export const CONTROL_EVENTS: readonly EventType[] = [...fleetEvents, ...nodeEvents, ...personEvents, ...setAsideEvents];
