/**
 * Snapshots of the whole fold: `state/snapshots/<ordinal>.json.gz`, with the positions at that ordinal and the hash of it all.
 *
 * INVARIANTS: one is there whole or not at all; one that does not read back, or whose hash differs, is quarantined and the next older
 * is used. What the tables hold is the business of whoever takes the snapshot.
 */
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { eventClassSchema, LabError, type Log, messageOf, sha256 } from '@lab/sdk';
import { z } from 'zod';
import type { Disk } from '../disk/disk.ts';
import type { Position } from './positions.ts';
import type { Quarantine } from './quarantine.ts';

export interface Snapshot<T> {
  readonly ord: number;
  /** When the event of that ordinal was received. */
  readonly receivedAt: string;
  /** The journal it is of: the id of its own log. */
  readonly journal: string;
  readonly positions: readonly Position[];
  readonly tables: T;
}

export interface SnapshotsOptions<T> {
  readonly disk: Disk;
  /** `state/snapshots`. */
  readonly dir: string;
  readonly quarantine: Quarantine;
  readonly log: Log;
  readonly tables: z.ZodType<T>;
}

const NAME = /^(0|[1-9]\d{0,15})\.json\.gz$/;
/** Unpacked; a file that claims more is no snapshot of ours. */
const MOST_BYTES = 1024 * 1024 * 1024;
const range = z.object({ from: z.int(), to: z.int() });
const positionSchema = z.object({
  node: z.string(),
  log: z.string(),
  class: eventClassSchema,
  seq: z.int().min(0),
  hash: z.string().nullable(),
  dropped: z.array(range).optional(),
});
const pack = promisify(gzip);
const unpack = promisify(gunzip);

export class Snapshots<T> {
  readonly #options: SnapshotsOptions<T>;
  readonly #schema: z.ZodType<Snapshot<T>>;

  constructor(options: SnapshotsOptions<T>) {
    this.#options = options;
    this.#schema = z.object({
      ord: z.int().min(0),
      receivedAt: z.string(),
      journal: z.string(),
      positions: z.array(positionSchema),
      tables: options.tables,
    }) as unknown as z.ZodType<Snapshot<T>>;
  }

  async write(snapshot: Snapshot<T>): Promise<void> {
    const { ord, receivedAt, journal, positions, tables } = snapshot;
    const state = JSON.stringify({ ord, receivedAt, journal, positions, tables });
    const text = `{"sha256":"${sha256(state)}","state":${state}}\n`;
    await this.#options.disk.replace(this.#path(ord), await pack(text));
  }

  /** The newest sound one of this journal that is not past `ord`. */
  async latest(journal: string, ord = Number.MAX_SAFE_INTEGER): Promise<Snapshot<T> | undefined> {
    for (const at of (await this.ordinals()).reverse()) {
      if (at > ord) continue;
      const snapshot = await this.#read(at);
      if (snapshot?.journal === journal) return snapshot;
    }
    return undefined;
  }

  /** The oldest sound one: what the journal need not have any more. */
  async oldest(): Promise<Snapshot<T> | undefined> {
    for (const at of await this.ordinals()) {
      const snapshot = await this.#read(at);
      if (snapshot !== undefined) return snapshot;
    }
    return undefined;
  }

  /** Ascending. */
  async ordinals(): Promise<number[]> {
    const names = await this.#options.disk.list(this.#options.dir);
    return names
      .flatMap((name) => NAME.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** Keeps the newest `count` (at least one). */
  async keep(count: number): Promise<void> {
    for (const ord of (await this.ordinals()).slice(0, -Math.max(1, count))) {
      await this.#options.disk.remove(this.#path(ord));
    }
  }

  async #read(ord: number): Promise<Snapshot<T> | undefined> {
    const path = this.#path(ord);
    try {
      const packed = await this.#options.disk.read(path, MOST_BYTES);
      if (packed === undefined) return undefined;
      const text = (await unpack(packed, { maxOutputLength: MOST_BYTES })).toString();
      const { sha256: hash, state } = z.object({ sha256: z.string(), state: z.unknown() }).parse(JSON.parse(text));
      if (sha256(JSON.stringify(state)) !== hash) throw new LabError('corrupt', 'its hash is another', { at: path });
      const snapshot = this.#schema.parse(state);
      if (snapshot.ord !== ord) throw new LabError('corrupt', 'it is of another ordinal', { at: path });
      return snapshot;
    } catch (cause) {
      this.#options.log.warn('a snapshot cannot be read; an older one is used', { path, reason: messageOf(cause) });
      await this.#options.quarantine.take(path, messageOf(cause));
      return undefined;
    }
  }

  #path(ord: number): string {
    return join(this.#options.dir, `${ord}.json.gz`);
  }
}
