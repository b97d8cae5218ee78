/**
 * The record of a service: what ran last, what made it, and what it takes to run it again. One small file a service.
 *
 * INVARIANTS: the intent is synced before a process is started and before the one that it replaces is stopped, and holds the
 * record that it replaces; so a crash at any instant can be resolved from the file and from /proc. A file that cannot be read
 * is moved aside with its reason in the log, and disturbs nothing else.
 */
import { join } from 'node:path';
import { definitionSchema, isName, LabError, type Log, messageOf, type ServiceSpec, type Store } from '@lab/sdk';
import { z } from 'zod';

const specSchema = z.strictObject({
  node: z.string(),
  service: z.string(),
  digest: z.string(),
  definition: definitionSchema,
  bundleDir: z.string(),
  dataDir: z.string(),
  env: z.record(z.string(), z.string()),
  ports: z.record(z.string(), z.int()),
}) satisfies z.ZodType<ServiceSpec>;

/**
 * `spawning`: the intent. `halting`: being ended with its daemon. `interrupted`: ended with its machine or its daemon, to be kept. `stopped`: ended by a person.
 * `failed`: could not be started at all.
 */
export const PHASES = ['spawning', 'running', 'halting', 'exited', 'interrupted', 'stopped', 'failed'] as const;

const lifeSchema = z.strictObject({
  v: z.literal(1),
  service: z.string(),
  instance: z.string().min(1),
  run: z.string(),
  digest: z.string(),
  /** The boot in which it was started. */
  bootId: z.string(),
  phase: z.enum(PHASES),
  /** Whether `run` is known to have made the instance. */
  made: z.boolean(),
  /** Whether the log of events has heard of the instance. */
  announced: z.boolean(),
  restarts: z.int().min(0),
  pid: z.int().positive().optional(),
  startTicks: z.int().min(0).optional(),
  exitCode: z.int().nullable().optional(),
  signal: z.string().nullable().optional(),
  /** Why it failed, or how it came to be as it is. */
  reason: z.string().optional(),
  /** The run that ended it. */
  endedBy: z.string().optional(),
  /** Null where the record was lost and written again from what lives. */
  spec: specSchema.nullable(),
});

const recordSchema = lifeSchema.extend({ previous: lifeSchema.nullable() });

export type LifeRecord = z.infer<typeof lifeSchema>;
export type ServiceRecord = z.infer<typeof recordSchema>;

/** A record as the predecessor of the next one; what could not be started is nobody's predecessor. */
export function asPrevious(record: ServiceRecord | undefined): LifeRecord | null {
  if (record === undefined) return null;
  if (record.phase === 'failed') return record.previous;
  const { previous: _, ...life } = record;
  return life;
}

export class Records {
  readonly #dir: string;
  readonly #store: Store;
  readonly #log: Log;

  constructor(dir: string, store: Store, log: Log) {
    this.#dir = dir;
    this.#store = store;
    this.#log = log;
  }

  async readAll(): Promise<ServiceRecord[]> {
    const records: ServiceRecord[] = [];
    for (const name of await this.#store.list(this.#dir)) {
      if (!name.endsWith('.json')) continue;
      const record = await this.#read(name);
      if (record !== undefined) records.push(record);
    }
    return records;
  }

  async write(record: ServiceRecord): Promise<void> {
    await this.#store.replace(this.#path(record.service), `${JSON.stringify(record)}\n`);
  }

  async remove(service: string): Promise<void> {
    await this.#store.remove(this.#path(service));
  }

  async #read(name: string): Promise<ServiceRecord | undefined> {
    const path = join(this.#dir, name);
    const bytes = await this.#store.read(path);
    if (bytes === undefined) return undefined;
    const text = new TextDecoder().decode(bytes);
    try {
      const record = recordSchema.parse(JSON.parse(text));
      if (`${record.service}.json` !== name || !isName(record.service))
        throw new LabError('corrupt', `is named ${name} and is about ${record.service}`);
      return record;
    } catch (cause) {
      this.#log.warn('a record could not be read and was moved aside', { path, reason: messageOf(cause) });
      await this.#store.replace(`${path}.corrupt`, text);
      await this.#store.remove(path);
      return undefined;
    }
  }

  #path(service: string): string {
    if (!isName(service))
      throw new LabError('invalid', `"${service}" is no name of a service`, {
        at: service,
        hint: 'use a-z, 0-9 and -',
      });
    return join(this.#dir, `${service}.json`);
  }
}
