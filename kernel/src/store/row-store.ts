/**
 * The checkpoint of the fold in SQLite (`state/lab.db`): rows of the world, positions, and the ordinal up to which the journal is in
 * them, committed together.
 *
 * INVARIANTS: it is a cache of the journal: what cannot be read is moved aside and built again; a checkpoint of another journal, or
 * ahead of this one, is emptied. No row stands for an event. Nobody but this folder speaks SQL.
 */
import { dirname } from 'node:path';
import { asLabError, type EventClass, type Log, messageOf } from '@lab/sdk';
import Sqlite, { type Database, type Statement } from 'better-sqlite3';
import type { Disk } from '../disk/disk.ts';
import type { Position } from '../observer/positions.ts';
import type { Quarantine } from '../observer/quarantine.ts';
import type { ChangedRow } from '../observer/world.ts';
import { migrate } from './migrate.ts';

export interface RowStoreOptions {
  readonly disk: Disk;
  readonly quarantine: Quarantine;
  readonly log: Log;
}

export interface Checkpoint {
  readonly ord: number;
  readonly positions: readonly Position[];
  readonly rows: readonly ChangedRow[];
}

export interface Save {
  /** The journal it is of: the id of its own log. */
  readonly journal: string;
  readonly ord: number;
  /** Every position as of `ord`; only what moved is written. */
  readonly positions: readonly Position[];
  /** Rows that changed since the last save; `row` undefined: it is gone. */
  readonly changed: Iterable<ChangedRow>;
  /** `changed` is every row there is: what the store had is thrown away first. */
  readonly whole?: boolean;
}

export class RowStore {
  readonly #database: Database;
  readonly #log: Log;
  readonly #put: Statement<[EventClass, string, string, string]>;
  readonly #drop: Statement<[EventClass, string, string]>;
  readonly #place: Statement<[string, string, EventClass, string]>;
  readonly #vouch: Statement<[string, number]>;
  /** Positions as they were saved, so that only moved ones are written. */
  readonly #placed = new Map<string, string>();

  private constructor(database: Database, log: Log) {
    this.#database = database;
    this.#log = log;
    this.#put = database.prepare('INSERT OR REPLACE INTO rows (class, kind, key, json) VALUES (?, ?, ?, ?)');
    this.#drop = database.prepare('DELETE FROM rows WHERE class = ? AND kind = ? AND key = ?');
    this.#place = database.prepare('INSERT OR REPLACE INTO positions (node, log, class, json) VALUES (?, ?, ?, ?)');
    this.#vouch = database.prepare('INSERT OR REPLACE INTO checkpoint (one, journal, ord) VALUES (1, ?, ?)');
  }

  static async open(path: string, { disk, quarantine, log }: RowStoreOptions): Promise<RowStore> {
    await disk.makeDir(dirname(path));
    try {
      return new RowStore(connect(path), log);
    } catch (cause) {
      log.warn('the database cannot be used and is built again', { path, reason: messageOf(cause) });
      if ((await quarantine.take(path, messageOf(cause))) === undefined) await disk.remove(path);
      for (const beside of ['-wal', '-shm']) await disk.remove(`${path}${beside}`);
      return new RowStore(connect(path), log);
    }
  }

  /** The checkpoint, if it is one of this journal and not ahead of its `head`; else undefined, and the store is empty. */
  load(journal: string, head: number): Checkpoint | undefined {
    try {
      const vouched = this.#database.prepare('SELECT journal, ord FROM checkpoint').get() as
        | { readonly journal: string; readonly ord: number }
        | undefined;
      if (vouched !== undefined && vouched.journal === journal && vouched.ord <= head) return this.#read(vouched.ord);
      if (vouched !== undefined) {
        this.#log.warn('the checkpoint is not of this journal and is not used', { checkpoint: vouched.ord, head });
      }
    } catch (cause) {
      this.#log.warn('the checkpoint cannot be read and is not used', { reason: messageOf(cause) });
    }
    this.clear();
    return undefined;
  }

  /** One transaction. Throws `disk` where it could not be written; the store is then as it was. */
  save({ journal, ord, positions, changed, whole = false }: Save): void {
    const moved: [Position, string][] = [];
    try {
      this.#database.transaction(() => {
        if (whole) this.#empty();
        for (const { class: cls, kind, key, row } of changed) {
          if (row === undefined) this.#drop.run(cls, kind, key);
          else this.#put.run(cls, kind, key, JSON.stringify(row));
        }
        for (const position of positions) {
          const json = JSON.stringify(position);
          if (this.#placed.get(placeOf(position)) === json) continue;
          this.#place.run(position.node, position.log, position.class, json);
          moved.push([position, json]);
        }
        this.#vouch.run(journal, ord);
      })();
    } catch (cause) {
      if (whole) this.#placed.clear();
      throw asLabError(cause, 'disk', { at: this.#database.name });
    }
    for (const [position, json] of moved) this.#placed.set(placeOf(position), json);
  }

  /** Forgets everything: the next start folds the journal again. */
  clear(): void {
    this.#database.transaction(() => this.#empty())();
  }

  close(): void {
    this.#database.close();
  }

  #empty(): void {
    this.#database.exec('DELETE FROM rows; DELETE FROM positions; DELETE FROM checkpoint');
    this.#placed.clear();
  }

  #read(ord: number): Checkpoint {
    const rows = this.#database.prepare('SELECT class, kind, key, json FROM rows').all() as {
      readonly class: EventClass;
      readonly kind: string;
      readonly key: string;
      readonly json: string;
    }[];
    const places = this.#database.prepare('SELECT json FROM positions').all() as { readonly json: string }[];
    const positions = places.map(({ json }) => {
      const position = JSON.parse(json) as Position;
      this.#placed.set(placeOf(position), json);
      return position;
    });
    return {
      ord,
      positions,
      rows: rows.map(({ class: cls, kind, key, json }) => ({
        class: cls,
        kind,
        key,
        row: JSON.parse(json) as unknown,
      })),
    };
  }
}

/** Throws where the file is no sound database of ours. */
function connect(path: string): Database {
  const database = new Sqlite(path);
  try {
    database.pragma('journal_mode = WAL');
    // A checkpoint that a power cut takes back is an older checkpoint.
    database.pragma('synchronous = NORMAL');
    const found = database.pragma('quick_check(1)', { simple: true });
    if (found !== 'ok') throw new Error(`it is damaged: ${String(found)}`);
    migrate(database);
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

function placeOf({ node, log, class: cls }: Position): string {
  return `${node}\n${log}\n${cls}`;
}
