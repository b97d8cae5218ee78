/**
 * What a node has on disk of its grants and runs: `edge/grants/<ulid>.json` those that wait, `edge/runs/<run>.json` every use of one.
 *
 * INVARIANTS: a proposal's ULID that has a run is used, for good; its grant file may still lie there after a crash and means
 * nothing. What cannot be read goes to quarantine and holds nothing up.
 */
import { join } from 'node:path';
import { type Grant, grantSchema, type Log } from '@lab/sdk';
import { z } from 'zod';
import type { Disk } from '../disk/disk.ts';
import { readJson } from '../disk/json.ts';
import type { Quarantine } from '../observer/quarantine.ts';

export const ULID_PATTERN = /^[0-9A-HJKMNP-TV-Z]{26}$/;
const ulidSchema = z.string().regex(ULID_PATTERN);

/**
 * `intended` nothing, or not yet known how much, is done · `executed` the change is made and waits to be confirmed · `ending` how it
 * ended is decided and about to be said · `done` it is said.
 */
export const runRecordSchema = z.strictObject({
  run: ulidSchema,
  id: z.string(),
  ulid: ulidSchema,
  phase: z.enum(['intended', 'executed', 'ending', 'done']),
  /** Absent only where a grant was refused before it could be read. */
  grant: grantSchema.optional(),
  /** What was there before the first command. */
  pre: z.string().nullable(),
  startedAt: z.iso.datetime(),
  executedAt: z.iso.datetime().optional(),
  instance: z.string().nullable().optional(),
  verify: z.enum(['health', 'none']).optional(),
  ending: z.strictObject({ type: z.string(), data: z.record(z.string(), z.unknown()) }).optional(),
});
export type RunRecord = z.infer<typeof runRecordSchema>;

const KEEP_RUNS = 500;
const KEEP_MS = 30 * 86_400_000;
/** Past its expiry, a grant is still remembered for so long: clocks differ. */
const BEYOND_EXPIRY_MS = 2 * 86_400_000;
const PRUNE_EVERY = 64;

export class RunBook {
  readonly #disk: Disk;
  readonly #grantsDir: string;
  readonly #runsDir: string;
  readonly #quarantine: Quarantine;
  readonly #log: Log;
  /** By run. */
  readonly #runs = new Map<string, RunRecord>();
  readonly #used = new Set<string>();
  /** By ULID, in the order in which the hub named them. */
  readonly #grants = new Map<string, Grant>();
  #sincePruned = 0;
  /** Uses of a grant whose record could not be read, and whether there is one that does not even say of which. */
  readonly lost: { readonly id: string; readonly ulid: string }[] = [];
  lostUnnamed = false;

  constructor(disk: Disk, dir: string, quarantine: Quarantine, log: Log) {
    this.#disk = disk;
    this.#grantsDir = join(dir, 'grants');
    this.#runsDir = join(dir, 'runs');
    this.#quarantine = quarantine;
    this.#log = log;
  }

  async load(): Promise<void> {
    const runs = await this.#readAll(this.#runsDir, runRecordSchema, async (path) => {
      const named = await this.#nameOf(path);
      if (named === undefined) this.lostUnnamed = true;
      else this.lost.push(named);
    });
    for (const [name, record] of runs) {
      this.#runs.set(record.run, record);
      this.#used.add(record.ulid);
      if (name !== `${record.run}.json`)
        await this.#quarantine.take(join(this.#runsDir, name), 'its name is not its run');
    }
    for (const [name, grant] of await this.#readAll(this.#grantsDir, grantSchema)) {
      if (name !== `${grant.ulid}.json`)
        await this.#quarantine.take(join(this.#grantsDir, name), 'its name is not its ULID');
      else if (this.#used.has(grant.ulid)) await this.#disk.remove(join(this.#grantsDir, name));
      else this.#grants.set(grant.ulid, grant);
    }
  }

  used(ulid: string): boolean {
    return this.#used.has(ulid);
  }

  grants(): readonly Grant[] {
    return [...this.#grants.values()];
  }

  grant(ulid: string): Grant | undefined {
    return this.#grants.get(ulid);
  }

  /** Runs that are not through, oldest first. */
  unfinished(): readonly RunRecord[] {
    return [...this.#runs.values()]
      .filter((record) => record.phase !== 'done')
      .sort((a, b) => (a.run < b.run ? -1 : 1));
  }

  async addGrant(grant: Grant): Promise<void> {
    await this.#disk.replace(join(this.#grantsDir, `${grant.ulid}.json`), `${JSON.stringify(grant)}\n`);
    this.#grants.set(grant.ulid, grant);
  }

  async dropGrant(ulid: string): Promise<void> {
    this.#grants.delete(ulid);
    await this.#disk.remove(join(this.#grantsDir, `${ulid}.json`));
  }

  /** Durable when it resolves; from then on its ULID is used. */
  async save(record: RunRecord): Promise<void> {
    await this.#disk.replace(join(this.#runsDir, `${record.run}.json`), `${JSON.stringify(record)}\n`);
    this.#runs.set(record.run, record);
    this.#used.add(record.ulid);
  }

  /** Forgets what is both old and beyond any use. `now` is of the time floor. */
  async prune(now: number): Promise<void> {
    this.#sincePruned += 1;
    if (this.#sincePruned < PRUNE_EVERY && this.#runs.size <= KEEP_RUNS + PRUNE_EVERY) return;
    this.#sincePruned = 0;
    const newestFirst = [...this.#runs.values()].sort((a, b) => (a.run < b.run ? 1 : -1));
    for (const [index, record] of newestFirst.entries()) {
      const old = index >= KEEP_RUNS || now - Date.parse(record.startedAt) > KEEP_MS;
      const expiresAt = Date.parse(record.grant?.expiresAt ?? record.startedAt);
      if (record.phase !== 'done' || !old || now < expiresAt + BEYOND_EXPIRY_MS) continue;
      await this.#disk.remove(join(this.#runsDir, `${record.run}.json`));
      this.#runs.delete(record.run);
      this.#used.delete(record.ulid);
    }
  }

  async #readAll<S extends z.ZodType>(
    dir: string,
    schema: S,
    onLost?: (path: string) => Promise<void>,
  ): Promise<[string, z.output<S>][]> {
    await this.#disk.makeDir(dir);
    const found: [string, z.output<S>][] = [];
    for (const name of await this.#disk.list(dir)) {
      const path = join(dir, name);
      const stat = await this.#disk.stat(path).catch(() => undefined);
      if (stat?.directory === true || stat?.special === true) {
        this.#log.warn('what is no file is left alone', { path });
        continue;
      }
      const read = await readJson(this.#disk, path, schema, async (bad, reason) => {
        await onLost?.(bad);
        await this.#quarantine.take(bad, reason);
      });
      if (read !== undefined) found.push([name, read]);
    }
    return found;
  }

  /** A record that was cut off still begins with what it is about. */
  async #nameOf(path: string): Promise<{ id: string; ulid: string } | undefined> {
    for await (const chunk of this.#disk.stream(path)) {
      const text = Buffer.from(chunk.subarray(0, 1_024)).toString('latin1');
      const { id, ulid } = /"id":"(?<id>[a-z0-9-]+)","ulid":"(?<ulid>[0-9A-HJKMNP-TV-Z]{26})"/.exec(text)?.groups ?? {};
      return id === undefined || ulid === undefined ? undefined : { id, ulid };
    }
    return undefined;
  }
}
