/**
 * What the hub acknowledged of each class, as far as this node knows: `acked.json`, written lazily, because it is only a hint.
 */
import { join } from 'node:path';
import { type Clock, type EventClass, eventClassSchema, type Timer } from '@lab/sdk';
import { z } from 'zod';
import type { Disk } from '../disk/disk.ts';

interface Acked {
  readonly acked: number;
  readonly ackedHash: string | null;
}

const WRITE_AFTER_MS = 2_000;
const NONE: Acked = { acked: 0, ackedHash: null };

const fileSchema = z.object({
  log: z.string(),
  streams: z.partialRecord(eventClassSchema, z.object({ acked: z.int().min(0), ackedHash: z.string().nullable() })),
});

export class AckedHint {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: string;
  readonly #streams: Map<EventClass, Acked>;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(disk: Disk, path: string, clock: Clock, log: string, streams: Map<EventClass, Acked>) {
    this.#disk = disk;
    this.#path = path;
    this.#clock = clock;
    this.#log = log;
    this.#streams = streams;
  }

  static async open(disk: Disk, dir: string, clock: Clock, log: string): Promise<AckedHint> {
    const path = join(dir, 'acked.json');
    const bytes = await disk.read(path, 64 * 1024).catch(() => undefined);
    return new AckedHint(disk, path, clock, log, read(bytes, log));
  }

  of(cls: EventClass): Acked {
    return this.#streams.get(cls) ?? NONE;
  }

  set(cls: EventClass, acked: number, ackedHash: string | null): void {
    this.#streams.set(cls, { acked, ackedHash });
    this.#timer ??= this.#clock.after(WRITE_AFTER_MS, () => void this.#write());
  }

  async close(): Promise<void> {
    if (this.#timer !== undefined) await this.#write();
    await this.#writing;
  }

  #write(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const text = JSON.stringify({ log: this.#log, streams: Object.fromEntries(this.#streams) });
    // A hint that cannot be written is an older hint.
    this.#writing = this.#writing.then(() => this.#disk.replace(this.#path, `${text}\n`)).catch(() => undefined);
    return this.#writing;
  }
}

/** What cannot be read, or is of another log, is no hint. */
function read(bytes: Uint8Array | undefined, log: string): Map<EventClass, Acked> {
  try {
    const file = fileSchema.parse(JSON.parse(Buffer.from(bytes ?? []).toString()));
    if (file.log === log) return new Map(Object.entries(file.streams) as [EventClass, Acked][]);
  } catch {
    // Falls through: the hub's welcome tells.
  }
  return new Map();
}
