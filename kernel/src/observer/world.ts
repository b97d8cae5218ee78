/**
 * The world: rows keyed by (class, kind, key). It is only ever written through `writer`, by the fold.
 *
 * INVARIANTS: a writer of one class cannot reach the rows of another. Rows are immutable values: a change replaces the row, so
 * that a reader may keep one. What changed since the last checkpoint is known (`changed`).
 */
import {
  type ClassRows,
  canonicalJson,
  EVENT_CLASSES,
  type EventClass,
  type RowTable,
  sha256,
  type WorldView,
} from '@lab/sdk';
import { z } from 'zod';

/** One changed row; `row` is undefined where it was deleted. */
export interface ChangedRow {
  readonly class: EventClass;
  readonly kind: string;
  readonly key: string;
  readonly row: unknown;
}

export type Tables = Record<EventClass, Record<string, Record<string, unknown>>>;

const kindsSchema = z.record(z.string(), z.record(z.string(), z.unknown()));
/** What a snapshot or an edge's own file holds of a world. */
export const tablesSchema = z.strictObject({ control: kindsSchema, health: kindsSchema, bulk: kindsSchema });

const NONE: ReadonlyMap<string, never> = new Map<string, never>();

/** Members that are no part of what events said: when the hub received it, and where in a stream it stood. */
const NOT_SAID: ReadonlySet<string> = new Set(['receivedAt', 'log', 'seq']);

export class World implements WorldView {
  ord = 0;
  readonly #tables = new Map<EventClass, Map<string, Map<string, unknown>>>(
    EVENT_CLASSES.map((cls) => [cls, new Map()]),
  );
  readonly #writers = new Map<EventClass, ClassRows>(EVENT_CLASSES.map((cls) => [cls, this.#makeWriter(cls)]));
  readonly #changed = new Map<string, Omit<ChangedRow, 'row'>>();
  #hash: { readonly ord: number; readonly value: string } | undefined;

  rows<T>(cls: EventClass, kind: string): ReadonlyMap<string, T> {
    return (this.#tables.get(cls)?.get(kind) as ReadonlyMap<string, T> | undefined) ?? NONE;
  }

  /** For the fold only. */
  writer(cls: EventClass): ClassRows {
    return this.#writers.get(cls) as ClassRows;
  }

  /** Rows that changed since `forgetChanged`. */
  changed(): ChangedRow[] {
    return [...this.#changed.values()].map((at) => ({ ...at, row: this.rows(at.class, at.kind).get(at.key) }));
  }

  /** They are on disk now. */
  forgetChanged(): void {
    this.#changed.clear();
  }

  /** SHA-256 of the canonical JSON of what events said: no receipt times, no cursors, nothing that the clock derives. */
  hash(): string {
    if (this.#hash?.ord !== this.ord) {
      const said = JSON.stringify(this.tables(), (key, value: unknown) => (NOT_SAID.has(key) ? undefined : value));
      this.#hash = { ord: this.ord, value: sha256(canonicalJson(JSON.parse(said))) };
    }
    return this.#hash.value;
  }

  /** Every row, as plain data for a snapshot; kinds without rows are left out. */
  tables(): Tables {
    const tables: Tables = { control: {}, health: {}, bulk: {} };
    for (const [cls, kinds] of this.#tables) {
      for (const [kind, rows] of kinds) if (rows.size > 0) tables[cls][kind] = Object.fromEntries(rows);
    }
    return tables;
  }

  static from(ord: number, rows: Iterable<ChangedRow>): World {
    const world = new World();
    for (const { class: cls, kind, key, row } of rows) world.#table(cls, kind).set(key, row);
    world.ord = ord;
    return world;
  }

  static fromTables(ord: number, tables: Tables): World {
    return World.from(ord, rowsOf(tables));
  }

  #table(cls: EventClass, kind: string): Map<string, unknown> {
    const kinds = this.#tables.get(cls) as Map<string, Map<string, unknown>>;
    let table = kinds.get(kind);
    if (table === undefined) {
      table = new Map();
      kinds.set(kind, table);
    }
    return table;
  }

  #makeWriter(cls: EventClass): ClassRows {
    const touched = (kind: string, key: string): void => {
      this.#changed.set(`${cls}\n${kind}\n${key}`, { class: cls, kind, key });
    };
    const writers = new Map<string, RowTable<unknown>>();
    const open = (kind: string): RowTable<unknown> => {
      const table = this.#table(cls, kind);
      return {
        get: (key) => table.get(key),
        set: (key, row) => {
          table.set(key, row);
          touched(kind, key);
        },
        delete: (key) => {
          if (table.delete(key)) touched(kind, key);
        },
        entries: () => table.entries(),
      };
    };
    return {
      of: <T>(kind: string): RowTable<T> => {
        let writer = writers.get(kind);
        if (writer === undefined) {
          writer = open(kind);
          writers.set(kind, writer);
        }
        return writer as RowTable<T>;
      },
      kinds: () => [...(this.#tables.get(cls)?.keys() ?? [])],
    };
  }
}

export function* rowsOf(tables: Tables): Generator<ChangedRow> {
  for (const cls of EVENT_CLASSES) {
    for (const [kind, rows] of Object.entries(tables[cls] ?? {})) {
      for (const [key, row] of Object.entries(rows)) yield { class: cls, kind, key, row };
    }
  }
}
