/**
 * The record of one service, in memory and on disk.
 *
 * INVARIANTS: writes reach the disk in the order in which they were asked for; what is in memory may be ahead of the disk, but never
 * of what is so.
 */
import type { ServiceSpec } from '@lab/sdk';
import { asPrevious, type Records, type ServiceRecord } from './records.ts';

export class KeptRecord {
  readonly #service: string;
  readonly #records: Records;
  #record: ServiceRecord | undefined;
  #writes: Promise<unknown> = Promise.resolve();

  constructor(service: string, records: Records) {
    this.#service = service;
    this.#records = records;
  }

  get now(): ServiceRecord | undefined {
    return this.#record;
  }

  /** In memory only: it was read from the disk, or is written presently. */
  believe(record: ServiceRecord | undefined): void {
    this.#record = record;
  }

  set(record: ServiceRecord): Promise<void> {
    this.#record = record;
    return this.#inTurn(() => this.#records.write(record));
  }

  /** Nothing where there is no record. */
  change(change: Partial<ServiceRecord>): Promise<void> {
    return this.#record === undefined ? Promise.resolve() : this.set({ ...this.#record, ...change });
  }

  /** Syncs what is about to be done, and what it replaces. Where the disk refuses, nothing has begun. */
  async intend(spec: ServiceSpec, instance: string, run: string, bootId: string, restarts: number): Promise<void> {
    const before = this.#record;
    const { service, digest } = spec;
    const fresh = { phase: 'spawning', made: false, announced: false } as const;
    const previous = asPrevious(before);
    try {
      await this.set({ v: 1, service, instance, run, digest, bootId, ...fresh, restarts, spec, previous });
    } catch (cause) {
      this.#record = before;
      throw cause;
    }
  }

  /** Back to what it was before an intent of which nothing came. */
  revert(to: ServiceRecord | undefined): Promise<void> {
    return to === undefined ? this.forget() : this.set(to);
  }

  forget(): Promise<void> {
    this.#record = undefined;
    return this.#inTurn(() => this.#records.remove(this.#service));
  }

  /** Resolves when everything asked for so far has been tried. */
  async settled(): Promise<void> {
    await this.#writes;
  }

  #inTurn(write: () => Promise<void>): Promise<void> {
    const mine = this.#writes.then(write);
    this.#writes = mine.catch(() => undefined);
    return mine;
  }
}
